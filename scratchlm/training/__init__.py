"""Recipes, the work that they describe, the trainer, evaluation and checkpoints."""

from .building import build_model as build_model
from .checkpoint import load_arrays as load_arrays
from .checkpoint import save_arrays as save_arrays
from .data import prepare_text as prepare_text
from .evaluation import Evaluation as Evaluation
from .evaluation import evaluate as evaluate
from .jobs import make_job as make_job
from .recipe import Recipe as Recipe
from .recipe import load_recipe as load_recipe
from .recipe import shipped as shipped
from .starting import fine_tuning as fine_tuning
from .trainer import Reporter as Reporter
from .trainer import Trainer as Trainer
