"""NVIDIA's own compiler takes every kernel, for every card, and none spills."""

import pytest

from scratchlm.kernels.contract import sources
from scratchlm.kernels.cuda import compile_check
from scratchlm.kernels.emulator import KernelError
from scratchlm.kernels.emulator import nvrtc as nvrtc_package
from scratchlm.kernels.emulator.front import read


def nvrtc():
    try:
        return compile_check.open_nvrtc()
    except KernelError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("card", compile_check.CARDS)
def test_every_kernel_compiles_and_none_spills(card):
    nvrtc()
    found = compile_check.compile_all((card,))
    names = {name for path in sources() for name in read(path).kernels}
    assert {c.kernel for c in found} == names
    assert len(found) == len(names) * 2  # types
    assert not [c for c in found if c.spilled and c.kernel not in compile_check.SPILLS]
    assert all(c.registers > 0 for c in found)


def test_without_nvrtc_one_sentence_says_what_to_install(monkeypatch, capsys):
    monkeypatch.setattr(nvrtc_package, "PACKAGES", ())
    assert compile_check.main() == 2
    assert capsys.readouterr().err == "NVRTC is not installed: run `pip install nvidia-cuda-nvrtc`.\n"


def test_a_fault_is_reported(tmp_path):
    path = tmp_path / "wrong.cu"
    path.write_text('extern "C" __global__ void wrong(real* x) { x[0] = INFINITY; }')  # NVRTC has none
    with pytest.raises(KernelError, match="INFINITY"):
        compile_check.compile_file(nvrtc(), path, "sm_80", "float")


def test_a_kernel_that_spills_is_seen(tmp_path):
    body = " ".join(f"real v{k} = x[{k} * n];" for k in range(400))
    total = " ".join(f"x[{k}] = v{k} * v{399 - k};" for k in range(400))
    path = tmp_path / "spill.cu"
    path.write_text(f'extern "C" __global__ void spill(volatile real* x, int n) {{ {body} {total} }}')
    assert compile_check.compile_file(nvrtc(), path, "sm_80", "float")[0].spilled > 0
