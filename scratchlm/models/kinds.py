"""The kinds of models that a recipe can name: one row each, read by recipes, jobs, predictions, experiments.

A new kind is a row here; where it learns in a new way also a job (`training/jobs`), where it is asked in a
new way also an answer (`runs/predicting.py`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from .. import nn
from ..device import Device
from .autoencoder import SequenceAutoencoder
from .bert import MaskedLanguageModel
from .classifier import SequenceClassifier
from .encoder_decoder import EncoderDecoder
from .gpt import GPTLanguageModel
from .language_model import LSTMLanguageModel
from .listings import L0, L1, L2, L3, L4, L3AsPrinted, L4AsPrinted
from .vae import TextVAE


class Fit(NamedTuple):
    """What a model has to fit, beside the sizes in its recipe."""

    vocabulary: int
    context: int  # tokens of the longest sequence
    classes: int  # of a classifier
    unknown: int  # the token that stands for what is not known
    device: "str | Device"


@dataclass(frozen=True)
class Kind:
    """One kind of model.

    Attributes:
        build: makes the model from a recipe's table `model` and what it has to fit.
        job: how it learns, a name in `training.jobs.JOBS`.
        predicts: what it makes of a text: "text" (goes on), "answer" (writes another one), "code" (writes it
            again from its code), "tokens" (one at each place, all at once), "class", "next" (one token),
            "mask" (what is hidden).
        sizes: keys of the table `model` that decide the shapes of its weights.
        uses: keys of a recipe that only some kinds use, this one among them.
        width: the key of the size that makes it larger or smaller.
        is_body: whether a classifier can read with it.
        has_positions: whether it learns positions, so that its context cannot change.
    """

    build: Callable[[Any, Fit], nn.Module]
    job: str
    predicts: str
    sizes: tuple[str, ...]
    uses: tuple[str, ...] = ()
    width: str = "hidden_size"
    is_body: bool = False
    has_positions: bool = False

    @property
    def is_language_model(self) -> bool:
        """Whether it predicts every token of a text from those before it."""
        return self.predicts == "text"


def _made(
    model: Callable[..., nn.Module], *keys: str, printed: Any = None
) -> Callable[[Any, Fit], nn.Module]:
    """Builds `model(vocabulary, *values of the keys, device)`, or `printed` where a recipe says as_printed.

    A key is one of the recipe's table `model`, or of `Fit`.
    """

    def build(m: Any, fit: Fit) -> nn.Module:
        values = (getattr(fit if key in Fit._fields else m, key) for key in keys)
        return (printed if printed and m.as_printed else model)(fit.vocabulary, *values, fit.device)

    return build


def _classifier(m: Any, fit: Fit) -> nn.Module:
    body = KINDS[m.body]
    first, features = body.build(m, fit), getattr(m, body.width)
    backwards = body.build(m, fit) if m.bidirectional else None
    return SequenceClassifier(first, features, fit.classes, m.dropout, backwards=backwards)


_LSTM = ("embedding_dim", "hidden_size", "num_layers")
_TRANSFORMER = ("embedding_dim", "num_layers", "num_heads")
_CODE = ("embedding_dim", "hidden_size", "code_size")

KINDS = {
    "lstm": Kind(
        _made(LSTMLanguageModel, *_LSTM, "dropout"), "language", "text", _LSTM, ("dropout",), is_body=True
    ),
    "gpt": Kind(
        _made(GPTLanguageModel, "context", *_TRANSFORMER, "dropout"), "language", "text", _TRANSFORMER,
        ("dropout",), "embedding_dim", is_body=True, has_positions=True,
    ),
    "bert": Kind(
        _made(MaskedLanguageModel, "context", *_TRANSFORMER, "dropout"), "masked", "mask", _TRANSFORMER,
        ("dropout",), "embedding_dim", is_body=True, has_positions=True,
    ),
    "encoder-decoder": Kind(
        _made(EncoderDecoder, *_LSTM, "attention", "reverse_source", "feed_context", "copy", "dropout",
              "bidirectional"),
        "pairs", "answer", (*_LSTM, "attention", "feed_context", "copy", "bidirectional"),
        ("dropout", "reverse_source", "feed_context", "copy", "bidirectional", "teacher_forcing"),
    ),
    "autoencoder": Kind(
        _made(SequenceAutoencoder, *_CODE, "dropout"), "sequences", "code", _CODE, ("dropout", "code_size")
    ),
    "vae": Kind(
        _made(TextVAE, *_CODE, "word_dropout", "unknown"), "vae", "code", _CODE,
        ("code_size", "word_dropout", "anneal_steps", "beta", "free_bits"),
    ),
    "classifier": Kind(
        _classifier, "classes", "class", (*_LSTM, "num_heads", "bidirectional"),
        ("body", "dropout", "bidirectional", "word_dropout", "label_smoothing"),
    ),
    # the listings
    "l0": Kind(_made(L0, "embedding_dim"), "next token", "next", ("embedding_dim",), width="embedding_dim"),
    "l1": Kind(
        _made(L1, "hidden_size", "classes"), "classes", "class", ("hidden_size",), ("label_smoothing",)
    ),
    "l2": Kind(_made(L2, *_LSTM[:2]), "language", "text", _LSTM[:2]),
    "l3": Kind(_made(L3, *_LSTM, printed=L3AsPrinted), "sequences", "tokens", _LSTM, ("as_printed",)),
    "l4": Kind(_made(L4, *_LSTM[:2], printed=L4AsPrinted), "sequences", "tokens", _LSTM[:2], ("as_printed",)),
}  # fmt: skip


def users(key: str) -> list[str]:
    """The kinds that use a key of a recipe; all of them, unless rows name it."""
    return [name for name, row in KINDS.items() if key in row.uses] or list(KINDS)
