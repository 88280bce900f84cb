"""Recipes, the trainer, what it leaves on disk, and that going on gives bit for bit the same."""

import math
import subprocess
import sys

import numpy as np
import pytest

import scratchlm as sl
from scratchlm.debugger import Tape
from scratchlm.debugger.questions import broken
from scratchlm.errors import CheckpointError, DataError, NumberError
from scratchlm.models import LSTMLanguageModel
from scratchlm.runs import load_run
from scratchlm.training import Reporter, Trainer, evaluate, load_arrays, load_recipe
from scratchlm.training.metrics import Metrics, plot

from .tolerance import through

TEXT = "the cat sat on a mat and the dog ran after it while rain fell over old stone"


def text(seed=0, words=1500):
    rng = np.random.default_rng(seed)
    return " ".join(rng.choice(TEXT.split(), words).tolist()) + "\n"


@pytest.fixture
def data(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text(text(), encoding="utf-8")
    return path


def recipe(data, **changes):
    """A run of some 30 steps that takes a second."""
    settings = {
        "model.embedding_dim": 8,
        "model.hidden_size": 12,
        "model.dropout": 0.3,
        "training.steps": 12,
        "training.batch": 4,
        "training.length": 10,
        "training.log_every": 3,
        "training.evaluate_every": 6,
        "training.checkpoint_every": 4,
        "training.device": '"cpu"',
    } | {key.replace("__", "."): value for key, value in changes.items()}
    loaded = load_recipe("default", [f"{key}={value}" for key, value in settings.items()])
    loaded.data.paths = [str(data)]
    return loaded


def train(chosen, folder, resume=False):
    trainer = Trainer(chosen, folder, resume=resume)
    trainer.run()
    return trainer


class StopAfter(Reporter):
    """Stands in for a power cut after a step."""

    def __init__(self, step):
        self.at = step

    def step(self, trainer, loss):
        if trainer.steps_done == self.at:
            raise InterruptedError


def train_in_two_parts(chosen, folder, stop):
    with pytest.raises(InterruptedError):
        Trainer(chosen, folder, StopAfter(stop)).run()
    sl.manual_seed(12345)  # whatever happened in between
    np.random.default_rng().random()
    return train(chosen, folder, resume=True)


def without_times(folder):
    lines = Metrics(folder / "metrics.jsonl").read()
    return [{k: v for k, v in line.items() if k not in ("seconds", "tokens_per_second")} for line in lines]


def content(folder):
    """All that has to be equal, to the bit: checkpoint without times, weights, metrics, tokenizer, recipe."""
    arrays, state = load_arrays(folder / "checkpoint.safetensors")
    state["seconds"], state["pending"]["seconds"] = 0, 0
    return {
        "state": state,
        **{name: (array.dtype.str, array.tobytes()) for name, array in arrays.items()},
        "metrics": without_times(folder),
        **{n: (folder / n).read_bytes() for n in ("weights.safetensors", "tokenizer.json", "recipe.toml")},
    }


# ---------------------------------------------------------------- exact resume
@pytest.mark.parametrize("batches", ["windows", "streams"])
@pytest.mark.parametrize("stop", [1, 4, 6, 7, 11])
def test_a_resumed_run_is_the_uninterrupted_one_bit_for_bit(batches, stop, data, tmp_path):
    chosen = recipe(data, training__batches=f'"{batches}"')
    train(chosen, tmp_path / "whole")
    train_in_two_parts(chosen, tmp_path / "parts", stop)
    found, expected = content(tmp_path / "parts"), content(tmp_path / "whole")
    assert found.keys() == expected.keys()
    assert [key for key in found if found[key] != expected[key]] == []
    assert ("state.0" in found) == (batches == "streams")  # the LSTM's state is carried along streams


@pytest.mark.parametrize("kind", ["sgd", "adamw"])
def test_every_optimizer_and_schedule_is_resumed_exactly(kind, data, tmp_path):
    chosen = recipe(
        data, training__optimizer=f'"{kind}"', training__momentum=0.9, training__lr=0.01,
        training__schedule='"step"', training__decay_every=5, training__warmup=3, model__num_layers=2,
    )  # fmt: skip
    train(chosen, tmp_path / "whole")
    train_in_two_parts(chosen, tmp_path / "parts", 7)
    assert content(tmp_path / "parts") == content(tmp_path / "whole")


def test_resuming_a_finished_run_changes_nothing(data, tmp_path):
    chosen = recipe(data)
    train(chosen, tmp_path / "run")
    before = content(tmp_path / "run")
    assert train(chosen, tmp_path / "run", resume=True).run() == "finished"
    assert content(tmp_path / "run") == before


def test_the_same_seed_gives_the_same_losses_and_another_does_not(data, tmp_path):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        train(recipe(data, training__seed=seed), tmp_path / name)
    a, b, c = (without_times(tmp_path / name) for name in "abc")
    assert a == b
    assert all(one != other for one, other in zip(a, c, strict=True))


def test_what_a_run_measures(data, tmp_path):
    trainer = train(recipe(data), tmp_path / "run")
    lines = without_times(tmp_path / "run")
    assert [line["step"] for line in lines if "loss" in line] == [3, 6, 9, 12]
    assert [line["step"] for line in lines if "validation_loss" in line] == [6, 12]
    assert lines[0]["lr"] == pytest.approx(3e-3 * (1 + math.cos(math.pi * 2 / 12)) / 2)
    best = min(line["validation_loss"] for line in lines if "validation_loss" in line)
    run = load_run(tmp_path / "run")
    expected = {"step": trainer.best_step, "validation_loss": best, "text": trainer.job.sha256, "labels": []}
    assert run.state == expected
    again = evaluate(run.model, trainer.job.text.validation, trainer.job.text.validation_characters)
    assert again.loss == best


def test_training_stops_early_without_gain_and_stays_stopped(data, tmp_path):
    chosen = recipe(data, training__lr=1e-12, training__patience=2, training__evaluate_every=1)
    chosen.training.schedule, chosen.training.steps = "constant", 50
    trainer = Trainer(chosen, tmp_path / "run")
    trainer.model.load_state_dict({n: np.zeros_like(a) for n, a in trainer.model.state_dict().items()})
    trainer._evaluate()  # all zero, so that no gain can follow
    trainer.best -= 1e-3
    assert trainer.run() == "early"
    assert trainer.steps_done == 2
    before = content(tmp_path / "run")
    again = Trainer(chosen, tmp_path / "run", resume=True)
    assert again.run() == "early"
    assert content(tmp_path / "run") == before


# ---------------------------------------------------------------- evaluation
class Counting(LSTMLanguageModel):
    """Notes every target, and in which mode it was asked."""

    def __init__(self, *sizes):
        super().__init__(*sizes, dropout=0.5)
        self.seen, self.modes = [], set()

    def loss(self, ids, targets, state=None):
        self.seen += [int(t) for t in np.asarray(targets).ravel() if t != -100]
        self.modes.add((self.training, self.lstm.training, sl.is_grad_enabled()))
        return super().loss(ids, targets, state)


@pytest.mark.parametrize("n", [2, 3, 64, 65, 66, 130, 500, 2049, 2500])
def test_evaluation_covers_every_token_but_the_first_once(n, device):
    model = Counting(n, 3, 4)
    result = evaluate(model, np.arange(n), n)
    assert sorted(model.seen) == list(range(1, n))
    assert result.tokens == n - 1
    assert model.modes == {(False, False, False)}
    assert model.training


def test_evaluation_is_the_mean_over_all_tokens(device, rng):
    model = LSTMLanguageModel(9, 3, 4)
    for parameter in model.parameters():
        parameter.data *= 4  # so that the state matters that is carried from window to window
    ids = rng.integers(0, 9, 120)  # one stream of two windows, the second shorter
    loss, _ = model.loss(ids[None, :-1], ids[None, 1:])
    result = evaluate(model, ids, 240)
    assert result.loss == pytest.approx(loss.item(), abs=through(model, 119))
    assert result.perplexity == pytest.approx(math.exp(result.loss))
    assert result.bits_per_character == pytest.approx(result.loss * 119 / math.log(2) / 240)


def test_evaluation_does_not_depend_on_dropout_or_mode(device, rng):
    ids = rng.integers(0, 9, 3000)
    model = LSTMLanguageModel(9, 3, 4, dropout=0.5)
    first = evaluate(model.train(), ids, 1).loss
    calls = sl.random.random_state.calls
    assert evaluate(model.eval(), ids, 1).loss == first
    assert not model.training  # as it was
    assert sl.random.random_state.calls == calls


# ---------------------------------------------------------------- a loss that is no number
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_nan_loss_names_step_function_and_learning_rate(data, tmp_path):
    trainer = Trainer(recipe(data, model__dropout=0.0, training__lr=0.02), tmp_path / "run", StopAfter(5))
    with pytest.raises(InterruptedError):
        trainer.run()
    before = (tmp_path / "run" / "checkpoint.safetensors").read_bytes()
    trainer.model.head.weight.data[0, 0] = np.nan
    trainer.reporter = Reporter()
    with pytest.raises(NumberError) as caught:
        trainer.run()
    message = str(caught.value)
    assert "loss is nan at step 6" in message
    assert "head.weight that LinearCrossEntropy (record " in message
    tape = Tape.load(tmp_path / "run" / "step-6.tape")
    assert broken(tape)[0] in message
    assert tape.find("head.weight")[0].turn is not None, "backward is in it, too"
    assert "lr (now 0.02)" in message
    assert (tmp_path / "run" / "checkpoint.safetensors").read_bytes() == before


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_learning_rate_beyond_all_bounds_is_noticed(data, tmp_path):
    chosen = recipe(data, training__lr=1e38, training__clip=0, training__optimizer='"sgd"')
    with pytest.raises(NumberError, match=r"at step [2-6].*lower training\.lr"):
        train(chosen, tmp_path / "run")


def test_a_nan_in_the_carried_state_is_explained_by_name(data, tmp_path):
    chosen = recipe(data, model__dropout=0.0, training__batches='"streams"')
    trainer = Trainer(chosen, tmp_path / "run", StopAfter(5))
    with pytest.raises(InterruptedError):
        trainer.run()
    for part in trainer.state:
        part.data[0, 0, 0] = np.nan
    trainer.reporter = Reporter()
    with pytest.raises(NumberError, match=r"loss is nan at step 6 \(.*state that is carried"):
        trainer.run()


def test_the_carried_state_is_not_blamed_for_a_broken_weight(data, tmp_path):
    chosen = recipe(data, model__dropout=0.0, training__batches='"streams"')
    trainer = Trainer(chosen, tmp_path / "run", StopAfter(5))
    with pytest.raises(InterruptedError):
        trainer.run()
    trainer.model.head.weight.data[0, 0] = np.nan
    trainer.reporter = Reporter()
    with pytest.raises(NumberError, match=r"at step 6 \(head\.weight that LinearCrossEntropy"):
        trainer.run()


# ---------------------------------------------------------------- the folder
def test_bad_text_leaves_no_run_behind(tmp_path):
    short = tmp_path / "short.txt"
    short.write_text("too short", encoding="utf-8")
    for path in (tmp_path / "missing.txt", short):
        with pytest.raises(DataError):
            Trainer(recipe(path), tmp_path / "run")
    short.write_text(text(), encoding="utf-8")
    train(recipe(short), tmp_path / "run")  # the same folder, once the text is right


def test_a_held_out_part_too_short_to_measure_is_refused_at_the_start(data, tmp_path):
    data.write_text(text(words=20), encoding="utf-8")
    with pytest.raises(DataError, match=r"held-out part .* 1 token"):
        Trainer(recipe(data, data__validation=0.01), tmp_path / "run")


def test_a_folder_with_a_run_or_its_files_is_not_touched(data, tmp_path):
    train(recipe(data), tmp_path / "run")
    before = content(tmp_path / "run")
    with pytest.raises(CheckpointError, match="holds a run already: go on with --resume"):
        Trainer(recipe(data, training__seed=1), tmp_path / "run")
    assert content(tmp_path / "run") == before
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "tokenizer.json").write_text("mine", encoding="utf-8")
    with pytest.raises(CheckpointError, match=r"tokenizer\.json"):
        Trainer(recipe(data), tmp_path / "other")
    assert (tmp_path / "other" / "tokenizer.json").read_text(encoding="utf-8") == "mine"


def test_resume_needs_a_run(data, tmp_path):
    with pytest.raises(CheckpointError, match=r"no checkpoint\.safetensors"):
        Trainer(recipe(data), tmp_path / "nothing", resume=True)
    assert not (tmp_path / "nothing").exists()


def test_resume_on_a_changed_text_is_refused(data, tmp_path):
    train(recipe(data), tmp_path / "run")
    before = content(tmp_path / "run")
    data.write_text(text() + "more", encoding="utf-8")
    with pytest.raises(CheckpointError, match=r"data is not the one .* SHA-256"):
        Trainer(recipe(data), tmp_path / "run", resume=True)
    assert content(tmp_path / "run") == before


def test_a_metrics_file_with_a_cut_last_line_is_repaired(data, tmp_path):
    chosen = recipe(data)
    train(chosen, tmp_path / "whole")
    with pytest.raises(InterruptedError):
        Trainer(chosen, tmp_path / "run", StopAfter(10)).run()
    with open(tmp_path / "run" / "metrics.jsonl", "a", encoding="utf-8") as file:
        file.write('{"step": 10, "lo')
    assert [line["step"] for line in without_times(tmp_path / "run")] == [3, 6, 6, 9]
    train(chosen, tmp_path / "run", resume=True)
    assert content(tmp_path / "run") == content(tmp_path / "whole")


SPOILT = {
    "a byte that is no UTF-8": b"\xff",
    "no step": b"{}",
    "no object": b"[1]",
    "a word as step": b'{"step": "9"}',
    "UTF-16": '{"step": 9}'.encode("utf-16"),
}


@pytest.mark.parametrize("name", SPOILT)
def test_a_metrics_file_with_a_damaged_line_is_good_up_to_there(name, data, tmp_path):
    chosen, path = recipe(data), tmp_path / "run" / "metrics.jsonl"
    train(chosen, tmp_path / "whole")
    with pytest.raises(InterruptedError):
        Trainer(chosen, tmp_path / "run", StopAfter(10)).run()
    with open(path, "ab") as file:
        file.write(SPOILT[name] + b'\n{"step": 7, "loss": 0.5}\n')
    assert [line["step"] for line in without_times(tmp_path / "run")] == [3, 6, 6, 9]
    train(chosen, tmp_path / "run", resume=True)
    assert content(tmp_path / "run") == content(tmp_path / "whole")


def test_what_a_killed_process_was_writing_is_gone_after_resume(data, tmp_path):
    chosen, folder = recipe(data), tmp_path / "run"
    with pytest.raises(InterruptedError):
        Trainer(chosen, folder, StopAfter(5)).run()
    (folder / ".mine").write_text("kept", encoding="utf-8")
    before = {path.name for path in folder.iterdir()}
    for name in ("checkpoint.safetensors", "weights.safetensors", "metrics.jsonl"):
        code = "import os, sys; from pathlib import Path; from scratchlm.files import written_aside\n"
        code += "with written_aside(Path(sys.argv[1])) as aside: aside.write_bytes(b'half'); os._exit(9)"
        killed = subprocess.run([sys.executable, "-c", code, str(folder / name)])
        assert killed.returncode == 9
    assert len({path.name for path in folder.iterdir()} - before) == 3
    train(chosen, folder, resume=True)
    assert {path.name for path in folder.iterdir()} == before
    train(chosen, tmp_path / "whole")
    assert content(folder) == content(tmp_path / "whole")


def test_the_legend_of_the_losses_covers_no_curve(tmp_path, monkeypatch):
    from matplotlib.figure import Figure

    drawn, plain = [], Figure.savefig
    monkeypatch.setattr(Figure, "savefig", lambda f, *a, **b: drawn.append(f) or plain(f, *a, **b))
    lines = [{"step": k, "loss": 2.0, "validation_loss": 2.0 + k} for k in range(5)]
    plot(lines, tmp_path / "loss.png", "title", "token")
    (axes,), (legend,) = drawn[0].axes, drawn[0].legends
    assert not legend.get_window_extent().overlaps(axes.get_window_extent())
    assert [text.get_text() for text in legend.get_texts()] == ["training", "validation"]
