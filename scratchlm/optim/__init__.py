"""Optimizers, gradient clipping and learning-rate schedules."""

from ..errors import answering as _answering
from ..nn.utils.clipping import clip_grad_norm_ as clip_grad_norm_
from ..nn.utils.clipping import clip_grad_value_ as clip_grad_value_
from . import scheduler as scheduler
from .optimizer import SGD as SGD
from .optimizer import Adam as Adam
from .optimizer import AdamW as AdamW
from .optimizer import Optimizer as Optimizer
from .schedule import Schedule as Schedule
from .schedule import constant as constant
from .schedule import cosine as cosine
from .schedule import step_decay as step_decay
from .scheduler import CosineAnnealingLR as CosineAnnealingLR
from .scheduler import ExponentialLR as ExponentialLR
from .scheduler import LambdaLR as LambdaLR
from .scheduler import LRScheduler as LRScheduler
from .scheduler import StepLR as StepLR
from .squares import Adagrad as Adagrad
from .squares import RMSprop as RMSprop

lr_scheduler = scheduler  # PyTorch's name for the module

__getattr__ = _answering("scratchlm.optim", globals())
