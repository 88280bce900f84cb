"""Runs on a text: masked tokens, the next token, sentences given back, the listings; measured and resumed."""

import math

import numpy as np
import pytest

import scratchlm as sl
from scratchlm.errors import DataError, RecipeError, ShapeError, TokenError
from scratchlm.runs import load_run
from scratchlm.tasks import TASKS, Example, TaskData
from scratchlm.text import IGNORE
from scratchlm.training import Reporter, Trainer, load_recipe, make_job
from scratchlm.training.jobs.sequences import COLLAPSED, interpolate

from .test_training import content, train, train_in_two_parts

WORDS = ["cat", "sat", "mat", "dog", "ran", "rain", "fell", "old", "stone", "bird", "sang", "moon", "tree"]
KINDS = ("bert", "l0", "l2", "autoencoder", "vae", "l3", "l4")
BACK = ("autoencoder", "vae", "l3", "l4")  # give a sentence back
FIGURES = {"bert": {"accuracy"}, "l0": {"accuracy"}, "l2": set()}
FIGURES |= {kind: {"accuracy", "exact_match"} for kind in BACK}
FIGURES["vae"] = {"reconstruction", "KL", "active_units"}


def prose(number=160, seed=0):
    """Different sentences of 3 to 6 words, three on a line."""
    rng = np.random.default_rng(seed)
    made = {" ".join(rng.choice(WORDS, rng.integers(3, 7))) + "." for _ in range(2 * number)}
    made = sorted(made)[:number]
    rng.shuffle(made)
    return "\n".join(" ".join(made[k : k + 3]) for k in range(0, number, 3)) + "\n"


@pytest.fixture(scope="session")
def story(tmp_path_factory):
    path = tmp_path_factory.mktemp("story") / "story.txt"
    path.write_text(prose(), encoding="utf-8")
    return path


def recipe(story, kind, **changes):
    """Three steps of a small model; changes as `training__steps=5`."""
    settings = {
        "data.tokenizer": "words",
        "model.kind": kind,
        "model.embedding_dim": 8,
        "model.hidden_size": 12,
        "model.num_heads": 2,
        **({"model.code_size": 4} if kind in ("autoencoder", "vae") else {}),
        "training.steps": 3,
        "training.batch": 4,
        "training.length": 8,
        "training.log_every": 1,
        "training.evaluate_every": 3,
        "sample.tokens": 20,
    } | {key.replace("__", "."): value for key, value in changes.items()}
    loaded = load_recipe("default", [f"{key}={value}" for key, value in settings.items()])
    loaded.data.paths = [str(story)] if story else []
    return loaded


def losses(trainer):
    return [line["loss"] for line in trainer.metrics.read() if "loss" in line]


# ---------------------------------------------------------------- one run after the other
@pytest.mark.parametrize("kind", KINDS)
def test_a_run_trains_is_measured_and_shows_text(kind, story, tmp_path):
    trainer = train(recipe(story, kind), tmp_path / "run")
    other = train(recipe(story, kind, training__device="reference"), tmp_path / "reference")
    np.testing.assert_allclose(losses(trainer), losses(other), rtol=1e-3)  # of training, no single sum
    run = load_run(tmp_path / "run")
    job = make_job(run.recipe, run.tokenizer)
    job.model.load_state_dict(run.model.state_dict())
    result = job.evaluate()
    assert result == trainer.best_result
    assert set(result.figures) == FIGURES[kind]
    assert result.badness == result.loss  # the loss decides, whatever else is measured
    assert all(np.isfinite(value) for value in result.figures.values())
    shown = "".join(job.sample())
    assert len([word for word in WORDS if word in shown]) >= 3
    assert job.describe()[0].startswith("story: ")
    assert job.test() is None
    assert job.next_steps(tmp_path).count(str(tmp_path)) >= 1


LEARNED = {"bert": 0.04, "l0": 0.1, "l2": 0.3, "autoencoder": 0.5, "vae": 1.0, "l3": 0.5, "l4": 0.3}  # nats


@pytest.mark.parametrize("kind", KINDS)
def test_the_loss_falls(kind, story, tmp_path):
    chosen = recipe(story, kind, training__steps=150, training__lr=0.02, data__validation=0.5)
    chosen.training.evaluate_every = 50
    trainer = Trainer(chosen, tmp_path / "run")
    before = trainer.job.evaluate().loss
    trainer.run()
    assert trainer.best_result.loss < before - LEARNED[kind]


@pytest.mark.parametrize("kind", ["bert", "l0", "vae", "l3"])
@pytest.mark.parametrize("stop", [2, 5])
def test_a_resumed_run_is_the_uninterrupted_one_bit_for_bit(kind, stop, story, tmp_path):
    chosen = recipe(story, kind, training__steps=7, training__checkpoint_every=2)
    if kind == "bert":
        chosen.model.dropout = 0.2
    if kind == "vae":
        chosen.model.word_dropout, chosen.training.anneal_steps = 0.3, 6
    train(chosen, tmp_path / "whole")
    train_in_two_parts(chosen, tmp_path / "parts", stop)
    found, expected = content(tmp_path / "parts"), content(tmp_path / "whole")
    assert [key for key in expected if found[key] != expected[key]] == []


# ---------------------------------------------------------------- masked tokens
def test_masks_are_drawn_anew_each_step_and_always_the_same_to_measure(story):
    job = make_job(recipe(story, "bert", training__length=40))
    window = job.text.validation[None, :40]
    first, second, again = (job._masked(window, 1, place)[1] for place in (0, 1, 0))
    assert not np.array_equal(first, second)
    assert np.array_equal(first, again)
    assert (first != IGNORE).sum() == 6  # 15 % of 40
    assert job.evaluate() == job.evaluate()
    batch = next(job.batches)
    losses = [job.loss(batch, None, step)[0].item() for step in (0, 0, 1)]
    assert losses[0] == losses[1] != losses[2]


@pytest.mark.parametrize("tokens", [2, 5, 17, 30])
def test_every_token_is_measured_once_and_nothing_behind_the_text(tokens, story, monkeypatch):
    job = make_job(recipe(story, "bert"))
    ids = job.text.validation = np.arange(3, 3 + tokens)
    seen = []
    monkeypatch.setattr(job.model, "loss", lambda _, targets: seen.append(targets) or sl.tensor(1.0))
    monkeypatch.setattr(
        type(job.model), "forward", lambda self, ids: sl.tensor(np.zeros((*ids.shape, 99), np.float32))
    )
    monkeypatch.setattr(job, "_masked", lambda window, *_: (window, np.array(window)))
    job.evaluate()
    measured = np.concatenate([targets[targets != IGNORE] for targets in seen])
    assert sorted(measured) == ids.tolist()


# ---------------------------------------------------------------- the next token
def test_l0_expects_the_token_after_a_window(story, monkeypatch):
    job = make_job(recipe(story, "l0", training__length=4))
    asked = []
    monkeypatch.setattr(
        job.model, "loss", lambda ids, targets: asked.append((np.array(ids), targets)) or sl.tensor(1.0)
    )
    inputs, targets = np.arange(12).reshape(3, 4), np.arange(12).reshape(3, 4) + 1
    job.loss((inputs, targets), None, 0)
    assert asked[0][1].tolist() == [4, 8, 12]
    assert job.count((inputs, targets)) == 3
    asked.clear()
    result = job.evaluate()
    windows, following = (np.concatenate(part) for part in zip(*asked, strict=True))
    ids = job.text.validation
    assert result.tokens == len(windows) == len(ids) - 4  # a window begins at every token: 4 / 4
    assert np.array_equal(following, ids[4:])
    assert np.array_equal(windows[:, 0], ids[: len(windows)])


@pytest.mark.parametrize("kind", ["bert", "l0"])
def test_a_held_out_part_shorter_than_a_window(kind, tmp_path):
    (tmp_path / "short.txt").write_text(prose(40), encoding="utf-8")
    job = make_job(recipe(tmp_path / "short.txt", kind, training__length=60))
    assert len(job.text.validation) < 30
    result = job.evaluate()
    assert result.tokens >= 1
    assert np.isfinite(result.loss)
    assert "".join(job.sample()).count("\n") >= 3


# ---------------------------------------------------------------- sentences given back
def test_no_held_out_sentence_is_one_that_was_trained_on(tmp_path):
    sentences = prose(30).replace("\n", " ").split(". ")[:20]
    text = ". ".join([*sentences, *sentences[:3], "the moon rose again.\n"])
    (tmp_path / "twice.txt").write_text(text, encoding="utf-8")
    job = make_job(recipe(tmp_path / "twice.txt", "l3", data__validation=0.2))
    training, validation = (
        [job.tokenizer.decode(row) for row in rows] for rows in (job.training, job.validation)
    )
    assert validation
    assert not set(training) & set(validation)
    assert len(set(training)) == len(training)


@pytest.mark.parametrize("kind", BACK)
def test_the_loss_is_the_mean_over_all_tokens(kind, story):
    job = make_job(recipe(story, kind))
    total, tokens = 0.0, 0
    with sl.no_grad():
        job.model.eval()
        for row in job.validation:
            loss, counted = job._loss([row]).item(), len(row) + (kind not in ("l3", "l4"))
            if kind == "vae":
                parts = job.model.parts(*job._arrays([row]))
                loss = parts.reconstruction.item() + parts.kl.numpy().sum()
            total += loss if kind == "vae" else loss * counted
            tokens += counted
    result = job.evaluate()
    assert result.tokens == tokens
    assert result.loss == pytest.approx(total / (len(job.validation) if kind == "vae" else tokens), rel=1e-5)
    assert job.unit == ("sentence" if kind == "vae" else "token")


def test_what_comes_back_is_counted_token_by_token(story, monkeypatch):
    job = make_job(recipe(story, "l4"))
    job.validation = [np.array([3, 4, 5]), np.array([6, 7, 8, 9])]
    for again, accuracy, whole in (
        ([[3, 4, 5], [6, 7, 8, 9]], 100, 100),
        ([[3, 4], [6, 7, 8, 9, 3]], 100 * 6 / 7, 0),  # too short, too long
        ([[3, 4, 5], [9, 8, 7, 6]], 100 * 3 / 7, 50),
    ):
        monkeypatch.setattr(job, "again", lambda rows, found=again: [np.array(row) for row in found])
        assert job.evaluate().figures == pytest.approx({"accuracy": accuracy, "exact_match": whole})


def test_sentences_of_all_lengths_come_back_in_their_order(story):
    job = make_job(recipe(story, "l3", training__steps=1))
    some = [job.validation[k] for k in (0, 5, 3, 1, 4)]
    together = job.again(some)
    assert [len(row) for row in together] == [len(row) for row in some]
    for row, found in zip(some, together, strict=True):
        assert np.array_equal(found, job.again([row])[0])


def test_the_sources_of_a_task_are_lines_and_its_validation_part_is_held_out(monkeypatch):
    parts = [
        tuple(Example(f"{word} {number}: a, b; c = {number}?", "x") for number in range(count))
        for word, count in (("cat", 12), ("dog", 5), ("mat", 4))
    ]
    data = TaskData("facts", "for tests", "nowhere", *parts, metric="exact_match")
    monkeypatch.setitem(TASKS, "facts", lambda seed=0: data)
    chosen = recipe(None, "l3", data__task="facts", data__tokenizer="characters", training__length=40)
    job = make_job(chosen)
    assert [job.tokenizer.decode(row) for row in job.training] == [example.source for example in parts[0]]
    assert job.text.validation_text == "\n".join(example.source for example in parts[1])
    assert len(job.validation) == 5
    assert job.recipe.data.task == "facts"
    half = make_job(recipe(None, "l3", data__task="facts", data__tokenizer="characters",
                           data__share=0.5, training__length=40))  # fmt: skip
    assert 4 <= len(half.training) <= 6
    chosen.data.paths = ["mine.txt"]
    with pytest.raises(RecipeError, match=r"either data\.paths \(a text\) or data\.task, not both"):
        make_job(chosen)


def test_a_text_without_sentences_is_refused(story):
    with pytest.raises(DataError, match=r"has 0 sentences of 3 to 2 tokens .* raise training\.length"):
        make_job(recipe(story, "autoencoder", training__length=2))


# ---------------------------------------------------------------- the variational autoencoder
class Told(Reporter):
    """Keeps the warnings."""

    def __init__(self):
        self.warnings = []

    def warning(self, text):
        self.warnings.append(text)


@pytest.mark.parametrize(("bias", "collapsed"), [(0.0, True), (0.49, True), (0.51, False), (3.0, False)])
def test_the_collapse_is_told_below_half_a_nat_and_not_above(bias, collapsed, story, tmp_path):
    """With all else 0, μ is its bias b in 4 dimensions, and KL = 4 b² / 2."""
    chosen = recipe(story, "vae", training__lr=1e-12, training__steps=1)
    trainer = Trainer(chosen, tmp_path / "run", told := Told())
    for name, parameter in trainer.model.named_parameters():
        parameter.data[...] = math.sqrt(bias / 2) if name == "code.bias" else 0
    trainer.run()
    assert trainer.best_result.figures["KL"] == pytest.approx(bias, abs=1e-3)
    assert trainer.best_result.figures["active_units"] == 0
    assert len(told.warnings) == collapsed
    if collapsed:
        assert "the posterior has collapsed: KL is 0." in told.warnings[0]
        for remedy in ("training.anneal_steps", "model.word_dropout", "training.free_bits"):
            assert remedy in told.warnings[0]
    assert COLLAPSED == 0.5


def test_beta_rises_slowly_at_first(story, monkeypatch):
    job = make_job(recipe(story, "vae", training__anneal_steps=100, training__beta=2.0))
    betas = []
    monkeypatch.setattr(job.model, "loss", lambda *_, beta, free_bits: betas.append(beta) or sl.tensor(1.0))
    for step in (0, 25, 50, 75, 100, 1000):
        job.loss([0], None, step)
    assert betas == sorted(betas)
    assert betas == pytest.approx([2 / (1 + math.exp(-x)) for x in (-6, -3, 0, 3, 6, 114)])
    job.recipe.training.anneal_steps = 0
    job.loss([0], None, 0)
    assert betas[-1] == 2


def test_the_way_from_one_sentence_to_another_begins_and_ends_with_them(story):
    job = make_job(recipe(story, "vae"))
    for parameter in job.model.parameters():
        parameter.data *= 4  # so that codes matter
    one, other = job._far_apart()
    assert not np.array_equal(one, other)
    steps = interpolate(job.model, job.tokenizer, one, other, 5, tokens=9)
    back = interpolate(job.model, job.tokenizer, other, one, 5, tokens=9)
    assert len(steps) == 5
    assert steps == back[::-1]
    written = [job.tokenizer.decode(row[:9]) for row in job.again([one, other])]
    for line, expected in zip((steps[0], steps[-1]), written, strict=True):
        assert line[: len(expected)] == expected[: len(line)]


def test_a_finished_vae_that_is_read_again_shows_its_dimensions(story, tmp_path):
    chosen = recipe(story, "vae")
    train(chosen, tmp_path / "run")
    out = "".join(Trainer(chosen, tmp_path / "run", resume=True).job.sample())
    shown = out.split("the largest first:\n\n  ")[1].split("\n")[0].split()
    assert len(shown) == 4
    assert sorted(shown, key=float, reverse=True) == shown


# ---------------------------------------------------------------- the listings as printed
def test_l3_as_printed_names_the_layer_that_it_lacks(story, tmp_path):
    with pytest.raises(TokenError, match=r"scores 8 tokens.*add a last layer Linear\(8, vocabulary\)"):
        train(recipe(story, "l3", model__as_printed="true"), tmp_path / "run")


def test_l4_as_printed_names_the_time_axis_that_the_code_lacks(story, tmp_path):
    with pytest.raises(ShapeError, match="no time axis: repeat it over time"):
        train(recipe(story, "l4", model__as_printed="true"), tmp_path / "run")
