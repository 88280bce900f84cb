"""Recipes, the trainer, evaluation, and what a run leaves on disk."""

from .checkpoint import load_arrays, save_arrays
from .evaluation import Evaluation, evaluate
from .recipe import Recipe, load_recipe, shipped
from .run import Run, load_run
from .trainer import Reporter, Trainer, build_model, prepare_text

__all__ = [
    "Evaluation",
    "Recipe",
    "Reporter",
    "Run",
    "Trainer",
    "build_model",
    "evaluate",
    "load_arrays",
    "load_recipe",
    "load_run",
    "prepare_text",
    "save_arrays",
    "shipped",
]
