"""What one row of the table of differentiable functions is made of."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

RNG = np.random.default_rng(1)


def normal(*shape):
    return RNG.standard_normal(shape)


def away_from_zero(*shape):
    return np.sign(normal(*shape)) * RNG.uniform(0.2, 2, shape)


def positive(*shape):
    return RNG.uniform(0.2, 2, shape)


@dataclass
class Case:
    name: str
    makes: str  # the Function class
    function: Callable
    inputs: list[np.ndarray]
    composed: Callable | None = None
    torch: Callable[..., Any] | None = None

    def __repr__(self):
        return self.name


def torch_f(name, **options):
    def call(*inputs):
        import torch

        return getattr(torch.nn.functional, name)(*inputs, **options)

    return call
