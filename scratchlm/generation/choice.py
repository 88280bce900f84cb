"""Given answers: how likely is each, which is likeliest, and text that can be nothing but one of them.

V vocabulary. An answer is a row of token ids. With `end`, the end token belongs to every answer: "yes" and
"yes, but" are then different answers, and what is compared is "yes and no more" with "yes, but".
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ..errors import OptionError
from .reading import Decoder, check_ids, check_prompt, log_probabilities
from .rules import Rule
from .sampling import drawing, tokens_by

Ids = Sequence[int] | np.ndarray
Trie = dict[int, "Trie"]  # each token that may come next, and what may come after it


def log_probability(model: Any, prompt: Ids, continuation: Ids, state: Any = None) -> float:
    """log P(continuation | prompt) in nats, 0 for no tokens.

    Token by token, as it would be generated: the same number as the product of the steps' probabilities, also
    past a GPT's context. `state` is what the model knows before the prompt: `model.start(source)`.

    Raises:
        OptionError: the prompt is empty.
        TokenError: an id of the continuation is none of the model's.
    """
    return float(_totals(model, check_prompt(prompt), [np.asarray(continuation, int).tolist()], state)[0])


def choose(
    model: Any,
    prompt: Ids,
    choices: Sequence[Ids],
    state: Any = None,
    end: int | None = None,
    per_token: bool = False,
) -> list[tuple[int, float]]:
    """Rank given answers: (index, log-probability in nats) of each, likeliest first, of equal ones the first.

    Answers are read side by side, and what several begin with is read once: the longest answer decides how
    many steps it takes, and the widest step holds scores of (beginnings, V).

    Args:
        state: what the model knows before the prompt, for one row: `model.start(source)`.
        end: the token that ends every answer; add it where an answer may begin with another.
        per_token: rank by log P / tokens, which does not prefer short answers.

    Raises:
        OptionError: the prompt is empty, there is no answer, or an answer is empty or has the end inside.
        TokenError: an id is none of the model's.
    """
    answers = _answers(choices, end)
    totals = _totals(model, check_prompt(prompt), answers, state)
    if per_token:
        totals /= [len(answer) for answer in answers]
    return [(int(index), float(totals[index])) for index in np.argsort(-totals, kind="stable")]


def constrained(
    model: Any,
    prompt: Ids,
    choices: Sequence[Ids],
    end: int | None = None,
    temperature: float = 1.0,
    top_k: int = 0,
    top_p: float = 1.0,
    seed: int = 0,
    state: Any = None,
) -> Iterator[int]:
    """Yield the tokens of one of the answers: at each step only what an answer goes on with may be drawn.

    Probabilities are shared out anew at each step among what is allowed. So temperature 0 walks to the
    likeliest next token each time, which need not lead to the likeliest answer: that one is `choose`'s first.
    Without `end`, no answer may begin with another: nothing would say whether to stop there.

    Args:
        end: the token that ends every answer; it is not yielded.
        temperature, top_k, top_p, seed, state: as for `generate`.

    Raises:
        OptionError: the prompt is empty, an option is out of range, there is no answer, an answer is empty,
            has the end inside, or begins with another one while there is no `end`.
        TokenError: an id is none of the model's.
    """
    answers = _answers(choices, end)
    root: Trie = {}
    leaves = [_grow(root, answer) for answer in answers]
    if (longer := next((index for index, leaf in enumerate(leaves) if leaf), None)) is not None:
        raise OptionError(
            f"Another answer begins with the whole of answer {longer}: name the token that ends them, end=…"
        )
    draw = drawing(temperature, top_k, top_p, seed)
    ids = check_prompt(prompt)
    written = tokens_by(model, ids, max(map(len, answers)), [_follow(root, len(ids))], draw, state, end)
    return _until_leaf(root, written)


def _answers(choices: Sequence[Ids], end: int | None) -> list[list[int]]:
    """The answers as lists, each with the end token behind it."""
    answers = [np.asarray(choice, int).tolist() for choice in choices]
    if not answers:
        raise OptionError("There is no answer to choose from: give at least one.")
    for index, answer in enumerate(answers):
        if end in answer:
            raise OptionError(f"Answer {index} has the end token {end} inside: leave it out, it is added.")
        if not answer and end is None:
            raise OptionError(f"Answer {index} is empty: nothing can be written without the end token, end=…")
    return [answer if end is None else [*answer, end] for answer in answers]


def _totals(model: Any, prompt: np.ndarray, answers: list[list[int]], state: Any) -> np.ndarray:
    """log P of each answer (N): all beginnings of one length are read together, each once."""
    decoder, totals = Decoder(model), np.zeros(len(answers))
    row_of = [0] * len(answers)  # the row of the model's scores that each answer's beginning has
    ids = prompt[None, :]
    for place in range(max(map(len, answers))):
        scores, state = decoder(ids, state)
        step = log_probabilities(scores)  # (rows, V)
        rows: dict[tuple[int, int], int] = {}  # (row before, token) → row
        for index, answer in enumerate(answers):
            if place < len(answer):
                check_ids(answer, step.shape[1])
                totals[index] += step[row_of[index], answer[place]]
            if place + 1 < len(answer):
                row_of[index] = rows.setdefault((row_of[index], answer[place]), len(rows))
        if rows:
            state = model.select(state, np.array([before for before, _ in rows]))
            ids = np.array([[token] for _, token in rows])
    return totals


def _grow(root: Trie, answer: list[int]) -> Trie:
    """Add an answer to the trie; return where it ends."""
    for token in answer:
        root = root.setdefault(token, {})
    return root


def _follow(root: Trie, start: int) -> Rule:
    """Only what the trie allows after text[start:]."""

    def rule(scores: np.ndarray, text: list[int]) -> None:
        node = root
        for token in text[start:]:
            node = node[token]
        allowed = list(node)
        check_ids(allowed, len(scores))
        kept = scores[allowed]
        scores[:] = -np.inf
        scores[allowed] = kept

    return rule


def _until_leaf(root: Trie, written: Iterator[int]) -> Iterator[int]:
    for token in written:
        yield token
        root = root[token]
        if not root:
            return
