"""Work of the cpu set that is split over threads: every part runs, and results do not depend on how many."""

import numpy as np
import pytest

from scratchlm import get_device
from scratchlm.kernels.contract import CONTRACT
from scratchlm.kernels.cpu import threads as pool

from .draw import Draw, Fixed, copied, flat
from .parts import small_parts, spied_parts
from .test_graph import python

UNSPLIT = {"embedding_forward", "embedding_backward", "lstm_cell_forward", "lstm_cell_backward"}
SPLIT = [kernel for kernel in CONTRACT if kernel.name not in UNSPLIT]
ELEMENTWISE = {"tanh", "sigmoid", "relu", "gelu", "sgd", "adam"}
PRODUCTS = {"matmul", "linear_cross_entropy", "lstm.sequence", "gru"}  # BLAS adds otherwise for other rows


def large(kernel, dtype):
    """Arguments of which every kernel makes at least three parts."""
    if kernel.name == "gradient_norm":  # its blocks are constants of compiled code
        return [[np.random.default_rng(0).standard_normal((1000, 1001)).astype(dtype)]]
    arguments = list(Draw(Fixed(1.0), dtype).arguments(kernel).values())
    if kernel.formula in ELEMENTWISE:  # parts begin at multiples of 64 elements
        rng = np.random.default_rng(0)
        return [
            [abs(rng.standard_normal((31, 41))).astype(dtype)]
            if isinstance(a, list)
            else rng.standard_normal((31, 41)).astype(dtype)
            if isinstance(a, np.ndarray)
            else a
            for a in arguments
        ]
    return arguments


def call(kernel, arguments, threads):
    """All results and arguments afterwards, and how many parts the most split work had."""
    function = getattr(get_device("cpu").kernels, kernel.name)
    mine = copied(arguments)
    with small_parts(threads), spied_parts() as pieces:
        results = flat(function(*mine))
    return [np.asarray(leaf) for leaf in results + flat(mine)], max(map(len, pieces))


@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
@pytest.mark.parametrize("kernel", SPLIT, ids=lambda kernel: kernel.name)
def test_results_do_not_depend_on_the_number_of_threads(kernel, dtype):
    arguments = large(kernel, dtype)
    expected, parts = call(kernel, arguments, 1)
    assert parts == 1
    for threads in (2, 3):
        found, parts = call(kernel, arguments, threads)
        assert parts == threads, "the work was not split"
        for one, other in zip(found, expected, strict=True):
            if kernel.formula in PRODUCTS:
                np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-6)
            else:
                assert np.array_equal(one, other)


def test_kernels_that_do_not_split_are_those_that_are_named():
    for kernel in CONTRACT:
        if kernel.name in UNSPLIT:
            with small_parts(), spied_parts() as pieces:
                getattr(get_device("cpu").kernels, kernel.name)(*large(kernel, np.float32))
            assert pieces == [], f"{kernel.name} splits its work: take it out of UNSPLIT"


@pytest.mark.parametrize("threads", [2, 3, 7])
@pytest.mark.parametrize("n", [0, 1, 2, 5, 100])
def test_parts_cover_the_work_once(n, threads, monkeypatch):
    monkeypatch.setattr(pool, "_threads", threads)
    seen = []
    pool.split(n, lambda start, end: seen.extend(range(start, end)))
    assert sorted(seen) == list(range(n))


def test_splitting_into_two_to_eight_parts_keeps_seven_helpers():
    code = """
import os, threading
os.environ["SCRATCHLM_THREADS"] = "8"
from scratchlm.kernels.cpu import threads as pool
for parts in [*range(2, 9), *range(8, 1, -1)]:
    seen = []
    pool.split(parts, lambda start, end: seen.append((start, end)))
    assert len(seen) == parts, seen
print(threading.active_count() - 1)
"""
    assert int(python(code)) <= 7
