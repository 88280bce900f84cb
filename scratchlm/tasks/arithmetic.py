"""Addition in characters: "57+123" → "180"."""

import random

from .examples import Example, TaskData, split_examples

PAIRS = 50_000
SOURCE_LENGTH = 7  # "999+999"
TARGET_LENGTH = 4  # "1998"


def load(seed: int = 0) -> TaskData:
    """50,000 sums of two numbers below 1000, about 45,000 of them for training.

    As in the published task every number has one to three digits, each length as likely, no pair occurs twice
    (nor with its numbers swapped), question and answer are padded with spaces to 7 and 4 characters. The sign
    that starts an answer is the model's affair, and so is reading the question from its end.
    """
    rng = random.Random(seed)
    pairs: dict[str, Example] = {}
    while len(pairs) < PAIRS:
        a, b = _number(rng), _number(rng)
        source = f"{a}+{b}".ljust(SOURCE_LENGTH)
        target = str(a + b).ljust(TARGET_LENGTH)
        pairs.setdefault(f"{min(a, b)}+{max(a, b)}", Example(source, target))
    return TaskData(
        "arithmetic",
        "add two numbers of up to three digits",
        "sums drawn by scratchlm",
        *split_examples(pairs.values(), seed, keys=list(pairs), share=0.05),
        metric="exact_match",
    )


def _number(rng: random.Random) -> int:
    return int("".join(rng.choices("0123456789", k=rng.randint(1, 3))))
