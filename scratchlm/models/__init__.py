"""Complete models."""

from .bert import MaskedLanguageModel, mask_tokens
from .classifier import SequenceClassifier
from .encoder_decoder import EncoderDecoder
from .gpt import GPTLanguageModel
from .language_model import LSTMLanguageModel

LanguageModel = LSTMLanguageModel | GPTLanguageModel

__all__ = [
    "EncoderDecoder",
    "GPTLanguageModel",
    "LSTMLanguageModel",
    "LanguageModel",
    "MaskedLanguageModel",
    "SequenceClassifier",
    "mask_tokens",
]
