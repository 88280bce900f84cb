"""The cache of compiled kernels saves time and nothing else: damaged, full or absent, all goes on."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from scratchlm.kernels import cache
from scratchlm.kernels.cpu import compiling

from .test_cli import SMALL, assert_one_line
from .test_runs import outside
from .test_training import text

KERNEL = """
import numpy as np
from scratchlm.kernels.cpu.compiling import kernel

@kernel
def twice(x):
    return 2 * x

def main():
    assert twice(np.ones(3))[1] == 2
    print(sum(twice.stats.cache_hits.values()), "read")

if __name__ == "__main__":
    main()
"""


@pytest.fixture
def call(tmp_path):
    """Compile a kernel in a process of its own; gives what it printed and what it warned of."""
    (tmp_path / "twice.py").write_text(KERNEL, encoding="utf-8")

    def run(**options):
        environment = {**os.environ, "PYTHONPATH": str(Path(cache.__file__).parents[1])}
        environment |= {"SCRATCHLM_CACHE": str(tmp_path / "cache"), **options.pop("environment", {})}
        command = [sys.executable, "-B", str(tmp_path / "twice.py")]
        done = subprocess.run(command, capture_output=True, text=True, env=environment, **options)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip(), done.stderr

    return run


@pytest.mark.parametrize("length", [0, 60, -1])
@pytest.mark.parametrize("suffix", [".nbi", ".nbc"])
def test_a_damaged_file_is_compiled_anew_and_then_kept_again(suffix, length, call, tmp_path):
    assert call() == ("0 read", "")
    assert call() == ("1 read", "")
    (file,) = (tmp_path / "cache").rglob(f"*{suffix}")
    file.write_bytes(file.read_bytes()[:length])
    assert call() == ("0 read", "")
    assert call() == ("1 read", "")


@pytest.mark.skipif(sys.platform == "win32", reason="limits are Unix's")
@pytest.mark.parametrize("room", [0, 5000])  # not even for a try; for that, but not for a kernel
def test_a_full_disk_is_said_once(room, call):
    import resource

    def fill():
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))

    out, err = call(preexec_fn=fill)
    assert out == "0 read"
    assert err.count("Compiled kernels are not kept") == 1


def test_a_folder_that_cannot_be_made_is_said_once(tmp_path):
    (tmp_path / "text.txt").write_text(text(), encoding="utf-8")
    (tmp_path / "file").touch()
    arguments = ["--data", tmp_path / "text.txt", "--out", tmp_path / "run", *SMALL]
    done = outside("train", *arguments, SCRATCHLM_CACHE=str(tmp_path / "file" / "cache"))
    assert (done.returncode, b"Summary" in done.stdout) == (0, True)
    assert done.stderr.decode().startswith("scratchlm: Compiled kernels are not kept (")
    assert done.stderr.count(b"\n") == 1


def test_a_folder_inside_that_cannot_be_written_to(tmp_path, monkeypatch):
    monkeypatch.setattr(compiling, "CACHE", True)
    monkeypatch.setattr(compiling, "cache_folder", lambda: Path(os.devnull))
    cache.say_not_kept.cache_clear()
    with pytest.warns(UserWarning, match="Compiled kernels are not kept"):
        double = compiling.kernel(lambda x: 2 * x)
    assert double(4) == 8


@pytest.mark.skipif(sys.platform == "win32", reason="users have numbers on Unix")
def test_a_user_without_a_home_is_told_once(tmp_path, monkeypatch):
    monkeypatch.delenv("SCRATCHLM_CACHE", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)

    def nowhere():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", nowhere)
    cache.say_not_kept.cache_clear()
    cache._passing.cache_clear()
    with pytest.warns(UserWarning, match="has no home folder"):
        found = cache.cache_home()
    assert found.is_dir()
    assert cache.cache_home() == found  # one for the whole process
    assert not cache.lasts()
    shutil.rmtree(found)
    cache._passing.cache_clear()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))  # decides, home or not
    assert cache.cache_home() == tmp_path / "scratchlm"
    assert cache.lasts()


@pytest.mark.parametrize("command", ["doctor", "train"])
def test_numba_that_must_not_compile_is_one_line(command):
    done = outside(command, NUMBA_DISABLE_JIT="1")
    found = done.returncode, done.stdout.decode(), done.stderr.decode()
    assert_one_line(found, "NUMBA_DISABLE_JIT is set.*unset it, or use the device 'reference'")


@pytest.mark.skipif(sys.platform == "win32", reason="pipes are Unix's")
def test_a_reader_that_goes_is_no_fault(trained):
    code = "from scratchlm.cli import main; main()"
    command = [sys.executable, "-c", code, "generate", str(trained[0] / "run"), "--tokens", "3000"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.read(5)
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    process.wait()
