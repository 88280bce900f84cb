"""Runs that learn a task (classifier, l1, encoder-decoder): train, measure, predict, go on, fine-tune."""

import dataclasses
import doctest

import numpy as np
import pytest

import scratchlm as sl
from scratchlm.errors import CheckpointError, OptionError, RecipeError, TokenError
from scratchlm.runs import load_run
from scratchlm.runs.predicting import predict
from scratchlm.runs.talking import Talk
from scratchlm.tasks import TASKS, Example, TaskData
from scratchlm.training import Trainer, fine_tuning, load_arrays, load_recipe, make_job
from scratchlm.training.jobs import pairs
from scratchlm.training.jobs.classes import class_probabilities
from scratchlm.training.jobs.pairs import answer

from .test_training import content, train, train_in_two_parts
from .tolerance import rounding, same, through

BASELINES = {"accuracy": ["majority", "nearest", "logistic"], "exact_match": ["majority", "copy", "nearest"]}


def examples(number, target, start):
    """Strings of 2 to 5 letters, each different, with a target made from them."""
    rng = np.random.default_rng(start)
    found = {"".join(rng.choice(list("abcd"), rng.integers(2, 6))): None for _ in range(9 * number)}
    return tuple(Example(source, target(source)) for source in list(found)[:number])


def tiny(name, target, metric):
    sizes = (60, 12, 15)
    parts = [examples(number, target, start) for start, number in enumerate(sizes)]
    return TaskData(name, "a task for tests", "nowhere", *parts, metric=metric)


@pytest.fixture(autouse=True)
def tasks(monkeypatch):
    """Small data behind the names of two tasks: is there an a in the text, and the text backwards."""

    def put(name, target, metric):
        data = tiny(name, target, metric)
        monkeypatch.setitem(TASKS, name, lambda seed=0: data)
        return data

    put("languages", lambda text: "with" if "a" in text else "without", "accuracy")
    put("facts", lambda text: text[::-1], "exact_match")
    return put


CLASSIFIERS = {
    "lstm": {"model.kind": "classifier", "model.body": "lstm"},
    "gpt": {"model.kind": "classifier", "model.body": "gpt"},
    "bert": {"model.kind": "classifier", "model.body": "bert"},
    "both ways": {"model.kind": "classifier", "model.bidirectional": "true"},
    "l1": {"model.kind": "l1"},
}
WRITERS = {
    attention: {"model.kind": "encoder-decoder", "model.attention": attention, "data.task": "facts"}
    for attention in ("none", "additive", "multiplicative")
}
WRITERS["copy"] = WRITERS["multiplicative"] | {"model.copy": "true"}
WRITERS["copy both ways"] = WRITERS["copy"] | {"model.bidirectional": "true"}
ALL = CLASSIFIERS | WRITERS


def recipe(changes, **more):
    settings = {
        "data.task": "languages",
        "model.embedding_dim": 8,
        "model.hidden_size": 12,
        "model.num_heads": 2,
        **({} if changes.get("model.kind") == "l1" else {"model.dropout": 0.3}),  # L1 knows none
        "training.steps": 3,
        "training.batch": 4,
        "training.length": 6,
        "training.log_every": 1,
        "training.evaluate_every": 3,
    }
    settings |= changes | {key.replace("__", "."): value for key, value in more.items()}
    return load_recipe("default", [f"{key}={value}" for key, value in settings.items()])


# ---------------------------------------------------------------- one run after the other
@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("where", ["reference", "cpu"])
def test_a_run_trains_is_measured_and_predicts(name, where, tmp_path):
    trainer = train(recipe(ALL[name], training__device=where), tmp_path / "run")
    losses = [line["loss"] for line in trainer.metrics.read() if "loss" in line]
    assert len(losses) == 3
    assert np.isfinite(losses).all()
    run = load_run(tmp_path / "run")
    job = make_job(run.recipe, run.tokenizer)
    job.model.load_state_dict(run.model.state_dict())
    result = job.evaluate()
    assert result == trainer.best_result
    metric = "accuracy" if name in CLASSIFIERS else "exact_match"
    assert result.badness == -result.figures[metric]
    test = job.test()
    assert test.examples == 15
    assert list(test.baselines) == BASELINES[metric]
    assert 0 <= test.figures[metric] <= 100
    found = predict(run, "abca")
    if name in CLASSIFIERS:
        assert {each.text for each in found} == set(run.state["labels"]) == {"with", "without"}
        assert sum(each.probability for each in found) == pytest.approx(1, abs=rounding(4))
        assert found[0].probability >= found[1].probability
    else:
        assert len(found) == 1
        assert found[0].probability is None
    assert "".join(job.sample()).count("→") == (8 if name in CLASSIFIERS else 6)


def test_worked_values():
    assert doctest.testmod(pairs) == (0, 2)  # failed, tried


@pytest.mark.parametrize("name", ["lstm", "additive"])
def test_what_is_learned_is_seen_in_the_figure_of_the_test_part(name, tmp_path):
    chosen = recipe(ALL[name], training__steps=150, training__lr=0.02, model__dropout=0.0)
    chosen.model.hidden_size, chosen.training.evaluate_every, chosen.training.batch = 24, 50, 16
    trainer = train(chosen, tmp_path / "run")
    trainer.load_best()
    test = trainer.job.test()
    simple = "majority" if name == "lstm" else "nearest"
    assert test.figures[test.metric] > test.baselines[simple][test.metric]


@pytest.mark.parametrize("name", ["lstm", "gpt", "additive"])
@pytest.mark.parametrize("stop", [2, 5])
def test_a_resumed_run_is_the_uninterrupted_one_bit_for_bit(name, stop, tmp_path):
    chosen = recipe(ALL[name], training__steps=7, training__checkpoint_every=2, training__evaluate_every=2)
    if name == "additive":
        chosen.training.teacher_forcing = 0.5  # drawn for each step: the draws have to go on too
    train(chosen, tmp_path / "whole")
    train_in_two_parts(chosen, tmp_path / "parts", stop)
    found, expected = content(tmp_path / "parts"), content(tmp_path / "whole")
    assert [key for key in expected if found[key] != expected[key]] == []


def test_teacher_forcing_is_for_its_share_of_the_steps(tmp_path, monkeypatch):
    job = make_job(recipe(WRITERS["none"], training__teacher_forcing=0.25))
    seen = []
    monkeypatch.setattr(
        type(job.model), "loss", lambda self, *a, teacher_forcing: seen.append(teacher_forcing)
    )
    for step in range(400):
        job.loss(next(job.batches), None, step)
    assert 0.15 < np.mean(seen) < 0.35  # 100 of 400 ± 4.6 standard deviations


@pytest.mark.parametrize("name", ["lstm", "l1"])
def test_label_smoothing_is_for_training_only(name):
    plain, smooth = (
        make_job(recipe(CLASSIFIERS[name], training__label_smoothing=share, model__dropout=0.0))
        for share in (0.0, 0.3)
    )
    smooth.model.load_state_dict(plain.model.state_dict())
    assert smooth.evaluate() == plain.evaluate()
    rows = next(plain.batches)
    log_p = np.log(class_probabilities(plain.model, [plain.rows["training"][row] for row in rows]))
    truth = log_p[np.arange(len(rows)), plain.classes["training"][rows]].mean()
    bound = through(plain.model, max(len(plain.rows["training"][row]) for row in rows))
    assert plain.loss(rows, None, 0)[0].item() == pytest.approx(-truth, abs=bound)
    expected = -(0.7 * truth + 0.3 * log_p.mean())  # all classes share 0.3
    assert smooth.loss(rows, None, 0)[0].item() == pytest.approx(expected, abs=bound)


# ---------------------------------------------------------------- texts of different lengths
def test_rows_of_all_lengths_come_back_in_their_order(rng):
    sl.manual_seed(0)
    rows = [rng.integers(1, 5, length) for length in (3, 1, 4, 3, 5, 1, 3)]
    job = make_job(recipe(CLASSIFIERS["lstm"]))
    together = class_probabilities(job.model, rows, batch=2)
    same(together, [class_probabilities(job.model, [row])[0] for row in rows], through(job.model, 5))
    writer = make_job(recipe(WRITERS["additive"]))
    for parameter in writer.model.parameters():
        parameter.data *= 8  # so that the answers differ
    answers = answer(writer.model, writer.tokenizer, rows, 6)
    assert answers == [answer(writer.model, writer.tokenizer, [row], 6)[0] for row in rows]
    assert len(set(answers)) > 2
    with pytest.raises(TokenError, match="the text is empty"):
        answer(writer.model, writer.tokenizer, [rows[0], rows[0][:0]], 6)


def test_a_long_source_keeps_its_end():
    job = make_job(recipe(WRITERS["none"], training__length=3))
    ends = [example.source[-3:] for example in TASKS["facts"]().validation]
    assert [job.tokenizer.decode(row) for row in job.sources["validation"]] == ends


def test_a_share_of_the_training_examples(tasks):
    whole, half = (make_job(recipe(CLASSIFIERS["lstm"], data__share=share)) for share in (1, 0.5))
    kept = half.examples.task.training
    assert kept == whole.examples.task.training[:30]
    assert len(half.rows["training"]) == 30
    assert half.examples.task.test == whole.examples.task.test
    assert half.tokenizer.tokens == whole.tokenizer.tokens  # sources need no label
    tasks("languages", lambda text: text[-1], "accuracy")
    job = make_job(recipe(CLASSIFIERS["lstm"], data__share=1 / 60))  # answers that the one example lacks
    assert len(job.rows["training"]) == 1
    assert job.labels == ["a", "b", "c", "d"]
    assert np.isfinite(job.evaluate().loss)


# ---------------------------------------------------------------- what is refused
def test_wrong_data_is_refused_in_one_sentence(monkeypatch):
    for name in ("lstm", "additive"):
        with pytest.raises(
            RecipeError,
            match="learns from pairs: give --data FILE",
        ):
            make_job(recipe(ALL[name] | {"data.task": ""}))
        with pytest.raises(RecipeError, match=r"either data\.paths \(files of pairs\) or data\.task"):
            make_job(recipe(ALL[name], data__paths='["a.txt"]'))
    with pytest.raises(RecipeError, match="did you mean 'facts'"):
        recipe(WRITERS["none"] | {"data.task": "fact"})
    # 101 of training, and those two of validation
    many = tuple(Example(f"text {n}", f"class {n}") for n in range(101))
    data = dataclasses.replace(TASKS["languages"](), training=many)
    monkeypatch.setitem(TASKS, "languages", lambda seed=0: data)
    with pytest.raises(RecipeError, match=r"has 103 different answers, .* model\.kind=encoder-decoder"):
        make_job(recipe(CLASSIFIERS["l1"]))


def test_questions_that_a_run_cannot_answer(tmp_path):
    for name in ("lstm", "none"):
        train(recipe(ALL[name]), tmp_path / name)
    classifier, writer = load_run(tmp_path / "lstm"), load_run(tmp_path / "none")
    with pytest.raises(TokenError, match="do not know: 'x'"):
        predict(classifier, "abx")
    for run in (classifier, writer):
        with pytest.raises(OptionError, match="the text is empty"):
            predict(run, "")
        with pytest.raises(CheckpointError, match="continues no text: use scratchlm predict"):
            run.stream("ab", 3)
    with pytest.raises(OptionError, match="writes no answers"):
        predict(classifier, "ab", beam=3)


# ---------------------------------------------------------------- pretraining and fine-tuning
def pretrained(folder, kind):
    """A language model of the sources of a task."""
    body = {"model.kind": kind, "training.length": 6, "model.num_layers": 2}
    train(recipe(body, model__embedding_dim=4), folder)
    return load_arrays(folder / "weights.safetensors")[0]


@pytest.mark.parametrize("kind", ["lstm", "gpt"])
def test_a_classifier_begins_with_the_body_of_a_language_model(kind, tmp_path):
    before = pretrained(tmp_path / "lm", kind)
    chosen = fine_tuning(recipe(CLASSIFIERS["bert"]), tmp_path / "lm")
    assert (chosen.model.body, chosen.model.embedding_dim, chosen.model.num_layers) == (kind, 4, 2)
    body = {f"body.{name}": array for name, array in before.items() if not name.startswith("head.")}
    started = Trainer(chosen, tmp_path / "run").model.state_dict()
    assert sorted(started) == sorted([*body, "head.bias", "head.weight"])
    for name, array in body.items():
        np.testing.assert_array_equal(started[name], array)
    chosen.training.freeze = ["body"]
    frozen = train(chosen, tmp_path / "frozen").model.state_dict()
    for name, array in body.items():
        np.testing.assert_array_equal(frozen[name], array)
    assert not np.array_equal(frozen["head.weight"], started["head.weight"])
    train_in_two_parts(
        chosen, tmp_path / "parts", 2
    )  # what is frozen stays so, and the start is not read again
    assert content(tmp_path / "parts") == content(tmp_path / "frozen") | {
        "recipe.toml": (tmp_path / "parts" / "recipe.toml").read_bytes()
    }


def test_a_classifier_begins_with_both_bodies_of_a_classifier(tmp_path):
    before = train(recipe(CLASSIFIERS["both ways"]), tmp_path / "first").model.state_dict()
    chosen = fine_tuning(recipe(CLASSIFIERS["lstm"]), tmp_path / "first")
    started = Trainer(chosen, tmp_path / "second").model.state_dict()
    assert started.keys() == before.keys()
    same = {name for name, array in started.items() if np.array_equal(array, before[name])}
    assert same == {name for name in before if not name.startswith("head.")}


def test_what_cannot_be_fine_tuned(tmp_path):
    pretrained(tmp_path / "lm", "lstm")
    with pytest.raises(CheckpointError, match="kind lstm, the recipe wants encoder-decoder"):
        fine_tuning(recipe(WRITERS["none"]), tmp_path / "lm")
    with pytest.raises(CheckpointError, match="There is no run in"):
        fine_tuning(recipe(CLASSIFIERS["lstm"]), tmp_path / "nothing")
    train(recipe(WRITERS["none"]), tmp_path / "writer")
    with pytest.raises(CheckpointError, match="a classifier reads with lstm, gpt, bert"):
        fine_tuning(recipe(CLASSIFIERS["lstm"]), tmp_path / "writer")


# ---------------------------------------------------------------- on the command line
def test_the_commands_train_evaluate_and_predict(scratchlm, tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(recipe(WRITERS["additive"]).to_toml(), encoding="utf-8")
    run = tmp_path / "run"
    code, shown, _ = scratchlm("train", path, "--out", run)
    assert code == 0
    for words in ("15 test examples, percent", "this model", "majority", "nearest", "exact_match"):
        assert words in shown
    code, shown, _ = scratchlm("evaluate", run)
    assert code == 0
    assert "15 test examples, percent" in shown
    code, shown, _ = scratchlm("predict", run, "abc", "cab")
    assert code == 0
    assert shown.startswith("abc →\n")
    assert "cab →\n" in shown


def test_a_talk_gives_the_history_with_every_turn(tasks, tmp_path, monkeypatch):
    lines = "Customer: abcd\nAgent: \n"
    data = tasks("dialogue", lambda text: lines + text, "bleu")
    assert data.metric == "bleu"
    train(recipe(WRITERS["none"] | {"data.task": "dialogue"}, training__length=60), tmp_path / "run")
    asked = []

    def record(run, text):
        asked.append(text)
        return predict(run, text)

    monkeypatch.setattr("scratchlm.runs.talking.predict", record)
    talk = Talk(load_run(tmp_path / "run"))
    first, _ = talk.answer("abc"), talk.answer("dab")
    assert asked == ["Customer: abc\nAgent:", f"Customer: abc\nAgent: {first}\nCustomer: dab\nAgent:"]
