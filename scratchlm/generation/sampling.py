"""Token by token: the model's scores, a choice among them, and the choice as the next input.

V vocabulary.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np

from ..errors import NumberError, OptionError
from ..function import no_grad
from ..nn import evaluating


def probabilities(
    logits: np.ndarray, temperature: float = 1.0, top_k: int = 0, top_p: float = 1.0
) -> np.ndarray:
    """Turn scores (V) into the probabilities (V) that the next token is drawn from.

    p_v ∝ e^(z_v / temperature), over the `top_k` largest only (0: all) and of these over the fewest that
    together reach `top_p`. Temperature 0 puts everything on the largest. Source of top_p: Holtzman and others
    2020 (nucleus sampling).

        >>> probabilities(np.log([0.5, 0.3, 0.2]), top_k=2).round(3).tolist()
        [0.625, 0.375, 0.0]

    Raises:
        OptionError: temperature < 0 or infinite, top_k < 0, or top_p not in (0, 1].
        NumberError: a score is NaN, or the largest infinite.
    """
    if not 0 <= temperature < np.inf or top_k < 0 or not 0 < top_p <= 1:
        raise OptionError(
            f"Sampling needs temperature ≥ 0, top_k ≥ 0, 0 < top_p ≤ 1, got {temperature}, {top_k}, {top_p}."
        )
    z = np.asarray(logits, np.float64)
    if np.isnan(z).any() or not np.isfinite(z.max()):
        raise NumberError(
            "The model's scores are NaN or infinite: its weights are broken, train it again with a lower lr."
        )
    if temperature == 0:
        return (np.arange(len(z)) == z.argmax()).astype(np.float64)
    with np.errstate(over="ignore"):  # a tiny temperature: −∞, whose exponential is 0
        p = np.exp((z - z.max()) / temperature)
    p /= p.sum()
    order = np.argsort(-z, kind="stable")  # largest first
    keep = len(p) if top_k == 0 else min(top_k, len(p))
    before = np.cumsum(p[order[:keep]]) - p[order[:keep]]  # what the larger ones have together
    kept = order[:keep][before < top_p * p[order[:keep]].sum()]
    cut = np.zeros_like(p)
    cut[kept] = p[kept]
    return cut / cut.sum()


def generate(
    model: Any,
    prompt: Sequence[int] | np.ndarray,
    tokens: int,
    temperature: float = 1.0,
    top_k: int = 0,
    top_p: float = 1.0,
    seed: int = 0,
    never: Sequence[int] = (),
) -> Iterator[int]:
    """Yield `tokens` token ids that continue the prompt (at least one id), none of those in `never`.

    The same seed, weights and device give the same tokens. The prompt is read at once; then each token costs
    one step, because the state (of an LSTM; keys and values of a GPT) holds all that came before.

    Raises:
        OptionError: the prompt is empty, or an option is out of range.
    """
    if len(prompt) == 0:
        raise OptionError("Generation continues a prompt of at least one token, got none.")
    probabilities(np.zeros(1), temperature, top_k, top_p)  # refuse wrong options before the first step
    draw = partial(probabilities, temperature=temperature, top_k=top_k, top_p=top_p)
    return _tokens(model, np.asarray(prompt), tokens, draw, seed, list(never))


def _tokens(
    model: Any,
    prompt: np.ndarray,
    tokens: int,
    draw: Callable[[np.ndarray], np.ndarray],
    seed: int,
    never: list[int],
) -> Iterator[int]:
    generator = np.random.default_rng(seed)
    ids, state = prompt, None
    for _ in range(tokens):
        with no_grad(), evaluating(model):
            logits, state = model(ids[None, :], state)  # (1, T, V)
        scores = logits.numpy()[0, -1].copy()  # (V)
        scores[never] = -np.inf
        p = draw(scores)
        token = int(generator.choice(len(p), p=p))
        yield token
        ids = np.array([token])
