"""Optimizers, gradient clipping and learning-rate schedules."""

from .optimizer import SGD as SGD
from .optimizer import Adam as Adam
from .optimizer import AdamW as AdamW
from .optimizer import Optimizer as Optimizer
from .optimizer import clip_grad_norm_ as clip_grad_norm_
from .schedule import Schedule as Schedule
from .schedule import constant as constant
from .schedule import cosine as cosine
from .schedule import step_decay as step_decay
