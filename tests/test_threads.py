"""Work of the cpu set that is split over threads: every part runs, and results do not depend on how many."""

import os
import shutil
import time
from concurrent.futures import ThreadPoolExecutor

import numba
import numpy as np
import pytest

from scratchlm import get_device
from scratchlm.kernels.contract import CONTRACT, HERE
from scratchlm.kernels.cpu import compiling
from scratchlm.kernels.cpu import threads as pool
from scratchlm.kernels.cpu.compiling import inner
from scratchlm.kernels.cpu.threads import loop

from .draw import Draw, Fixed, copied, flat
from .parts import small_parts, spied_parts
from .test_graph import python
from .tolerance import close, floors, rounding, same

UNSPLIT = {"embedding_forward", "embedding_backward"}
SPLIT = [kernel for kernel in CONTRACT if kernel.name not in UNSPLIT]
ELEMENTWISE = {"add", "tanh", "sigmoid", "relu", "gelu", "sgd", "adam"}
PRODUCTS = {
    "lstm.step",
    "transformer.step",
    "matmul",
    "linear",
    "linear_cross_entropy",
    "lstm.sequence",
    "gru",
}  # fewer than 4 rows are multiplied in another way


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
    return [np.asarray(leaf) for leaf in results + flat(mine)], max(pieces)


@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
@pytest.mark.parametrize("kernel", SPLIT, ids=lambda kernel: kernel.name)
def test_results_do_not_depend_on_the_number_of_threads(kernel, dtype):
    arguments = large(kernel, dtype)
    expected, parts = call(kernel, arguments, 1)
    assert parts == 1
    named = dict(zip((argument.name for argument in kernel.arguments), arguments, strict=True))
    terms = max(floors(kernel, named))
    for threads in (2, 3):
        found, parts = call(kernel, arguments, threads)
        assert parts == threads, "the work was not split"
        for one, other in zip(found, expected, strict=True):
            if kernel.formula in PRODUCTS:
                close(one, other, dtype, kernel.name, terms)
            else:
                assert np.array_equal(one, other)


@pytest.mark.parametrize(("E", "D"), [(60, 7), (7, 60)], ids=["rows", "columns"])
def test_a_bias_gets_the_sums_of_all_parts(E, D):
    rng = np.random.default_rng(0)
    grad_y, x = rng.standard_normal((11, E)), rng.standard_normal((11, D))
    with small_parts(), spied_parts() as pieces:
        weight, bias = get_device("cpu").kernels.linear_weight_backward(grad_y, x)
    assert pieces == [3]
    same(weight, grad_y.T @ x, rounding(11, abs(grad_y.T) @ abs(x), np.float64))
    same(bias, grad_y.sum(0), rounding(11, abs(grad_y).sum(0), np.float64))


def test_kernels_that_do_not_split_are_those_that_are_named():
    for kernel in CONTRACT:
        if kernel.name in UNSPLIT:
            with small_parts(), spied_parts() as pieces:
                getattr(get_device("cpu").kernels, kernel.name)(*large(kernel, np.float32))
            assert pieces == [], f"{kernel.name} splits its work: take it out of UNSPLIT"


@loop
def count(first, last, seen):
    for i in range(first, last):
        seen[i] += 1


@loop
def fail(first, last, seen):
    for i in range(first, last):
        if i == seen.size - 1:
            raise ValueError


@numba.njit(nogil=True)
def split_count(words, parts, seen):
    pool.split(words, parts, seen.size, count, (seen,))


@numba.njit(nogil=True)
def split_fail(words, parts, seen):
    pool.split(words, parts, seen.size, fail, (seen,))


@pytest.fixture
def of_three(monkeypatch):
    monkeypatch.setattr(pool, "_threads", 3)
    return pool.get_team()


@pytest.mark.parametrize("threads", [2, 3, 7])
@pytest.mark.parametrize("n", [0, 1, 2, 5, 100])
def test_parts_cover_the_work_once(n, threads, monkeypatch):
    monkeypatch.setattr(pool, "_threads", threads)
    seen = np.zeros(n, np.int64)
    split_count(pool.get_team(), threads, seen)
    assert (seen == 1).all()


def test_ten_thousand_pieces_of_work_and_helpers_that_fell_asleep(of_three):
    seen = np.zeros(7, np.int64)
    for number in range(10_000):
        split_count(of_three, 3, seen)
        if number % 1000 == 0:
            time.sleep(0.01)  # helpers circle for about 0.1 ms
            assert [of_three[pool.LANE * k + pool.STATE] for k in (1, 2)] == [pool.ASLEEP] * 2
    assert (seen == 10_000).all()


def test_work_of_several_python_threads_at_once(of_three):
    arrays = [np.zeros(50, np.int64) for _ in range(4)]

    def work(seen):
        for _ in range(2000):
            split_count(of_three, 3, seen)

    with ThreadPoolExecutor(4) as executor:
        list(executor.map(work, arrays))
    assert all((seen == 2000).all() for seen in arrays)


@pytest.mark.parametrize("parts", [1, 2, 3])
def test_a_part_that_fails_is_an_error_and_leaves_the_team_free(parts, of_three):
    seen = np.zeros(9, np.int64)
    with pytest.raises(MemoryError):
        split_fail(of_three, parts, seen)
    split_count(of_three, 3, seen)
    assert (seen == 1).all()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_process_gets_a_team_of_its_own():
    code = """
import os
os.environ["SCRATCHLM_THREADS"] = "2"
import threading
import numpy as np
from scratchlm.kernels.matmul.cpu import matmul
a = np.ones((512, 512), np.float32)
assert (matmul(a, a) == 512).all()
child = os.fork()
assert (matmul(a, a) == 512).all()
if not child:
    os._exit(7 if threading.active_count() == 2 else 1)  # a helper of its own
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    assert python(code).strip() == "7"


def test_a_team_of_eight_has_seven_helpers():
    code = """
import os, threading
os.environ["SCRATCHLM_THREADS"] = "8"
from scratchlm.kernels.cpu import threads as pool
for n in [*range(2, 9), *range(8, 1, -1)]:
    assert pool.pieces_of(n) == n
    pool.get_team()
print(threading.active_count() - 1)
"""
    assert int(python(code)) == 7


def test_a_part_of_kernels_is_made_into_machine_code_there_alone():
    part = inner(lambda x: x + 1)
    whole = numba.njit(lambda x: part(x) * 2)
    assert whole(3) == 8
    for function, there in ((part, False), (whole, True)):
        (compiled,) = function.overloads.values()
        assert bool(compiled.library.get_pointer_to_function(compiled.fndesc.llvm_func_name)) == there
    with pytest.raises(TypeError):
        part(3)


@pytest.mark.parametrize(
    ("file", "changes"), [("softmax/cpu.py", True), ("cpu/loops.py", True), ("softmax/reference.py", False)]
)
def test_a_change_in_any_compiled_source_starts_a_cache_of_its_own(file, changes, tmp_path, monkeypatch):
    """Numba sees a change in a kernel's own file alone: a stale helper would go on running."""
    folder = shutil.copytree(HERE, tmp_path / "kernels", ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(compiling, "__file__", str(folder / "cpu" / "compiling.py"))
    before = compiling.cache_folder()
    path = folder / file
    path.write_text(path.read_text(encoding="utf-8") + "# changed\n", encoding="utf-8")
    assert (compiling.cache_folder() != before) == changes
