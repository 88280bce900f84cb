"""What is on disk is whole or absent: a full disk, damaged files, a process killed or interrupted."""

import errno
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from scratchlm.errors import CheckpointError
from scratchlm.runs import load_run
from scratchlm.training import Trainer, load_arrays, save_arrays

from .test_training import StopAfter, content, data, recipe, train  # noqa: F401

OURS = {"recipe.toml", "tokenizer.json", "weights.safetensors", "checkpoint.safetensors", "metrics.jsonl"}
unix = pytest.mark.skipif(sys.platform == "win32", reason="signals are Unix's")


@pytest.mark.parametrize("call", ["replace", "fsync", "write_bytes"])
def test_a_full_disk_loses_nothing(call, data, tmp_path, monkeypatch):  # noqa: F811
    chosen, folder = recipe(data), tmp_path / "run"
    with pytest.raises(InterruptedError):
        Trainer(chosen, folder, StopAfter(5)).run()
    before = content(folder)
    trainer = Trainer(chosen, folder, resume=True)

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(Path if call == "write_bytes" else os, call, full)
        with pytest.raises(CheckpointError, match=r"Cannot write .*checkpoint\.safetensors: .* lost"):
            trainer.save()
        with pytest.raises(CheckpointError, match=r"Cannot write .*weights\.safetensors"):
            trainer.save_weights()
    assert content(folder) == before
    assert {path.name for path in folder.iterdir()} == OURS  # no temporary file
    assert trainer.run() == "finished"  # there is room again
    train(chosen, tmp_path / "whole")
    assert content(folder) == content(tmp_path / "whole")


def test_a_disk_that_fills_while_writing_leaves_no_half_file(tmp_path, monkeypatch):
    path = tmp_path / "a.safetensors"
    save_arrays(path, {"x": np.arange(3)}, {"n": 1})
    whole = Path.write_bytes

    def half(self, content):
        whole(self, content[: len(content) // 2])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_bytes", half)
    with pytest.raises(CheckpointError, match="Cannot write"):
        save_arrays(path, {"x": np.arange(4)}, {"n": 2})
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    assert load_arrays(path)[1] == {"n": 1}


# ---------------------------------------------------------------- files that are not what was written
@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "a.safetensors"
    arrays = {"b": np.arange(6, dtype=np.float32).reshape(2, 3), "a": np.array(7), "empty": np.zeros((0, 2))}
    save_arrays(path, arrays, {"step": 12, "loss": 0.1, "big": 2**100, "nested": {"x": [1, None]}})
    return path, arrays


def test_arrays_and_state_come_back(saved):
    path, arrays = saved
    found, state = load_arrays(path)
    assert state == {"step": 12, "loss": 0.1, "big": 2**100, "nested": {"x": [1, None]}}
    assert found.keys() == arrays.keys()
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype
        assert np.array_equal(found[name], array)


def test_views_and_bytes_in_another_order_come_back_as_they_look(tmp_path):
    whole = np.arange(6, dtype=np.float32).reshape(2, 3)
    views = {
        "t": whole.T,
        "step": whole[:, ::2],
        "back": whole[::-1],
        "big": whole.astype(">f4"),
        "number": whole[0, 1],
    }
    save_arrays(tmp_path / "a.safetensors", views, {})
    found, _ = load_arrays(tmp_path / "a.safetensors")
    for name, array in views.items():
        assert np.array_equal(found[name], array), name
        assert found[name].shape == array.shape


def test_equal_content_gives_equal_files(saved, tmp_path):
    path, _ = saved
    save_arrays(tmp_path / "b.safetensors", *load_arrays(path))
    assert (tmp_path / "b.safetensors").read_bytes() == path.read_bytes()


def test_any_truncation_is_found(saved):
    path, _ = saved
    whole = path.read_bytes()
    for length in [0, 1, 7, 8, 9, 50, len(whole) // 2, len(whole) - 8, len(whole) - 1]:
        path.write_bytes(whole[:length])
        with pytest.raises(CheckpointError, match="is damaged"):
            load_arrays(path)


def test_any_flipped_bit_is_found(saved):
    path, _ = saved
    whole = path.read_bytes()
    for place in range(len(whole)):
        flipped = bytearray(whole)
        flipped[place] ^= 1 << random.Random(place).randrange(7)
        path.write_bytes(flipped)
        with pytest.raises(CheckpointError):
            load_arrays(path)


def test_another_format_names_both_versions(saved, monkeypatch):
    path, _ = saved
    monkeypatch.setattr("scratchlm.training.checkpoint.FORMAT", "2")
    with pytest.raises(CheckpointError, match=r"of format 1 \(scratchlm .*format 2: use that version"):
        load_arrays(path)


def test_a_foreign_file_is_named(tmp_path):
    from safetensors.numpy import save_file

    path = tmp_path / "foreign.safetensors"
    save_file({"x": np.zeros(3)}, path)
    with pytest.raises(CheckpointError, match="not written by scratchlm"):
        load_arrays(path)
    path.write_text("hello", encoding="utf-8")
    with pytest.raises(CheckpointError, match="is damaged"):
        load_arrays(path)
    with pytest.raises(CheckpointError, match=r"no missing\.safetensors"):
        load_arrays(tmp_path / "missing.safetensors")


def test_weights_of_another_model_are_refused(data, tmp_path):  # noqa: F811
    train(recipe(data), tmp_path / "a")
    train(recipe(data, model__hidden_size=13), tmp_path / "b")
    os.replace(tmp_path / "b" / "weights.safetensors", tmp_path / "a" / "weights.safetensors")
    with pytest.raises(CheckpointError, match=r"has shape .* in the weights and .* in the model"):
        load_run(tmp_path / "a")


# ---------------------------------------------------------------- killed and interrupted processes
def command(*arguments):
    code = "from scratchlm.cli import main; main()"
    return [sys.executable, "-c", code, *map(str, arguments)]


def begin(*arguments):
    pipe = subprocess.PIPE
    return subprocess.Popen(command(*arguments), stdout=pipe, stderr=pipe, text=True, encoding="utf-8")


def written(chosen, tmp_path):
    path = tmp_path / "recipe.toml"
    path.write_text(chosen.to_toml(), encoding="utf-8")
    return path


def stamp(path):
    return path.stat().st_mtime_ns if path.exists() else 0


@unix
def test_killed_at_random_moments_and_resumed_it_ends_the_same(data, tmp_path):  # noqa: F811
    chosen = recipe(data, training__steps=600, training__checkpoint_every=20, training__evaluate_every=50)
    chosen.training.batches = "streams"
    train(chosen, tmp_path / "whole")
    folder, luck, kills = tmp_path / "run", random.Random(1), 0
    checkpoint, awaited = folder / "checkpoint.safetensors", folder / "recipe.toml"
    arguments = ["train", written(chosen, tmp_path), "--out", folder]
    for _ in range(6):
        before = stamp(awaited)
        process = begin(*arguments)
        while stamp(awaited) == before and process.poll() is None:
            time.sleep(0.002)
        time.sleep(luck.uniform(0, 0.05) if awaited == checkpoint else 0)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        kills += process.returncode == -signal.SIGKILL
        # The first kill comes before there is any checkpoint, the others at any moment after a new one.
        arguments, awaited = ["train", "--resume", folder], checkpoint
    assert kills >= 4
    output = subprocess.run(command(*arguments), capture_output=True, text=True, encoding="utf-8")
    assert output.returncode == 0, output.stderr
    found, expected = content(folder), content(tmp_path / "whole")
    assert [key for key in expected if found.get(key) != expected[key]] == []


@unix
def test_ctrl_c_ends_with_a_checkpoint_and_says_how_to_go_on(data, tmp_path):  # noqa: F811
    chosen = recipe(data, training__steps=100_000, training__checkpoint_every=100_000)
    folder = tmp_path / "run"
    process = begin("train", written(chosen, tmp_path), "--out", folder)
    deadline = time.monotonic() + 60
    while not (folder / "metrics.jsonl").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    assert f"scratchlm train --resume {folder}" in out
    step = load_arrays(folder / "checkpoint.safetensors")[1]["steps_done"]
    assert 0 < step < 100_000
    assert f"Stopped after step {step:,}" in out
    assert load_run(folder).model  # something to generate from
    lines = (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    assert all(json.loads(line)["step"] <= step for line in lines)
