"""Tools to look at and check what the engine computes."""

from .gradcheck import gradcheck as gradcheck
from .gradcheck import numerical_gradient as numerical_gradient
