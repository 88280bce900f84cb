"""Random numbers that are the same on every device and after every resume.

Initial weights and sampling draw from NumPy's generator. Dropout draws from a counter-based generator
(Philox, `kernels/dropout/reference.py`): its mask is a function of (seed, call number, element) alone, so
nothing but these two integers has to be stored to draw it again in backward, on another device or later.
"""

from dataclasses import dataclass, field

import numpy as np

from .errors import OptionError, quote


@dataclass
class RandomState:
    """Seed, number of dropout calls so far, and the generator for everything else."""

    seed: int = 0
    calls: int = 0
    generator: np.random.Generator = field(default_factory=lambda: np.random.default_rng(0))

    def next_call(self) -> tuple[int, int]:
        """Return (seed, call number) for one dropout call and count it."""
        self.calls += 1
        return self.seed, self.calls - 1

    def state_dict(self) -> dict[str, object]:
        """Everything needed to go on exactly here, as plain JSON values."""
        return {"seed": self.seed, "calls": self.calls, "generator": self.generator.bit_generator.state}

    def load_state_dict(self, state: dict) -> None:
        """Go on where `state_dict` was taken."""
        self.seed, self.calls = state["seed"], state["calls"]
        self.generator.bit_generator.state = state["generator"]


class Generator:
    """Random draws of one's own, beside the engine's: `rand(3, generator=Generator().manual_seed(1))`.

    Seeds are those of NumPy's generator: PyTorch draws other numbers from the same seed.
    """

    def __init__(self, device: object = None):
        self.generator = np.random.default_rng(0)

    def manual_seed(self, seed: int) -> "Generator":
        """Start anew from `seed` (a non-negative integer)."""
        self.generator = np.random.default_rng(checked_seed(seed))
        return self


random_state = RandomState()


def manual_seed(seed: int) -> None:
    """Start all random draws of the engine anew from `seed` (a non-negative integer)."""
    random_state.seed = checked_seed(seed)
    random_state.calls = 0
    random_state.generator = np.random.default_rng(seed)


def checked_seed(seed: int) -> int:
    """A seed, after checking that it is one."""
    if not isinstance(seed, int | np.integer) or seed < 0:
        raise OptionError(f"A seed is a whole number from 0 on, got {quote(seed)}.")
    return int(seed)


def drawing(generator: Generator | None) -> np.random.Generator:
    """Who draws: the engine, or one of the caller's own."""
    if generator is not None and not isinstance(generator, Generator):
        raise OptionError(f"generator is {quote(generator)}, expected a scratchlm.Generator().")
    return (generator or random_state).generator
