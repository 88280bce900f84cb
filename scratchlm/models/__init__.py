"""Complete models."""

from .gpt import GPTLanguageModel
from .language_model import LSTMLanguageModel

LanguageModel = LSTMLanguageModel | GPTLanguageModel

__all__ = ["GPTLanguageModel", "LSTMLanguageModel", "LanguageModel"]
