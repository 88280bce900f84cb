"""A run's folder, read back: what it predicts, a talk with it, a picture of what it attends to."""

from .alignment import draw_alignment, draw_first_alignment
from .predicting import Prediction, between, predict, unknown_words
from .run import Run, load_run
from .talking import Talk

__all__ = [
    "Prediction",
    "Run",
    "Talk",
    "between",
    "draw_alignment",
    "draw_first_alignment",
    "load_run",
    "predict",
    "unknown_words",
]
