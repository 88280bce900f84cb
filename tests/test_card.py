"""What the device cuda says where something is missing: one sentence, exit code 2, no traceback."""

import importlib
import re
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

import scratchlm as sl
from scratchlm.cli import doctor
from scratchlm.errors import DeviceError
from scratchlm.kernels.cuda import card

from . import fake_cupy


def broken(error):
    def call(*_):
        raise error

    return call


def without_cupy(patch):
    fake_cupy.install(patch)
    patch.setitem(sys.modules, "cupy", None)
    patch.setattr(card, "driver", lambda: SimpleNamespace(cuInit=lambda flags: 1))


def without_cupy_and_driver(patch):
    without_cupy(patch)
    patch.setattr(card, "driver", lambda: None)


def with_a_broken_cupy(patch):
    fake_cupy.install(patch)
    plain = importlib.import_module

    def load(name, *rest):
        if name == "cupy":
            raise ImportError("libcublas.so.12: cannot open shared object file")
        return plain(name, *rest)

    patch.setattr(importlib, "import_module", load)


def without_a_driver(patch):
    fake_cupy.install(patch, driver=0)


def with_an_old_driver(patch):
    fake_cupy.install(patch, driver=11040)


def with_a_driver_for_cuda_12_and_a_cupy_for_13(patch):
    fake_cupy.install(patch, driver=12040, runtime=13000)


def without_a_card(patch):
    fake_cupy.install(patch, count=0)


def where_the_driver_finds_no_card(patch):
    cupy = fake_cupy.install(patch)
    error = fake_cupy.CUDARuntimeError(100, "cudaErrorNoDevice: no CUDA-capable device is detected")
    cupy.cuda.runtime.getDeviceCount = broken(error)


def where_the_driver_fails(patch):
    cupy = fake_cupy.install(patch)
    cupy.cuda.runtime.getDeviceCount = broken(
        fake_cupy.CUDARuntimeError(999, "cudaErrorUnknown: unknown error")
    )


def with_an_old_card(patch):
    fake_cupy.install(patch, capability="61")


def without_nvrtc(patch):
    cupy = fake_cupy.install(patch)
    cupy.cuda.nvrtc.getVersion = broken(RuntimeError('Failure finding "libnvrtc.so.12"'))


def without_headers(patch):
    cupy = fake_cupy.install(patch)
    cupy.arange = broken(Exception('\n/tmp/a.cu(12): error: cannot open source file "cuda_fp16.h"\n1 error'))


MISSING = {
    without_cupy: 'needs CuPy: run `pip install "cupy-cuda12x[ctk]"`',
    without_cupy_and_driver: "finds no NVIDIA driver: install the one for your card",
    with_a_broken_cupy: "CuPy does not load (libcublas.so.12: cannot open shared object file): run `pip",
    without_a_driver: "finds no NVIDIA driver: install the one for your card",
    with_an_old_driver: "driver is for CUDA 11.4, this CuPy needs CUDA 12: install a driver from 525 on",
    with_a_driver_for_cuda_12_and_a_cupy_for_13: (
        'needs CUDA 13: run `pip uninstall cupy-cuda13x` and `pip install "cupy-cuda12x[ctk]"`'
    ),
    without_a_card: "it shows no GPU: unset CUDA_VISIBLE_DEVICES",
    where_the_driver_finds_no_card: "it shows no GPU: unset CUDA_VISIBLE_DEVICES",
    where_the_driver_fails: "gives no GPU (cudaErrorUnknown: unknown error): restart the machine",
    with_an_old_card: "The GPU (Imagined card, sm_61) is older than sm_75",
    without_nvrtc: 'finds no NVRTC, NVIDIA\'s compiler: run `pip install "cupy-cuda12x[ctk]"`',
    without_headers: 'error: cannot open source file "cuda_fp16.h"): run `pip install "cupy-cuda12x[ctk]"`',
}


@pytest.mark.parametrize("missing", MISSING, ids=lambda missing: missing.__name__)
def test_what_is_missing_is_one_sentence(missing, monkeypatch, scratchlm, tmp_path):
    missing(monkeypatch)
    with pytest.raises(DeviceError) as caught:
        sl.get_device("cuda")
    sentence = str(caught.value)
    assert MISSING[missing] in sentence
    assert sentence.endswith("or use the device 'cpu' or 'emulator', which need no GPU.")
    assert "\n" not in sentence
    run = tmp_path / "run"
    assert scratchlm("train", "--device", "cuda", "--steps", 1, "--out", run) == (
        2,
        "",
        f"scratchlm: {sentence}\n",
    )
    assert not run.exists()
    assert dict(doctor.examine())["device cuda"] == f"no: {sentence}"


def test_cupy_is_installed_by_the_same_words_everywhere(monkeypatch):
    without_cupy(monkeypatch)
    with pytest.raises(DeviceError) as caught:
        sl.get_device("cuda")
    words = re.search("`(pip install .*?)`", str(caught.value))[1]
    monkeypatch.setattr(doctor, "_version", lambda package, missing="none": missing)
    assert dict(doctor.examine())["CuPy"] == f"none: only the device 'cuda' needs it ({words})"
    page = (Path(__file__).parents[1] / "docs" / "cuda.md").read_text(encoding="utf-8")
    assert f"\n{words} " in page
    assert f"`{words}` |" in page
    assert ".[cuda]" not in page


def test_the_doctor_describes_the_card(monkeypatch):
    fake_cupy.install(monkeypatch)
    found = dict(doctor.examine())["device cuda"]
    assert found.startswith("Imagined card, sm_90, 60.0 of 80.0 GB free; CuPy's pool holds 3.0 GB")
    assert "TF32 off (CUPY_TF32=1 turns it on)" in found


def test_a_card_without_memory_is_a_sentence(monkeypatch, scratchlm, tmp_path):
    cupy = fake_cupy.install(monkeypatch)
    error = fake_cupy.OutOfMemoryError("Out of memory allocating 1,024 bytes (allocated so far: 512 bytes).")
    cupy.zeros_like = broken(error)  # of the optimizer
    code, _, said = scratchlm("train", "--device", "cuda", "--steps", 1, "--out", tmp_path / "run")
    assert code == 2
    assert said == (
        "scratchlm: The GPU has no memory left (Out of memory allocating 1,024 bytes (allocated so far: 512 "
        "bytes)): lower training.batch or training.length, or take a smaller model.\n"
    )
