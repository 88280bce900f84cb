"""Optimizers, gradient clipping and learning-rate schedules."""

from .optimizer import SGD, Adam, AdamW, Optimizer, clip_grad_norm_
from .schedule import Schedule, constant, cosine, step_decay

__all__ = [
    "SGD",
    "Adam",
    "AdamW",
    "Optimizer",
    "Schedule",
    "clip_grad_norm_",
    "constant",
    "cosine",
    "step_decay",
]
