"""Recipes, the work that they describe, the trainer, evaluation and checkpoints."""

from .building import build_model
from .checkpoint import load_arrays, save_arrays
from .data import prepare_text
from .evaluation import Evaluation, evaluate
from .jobs import make_job
from .recipe import Recipe, load_recipe, shipped
from .starting import fine_tuning
from .trainer import Reporter, Trainer

__all__ = [
    "Evaluation",
    "Recipe",
    "Reporter",
    "Trainer",
    "build_model",
    "evaluate",
    "fine_tuning",
    "load_arrays",
    "load_recipe",
    "make_job",
    "prepare_text",
    "save_arrays",
    "shipped",
]
