import pytest

from scratchlm.errors import DataError, RecipeError
from scratchlm.tasks import Example, TaskData, split_examples
from scratchlm.tasks.examples import draw, reading

NUMBERS = [Example(f"number {n}", str(n), "even" if n % 2 == 0 else "odd") for n in range(1000)]


def task(parts):
    return TaskData("numbers", "read numbers", "this test", *parts, metric="exact_match")


def test_every_example_is_in_one_part():
    parts = split_examples(NUMBERS, 0)
    assert sorted((e for part in parts for e in part), key=lambda e: int(e.target)) == NUMBERS
    assert 60 < len(parts.validation) < 140
    assert 60 < len(parts.test) < 140


def test_the_order_of_the_input_does_not_count():
    assert split_examples(NUMBERS, 0) == split_examples(reversed(NUMBERS), 0)
    assert task(split_examples(NUMBERS, 0)).sha256 != task(split_examples(NUMBERS, 1)).sha256


def test_more_data_moves_nothing_to_another_part():
    few, many = split_examples(NUMBERS[:500], 0), split_examples(NUMBERS, 0)
    assert all(set(a) <= set(b) for a, b in zip(few, many, strict=True))


def test_a_key_stays_together():
    parts = split_examples(NUMBERS, 0, keys=[example.target[-2:] for example in NUMBERS])
    endings = [{example.target[-2:] for example in part} for part in parts]
    assert sum(map(len, endings)) == len(set.union(*endings))


def test_doubles_and_contradictions_go():
    double = [Example("Number  7", "7", "odd"), Example("number 8", "eight"), NUMBERS[3]]
    everything = [example for part in split_examples([*NUMBERS, *double], 0) for example in part]
    assert len(everything) == len(set(everything))
    assert not [example for example in everything if example.source == "number 8"]


def test_no_source_in_two_parts_but_for_capitals():
    both = [*NUMBERS, *(Example(e.source.upper(), e.target) for e in NUMBERS)]
    parts = split_examples(both, 0, keys=[e.source for e in both])
    readings = [{reading(example.source) for example in part} for part in parts]
    assert sum(map(len, readings)) == len(set.union(*readings)) == 1000


def test_misuse():
    with pytest.raises(RecipeError, match="between 0 and 0"):
        split_examples(NUMBERS, 0, share=0.5)
    with pytest.raises(RecipeError, match="1 keys for 1000 examples"):
        split_examples(NUMBERS, 0, keys=["a"])
    with pytest.raises(DataError, match="too few"):
        split_examples(NUMBERS[:2], 0)


def test_task_data():
    data = task(split_examples(NUMBERS, 0))
    assert str(data).startswith(f"numbers: {len(data.training)} training, ")
    assert data.sha256[:16] in str(data)
    assert data.tags == ["even", "odd"]
    odd = data.only("odd")
    assert odd.name == "numbers/odd"
    assert odd.training == data.training
    assert {example.tag for example in odd.test + odd.validation} == {"odd"}
    with pytest.raises(DataError, match="did you mean 'odd'"):
        data.only("od")


def test_draw():
    assert draw(0, "a", "b") == draw(0, "a", "b") != draw(0, "ab")
    assert abs(sum(draw(3, str(n)) for n in range(2000)) / 2000 - 0.5) < 0.02
