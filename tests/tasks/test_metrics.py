from dataclasses import replace

import pytest

from scratchlm.errors import DataError, RecipeError
from scratchlm.tasks import METRICS, TaskData, measure, measure_baselines, split_examples
from scratchlm.tasks.baselines import copy, lead, logistic, majority, nearest
from scratchlm.tasks.examples import Example
from scratchlm.tasks.metrics import bleu

pytest.importorskip("sacrebleu", reason="needs the extra packages of the tasks")
pytest.importorskip("rouge_score", reason="needs the extra packages of the tasks")
pytest.importorskip("sklearn", reason="needs the extra packages of the tasks")


@pytest.mark.parametrize(
    ("metric", "prediction", "reference", "percent"),
    [
        ("exact_match", "579 ", "579", 100),
        ("exact_match", "5 79", "579", 0),
        # shared runs of 1 to 4 words: 5 of 6, 3 of 5, 2 of 4, 1 of 3; as long as the reference
        (
            "bleu",
            "the cat sat on the mat",
            "the cat sat on a mat",
            100 * (5 / 6 * 3 / 5 * 2 / 4 * 1 / 3) ** 0.25,
        ),
        # 4 of 5, 3 of 4, 2 of 3, 1 of 2 characters; the sentence ends one earlier: e^(1 - 6/5)
        (
            "bleu",
            "我们学语文",
            "我们学语言吗",
            100 * (4 / 5 * 3 / 4 * 2 / 3 * 1 / 2) ** 0.25 * 2.718281828**-0.2,
        ),
        ("chrf", "ab", "ac", 25),  # half of the characters, none of the pairs
        ("chrf", "德国", "德国", 100),
        ("rouge1", "the cat sat", "The cat ran!", 100 * 2 / 3),
        ("rouge2", "the cat sat", "The cat ran!", 50),
        ("rougeL", "the cat sat", "the sat cat", 100 * 2 / 3),
        ("rougeL", "中国人", "中国", 80),  # precision 2/3, recall 1
        ("rouge1", "été là", "été", 100 * 2 / 3),
    ],
)
def test_worked_values(metric, prediction, reference, percent):
    assert METRICS[metric]([prediction], [reference]) == pytest.approx(percent)


@pytest.mark.parametrize("metric", METRICS)
def test_best_worst_and_misuse(metric):
    sentences = ["one two three four five six", "seven eight nine ten eleven"]
    assert METRICS[metric](sentences, sentences) == pytest.approx(100)
    assert METRICS[metric](["xyz", "xyz"], sentences) < 5
    with pytest.raises(DataError, match="1 predictions for 2 references"):
        METRICS[metric](["one"], sentences)
    with pytest.raises(DataError, match="0 predictions"):
        METRICS[metric]([], [])


def test_measure():
    assert list(measure("rougeL", ["a b"], ["a b"])) == ["rougeL", "rouge1", "rouge2"]
    with pytest.raises(RecipeError, match="did you mean 'bleu'"):
        measure("blue", ["a"], ["a"])


def fruit(metric):
    """Things of three colours, whose name says their colour."""
    colours = {"apple": "red", "lemon": "yellow", "lime": "green"}
    examples = [
        Example(f"{name} pie with {name} {n}! Eat it.", c, name)
        for name, c in colours.items()
        for n in range(60)
    ]
    examples += [Example(f"lime tree {n}", "green", "lime") for n in range(60)]
    return TaskData("fruit", "name the colour", "this test", *split_examples(examples, 0), metric=metric)


def test_baselines():
    data = fruit("accuracy")
    answers = [example.target for example in data.test]
    assert majority(data) == ["green"] * len(data.test)
    assert logistic(data) == answers
    assert METRICS["accuracy"](nearest(data), answers) > 80  # some fruit of another colour has its number
    assert copy(data)[0] == data.test[0].source
    assert lead(data) == [example.source.removesuffix(" Eat it.") for example in data.test]


def test_measure_baselines():
    figures = measure_baselines(fruit("accuracy"))
    assert list(figures) == ["majority", "nearest", "logistic"]
    assert figures["logistic"] == {"accuracy": 100}
    assert list(measure_baselines(fruit("rougeL"))) == ["majority", "lead", "nearest"]
    knowing = replace(fruit("rougeL"), rule={"a": "red", "l": "green"}.__getitem__)
    with pytest.raises(KeyError):  # the rule reads sources
        measure_baselines(knowing)
    knowing = replace(knowing, rule=lambda source: "red" if "apple" in source else "green")
    figures = measure_baselines(knowing)
    assert list(figures) == ["majority", "lead", "nearest", "rule"]
    right = sum(example.tag != "lemon" for example in knowing.test)
    assert figures["rule"]["rougeL"] == pytest.approx(100 * right / len(knowing.test))
    assert list(measure_baselines(fruit("bleu"))["copy"]) == ["bleu", "chrf", "exact_match"]


def test_bleu_of_texts_under_four_tokens_is_sacrebleus_zero():
    import sacrebleu

    for right in ("a", "a b c", "我爱你"):
        assert bleu([right], [right]) == 0
    assert sacrebleu.corpus_bleu(["a b c"], [["a b c"]], force=True).score == 0
    assert bleu(["a b c d"], ["a b c d"]) == pytest.approx(100)
    assert bleu(["a", "a b c d"], ["a", "a b c d"]) == pytest.approx(100)  # one with four is enough
