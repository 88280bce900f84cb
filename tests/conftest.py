import os

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

import scratchlm as sl

# The first call of a cpu kernel compiles it, so times say nothing; CI draws the same examples every time.
settings.register_profile("ci", deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
settings.register_profile("dev", deadline=None, suppress_health_check=list(HealthCheck))
settings.load_profile("ci" if os.environ.get("CI") else "dev")

DEVICES = ["reference", "cpu"]


@pytest.fixture(params=DEVICES)
def device(request):
    """Each device in turn, as the default one, from the same seed."""
    sl.manual_seed(0)
    with sl.use_device(request.param):
        yield request.param


@pytest.fixture
def rng():
    return np.random.default_rng(0)
