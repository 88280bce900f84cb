"""Complete models."""

from .gpt import GPTLanguageModel
from .language_model import LSTMLanguageModel

__all__ = ["GPTLanguageModel", "LSTMLanguageModel"]
