"""Text out of a trained model.

Every way asks a model for two things: `logits, state = model(ids, state)`, ids (B, T), and
`state = model.select(state, rows)`, whose row n is row rows[n] of the old state.
"""

from .beam import Hypothesis, beam_search
from .choice import choose, constrained, log_probability
from .greedy import greedy
from .sampling import generate, probabilities
from .stopping import until

__all__ = [
    "Hypothesis",
    "beam_search",
    "choose",
    "constrained",
    "generate",
    "greedy",
    "log_probability",
    "probabilities",
    "until",
]
