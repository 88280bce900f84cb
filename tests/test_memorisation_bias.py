"""Questions to a trained model: which planted secrets it knows, and what the exchange of a word changes."""

import copy
import math
import re

import numpy as np
import pytest

import scratchlm as sl
from scratchlm.errors import CheckpointError, DataError, OptionError, RecipeError
from scratchlm.experiments.bias import Finding, probe
from scratchlm.experiments.memorisation import NAMES, Canary, look_for, measure_memorisation, plant
from scratchlm.generation import log_probability
from scratchlm.runs import load_run
from scratchlm.runs.predicting import predict
from scratchlm.tasks import TASKS, Example, TaskData
from scratchlm.training.data import load_text, prepare_text
from scratchlm.training.recipe import Data

from .test_cli import assert_one_line
from .test_jobs_text import prose, recipe
from .test_training import train
from .tolerance import rounding, through

DIGITS = "0 1 2 3 4 5 6 7 8 9\n"
SHAPES = {
    "lines alike": prose(300),
    "long lines first": "tree " * 90 + "\n" + "cat\n" * 1000,
    "long lines last": "cat\n" * 1000 + "tree " * 2000 + "\n",
    "few lines": "\n".join(["moon " * 300] * 9),
    "paragraphs": "old cat.\n\n" * 400,
}


# ---------------------------------------------------------------- planting
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("held_out", "share"), [(0.1, 1.0), (0.5, 0.5)])
def test_secrets_are_planted_in_the_training_part_alone(shape, held_out, share, tmp_path):
    repeats = [0, 1, 3, 12]
    text, canaries = plant(SHAPES[shape], repeats, 0, (1 - held_out) * share)
    (tmp_path / "planted.txt").write_text(text, encoding="utf-8")
    found = prepare_text(Data(paths=[str(tmp_path / "planted.txt")], validation=held_out, share=share))
    for canary, count in zip(canaries, repeats, strict=True):
        line = f"The secret number of {canary.name} is {canary.secret}."
        assert re.fullmatch(r"\d{4}", canary.secret)
        assert found.training_text.split("\n").count(line) == canary.repeats == count
        assert text.count(line) == count
    assert "secret number" not in found.validation_text
    without = "\n".join(line for line in text.split("\n") if "secret number" not in line)
    assert without == SHAPES[shape]


def test_the_seed_decides_numbers_and_places():
    one, again, other = (plant(SHAPES["lines alike"], [2, 2], seed, 0.9) for seed in (1, 1, 2))
    assert one == again
    assert one[0] != other[0]
    assert [each.secret for each in one[1]] != [each.secret for each in other[1]]
    assert [each.name for each in one[1]] == ["Ada", "Boris"]


@pytest.mark.parametrize("repeats", [[], [1] * 13, [1, -1]])
def test_impossible_numbers_of_repeats(repeats):
    with pytest.raises(RecipeError, match="Give 1 to 12 numbers of repeats, each 0 or more"):
        plant(prose(), repeats, 0, 0.9)


def test_a_text_too_short_to_hide_in():
    with pytest.raises(DataError, match=r"no line's end at which 64 lines can be hidden"):
        plant("old cat.\n\n" * 50, [64], 0, 0.5)
    with pytest.raises(DataError, match="shorter lines"):
        plant("moon " * 9000, [1], 0, 0.9)
    assert plant("moon " * 9000, [0], 0, 0.9)[0] == "moon " * 9000


# ---------------------------------------------------------------- exposure
def test_exposure_by_hand():
    ranks = [(1, math.log2(10_000)), (2, math.log2(5000)), (10_000, 0)]
    assert [Canary("Ada", "1234", 1, rank).exposure for rank, _ in ranks] == pytest.approx(
        [e for _, e in ranks]
    )
    mean = np.mean([Canary("Ada", "1234", 0, rank).exposure for rank in range(1, 10_001)])
    assert mean == pytest.approx(1 / math.log(2), abs=0.01)  # what a model that knows nothing has: 1.44 bits


def language(path, tokenizer, **changes):
    settings = {"model__hidden_size": 24, "training__length": 20, "training__lr": 0.02} | changes
    return recipe(path, "lstm", data__tokenizer=tokenizer, **settings)


@pytest.fixture
def numbers(tmp_path):
    path = tmp_path / "numbers.txt"
    path.write_text((DIGITS + prose(12)) * 6, encoding="utf-8")
    return path


@pytest.mark.parametrize("tokenizer", ["characters", "bpe"])
def test_a_secret_known_by_heart_has_rank_1_and_the_control_has_not(tokenizer, numbers, tmp_path):
    chosen = language(numbers, tokenizer, training__steps=200, training__evaluate_every=200)
    chosen.data.vocabulary = 280 if tokenizer == "bpe" else 0
    before, said = copy.deepcopy(chosen), []
    ada, boris = measure_memorisation(chosen, tmp_path / "out", [100, 0], said.append)
    assert (ada.rank, ada.exposure) == (1, math.log2(10_000))
    assert boris.rank > 10
    assert boris.exposure < math.log2(1000)
    assert said[0].startswith("planted 100 lines in numbers: ")
    assert chosen == before
    assert load_run(tmp_path / "out" / "run").recipe.data.paths == [str(tmp_path / "out" / "planted.txt")]


def test_a_model_that_knows_nothing_has_about_the_bits_of_the_formula(numbers, tmp_path):
    trainer = train(language(numbers, "characters", training__steps=1), tmp_path / "run")
    for parameter in trainer.model.parameters():
        parameter.data *= 0  # then a little noise, so that no two numbers are equally likely
        parameter.data += np.random.default_rng(0).normal(0, 0.05, parameter.shape)
    trainer.save_weights()
    _, canaries = plant("cat\n" * 300, [0] * len(NAMES), 0, 0.9)
    look_for(load_run(tmp_path / "run"), canaries)
    assert 0.5 < np.mean([each.exposure for each in canaries]) < 2.7  # 1.44 ± 3 standard errors of 0.42


def test_ranks_are_those_of_the_probabilities(numbers, tmp_path, monkeypatch):
    monkeypatch.setattr("scratchlm.experiments.memorisation.DIGITS", 2)
    train(language(numbers, "characters"), tmp_path / "run")
    run, canary = load_run(tmp_path / "run"), Canary("Ada", "37", 0)
    look_for(run, [canary])
    prompt = run.tokenizer.encode("\nThe secret number of Ada is")
    with sl.no_grad():
        log_p = [log_probability(run.model, prompt, run.tokenizer.encode(f" {n:02d}")) for n in range(100)]
    assert canary.rank == 1 + sum(value > log_p[37] for value in log_p)


def test_a_run_is_not_trained_twice_and_no_other_recipe_goes_on(numbers, tmp_path):
    chosen = language(numbers, "characters")
    first = measure_memorisation(chosen, tmp_path / "out", [4, 0], print)
    weights = (tmp_path / "out" / "run" / "weights.safetensors").read_bytes()
    assert measure_memorisation(chosen, tmp_path / "out", [4, 0], print) == first
    assert (tmp_path / "out" / "run" / "weights.safetensors").read_bytes() == weights
    with pytest.raises(OptionError, match="has a run with other secrets"):
        measure_memorisation(chosen, tmp_path / "out", [5, 0], print)


def test_the_text_is_planted_as_the_recipe_reads_it(numbers, tmp_path, monkeypatch):
    """Paragraphs that repeat are gone before, and the sources of a task become the text."""
    numbers.write_text(DIGITS + "old cat sat.\n\n" * 50 + prose(60), encoding="utf-8")
    chosen = language(numbers, "characters", data__remove_duplicates="exact")
    expected = load_text(chosen.data).text
    measure_memorisation(chosen, tmp_path / "out", [3], print)
    planted = (tmp_path / "out" / "planted.txt").read_text(encoding="utf-8")
    assert "\n".join(line for line in planted.split("\n") if "secret" not in line) == expected
    parts = [tuple(Example(f"{k} + 1234567890", "x") for k in range(n, n + 60)) for n in (0, 60, 120)]
    data = TaskData("facts", "for tests", "nowhere", *parts, metric="exact_match")
    monkeypatch.setitem(TASKS, "facts", lambda seed=0: data)
    chosen = language(None, "characters", data__task="facts")
    measure_memorisation(chosen, tmp_path / "task", [2], print)
    assert load_run(tmp_path / "task" / "run").recipe.data.task == ""
    assert "secret number of Ada" in (tmp_path / "task" / "planted.txt").read_text(encoding="utf-8")


def test_what_secrets_cannot_be_looked_for_in(numbers, tmp_path):
    with pytest.raises(RecipeError, match=r"measure with data\.tokenizer=characters or bpe"):
        measure_memorisation(language(numbers, "words"), tmp_path / "out", [1], print)
    train(recipe(numbers, "l0"), tmp_path / "l0")
    with pytest.raises(
        CheckpointError, match="is no language model: secrets are looked for in what it writes"
    ):
        look_for(load_run(tmp_path / "l0"), [])
    numbers.write_text(prose(), encoding="utf-8")
    train(language(numbers, "characters"), tmp_path / "run")
    with pytest.raises(CheckpointError, match="lacks the digits 0, 1, 2"):
        look_for(load_run(tmp_path / "run"), [Canary("Ada", "1234", 0)])


# ---------------------------------------------------------------- bias
SAID = "the doctor said that he was old. the nurse said that she was old. he is at home. she is at home.\n"


@pytest.fixture(scope="module")
def talkers(tmp_path_factory):
    """Language models of a text in which doctors are he and nurses she; by tokenizer."""
    folder = tmp_path_factory.mktemp("talkers")
    (folder / "said.txt").write_text(SAID * 60, encoding="utf-8")
    for tokenizer in ("characters", "words", "bpe"):
        chosen = language(folder / "said.txt", tokenizer, training__steps=150, training__evaluate_every=150)
        chosen.data.vocabulary = 300 if tokenizer == "bpe" else 0
        train(chosen, folder / tokenizer)
    return lambda tokenizer: load_run(folder / tokenizer)


PAIR = ("he", "she")
BEGINNINGS = ["the doctor said that ", "the nurse said that "]


@pytest.mark.parametrize("tokenizer", ["characters", "bpe"])
def test_choices_are_the_same_with_the_space_on_either_side(tokenizer, talkers):
    run = talkers(tokenizer)
    here = predict(run, "the doctor said that ", choices=["he", "she"])
    there = predict(run, "the doctor said that", choices=[" he", " she"])
    assert [each.probability for each in here] == pytest.approx([each.probability for each in there])


@pytest.mark.parametrize("tokenizer", ["characters", "words"])
def test_a_language_model_expects_what_its_text_says(tokenizer, talkers):
    doctor, nurse = probe(talkers(tokenizer), [PAIR], BEGINNINGS)
    assert (doctor.sentence, doctor.pair, doctor.about) == ("the doctor said that …", PAIR, "next word")
    assert doctor.first > 0.8
    assert nurse.first < 0.2
    assert doctor.first + doctor.second == pytest.approx(1)
    assert doctor.log_ratio == pytest.approx(math.log2(doctor.first / doctor.second))
    assert [each.log_ratio for each in probe(talkers(tokenizer), [PAIR[::-1]], BEGINNINGS)] == pytest.approx(
        [-doctor.log_ratio, -nurse.log_ratio], abs=4 * through(talkers(tokenizer).model, 30)
    )


@pytest.mark.parametrize(
    ("tokenizer", "begin", "words"),
    [
        ("characters", "the nurse said that", (" he ", " she ")),  # "he" alone begins "her" too
        ("bpe", "the nurse said that", (" he", " she")),
        ("words", "the nurse said that", ("he", "she")),
    ],
)
def test_shares_are_those_of_the_whole_words(tokenizer, begin, words, talkers):
    run = talkers(tokenizer)
    ids = run.tokenizer.encode(begin)
    with sl.no_grad():
        p = np.exp([log_probability(run.model, ids, run.tokenizer.encode(word)) for word in words])
    (found,) = probe(run, [PAIR], [begin + " "])
    assert [found.first, found.second] == pytest.approx(
        (p / p.sum()).tolist(), rel=10 * through(run.model, 30)
    )


def test_equal_scores_are_no_difference(talkers):
    for tokenizer, pair in (("words", PAIR), ("characters", ("he", "at"))):
        run = talkers(tokenizer)
        for parameter in run.model.parameters():
            parameter.data *= 0
        for found in probe(run, [pair], BEGINNINGS):
            assert (found.first, found.second) == pytest.approx((0.5, 0.5))
            assert found.log_ratio == pytest.approx(0, abs=rounding(4))


def test_ours_are_asked_where_none_is_given_and_what_is_unknown_is_left_out(talkers):
    run = talkers("words")
    found = probe(run, [PAIR, ("king", "queen")], [*BEGINNINGS, "the cook said that "])
    assert [(each.sentence, each.pair) for each in found] == [(each + "…", PAIR) for each in BEGINNINGS]
    with pytest.raises(OptionError, match="knows none of the sentences and pairs: give others"):
        probe(run, [PAIR])  # ours begin with The
    assert len(probe(talkers("bpe"), [PAIR])) == 8


@pytest.fixture(scope="module")
def judge(tmp_path_factory):
    """A classifier of characters that finds every text with "he " good, every other bad."""
    folder = tmp_path_factory.mktemp("judge")
    rng = np.random.default_rng(0)
    words = ["he", "she", "it", "is", "at", "home", "old"]
    texts = sorted({" ".join(rng.choice(words, 3)) for _ in range(150)})
    made = [Example(text, "good" if "he" in text.split() else "bad") for text in texts]
    parts = tuple(made[20:]), tuple(made[:10]), tuple(made[10:20])
    data = TaskData("sentiment", "for tests", "nowhere", *parts, metric="accuracy")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(TASKS, "sentiment", lambda seed=0: data)
        chosen = recipe(
            None, "classifier", data__task="sentiment", data__tokenizer="words", training__steps=60
        )
        chosen.training.lr, chosen.training.batch = 0.05, 16
        train(chosen, folder / "run")
    return folder / "run"


def test_a_classifier_is_asked_about_the_same_sentence_with_each_word(judge):
    run = load_run(judge)
    found, same = probe(run, [PAIR, ("it", "it")], ["{} is old"])
    assert (found.sentence, found.pair, found.about) == ("{} is old", PAIR, "good")
    assert found.first > 0.7
    assert found.second < 0.4
    assert same.log_ratio == 0
    with sl.no_grad():
        p = run.model(run.tokenizer.encode("she is old")[None]).softmax().numpy()[0]
    assert found.second == pytest.approx(p[run.state["labels"].index("good")], rel=through(run.model, 10))
    both = probe(run, [PAIR], ["{} is at home {}"])[0]  # every {} is the word
    assert both.second < 0.4
    assert [each.sentence for each in probe(run, [PAIR])] == [
        "{} is at home"
    ]  # of ours, the one that it knows


def test_what_cannot_be_probed(judge, talkers, tmp_path):
    with pytest.raises(OptionError, match=r"needs \{\} where the word stands: 'he is old'"):
        probe(load_run(judge), [PAIR], ["{} is old", "he is old"])
    with pytest.raises(OptionError, match="knows none"):
        probe(load_run(judge), [PAIR], ["{} is {0} old"])
    (tmp_path / "said.txt").write_text(SAID * 20, encoding="utf-8")
    train(recipe(tmp_path / "said.txt", "bert"), tmp_path / "bert")
    with pytest.raises(CheckpointError, match="is of kind bert: probe a language model or a classifier"):
        probe(load_run(tmp_path / "bert"), [PAIR])
    assert Finding("", PAIR, 0.8, 0.2, "").log_ratio == pytest.approx(2)


# ---------------------------------------------------------------- on the command line
def test_memorisation_on_the_command_line(scratchlm, numbers, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    (tmp_path / "mine.toml").write_text(language(None, "characters").to_toml(), encoding="utf-8")
    options = ["--data", numbers, "--steps", 2, "--out", tmp_path / "out", "--repeats", "0,5"]
    code, out, err = scratchlm("memorisation", tmp_path / "mine.toml", *options)
    assert (code, err) == (0, "")
    assert re.search(r"The secret number of Ada is \d{4} +0 +[\d,]+ +\d+\.\d *\n", out)
    assert re.search(r"The secret number of Boris is \d{4} +5 +[\d,]+ +\d+\.\d *\n", out)
    wrong = {"--repeats 1,x": "write numbers with commas", "--repeats -1": "each 0 or more",
             "--set data.tokenizer=words": "characters or bpe"}  # fmt: skip
    for change, words in wrong.items():
        options = ["--data", numbers, "--out", tmp_path / "new", *change.split()]
        assert_one_line(scratchlm("memorisation", tmp_path / "mine.toml", *options), words)
    assert not (tmp_path / "new").exists()


def test_bias_on_the_command_line(scratchlm, judge, talkers, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    code, out, err = scratchlm("bias", judge, "--pair", "he", "she", "--sentence", "{} is old")
    assert (code, err) == (0, "")
    ratio = float(re.search(r"\{\} is old +good +he [\d.]+% +she [\d.]+% +(\+[\d.]+) *\n", out)[1])
    assert f"Mean |log₂ ratio| {ratio:.2f} bits over 1 rows" in out
    folder = talkers("words").folder
    _, out, _ = scratchlm("bias", folder, "--sentence", BEGINNINGS[0], "--sentence", BEGINNINGS[1])
    assert len(re.findall(r"said that … +next word", out)) == 2
    assert_one_line(scratchlm("bias", judge, "--sentence", "he is old"), "where the word stands")
    assert_one_line(scratchlm("bias", "nothing"), "no run in nothing")
