"""Tools to look at and check what the engine computes."""

from .gradcheck import gradcheck, numerical_gradient

__all__ = ["gradcheck", "numerical_gradient"]
