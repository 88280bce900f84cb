"""What Python and the C++ runtime agree on: one place for numbers, structures compared when built."""

import ctypes

import numpy as np
import pytest

from scratchlm.kernels.emulator import Emulator, KernelError, abi, check, report, toolchain

SHIFTED = "__global__ void f(float* y) { extern __shared__ float s[]; s[threadIdx.x] = 1; y[0] = s[AT]; }"
BESIDE = "__global__ void f(float* y) { __shared__ float s[8]; s[threadIdx.x] = 1; y[0] = s[AT]; }"


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SCRATCHLM_CACHE", str(tmp_path))


def fault(text, steps=100_000_000, shared=32):
    function = Emulator(text, mode="check", steps=steps).get_function("f")
    with pytest.raises(KernelError) as caught:
        function(1, 8, (np.zeros(1, np.float32),), shared_mem=shared)
    return caught.value


@pytest.mark.parametrize(
    ("name", "number", "text", "says"),
    [
        ("FRONT", 2048, SHIFTED.replace("AT", "-400"), r"reads dynamic shared memory[-400]"),
        ("GAP", 512, BESIDE.replace("AT", "-100"), r"reads s[-100], but it has 8 elements"),
        ("WAIT", 2000, "__global__ void f(float* y) { for (;;) __syncthreads(); }", "has waited 2,000 times"),
    ],
)
def test_a_changed_constant_reaches_both_sides(name, number, text, says, monkeypatch):
    before = [path.name for path in toolchain._runtime()]
    monkeypatch.setattr(abi, name, number)
    assert not set(before) & {path.name for path in toolchain._runtime()}  # nothing old is loaded
    assert says in str(fault(text, steps=4_000_000))


def test_a_changed_slice_leaves_the_number_of_steps(monkeypatch):
    loop = "__global__ void f(float* y) { for (int i = 0; i < n; i++) y[0] += 1; }"
    monkeypatch.setattr(abi, "SLICE", 1 << 18)
    assert check(loop.replace("n;", "1000000;"), 1, 1, (np.zeros(1, np.float32),), steps=4_000_000).ok
    assert "ran 4,000,000 steps" in str(fault(loop.replace("n;", "4000000;"), steps=4_000_000))


def test_faults_may_be_numbered_otherwise(monkeypatch):
    names = [kind.name for kind in abi.Kind if kind.name != "NONE"]
    kinds = abi.IntEnum("Kind", ["NONE", *reversed(names)], start=0)
    monkeypatch.setattr(abi, "Kind", kinds)
    monkeypatch.setattr(report, "Kind", kinds)
    monkeypatch.setattr(
        report, "SENTENCES", {kinds[kind.name]: row for kind, row in report.SENTENCES.items()}
    )
    assert "s[9], but it has 8 elements" in str(fault(BESIDE.replace("AT", "9")))


def changed(structure, change):
    """A structure whose fields are as `change` leaves them."""
    rows = list(structure._fields_)
    change(rows)
    return type(structure.__name__, (ctypes.Structure,), {"_fields_": rows})


@pytest.mark.parametrize(
    ("name", "change", "told"),
    [
        ("Report", lambda rows: rows.insert(3, rows.pop(4)), "Report.line"),
        ("Report", lambda rows: rows.append(("more", ctypes.c_int64)), "Report"),
        ("Launch", lambda rows: rows.__setitem__(4, ("dynamic", ctypes.c_uint32)), "Launch.dynamic"),
        ("Region", lambda rows: rows.reverse(), "Region.shadow"),
        ("Counts", lambda rows: rows.insert(0, rows.pop(1)), "Counts.global_bytes_read"),
    ],
)
def test_a_changed_structure_is_refused(name, change, told, monkeypatch):
    monkeypatch.setitem(abi.STRUCTURES, name, changed(abi.STRUCTURES[name], change))
    with pytest.raises(KernelError) as caught:
        Emulator("__global__ void f() {}")
    assert caught.value.kind == "compiler"
    assert str(caught.value) == f"{told} in runtime/ is not what abi.py has: make them the same."


@pytest.mark.parametrize(("name", "number", "told"), [("SHADOW", 64, "Shadow"), ("ATOMIC", 3, "EMU_ATOMIC")])
def test_other_numbers_of_the_runtime_are_compared(name, number, told, monkeypatch):
    monkeypatch.setattr(abi, name, number)
    with pytest.raises(KernelError, match=f"^{told} in runtime/ is not what abi.py has"):
        Emulator("__global__ void f() {}")


def test_every_fault_of_the_runtime_has_a_sentence():
    silent = {abi.Kind.NONE, abi.Kind.INTERRUPTED}  # nothing found; the interrupt itself is raised
    assert set(report.SENTENCES) == set(abi.Kind) - silent
