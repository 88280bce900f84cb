"""A run goes on as it began, or says what is another now: its recipe, its checkpoint's state."""

import dataclasses
import json

import pytest

from scratchlm.errors import CheckpointError
from scratchlm.training import Trainer, load_arrays, load_recipe, save_arrays
from scratchlm.training.metrics import Metrics, plot

from .test_cli import assert_one_line
from .test_training import StopAfter, data, recipe  # noqa: F401


@pytest.fixture
def stopped(data, tmp_path):  # noqa: F811
    """The folder of a run that was stopped after its first checkpoint."""
    folder = tmp_path / "run"
    with pytest.raises(InterruptedError):
        Trainer(recipe(data), folder, StopAfter(6)).run()
    return folder


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("training.lr=0.1", "training.lr was 0.003 and is 0.1"),
        ("training.steps=50", "training.steps was 12 and is 50"),
        ("model.dropout=0.0", "model.dropout was 0.3 and is 0.0"),
        ("data.validation=0.2", "data.validation was 0.1 and is 0.2"),
    ],
)
def test_a_recipe_that_was_edited_is_refused_with_what_differs(change, words, stopped, scratchlm):
    path = stopped / "recipe.toml"
    path.write_text(load_recipe(str(path), [change]).to_toml(), encoding="utf-8")
    before = {file.name: file.read_bytes() for file in stopped.iterdir()}
    found = scratchlm("train", "--resume", stopped)
    assert_one_line(found, f"was changed since the run began: {words}. Put the old values back")
    assert {file.name: file.read_bytes() for file in stopped.iterdir()} == before


def test_the_largest_seeds_go_on_too(data, tmp_path):  # noqa: F811
    chosen, folder = recipe(data, training__seed=2**100), tmp_path / "run"
    with pytest.raises(InterruptedError):
        Trainer(chosen, folder, StopAfter(6)).run()
    assert Trainer(chosen, folder, resume=True).run() == "finished"


def test_a_text_that_has_moved_is_no_change(stopped, data, tmp_path):  # noqa: F811
    moved = data.rename(tmp_path / "elsewhere.txt")
    chosen = load_recipe(str(stopped / "recipe.toml"))
    chosen = dataclasses.replace(chosen, data=dataclasses.replace(chosen.data, paths=[str(moved)]))
    (stopped / "recipe.toml").write_text(chosen.to_toml(), encoding="utf-8")
    assert Trainer(chosen, stopped, resume=True).run() == "finished"


WRONG = {
    "steps_done": [None, -1, 1.5, "4", 10**6, []],
    "seconds": ["long", None],
    "best": [{}, {"loss": "low"}, {"loss": 1.0, "tokens": 5, "decided_by": "nothing"}, 7],
    "best_step": [-3, "x"],
    "without_gain": [None, 0.5],
    "pending": [None, [1, 2], {"losses": "many"}],
    "random": [None, {}, {"seed": 0}, {"seed": 0, "calls": 0, "generator": {}}, [1]],
    "batches": [None, {}, {"step": -1, "seed": 0}, {"step": 1.5}, {"step": 1, "seed": 0, "more": 2}],
    "text": [None, 5],
    "recipe": [None, {}, {"data": {}}, {"data": 1, "model": 2, "training": 3}],
}


@pytest.mark.parametrize("key", WRONG)
def test_a_whole_checkpoint_with_another_state_is_one_line(key, stopped, scratchlm):
    arrays, state = load_arrays(stopped / "checkpoint.safetensors")
    other = [{**state, key: value} for value in WRONG[key]] + [{k: v for k, v in state.items() if k != key}]
    for spoilt in other:
        save_arrays(stopped / "checkpoint.safetensors", arrays, json.loads(json.dumps(spoilt)))
        assert_one_line(scratchlm("train", "--resume", stopped), "")


@pytest.mark.parametrize(
    "value",
    [
        *("[1, 2]", "null", '"low"', "true", "{}", "1" + "0" * 400, "9" * 5000),
        "[" * 5000 + "]" * 5000,
    ],
    ids=lambda value: value[:10],
)
@pytest.mark.parametrize("key", ["loss", "validation_loss", "perplexity"])
def test_a_measurement_that_is_no_number_is_dropped_with_what_follows(key, value, stopped, scratchlm):
    path = stopped / "metrics.jsonl"
    whole = path.read_text(encoding="utf-8")
    path.write_text(f'{whole}{{"step": 4, "{key}": {value}}}\n{whole}', encoding="utf-8")
    code, _, err = scratchlm("train", "--resume", stopped)
    assert (code, err) == (0, "")
    assert path.read_text(encoding="utf-8").startswith(whole)
    assert value not in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("value", ["1e400", "NaN", "Infinity"])
def test_what_a_run_that_diverged_may_measure_is_kept(value, tmp_path):
    (tmp_path / "m").write_text(f'{{"step": 4, "loss": 1.0, "perplexity": {value}}}\n' * 2, encoding="utf-8")
    lines = Metrics(tmp_path / "m").read()
    assert len(lines) == 2
    plot([{"step": 1, "loss": line["perplexity"]} for line in lines], tmp_path / "a.png", "title", "token")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            ["model.num_layers=2147483647"],
            r"num_layers 2,147,483,647.* GB with their gradients, but this machine",
        ),
        (["model.embedding_dim=2147483647"], "has .* weights or more"),
        (["model.hidden_size=2147483647"], "has .* weights or more"),
        (["model.kind=gpt", "model.num_layers=2147483647"], "has .* weights or more"),
        (["model.num_layers=9223372036854775808"], "num_layers is 9223372036854775808, expected"),
        (["data.min_count=100000"], "No characters occur 100,000 times .*lower data.min_count"),
        (["data.tokenizer=words", "data.min_count=2147483647"], "No words occur 2,147,483,647 times"),
    ],
)
def test_what_cannot_be_trained_leaves_nothing_behind(changes, words, data, tmp_path, scratchlm):  # noqa: F811
    sets = [part for change in changes for part in ("--set", change)]
    found = scratchlm("train", "tiny", "--data", data, *sets, "--out", tmp_path / "run")
    assert_one_line(found, words)
    assert not (tmp_path / "run").exists()


def test_the_state_of_another_model_is_refused(stopped):
    arrays, state = load_arrays(stopped / "checkpoint.safetensors")
    save_arrays(stopped / "checkpoint.safetensors", {"model.x": next(iter(arrays.values()))}, state)
    with pytest.raises(CheckpointError, match="The weights lack"):
        Trainer(load_recipe(str(stopped / "recipe.toml")), stopped, resume=True)
