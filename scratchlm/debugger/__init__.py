"""Tools to look at and check what the engine computes."""

from .gradcheck import gradcheck as gradcheck
from .gradcheck import numerical_gradient as numerical_gradient
from .kept import Record as Record
from .tape import Tape as Tape
from .tape import record as record
from .torch_tape import record_torch as record_torch
