"""The CUDA kernels of the contract under the emulator's checks, in every order; and over rows that are longer
than a block, which the drawn shapes of the contract test are not."""

import re
import shutil

import numpy as np
import pytest

from scratchlm import get_device
from scratchlm.kernels.contract import CONTRACT, HERE, earlier_versions, kernel_set, sources
from scratchlm.kernels.cross_entropy import cuda as cross_entropy
from scratchlm.kernels.cuda import launching
from scratchlm.kernels.emulator import KernelError

from ..draw import Draw, Fixed, copied, flat
from ..test_contract import EVERY, FLOATS, assert_agrees, changes
from ..tolerance import close, floors, of_attention_backward, of_attention_forward

cuda = kernel_set("cuda")
SWITCHES = ("causal", "approximate", "decoupled")
# At least two rounds of a block's loop in every kernel that has one, four elements a thread and round.
LONG = {"M": 70, "K": 40, "N": 3, "B": 3, "H": 150, "T": 3, "D": 1100, "V": 1300, "shape": [3, 401]}
LONG["shapes"] = [[42, 100], [30]]  # more than a chunk of the optimizer
OTHERS = {
    "attention": [
        {"N": 2, "T": 3, "S": 290, "D": 3, "E": 261},  # many keys, many slices of y
        {"N": 2, "T": 3, "S": 290, "D": 3, "E": 261, "causal": True},
        {"N": 3, "T": 100, "S": 3, "D": 3, "E": 5},  # many queries
        {"N": 1, "T": 40, "S": 70, "D": 70, "E": 70},  # more features than a tile has
    ],
    "attention_packed": [{"B": 1, "T": 70, "H": 2, "D": 5, "causal": True}],
    "additive_attention": [
        {"N": 3, "T": 3, "S": 600, "D": 3, "E": 261},
        {"N": 3, "T": 3, "S": 3, "A": 300, "E": 261},
    ],
    "layer_norm": [LONG, {"N": 70, "D": 41}],  # more rows than one block adds up
    "embedding": [LONG, {"N": 100, "V": 3, "D": 6}],  # ids that reach over pieces of the sorted list
}


def long_arguments(kernel, dtype):
    """Arguments with long rows, in some kernels also with many of them."""
    packed = kernel.name.startswith("attention_packed")
    cases = OTHERS.get("attention_packed" if packed else kernel.formula, [LONG])
    return [Draw(Fixed(1.0, **lengths), dtype).arguments(kernel) for lengths in cases]


def run(kernel, arguments):
    mine = copied(list(arguments.values()))
    results = flat(getattr(cuda, kernel.name)(*mine))
    return [np.asarray(leaf) for leaf in results + flat(mine)]


@FLOATS
@EVERY
@pytest.mark.parametrize("switch", [False, True])
def test_no_report_and_the_same_bits_in_every_order(kernel, dtype, switch):
    if switch and not any(argument.name in SWITCHES for argument in kernel.arguments):
        pytest.skip("it has no switch")
    arguments = Draw(Fixed(1.0, **dict.fromkeys(SWITCHES, switch)), dtype).arguments(kernel)
    expected = run(kernel, arguments)
    for order in ("forward", "reversed", "shuffled"):
        with launching.emulating(mode="check", order=order):
            found = run(kernel, arguments)
        assert [leaf.tobytes() for leaf in found] == [leaf.tobytes() for leaf in expected], order


@FLOATS
@EVERY
def test_rows_longer_than_a_block(kernel, dtype):
    for arguments in long_arguments(kernel, dtype):
        before = list(arguments.values())
        mine, theirs = copied(before), copied(before)
        found = getattr(cuda, kernel.name)(*mine)
        expected = getattr(get_device("reference").kernels, kernel.name)(*theirs)
        changed = changes(kernel, mine, before), changes(kernel, theirs, before)
        assert_agrees(kernel, found, changed[0], expected, changed[1], floors(kernel, arguments), dtype)


def moved(value):
    """The same numbers one element further on: no multiple of 16 bytes any more."""
    if isinstance(value, list):
        return [moved(part) for part in value]
    if not isinstance(value, np.ndarray) or value.dtype.kind != "f":
        return value
    further = np.empty(value.size + 1, value.dtype)[1:].reshape(value.shape)
    further[...] = value
    return further


@FLOATS
@EVERY
def test_arrays_that_begin_anywhere(kernel, dtype):
    """Loads of four numbers are for addresses that are multiples of 16 bytes; others give the same bits."""
    lengths = dict.fromkeys("MKNTBDHVSEA", 8) | {"shape": [4, 8], "shapes": [[8, 4], [12]]}
    arguments = Draw(Fixed(1.0, **lengths), dtype).arguments(kernel)
    others = {name: moved(value) for name, value in arguments.items()}
    assert all(a.ctypes.data % 16 for a in flat(list(others.values())) if getattr(a, "dtype", None) == dtype)
    expected = run(kernel, arguments)
    with launching.emulating(mode="check"):
        mine = list(others.values())
        results = flat(getattr(cuda, kernel.name)(*mine))
    found = [np.asarray(leaf) for leaf in results + flat(mine)]
    assert [leaf.tobytes() for leaf in found] == [leaf.tobytes() for leaf in expected]


def test_attention_of_an_array_to_itself():
    """Three times the same array is not q, k and v side by side in one."""
    x, lengths = np.random.default_rng(0).standard_normal((2, 40, 6)), np.array([40, 33])
    y, logsumexp = cuda.attention_forward(x, x, x, lengths, True)
    reference = get_device("reference").kernels
    expected, terms = (f(x, x, x, lengths, True) for f in (reference.attention_forward, of_attention_forward))
    close(y, expected[0], np.float64, "y", terms[0])
    terms = *terms, *of_attention_backward(y, x, x, x, y, logsumexp, lengths, True)
    grads = cuda.attention_backward(y, x, x, x, y, logsumexp, lengths, True)
    expected = reference.attention_backward(y, x, x, x, y, logsumexp, lengths, True)
    for grad, other, size in zip(grads, expected, terms[2:], strict=True):
        close(grad, other, np.float64, "gradient", size)


@pytest.mark.parametrize("name", ["linear_cross_entropy", "linear_cross_entropy_losses"])
def test_logits_in_chunks(name, monkeypatch):
    kernel = next(row for row in CONTRACT if row.name == name)
    arguments = Draw(Fixed(1.0, N=11, V=10), np.float64).arguments(kernel)
    monkeypatch.setattr(cross_entropy, "CHUNK", 20)
    launches = []
    with launching.watching(launches):
        found = getattr(cuda, name)(*arguments.values())
    assert [blocks for _, blocks, *_ in launches] == [1, 2, 2, 2, 2, 2]  # rows, of 10 logits each
    expected = getattr(get_device("reference").kernels, name)(*arguments.values())
    assert_agrees(kernel, found, [], expected, [], floors(kernel, arguments), np.float64)


@pytest.mark.parametrize("name", ["gradient_norm", "sgd_step", "adam_step"])
def test_all_parameters_are_one_launch(name):
    kernel = next(row for row in CONTRACT if row.name == name)
    arguments = Draw(Fixed(1.0, shapes=[[3, 4]] * 20), np.float32).arguments(kernel)
    launches = []
    with launching.watching(launches):
        getattr(cuda, name)(*arguments.values())
    assert [blocks for _, blocks, *_ in launches] == [20]


# ---------------------------------------------------------------- would the checks notice?
SAFE = {("common.cuh", 3)}  # the first barrier of block_max: a helper does not rely on its callers' barriers


def of_file(name):
    """(function, row of the contract) for what is in a .cu, earlier versions too; for a .cuh everything."""
    known = earlier_versions() | {row.name: (row, getattr(cuda, row.name)) for row in CONTRACT}
    for row, function in known.values():
        if name.endswith(".cuh") or name == f"{row.family}.cu":
            yield function, row


def check_long_rows(name):
    for order in ("forward", "reversed"):
        with launching.emulating(mode="check", order=order):
            for function, row in of_file(name):
                for arguments in long_arguments(row, np.float32):
                    function(*copied(list(arguments.values())))


def barriers():
    """(file, number of the barrier in it) for every barrier of the set."""
    for path in [*sources(), *sorted(HERE.glob("cuda/*.cuh"))]:
        for number, _ in enumerate(re.finditer(r"__syncthreads\(\);", path.read_text(encoding="utf-8")), 1):
            yield path.name, number


@pytest.mark.parametrize("name", sorted({name for name, _ in barriers()} - {"common.cuh"}))
def test_no_report_over_long_rows(name):
    check_long_rows(name)


@pytest.mark.parametrize(("name", "number"), sorted(set(barriers()) - SAFE))
def test_without_any_one_barrier_there_is_a_report(name, number, tmp_path, monkeypatch):
    folder = shutil.copytree(HERE, tmp_path / "kernels", ignore=shutil.ignore_patterns("*.py*", "emulator"))
    (path,) = folder.glob(f"*/{name}")
    text = path.read_text(encoding="utf-8")
    at = [found.start() for found in re.finditer(r"__syncthreads\(\);", text)][number - 1]
    path.write_text(text[:at] + text[at:].replace("__syncthreads();", ";", 1), encoding="utf-8")
    monkeypatch.setattr(launching, "KERNELS", folder)
    launching._emulated.cache_clear()
    with pytest.raises(KernelError) as caught:
        check_long_rows(name)
    launching._emulated.cache_clear()
    assert caught.value.kind in ("race", "uninitialised")
