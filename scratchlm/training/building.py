"""The model, the optimizer and the schedule that a recipe describes."""

import os
from collections.abc import Iterable
from typing import Any

import numpy as np

from .. import nn, optim
from ..device import Device
from ..errors import RecipeError
from ..models.kinds import KINDS, Fit
from ..random import random_state
from ..text import Tokenizer
from .recipe import Model, Recipe, Training


def build_model(
    recipe: Recipe, tokenizer: Tokenizer, classes: int = 0, device: "str | Device | None" = None
) -> Any:
    """The model of a recipe for a tokenizer's vocabulary, on `device` or the recipe's for None.

    classes: how many there are, for a classifier. A GPT's and a BERT's context is training.length.
    """
    fit = Fit(
        tokenizer.vocab_size,
        recipe.training.length,
        classes,
        tokenizer.unknown_id or 0,
        device or recipe.training.device,
    )
    _check_memory(recipe.model)
    model = recipe.model.about.build(recipe.model, fit)
    if bound := recipe.model.init_range:
        for parameter in model.parameters():
            drawn = random_state.generator.uniform(-bound, bound, parameter.shape)
            parameter.data = drawn.astype(np.float32)
    return model


def _check_memory(model: Model) -> None:
    """Refuse, before minutes of filling memory, a model that cannot fit: what every kind has at the least.

    Raises:
        RecipeError: weights and gradients alone are more than the machine has.
    """
    if not hasattr(os, "sysconf"):  # Windows
        return
    width = getattr(model, KINDS[model.reader].width)
    least = 4 * width * (width * model.num_layers + model.embedding_dim)  # weights of a layer: 4 D² or more
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if (needed := 2 * 4 * least) > memory:  # float32
        raise RecipeError(
            f"A model of this size (model.num_layers {model.num_layers:,}, {width:,} wide) has {least:.1e} "
            f"weights or more, {needed / 2**30:,.0f} GB with their gradients, but this machine has "
            f"{memory / 2**30:,.0f} GB: make it smaller."
        )


def build_optimizer(training: Training, parameters: Iterable[nn.Parameter]) -> optim.Optimizer:
    """The optimizer that a recipe describes; only matrices decay, no biases and norms (GPT-2's rule)."""
    every = list(parameters)
    groups: list[dict[str, Any]] = [
        {"params": [p for p in every if p.ndim >= 2]},
        {"params": [p for p in every if p.ndim < 2], "weight_decay": 0.0},
    ]
    if training.optimizer == "sgd":
        return optim.SGD(groups, training.lr, training.momentum, training.weight_decay)
    kind = optim.AdamW if training.optimizer == "adamw" else optim.Adam
    betas = 0.9, training.beta2
    return kind(groups, training.lr, betas, weight_decay=training.weight_decay)


def build_schedule(training: Training) -> optim.Schedule:
    """The learning-rate schedule that a recipe describes."""
    if training.schedule == "cosine":
        return optim.cosine(training.steps, min(training.warmup, training.steps - 1), training.floor)
    if training.schedule == "step":
        return optim.step_decay(
            training.decay_every, training.decay_factor, training.warmup, training.decay_from
        )
    return optim.constant(training.warmup)
