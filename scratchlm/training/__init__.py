"""Recipes, the work that they describe, the trainer, evaluation, and what a run leaves on disk."""

from .building import build_model
from .checkpoint import load_arrays, save_arrays
from .data import prepare_text
from .evaluation import Evaluation, evaluate
from .jobs import make_job
from .recipe import Recipe, load_recipe, shipped
from .run import Run, load_run
from .starting import fine_tuning
from .trainer import Reporter, Trainer

__all__ = [
    "Evaluation",
    "Recipe",
    "Reporter",
    "Run",
    "Trainer",
    "build_model",
    "evaluate",
    "fine_tuning",
    "load_arrays",
    "load_recipe",
    "load_run",
    "make_job",
    "prepare_text",
    "save_arrays",
    "shipped",
]
