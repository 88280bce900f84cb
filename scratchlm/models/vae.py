"""Variational autoencoder for text: the code is drawn from a distribution, which is held near N(0, 1).

B batch, S source length, T target length, D embedding_dim, H hidden_size, Z latent_size, V vocabulary.
"""

from typing import Any, NamedTuple

import numpy as np

from .. import functions as F
from .. import nn
from ..device import Device
from ..errors import OptionError
from ..random import random_state
from ..tensor import Tensor
from .autoencoder import SequenceAutoencoder
from .language_model import head_loss


class Elbo(NamedTuple):
    """The two parts of the evidence lower bound, −(reconstruction + Σ kl), of a batch."""

    reconstruction: Tensor  # −E_q[log p(x|z)], one draw of z: nats a sequence, mean over the batch, ()
    kl: Tensor  # KL(q(z_j|x) ‖ N(0, 1)) of each dimension: nats, mean over the batch (Z)
    tokens: int  # how many targets were counted


class TextVAE(SequenceAutoencoder):
    """An autoencoder whose code is drawn: q(z|x) = N(μ, σ²), μ and ln σ² linear in the encoder's output.

    While training, z = μ + σ ε, ε ~ N(0, 1), so that gradients reach μ and σ (Kingma and Welling 2014); in
    evaluation z = μ. Source: Bowman and others 2016, with the latent vector at every step of the decoder.

    Args:
        vocabulary: number of tokens V.
        embedding_dim, hidden_size, latent_size: D, H, Z.
        word_dropout: the part of the decoder's inputs after the first that become unknown_id while training.
            A decoder that sees all words before can ignore z, and then KL falls to 0 (Bowman's remedy).
        unknown_id: id of the unknown token.

    Raises:
        OptionError: word_dropout is not in [0, 1].
    """

    def __init__(
        self,
        vocabulary: int,
        embedding_dim: int = 64,
        hidden_size: int = 256,
        latent_size: int = 32,
        word_dropout: float = 0.0,
        unknown_id: int = 0,
        device: "str | Device | None" = None,
    ):
        if not 0 <= word_dropout <= 1:
            raise OptionError(f"word_dropout is {word_dropout}, expected 0 ≤ p ≤ 1.")
        super().__init__(vocabulary, embedding_dim, hidden_size, latent_size, device=device)
        self.log_variance = nn.Linear(hidden_size, latent_size, device=device)
        self.word_dropout = word_dropout
        self.unknown_id = unknown_id

    def posterior(self, source: Any) -> tuple[Tensor, Tensor]:
        """Sources (B, S) → μ and ln σ² of q(z|x), each (B, Z). μ is also the code that `start` goes from."""
        h = self.read(source)  # (B, H)
        return self.code(h), self.log_variance(h)

    def parts(self, source: Any, inputs: Any, targets: Any) -> Elbo:
        """Both parts of the bound: source (B, S), inputs and targets (B, T); targets of -100 do not count."""
        mean, log_variance = self.posterior(source)
        z = mean
        if self.training:
            noise = random_state.generator.standard_normal(mean.shape).astype(mean.dtype)
            z = mean + (log_variance / 2).exp() * Tensor(noise, device=mean.device)
        h, _ = self.features(self._drop_words(inputs), self.start_from(z))  # (T, B, H)
        nats = head_loss(self.head, h, targets, reduction="sum")
        kl = F.gaussian_kl(mean, log_variance).mean(axis=0)  # (Z)
        return Elbo(nats / h.shape[1], kl, int((np.asarray(targets) != -100).sum()))

    def loss(
        self, source: Any, inputs: Any, targets: Any, beta: float = 1.0, free_bits: float = 0.0
    ) -> Tensor:
        """reconstruction + β Σ_j max(KL_j, free_bits), in nats a sequence.

        Some texts print min E_q[log p(x|z)] − β KL(q(z|x) ‖ p(z)). That is the bound itself (for β = 1),
        which is to be *maximised*: minimising it makes the text improbable and drives KL to infinity. What is
        minimised here is its negative, −E_q[log p(x|z)] + β KL.

        Args:
            beta: weight of KL; 1 gives the bound, a smaller one more use of z (Higgins and others 2017).
            free_bits: nats a dimension that cost nothing (Kingma and others 2016): below them, KL_j has no
                gradient and no reason to fall to 0.
        """
        reconstruction, kl, _ = self.parts(source, inputs, targets)
        return reconstruction + beta * F.where(kl > free_bits, kl, free_bits).sum()

    def _drop_words(self, inputs: Any) -> np.ndarray:
        """Inputs (B, T) with a part of them unknown; not the start token, which says nothing anyway."""
        ids = np.asarray(inputs)
        if not self.training or self.word_dropout == 0:
            return ids
        dropped = random_state.generator.random(ids.shape) < self.word_dropout
        dropped[:, 0] = False
        return np.where(dropped, self.unknown_id, ids)


def active_units(means: np.ndarray, threshold: float = 0.01) -> int:
    """How many dimensions of z say something: those with Var_x(μ_j) > threshold, from means μ (N, Z).

    Where KL_j is 0, μ_j is the same for every x. Source: Burda and others 2016.

        >>> active_units(np.array([[0.0, 1.0], [0.0, -1.0]]))
        1
    """
    return int((np.var(means, axis=0) > threshold).sum())
