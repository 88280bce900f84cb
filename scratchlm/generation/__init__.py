"""Text out of a trained model.

Every way asks a model for two things: `logits, state = model(ids, state)`, ids (B, T), and
`state = model.select(state, rows)`, whose row n is row rows[n] of the old state.
"""

from .beam import Hypothesis as Hypothesis
from .beam import beam_search as beam_search
from .choice import choose as choose
from .choice import constrained as constrained
from .choice import log_probability as log_probability
from .greedy import greedy as greedy
from .sampling import generate as generate
from .sampling import probabilities as probabilities
from .stopping import until as until
