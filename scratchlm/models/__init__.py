"""Complete models."""

from .language_model import LSTMLanguageModel

__all__ = ["LSTMLanguageModel"]
