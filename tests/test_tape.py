"""Recordings: what is written down, the proof by computing again, files, faults that are found."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import scratchlm as sl
from scratchlm import functions as F
from scratchlm import models, nn, optim
from scratchlm.debugger import Tape, record
from scratchlm.debugger.kept import same_bits
from scratchlm.debugger.tape import LEVELS
from scratchlm.errors import CheckpointError, OptionError, ScratchLMError, ShapeError
from scratchlm.models import listings

ROOT = Path(__file__).parents[1]

IDS = np.random.default_rng(0).integers(0, 11, (2, 6))
MODELS = {
    "gpt": lambda: (models.GPTLanguageModel(11, 8, 16, num_layers=2, num_heads=2, dropout=0.2), (IDS, IDS)),
    "lstm": lambda: (models.LSTMLanguageModel(11, 8, 12, num_layers=2, dropout=0.2), (IDS, IDS)),
    "encoder-decoder": lambda: (models.EncoderDecoder(11, 8, 12, 2, "additive"), (IDS, IDS, IDS)),
    "copying": lambda: (models.EncoderDecoder(11, 8, 12, copy=True), (IDS, IDS, IDS)),
    "bert": lambda: (models.MaskedLanguageModel(11, 8, 16, num_layers=1, num_heads=2), (IDS, IDS)),
    "autoencoder": lambda: (models.SequenceAutoencoder(11, 8, 12), (IDS, IDS, IDS)),
    "vae": lambda: (models.TextVAE(11, 8, 12), (IDS, IDS, IDS)),
    "classifier": lambda: (listings.L1(11, 8, 3), (IDS, IDS[:, 0] % 3)),
    "L0": lambda: (listings.L0(11), (IDS, IDS[:, 0])),
    "L2": lambda: (listings.L2(11, 8), (IDS, IDS)),
    "L3": lambda: (listings.L3(11, 8, 12), (IDS, IDS)),
    "L4": lambda: (listings.L4(11, 8), (IDS, IDS)),
}


def trained(kind, device, level="full"):
    """A tape of two steps of training."""
    sl.manual_seed(0)
    model, batch = MODELS[kind]()
    model.to(device)
    optimizer = optim.Adam(model.parameters())
    with record(level, quiet=True) as tape:
        for _ in range(2):
            loss = model.loss(*batch)
            loss = loss[0] if isinstance(loss, tuple) else loss
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return tape, model, loss


@pytest.mark.parametrize("device", ["reference", "cpu"])
@pytest.mark.parametrize("kind", MODELS)
def test_every_formula_of_a_model_is_proved(kind, device):
    tape, model, loss = trained(kind, device)
    proof = tape.verify()
    assert proof, str(proof)
    assert str(proof) == f"recording verified: {len(tape)} of {len(tape)}"
    last = next(r for r in reversed(tape.records) if r.turn is not None and r.grad_outputs[0].shape == ())
    assert last.outputs[0].array == loss.item()
    named = {s.source for r in tape for s in r.inputs if isinstance(s.source, str)}
    used = {name for name, p in model.named_parameters() if p.grad is not None}
    assert used <= named, used - named


def test_what_a_record_says():
    model = models.LSTMLanguageModel(11, 8, 12)
    with record(quiet=True) as tape:
        loss, _ = model.loss(IDS, IDS)  # the user's line
        loss.backward()
    lstm = tape.find("lstm.sequence")[0]
    assert (lstm.name, lstm.formula, lstm.module, lstm.call) == ("LSTM", "lstm.sequence", "lstm", 0)
    assert lstm.line.startswith("test_tape.py:")
    assert lstm.line.endswith("# the user's line")
    assert [s.source for s in lstm.inputs][3:5] == ["lstm.weight_ih_l0", "lstm.weight_hh_l0"]
    assert isinstance(lstm.inputs[0].source, tuple), "its input was made by another record"
    maker, output = lstm.inputs[0].source
    assert tape[maker].outputs[output].array is lstm.inputs[0].array
    assert "lstm_forward" in lstm.kernels
    assert "lstm_backward" in lstm.kernels
    assert len(lstm.seconds) == 2
    weight = dict(zip((s.source for s in lstm.inputs), lstm.grad_inputs, strict=True))["lstm.weight_hh_l0"]
    assert same_bits(weight.array, model.lstm.weight_hh_l0.grad.numpy())
    assert next(r.turn for r in tape if r.turn is not None) == max(r.turn for r in tape if r.turn is not None)
    assert "lstm.LSTM[0]" in str(tape)


def test_a_cell_in_a_loop_counts_its_steps():
    cell, x, h = nn.GRUCell(3, 4), sl.randn(5, 2, 3), None
    with record("shape", quiet=True) as tape:
        for x_t in x:
            h = cell(x_t, h)
    steps = tape.find("gru")
    assert [r.call for r in steps] == [0, 1, 2, 3, 4]
    assert steps[0].inputs[0].array is None
    assert "recording verified: 0 of" in str(tape.verify())


def test_tensors_have_the_names_of_their_variables():
    W, x = sl.randn(3, 4, requires_grad=True), sl.randn(2, 4)
    with record(quiet=True) as tape:
        y = x @ W.T
        F.softmax(y).sum().backward()
    assert tape.find("matmul")[0].inputs[0].source == "x"
    assert "W" in str(tape)


@pytest.mark.parametrize("level", LEVELS)
def test_levels(level):
    x = sl.tensor(np.array([[0.0, 3.0], [np.nan, 4.0]]), requires_grad=True)
    with record(level, quiet=True) as tape:
        (x + 1.0).sum()
    seen = tape[0].inputs[0]
    assert seen.shape == (2, 2)
    kept = {"shape": 0, "none": 0, "health": 1, "summary": 2, "full": 3}[level]
    assert (seen.finite, seen.norm, seen.zeros) == ((False, 5.0, 0.25) if kept in (1, 2) else (None,) * 3)
    assert (seen.bins is not None) == (kept == 2)
    assert (seen.array is not None) == (kept == 3)


def test_norms_of_numbers_too_large_to_square():
    with record("health", quiet=True) as tape:
        sl.tensor(np.array([3e30, 4e30], np.float32)) + 0.0
    assert tape[0].inputs[0].finite
    assert tape[0].inputs[0].norm == pytest.approx(5e30)


def test_after_the_budget_arrays_are_described():
    x = sl.tensor(np.ones(1000))
    with record(budget=20_000, quiet=True) as tape:
        for _ in range(5):
            x = x + 1.0
    assert tape.bytes <= 20_000
    assert tape[0].outputs[0].array is not None
    assert tape[4].outputs[0].array is None
    assert tape[4].outputs[0].norm > 0
    assert not tape.verify()


def test_a_formula_that_fails_is_marked():
    y = sl.randn(2, 3, requires_grad=True)
    with record(quiet=True) as tape:
        y = y.tanh()
        with pytest.raises(ScratchLMError):
            F.embedding(y, [0, 7])
    assert tape.failed is tape[-1]
    assert tape.failed.name == "Embedding"
    assert "TokenError: Token id 7" in tape.failed.error
    assert tape.verify()
    assert len(tape) == 2
    assert "FAILED" in str(tape)


def test_one_that_fails_in_backward():
    class Broken(sl.Function):
        def forward(self, x):
            self.save(x)
            return 2 * x

        def backward(self, grad_y):
            raise ShapeError("no slope")

    x = sl.randn(3, requires_grad=True)
    with pytest.raises(ShapeError), record(quiet=True) as tape:
        Broken()(x).sum().backward()
    assert tape.failed.name == "Broken"


def test_what_is_changed_in_place_is_found():
    x = sl.randn(4, requires_grad=True)
    with record(quiet=True) as tape:
        y = x.exp()
        y.data[0] = 7.0  # behind the tensor's back
        y.sum().backward()
    assert "output 0 of record 0 was changed in place" in str(tape.verify())

    with record(quiet=True) as tape:
        y = x.exp()
        loss = y.sum()
        y.data[0] = 7.0  # exp saved its result
        loss.backward()
    assert "an array that Exp saved (record 0) was changed in place" in str(tape.verify())
    with record(quiet=True) as tape:
        x.exp().sum().backward()
    assert tape.verify()
    assert not tape.changes


def test_a_changed_recording_is_no_proof(tmp_path):
    tape, _, _ = trained("gpt", "reference")
    record_ = tape.find("softmax")[0] if tape.find("softmax") else tape.find("layer_norm")[0]
    record_.outputs[0].array = record_.outputs[0].array + 1
    assert "has other bits when computed again" in str(tape.verify())
    record_.grad_inputs[0].array = -record_.grad_inputs[0].array
    assert not tape.verify()


@pytest.mark.parametrize("kind", ["gpt", "encoder-decoder"])
def test_a_file_is_read_by_another_process(kind, tmp_path):
    tape, _, _ = trained(kind, "cpu")
    tape.save(tmp_path / "step.tape")
    program = (
        "import sys; from scratchlm.debugger import Tape; t = Tape.load(sys.argv[1]);"
        "print(t); print(t.verify(), t.records[3].line, sep='\\n')"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "step.tape")]
    said = subprocess.run(command, capture_output=True, encoding="utf-8", cwd=ROOT)
    assert said.returncode == 0, said.stderr
    assert said.stdout.splitlines()[-2:] == [f"recording verified: {len(tape)} of {len(tape)}", tape[3].line]
    assert said.stdout.startswith(str(tape))
    again = Tape.load(tmp_path / "step.tape")
    for kept, found in zip(tape, again, strict=True):
        assert kept.key == found.key
        for a, b in zip(kept.inputs + kept.outputs, found.inputs + found.outputs, strict=True):
            assert (a.source, a.shape, a.array.strides) == (b.source, b.shape, b.array.strides)
            assert same_bits(a.array, b.array)


def test_files_that_are_none(tmp_path):
    (tmp_path / "a").write_bytes(b"no tape")
    with pytest.raises(CheckpointError, match="is not read as a recording"):
        Tape.load(tmp_path / "a")
    with pytest.raises(CheckpointError, match="is not read as a recording"):
        Tape.load(tmp_path / "none")
    from safetensors.numpy import save

    (tmp_path / "later").write_bytes(save({}, {"scratchlm": json.dumps({"format": 99, "records": []})}))
    with pytest.raises(CheckpointError, match="by a later scratchlm"):
        Tape.load(tmp_path / "later")


def test_nothing_is_recorded_outside_or_in_another_thread():
    import threading

    x = sl.randn(3, requires_grad=True)
    y = x.exp()  # before: backward comes through it all the same
    with record(quiet=True) as tape:
        worker = threading.Thread(target=lambda: x.tanh())
        worker.start()
        worker.join()
        y.sum().backward()
    x.exp()
    assert [r.name for r in tape] == ["Sum"]
    assert tape.verify()


def test_it_says_so_once(capsys):
    with record():
        sl.randn(3).exp()
    said = capsys.readouterr().err
    assert said.startswith("Recorded 1 formulas (full, ")
    assert said.endswith(" times as slow.\n")
    with record(quiet=True):
        pass
    assert capsys.readouterr().err == ""
    with pytest.raises(OptionError, match="level is 'everything', expected one of none, shape, health"):
        record("everything")
