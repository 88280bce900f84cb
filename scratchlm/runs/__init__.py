"""A run's folder, read back: what it predicts, a talk with it, a picture of what it attends to."""

from .alignment import draw_alignment as draw_alignment
from .alignment import draw_first_alignment as draw_first_alignment
from .predicting import Prediction as Prediction
from .predicting import between as between
from .predicting import predict as predict
from .predicting import unknown_words as unknown_words
from .run import Run as Run
from .run import load_run as load_run
from .talking import Talk as Talk
