"""Experiments that train several models: overfitting and its remedies, published figures trained again."""

import copy
import json
import os
import signal
from dataclasses import asdict, replace

import numpy as np
import pytest

from scratchlm.errors import CheckpointError, DataError, OptionError
from scratchlm.experiments import reproduce as module
from scratchlm.experiments.overfitting import Outcome, compare_remedies, variants
from scratchlm.experiments.reproduce import FIGURES, Figure, reproduce
from scratchlm.runs import load_run
from scratchlm.tasks import TASKS, measure
from scratchlm.training import Reporter, Trainer, load_recipe
from scratchlm.training.metrics import Metrics

from .test_cli import assert_one_line
from .test_jobs_text import prose, recipe
from .test_predict import of_task, task
from .test_training import content


@pytest.fixture(scope="module")
def story(tmp_path_factory):
    path = tmp_path_factory.mktemp("story") / "story.txt"
    path.write_text(prose(400), encoding="utf-8")
    return path


def small(story, **changes):
    settings = {"training__evaluate_every": 2, "training__steps": 6, "model__dropout": 0.2} | changes
    return recipe(story, "lstm", data__tokenizer="characters", **settings)


class KillAt(Reporter):
    """Sends the signal of Ctrl-C after a step of the n-th training."""

    def __init__(self, training, step):
        self.trainings, self.at = 0, (training, step)

    def start(self, trainer):
        self.trainings += 1

    def step(self, trainer, loss):
        if (self.trainings, trainer.steps_done) == self.at:
            os.kill(os.getpid(), signal.SIGINT)


# ---------------------------------------------------------------- overfitting
ONE_CHANGE = {
    "dropout 0.5": {("model", "dropout"): 0.5},
    "weight decay 0.3": {("training", "weight_decay"): 0.3},
    "early stopping": {("training", "patience"): 2},
    "smaller model": {("model", "hidden_size"): 3},
    "half the text": {("data", "share"): 0.05},
    "five times the text": {("data", "share"): 0.5},
}


def differences(one, other):
    a, b = asdict(one), asdict(other)
    tables = ("data", "model", "training", "sample")
    return {(t, key): b[t][key] for t in tables for key in a[t] if a[t][key] != b[t][key]}


def test_every_variant_has_one_remedy(story):
    chosen = small(story, training__patience=5, training__weight_decay=0.1)
    before = copy.deepcopy(chosen)
    found = variants(chosen)
    bare = found.pop("no remedy")
    assert (bare.data.share, bare.model.dropout, bare.training.weight_decay, bare.training.patience) == (
        0.1,
        0,
        0,
        0,
    )
    assert {name: differences(bare, each) for name, each in found.items()} == {
        name: {key: pytest.approx(value) for key, value in change.items()}
        for name, change in ONE_CHANGE.items()
    }
    assert chosen == before


@pytest.mark.parametrize(
    ("kind", "body", "key", "expected"),
    [
        ("lstm", "lstm", "hidden_size", 12), ("vae", "lstm", "hidden_size", 12),
        ("l0", "lstm", "embedding_dim", 16),
        ("gpt", "lstm", "embedding_dim", 15), ("classifier", "bert", "embedding_dim", 15),
        ("classifier", "lstm", "hidden_size", 12),
    ],
)  # fmt: skip
def test_a_smaller_model_is_smaller_where_its_size_is(kind, body, key, expected):
    heads = 3 if expected == 15 else 1
    sizes = [f"model.kind={kind}", f"model.body={body}", f"model.num_heads={heads}"]
    chosen = load_recipe("default", [*sizes, "model.hidden_size=50", "model.embedding_dim=66"])
    found = variants(chosen)
    assert differences(found["no remedy"], found["smaller model"]) == {("model", key): expected}


def test_best_and_gap_of_an_outcome():
    outcome = Outcome("", [(10, 2.0), (20, 0.5)], [(10, 2.5), (15, 2.25), (20, 3.0)], 1)
    assert outcome.best == (15, 2.25)
    assert outcome.gap == 2.5


def test_remedies_are_compared_and_a_stop_changes_nothing(story, tmp_path):
    chosen, said = small(story), []
    whole = compare_remedies(chosen, tmp_path / "whole", said.append)
    assert [each.name for each in whole] == ["no remedy", *ONE_CHANGE]
    assert [line.split("  ")[0] for line in said[1::2]] == ["no remedy", *ONE_CHANGE]
    assert (tmp_path / "whole" / "overfitting.png").read_bytes().startswith(b"\x89PNG")
    for each in whole:
        lines = Metrics(tmp_path / "whole" / each.name.replace(" ", "-") / "metrics.jsonl").read()
        losses = [(line["step"], line["validation_loss"]) for line in lines if "validation_loss" in line]
        assert each.validation == losses
        assert len(each.training) == 6 or each.name == "early stopping"
    assert whole[4].parameters < whole[0].parameters
    assert len({each.training[0][1] for each in whole}) > 3

    said.clear()
    parts = compare_remedies(chosen, tmp_path / "parts", said.append, KillAt(3, 3))
    assert [each.name for each in parts] == ["no remedy", "dropout 0.5"]
    assert (
        said[-1]
        == f"Stopped in 'weight decay 0.3': repeat the command with --out {tmp_path / 'parts'} to go on."
    )
    first = content(tmp_path / "parts" / "no-remedy")
    assert compare_remedies(chosen, tmp_path / "parts", said.append) == whole
    assert content(tmp_path / "parts" / "no-remedy") == first
    with pytest.raises(CheckpointError, match=r"no-remedy holds a run of another recipe"):
        compare_remedies(small(story, training__lr=0.5), tmp_path / "parts", said.append)
    assert content(tmp_path / "parts" / "no-remedy") == first


def test_overfit_prints_every_remedy(scratchlm, story, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    (tmp_path / "mine.toml").write_text(small(None).to_toml(), encoding="utf-8")
    options = ["--data", story, "--steps", 2, "--set", "training.lr=0.01", "--out", tmp_path / "out"]
    code, out, err = scratchlm("overfit", tmp_path / "mine.toml", *options)
    assert (code, err) == (0, "")
    table = out.split("\n\n")[-2]
    assert all(name in table for name in ONE_CHANGE)
    assert out.endswith(f"Curves: {tmp_path / 'out' / 'overfitting.png'}\n")
    assert load_run(tmp_path / "out" / "no-remedy").recipe.training.steps == 2


# ---------------------------------------------------------------- published figures
@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_has_a_recipe_and_a_band_around_it(name):
    figure = FIGURES[name]
    chosen = load_recipe(figure.recipe, figure.changes)
    assert figure.name == name
    assert figure.text or chosen.data.task
    assert figure.inside(figure.published)
    if chosen.data.task:
        assert figure.figure == "exact_match"
    for low, high in ((figure.low, None), (None, figure.high)):
        for edge in (edge for edge in (low, high) if edge is not None):
            assert figure.inside(edge)
            assert not figure.inside(edge - 0.01 if low is not None else edge + 0.01)


def test_a_band_in_words():
    figure = Figure("X", "", "tiny", "loss", 1.0, None, 2.5)
    assert figure.band == "at most 2.5"
    assert replace(figure, low=1, high=None).band == "at least 1"
    assert replace(figure, low=1, high=2).band == "1 to 2"
    assert [replace(figure, low=1, high=2).inside(value) for value in (0.9, 1, 1.5, 2, 2.1)] == [
        False,
        True,
        True,
        True,
        False,
    ]


@pytest.fixture
def figures(monkeypatch, tmp_path):
    """Two figures that take a second: a loss on a text, the exact answers of a task."""
    reverse = task("facts", lambda text: text[::-1])
    monkeypatch.setitem(TASKS, "facts", lambda seed=0: reverse)
    for name, chosen in (("text", small(None)), ("pairs", of_task("none", training__steps=4))):
        (tmp_path / f"{name}.toml").write_text(chosen.to_toml(), encoding="utf-8")
    found = {
        "X1": Figure("X1", "a text", str(tmp_path / "text.toml"), "loss", 2.0, None, 5.0, 2, "a story",
                     ("training.steps=4",)),
        "X2": Figure("X2", "a task", str(tmp_path / "pairs.toml"), "exact_match", 99.0, 95.0, None, 1),
    }  # fmt: skip
    monkeypatch.setattr(module, "FIGURES", found)
    return found


def test_a_figure_is_trained_with_each_seed_and_written_down(figures, story, tmp_path):
    said = []
    result = reproduce("X1", [str(story)], None, tmp_path / "out", said.append)
    runs = [load_run(tmp_path / "out" / "runs" / f"X1-seed-{seed}") for seed in (0, 1)]
    assert [run.recipe.training.seed for run in runs] == [0, 1]
    assert [run.recipe.training.steps for run in runs] == [4, 4]
    assert result.values == [round(run.state["validation_loss"], 4) for run in runs]
    assert result.values[0] != result.values[1]
    assert result.inside
    written = json.loads((tmp_path / "out" / "X1.json").read_text(encoding="utf-8"))
    assert written == asdict(result)
    assert [len(curve) for curve in written["curves"]] == [2, 2]
    assert written["curves"][0][-1] == result.values[0]
    assert written["about"]["data_sha256"] == runs[0].state["text"]
    assert written["about"]["changes"] == ["training.steps=4"]
    assert {"date", "scratchlm", "python", "numpy", "numba", "machine"} <= written["about"].keys()
    assert len(said) == 2

    again = reproduce("X1", [str(story)], None, tmp_path / "out", said.append)
    assert (again.values, again.seconds) == (result.values, result.seconds)  # read, not trained
    with pytest.raises(CheckpointError, match="X1-seed-0 holds a run of another recipe"):
        reproduce("X1", [str(story)], None, tmp_path / "out", said.append, changes=["training.lr=0.5"])


def test_the_mean_decides_and_the_best_weights_count(figures, story, tmp_path, monkeypatch):
    for values, inside in (([4.9, 5.2], False), ([4.7, 5.2], True)):
        given = iter(values)
        monkeypatch.setattr(module, "measured", lambda trainer, figure, given=given: next(given))
        assert reproduce("X1", [str(story)], 2, tmp_path / "out", print).inside == inside


def test_the_figure_of_a_task_is_that_of_the_test_part(figures, tmp_path, monkeypatch):
    seen = []

    def note(metric, guesses, truth):
        seen.append((len(guesses), measure(metric, guesses, truth)))
        return seen[-1][1]

    monkeypatch.setattr("scratchlm.training.jobs.job.measure", note)
    result = reproduce("X2", [], None, tmp_path / "out", print)
    examples, figures_found = seen[-1]
    assert examples == len(TASKS["facts"]().test)
    assert result.values == [round(figures_found["exact_match"], 4)]
    assert not result.inside
    assert result.curves == [[line["exact_match"] for line in
                              Metrics(tmp_path / "out" / "runs" / "X2-seed-0" / "metrics.jsonl").read()
                              if "exact_match" in line]]  # fmt: skip


def test_a_stop_can_be_gone_on_from(figures, story, tmp_path):
    whole = reproduce("X1", [str(story)], 2, tmp_path / "whole", print)
    with pytest.raises(OptionError, match=r"Stopped: repeat the command to go on with .*X1-seed-1"):
        reproduce("X1", [str(story)], 2, tmp_path / "parts", print, KillAt(2, 3))
    assert not (tmp_path / "parts" / "X1.json").exists()
    assert reproduce("X1", [str(story)], 2, tmp_path / "parts", print).values == whole.values


def test_pytorch_is_timed_beside_where_a_figure_says_so(figures, story, tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(module, "time_peer", lambda *a: asked.append(a) or {"seconds": 2.0, "loss": 1.5})
    reproduce("X1", [str(story)], 1, tmp_path / "out", print)
    assert asked == []
    figures["X1"] = replace(figures["X1"], beside=True)
    if module.importlib.util.find_spec("torch") is None:
        pytest.skip("PyTorch is not installed (pip install torch)")
    result = reproduce("X1", [str(story)], 1, tmp_path / "out", print)
    assert asked == [(figures["X1"].recipe, [str(story)], ["training.steps=4"])]
    assert result.peer == {"seconds": 2.0, "loss": 1.5}


def test_reproduce_on_the_command_line(scratchlm, figures, story, tmp_path, monkeypatch):
    code, out, _ = scratchlm("reproduce")
    assert code == 0
    assert "loss 2" in out
    assert "at most 5" in out
    options = ["--out", tmp_path / "out", "--seeds", 1]
    code, out, err = scratchlm("reproduce", "X1", "--data", story, *options)
    assert (code, err) == (0, "")
    assert "seeds: 1), published 2, band at most 5: inside" in out
    assert "Changed" not in out
    assert f"written to {tmp_path / 'out' / 'X1.json'}" in out
    monkeypatch.chdir(tmp_path)
    options = ["--seeds", 1]  # without --out
    code, out, _ = scratchlm("reproduce", "X2", *options, "--set", "training.steps=1")
    assert "written to runs/reproduce-X2/X2.json" in out.replace("\\", "/")
    assert not (tmp_path / "results").exists()
    assert code == 0
    assert "band at least 95: OUTSIDE" in out
    assert "Changed by --set: training.steps=1. This is not what was published." in out


def test_wrong_use_is_one_line(scratchlm, figures, story, tmp_path):
    out = ["--out", tmp_path / "out"]
    assert_one_line(
        scratchlm("reproduce", "X12", *out), r"no figure 'X12' \(did you mean 'X[12]'\?\): X1, X2"
    )
    assert_one_line(scratchlm("reproduce", "X1", *out), "X1 needs --data with a story")
    assert_one_line(
        scratchlm("reproduce", "X2", "--data", story, *out),
        r"either data\.paths ",
    )
    assert_one_line(scratchlm("overfit", "nothing", *out), "no recipe 'nothing'")
    assert_one_line(scratchlm("overfit", "--data", tmp_path / "no.txt", *out), "No such file")
    assert not (tmp_path / "out").exists()
    with pytest.raises(DataError, match="needs --data"):
        reproduce("X1", [], None, tmp_path / "out", print)


# ---------------------------------------------------------------- the listings as printed
def test_the_loop_of_pytorch_beside_it_learns_as_much_as_ours(story, tmp_path):
    pytest.importorskip("torch", reason="PyTorch is not installed: pip install torch==2.13.0")
    changes = ["model.embedding_dim=32", "model.num_layers=2", "training.steps=40", "training.length=16"]
    chosen = load_recipe("gpt-128", [*changes, "training.evaluate_every=40"])
    chosen.data.paths = [str(story)]
    trainer = Trainer(chosen, tmp_path / "run")
    start = trainer.job.evaluate().loss
    trainer.run()
    peer = module.time_peer("gpt-128", [str(story)], changes)
    assert peer["seconds"] > 0
    assert start - trainer.best_result.loss > 0.5
    assert peer["loss"] == pytest.approx(
        trainer.best_result.loss, abs=0.1
    )  # other initial weights, same steps


def test_l3_as_printed_ends_with_the_layer_to_add(scratchlm, story, tmp_path):
    options = [
        "--data",
        story,
        "--set",
        "data.task=",
        "--set",
        "data.tokenizer=words",
        "--set",
        "model.as_printed=true",
    ]
    sizes = ["--set", "model.embedding_dim=8", "--set", "model.hidden_size=8", "--out", tmp_path / "run"]
    result = scratchlm("train", "l3", *options, *sizes)
    assert_one_line(
        result, r"Listing L3 scores 8 tokens.*add a last layer Linear\(8, vocabulary\), as L3 has"
    )
    assert not (tmp_path / "run").exists()


def test_l4_as_printed_ends_with_the_number_of_its_weights(scratchlm, tmp_path):
    letters = "abcdefghij"
    words = np.array(
        ["".join(letters[int(d)] for d in f"{k:04d}") for k in range(9996)]
    )  # with <unk>, <s>, </s> and . they are 10,000 tokens
    rows = [*words.reshape(-1, 6), *np.random.default_rng(0).permutation(words).reshape(-1, 6)]
    (tmp_path / "words.txt").write_text(" ".join(" ".join(row) + "." for row in rows), encoding="utf-8")
    options = ["--data", tmp_path / "words.txt", "--set", "data.task=", "--set", "data.tokenizer=words"]
    result = scratchlm("train", "l4", *options, "--set", "model.as_printed=true", "--out", tmp_path / "run")
    assert_one_line(
        result, r"has no time axis: repeat it over time.*10,000, .* it would have 410,320,000 weights"
    )
