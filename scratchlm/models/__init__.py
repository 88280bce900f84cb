"""Complete models."""

from .encoder_decoder import EncoderDecoder
from .gpt import GPTLanguageModel
from .language_model import LSTMLanguageModel

LanguageModel = LSTMLanguageModel | GPTLanguageModel

__all__ = ["EncoderDecoder", "GPTLanguageModel", "LSTMLanguageModel", "LanguageModel"]
