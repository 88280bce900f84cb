import importlib.util
import os
import shutil
import subprocess
import sys

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # of the reference set; read once, when NumPy is loaded

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

import scratchlm as sl
from scratchlm import cli
from scratchlm.errors import DeviceError
from scratchlm.kernels.emulator import KernelError, compiler

# The first call of a cpu kernel compiles it, so times say nothing; CI draws the same examples every time.
settings.register_profile("ci", deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
settings.register_profile("dev", deadline=None, suppress_health_check=list(HealthCheck))
settings.load_profile("ci" if os.environ.get("CI") else "dev")


def no_card():
    """Why there is no device cuda here; "" where there is one."""
    if importlib.util.find_spec("cupy") is None:
        return 'CuPy is not installed (pip install "cupy-cuda12x[ctk]")'
    try:
        sl.get_device("cuda")
    except DeviceError as error:
        return str(error)
    return ""


NO_CARD = no_card()
CUDA = pytest.param("cuda", marks=pytest.mark.skipif(bool(NO_CARD), reason=NO_CARD))
DEVICES = ["reference", "cpu"] + ([] if NO_CARD else ["cuda"])
HOST_ONLY = (
    "test_generation_choice",
    "test_generation_search",
    "test_graph",
    "test_own_function",
    "test_tensor",
)
if not NO_CARD and os.environ.get("SCRATCHLM_CUPY_POOL") == "0":
    # compute-sanitizer sees an access beyond an array only where the array has memory of its own.
    sl.get_device("cuda").xp.cuda.set_allocator(None)


def pytest_collection_modifyitems(items):
    """Without a compiler there is no emulator."""
    try:
        compiler()
    except KernelError as error:
        for item in items:
            if "emulator" in item.nodeid:
                item.add_marker(pytest.mark.skip(reason=str(error)))


@pytest.fixture(params=DEVICES)
def device(request):
    """Each device in turn, as the default one, from the same seed."""
    if request.param == "cuda" and request.module.__name__.rpartition(".")[2] in HOST_ONLY:
        pytest.skip("these tests write into the memory of tensors with NumPy")
    sl.manual_seed(0)
    with sl.use_device(request.param):
        yield request.param


@pytest.fixture
def rng():
    return np.random.default_rng(0)


# ---------------------------------------------------------------- the command line, and a run to use it on
@pytest.fixture
def scratchlm(monkeypatch, capsys):
    """Run the command line in this process: (exit code, standard output, standard error)."""

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["scratchlm", *map(str, arguments)])
        code = 0
        try:
            cli.main()
        except SystemExit as ending:
            code = ending.code or 0
        return code, *capsys.readouterr()

    return call


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """A text and a run of five steps on it."""
    from .test_cli import SMALL
    from .test_training import text

    folder = tmp_path_factory.mktemp("trained")
    (folder / "text.txt").write_text(text(), encoding="utf-8")
    arguments = ["train", "--data", str(folder / "text.txt"), "--out", str(folder / "run"), *SMALL]
    code = f"import sys; sys.argv = ['scratchlm', *{arguments!r}]; from scratchlm.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, encoding="utf-8")
    assert (done.returncode, done.stderr) == (0, "")
    return folder, done.stdout


@pytest.fixture
def run(trained, tmp_path):
    """A copy of that run, to spoil."""
    return shutil.copytree(trained[0] / "run", tmp_path / "run")
