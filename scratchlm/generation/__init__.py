"""Text out of a trained model."""

from .sampling import generate, probabilities

__all__ = ["generate", "probabilities"]
