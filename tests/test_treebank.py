"""A recipe for a text of the Penn Treebank's form: parts, words between spaces, a range of weights."""

import numpy as np
import pytest

from scratchlm.experiments import reproduce as module
from scratchlm.experiments.reproduce import FIGURES, reproduce
from scratchlm.training import Trainer, load_recipe, prepare_text
from scratchlm.training.building import build_model

SMALLER = ["model.hidden_size=8", "model.embedding_dim=8", "training.steps=6", "training.evaluate_every=3"]


@pytest.fixture
def treebank(tmp_path):
    """Three made-up files of that form."""
    rng = np.random.default_rng(0)
    words = ["the", "company", "'s", "shares", "did", "n't", "N", "%", "in", "u.s.", "mr.", "<unk>", "said"]
    paths = []
    for name, lines in (("train", 300), ("valid", 40), ("test", 30)):
        text = "".join(f" {' '.join(rng.choice(words, 12))} \n" for _ in range(lines))
        paths.append(tmp_path / f"{name}.txt")
        paths[-1].write_text(text, encoding="utf-8")
    return [str(path) for path in paths]


def test_weights_start_in_the_range_of_the_recipe():
    recipe = load_recipe("ptb-200", SMALLER)
    recipe.data.source = "python"
    model = build_model(recipe, prepare_text(recipe.data).tokenizer)
    for name, parameter in model.named_parameters():
        largest = np.abs(parameter.numpy()).max()
        assert 0.05 < largest <= 0.1, name
    wide = build_model(load_recipe("ptb-200", [*SMALLER, "model.init_range=0"]), model_tokenizer())
    assert max(np.abs(p.numpy()).max() for p in wide.parameters()) > 0.3


def model_tokenizer():
    return prepare_text(load_recipe("tiny").data).tokenizer


def test_the_published_step_is_that_of_the_sum_over_20_places():
    """Published: learning rate 1, gradients clipped at 5, of the loss summed over a window."""
    training = load_recipe("ptb-200").training
    assert (training.lr, training.clip) == (1.0 * training.length, 5.0 / training.length)
    epoch = ((929_589 // training.batch) - 1) // training.length
    assert (training.steps, training.decay_from, training.decay_every) == (13 * epoch, 4 * epoch, epoch)


def test_the_figure_is_the_perplexity_of_the_test_text(treebank, tmp_path, monkeypatch):
    wide = {"B1": FIGURES["B1"]}
    monkeypatch.setattr(module, "FIGURES", wide)
    result = reproduce("B1", treebank, 1, tmp_path / "out", print, changes=SMALLER)
    run = tmp_path / "out" / "runs" / "B1-seed-0"
    trainer = Trainer(load_recipe(str(run / "recipe.toml")), run, resume=True)
    trainer.load_best()
    test = trainer.job.test()
    assert test.examples == len(trainer.job.text.test) - 1 == 30 * 13 - 2
    assert result.values == [round(test.figures["perplexity"], 4)]
    assert trainer.job.tokenizer.spaced
    with pytest.raises(module.DataError, match="three files in this order"):
        reproduce("B1", treebank[:1], 1, tmp_path / "out", print)


def test_the_test_text_is_measured_at_the_end(treebank, tmp_path, scratchlm):
    sets = [part for change in SMALLER for part in ("--set", change)]
    for key, path in zip(("validation", "test"), treebank[1:], strict=True):
        sets += ["--set", f"data.{key}_paths=['{path}']"]
    run = tmp_path / "run"
    code, out, err = scratchlm("train", "ptb-200", "--data", treebank[0], *sets, "--out", run)
    assert (code, err) == (0, "")
    assert "519 of another text held out, 389 to test on" in out
    assert "388 test tokens" in out
    code, out, err = scratchlm("evaluate", run)
    assert (code, err) == (0, "")
    assert "held-out part" not in out
