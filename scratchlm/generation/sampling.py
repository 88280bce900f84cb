"""Token by token: the model's scores, a choice among them, and the choice as the next input.

V vocabulary.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from ..errors import OptionError
from .reading import Decoder, check_ids, check_prompt, refuse_broken
from .rules import Rule, forbid, no_repeated_ngram, penalise_repetition


def probabilities(
    logits: np.ndarray, temperature: float = 1.0, top_k: int = 0, top_p: float = 1.0
) -> np.ndarray:
    """Turn scores (V) into the probabilities (V) that the next token is drawn from.

    p_v ∝ e^(z_v / temperature), over the `top_k` largest only (0: all) and of these over the fewest that
    together reach `top_p`. Temperature 0 puts everything on the largest. Source of top_p: Holtzman and others
    2020 (nucleus sampling).

        >>> probabilities(np.log([0.5, 0.3, 0.2]), top_k=2).round(3).tolist()
        [0.625, 0.375, 0.0]

    Raises:
        OptionError: temperature < 0 or infinite, top_k < 0, or top_p not in (0, 1].
        NumberError: a score is NaN, or the largest infinite.
    """
    if not 0 <= temperature < np.inf or top_k < 0 or not 0 < top_p <= 1:
        raise OptionError(
            f"Sampling needs temperature ≥ 0, top_k ≥ 0, 0 < top_p ≤ 1, got {temperature}, {top_k}, {top_p}."
        )
    z = np.asarray(logits, np.float64)
    largest = z.max()
    if not math.isfinite(largest):
        refuse_broken(z)
    if temperature == 0:
        return (np.arange(len(z)) == z.argmax()).astype(np.float64)
    with np.errstate(over="ignore"):  # a tiny temperature: −∞, whose exponential is 0
        p = np.exp((z - largest) / temperature)
    p /= p.sum()
    if top_k == 0 and top_p == 1:
        return p
    order = np.argsort(-z, kind="stable")  # largest first
    keep = len(p) if top_k == 0 else min(top_k, len(p))
    before = np.cumsum(p[order[:keep]]) - p[order[:keep]]  # what the larger ones have together
    kept = order[:keep][before < top_p * p[order[:keep]].sum()]
    cut = np.zeros_like(p)
    cut[kept] = p[kept]
    return cut / cut.sum()


def generate(
    model: Any,
    prompt: Sequence[int] | np.ndarray,
    tokens: int,
    temperature: float = 1.0,
    top_k: int = 0,
    top_p: float = 1.0,
    seed: int = 0,
    never: Sequence[int] = (),
    repetition_penalty: float = 1.0,
    no_repeat_ngram: int = 0,
    state: Any = None,
    end: int | None = None,
) -> Iterator[int]:
    """Yield at most `tokens` token ids that continue the prompt (at least one id), none of those in `never`.

    The same seed, weights and device give the same tokens. The prompt is read at once; then each token costs
    one step, because the state (of an LSTM; keys and values of a GPT) holds all that came before.

    Args:
        temperature, top_k, top_p: as for `probabilities`.
        repetition_penalty: what stands in prompt and continuation gets less likely (see
            `penalise_repetition`); 1: no penalty.
        no_repeat_ngram: no n tokens in a row stand twice in prompt and continuation; 0: they may.
        state: what the model knows before the prompt; `model.start(source)` for a model with a source.
        end: stop after this token, which is not yielded.

    Raises:
        OptionError: the prompt is empty, an option is out of range, or the rules leave no token to choose.
        TokenError: `never` or `end` is no id of the model.
    """
    rules = [forbid(list(never))]
    if repetition_penalty != 1:
        rules.append(penalise_repetition(repetition_penalty))
    if no_repeat_ngram != 0:
        rules.append(no_repeated_ngram(no_repeat_ngram))
    draw = drawing(temperature, top_k, top_p, seed)
    return tokens_by(model, check_prompt(prompt, tokens), tokens, rules, draw, state, end)


def drawing(temperature: float, top_k: int, top_p: float, seed: int) -> Callable[[np.ndarray], int]:
    """The function scores (V) → one token, drawn; the options are checked here, before the first step."""
    probabilities(np.zeros(1), temperature, top_k, top_p)
    generator = np.random.default_rng(seed)

    def draw(scores: np.ndarray) -> int:
        upto = probabilities(scores, temperature, top_k, top_p).cumsum()
        return int((upto / upto[-1]).searchsorted(generator.random(), side="right"))

    return draw


def tokens_by(
    model: Any,
    prompt: np.ndarray,
    tokens: int,
    rules: Sequence[Rule],
    draw: Callable[[np.ndarray], int],
    state: Any,
    end: int | None,
) -> Iterator[int]:
    """Yield tokens: the model's scores, changed by every rule in turn, and one token drawn from them."""
    decoder, ids, text = Decoder(model), prompt, prompt.tolist()
    for _ in range(tokens):
        (scores,), state = decoder(ids[None, :], state)  # (V)
        check_ids([] if end is None else [end], len(scores))
        for rule in rules:
            rule(scores, text)
        if scores.max() == -np.inf:
            raise OptionError(
                f"The rules (never, no_repeat_ngram) leave no token to write after {len(text)} tokens: "
                "loosen them, or write fewer tokens."
            )
        token = draw(scores)
        if token == end:
            return
        yield token
        text.append(token)
        ids = np.array([token])
