"""Earlier versions of kernels give what the contract's kernel gives, without a report, in every order."""

import re

import numpy as np
import pytest

import scratchlm as sl
from scratchlm import functions as F
from scratchlm import get_device
from scratchlm.kernels.contract import CONTRACT, HERE, earlier_versions, kernel_set
from scratchlm.kernels.cuda import launching
from scratchlm.kernels.emulator.front import read

from ..draw import Draw, Fixed, copied, flat
from ..test_contract import FLOATS, assert_agrees
from ..tolerance import floors, rounding
from .test_contract_checked import SWITCHES, long_arguments

ROWS = {row.name: row for row in CONTRACT}
ATOMIC = {"embedding_backward_1"}  # sums in the order in which its threads come
VERSIONS = {name: function for name, (_, function) in earlier_versions().items()}
EVERY = pytest.mark.parametrize("version", VERSIONS)
cuda = kernel_set("cuda")


def row_of(version):
    return ROWS[re.sub(r"_\d+$", "", version)]


def agrees(version, arguments, dtype):
    row = row_of(version)
    mine, theirs = copied(list(arguments.values())), copied(list(arguments.values()))
    found = VERSIONS[version](*mine)
    expected = getattr(get_device("reference").kernels, row.name)(*theirs)
    assert_agrees(row, found, [], expected, [], floors(row, arguments), dtype)
    return [np.asarray(leaf).tobytes() for leaf in flat(found)]


@FLOATS
@EVERY
@pytest.mark.parametrize("switch", [False, True])
def test_it_agrees_and_has_no_report(version, dtype, switch):
    names = [argument.name for argument in row_of(version).arguments]
    if switch and not set(names) & set(SWITCHES):
        pytest.skip("it has no switch")
    arguments = Draw(Fixed(1.0, **dict.fromkeys(SWITCHES, switch)), dtype).arguments(row_of(version))
    expected = agrees(version, arguments, dtype)
    for order in ("forward", "reversed", "shuffled"):
        with launching.emulating(mode="check", order=order):
            found = agrees(version, arguments, dtype)
        assert found == expected or version in ATOMIC, order


@FLOATS
@EVERY
def test_it_agrees_over_long_rows(version, dtype):
    for arguments in long_arguments(row_of(version), dtype):
        agrees(version, arguments, dtype)


def test_the_order_of_atomic_sums_changes_bits():
    arguments = Draw(Fixed(1.0, N=100, V=2, D=50), np.float32).arguments(ROWS["embedding_backward"])
    found = set()
    for order in ("forward", "reversed"):
        with launching.emulating(order=order):
            found.add(VERSIONS["embedding_backward_1"](*arguments.values()).tobytes())
    assert len(found) == 2


def reads(function, arguments):
    """Accesses of global memory that read, a load of four numbers counted once."""
    launches = []
    with launching.emulating(mode="check"), launching.watching(launches):
        function(*arguments)
    return sum(counts.global_reads for *_, counts in launches)


def test_later_versions_read_less():
    x = np.ones((64, 64), np.float32)
    assert [reads(VERSIONS[f"matmul_{k}"], (x, x)) for k in (1, 2, 3)] == [
        2 * 64**3,
        64**3 // 8,
        2048,
    ]
    arguments = x[None], x[None], x[None], np.array([64]), False
    by_query = reads(VERSIONS["attention_forward_2"], arguments)
    assert reads(VERSIONS["attention_forward_1"], arguments) > by_query
    assert by_query > 100 * reads(cuda.attention_forward, arguments)
    softmaxes = [VERSIONS["softmax_forward_2"], VERSIONS["softmax_forward_3"], cuda.softmax_forward]
    assert [reads(softmax, (x,)) for softmax in softmaxes] == [3 * 64**2, 3 * 64**2, 2 * 16 * 64]


def test_the_head_of_the_file_explains_every_version():
    for version in VERSIONS:
        family = row_of(version).family
        path = HERE / family / f"{family}.cu"
        assert version in read(path).kernels or version == "layer_norm_backward_1"
        head = path.read_text(encoding="utf-8").partition("#include")[0]
        assert re.search(rf"^//   {version} ", head, re.M), version


def test_numbers_of_numpy_are_taken_as_pythons():
    with sl.use_device("emulator"):
        x = sl.tensor(np.ones((3, 8), np.float32))
        sl.manual_seed(0)
        half = F.dropout(x, np.float64(0.5)).numpy()
        sl.manual_seed(0)
        np.testing.assert_array_equal(half, F.dropout(x, 0.5).numpy())
        loss = F.cross_entropy(x, [1, -100, 2], ignore_index=np.int64(-100))
        assert loss.item() == pytest.approx(np.log(8), rel=rounding(8))


@pytest.mark.parametrize("kernel", ["cross_entropy_forward", "linear_cross_entropy"])
def test_losses_of_large_logits_keep_their_digits(kernel):
    logits, targets = np.array([[1e4, 1e4 - 1.5, 1e4 - 2.25]], np.float32), np.zeros(1, np.int64)
    if kernel == "linear_cross_entropy":
        arguments = np.ones((1, 1), np.float32), logits.T.copy(), np.zeros(3, np.float32), targets
        losses = cuda.linear_cross_entropy(*arguments, np.ones(1, np.float32), -100)[0]
    else:
        losses = cuda.cross_entropy_forward(logits, targets, -100)[0]
    assert losses[0] == pytest.approx(np.log1p(np.exp(-1.5) + np.exp(-2.25)), rel=rounding(4))
