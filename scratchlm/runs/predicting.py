"""What a trained run makes of a text: a class, an answer, the hidden words, the sentence again."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import CheckpointError, OptionError
from ..generation import beam_search, choose
from ..generation.writing import known_ids
from ..modes import no_grad
from ..nn import evaluating
from ..text import one_form
from ..training.data import END, MASK, START
from ..training.jobs.classes import class_probabilities
from ..training.jobs.pairs import answer
from ..training.jobs.sequences import interpolate
from .run import Run


@dataclass
class Prediction:
    """A line of text, and how probable the model finds it as a whole; several are ranked, best first."""

    text: str
    probability: float | None = None
    score: float | None = None  # of a beam search, which ranks by it


def predict(run: Run, text: str, beam: int = 1, choices: Sequence[str] = ()) -> list[Prediction]:
    """What the run makes of one text, which is cleaned as its training text was.

    Args:
        beam: width of the beam search for answers; 1 takes the likeliest token each time.
        choices: rank these answers instead of writing one (models that write).

    Raises:
        TokenError: the text has characters that the model does not know, or a choice has words, or the text
            no others (else they are read as <unk>: see `unknown_words`).
        OptionError: the text is empty, or an option does not fit the kind of model.
        CheckpointError: a language model without choices, which continues texts and predicts nothing.
    """
    text, choices = one_form(text), [one_form(choice) for choice in choices]
    kind, ids = run.recipe.model.about, _read(run, text)
    if len(ids) == 0:
        raise OptionError("There is nothing to predict from: the text is empty.")
    if kind.predicts == "text":
        return _choices_after(run, text, choices)
    if kind.predicts == "answer":
        return _answers(run, ids[-run.recipe.training.length :], beam, choices)
    if beam > 1 or choices:
        raise OptionError(
            f"A model of kind {run.recipe.model.kind} writes no answers: leave out --beam and --choice."
        )
    return PREDICT[kind.predicts](run, ids)


def _choices_after(run: Run, text: str, choices: Sequence[str]) -> list[Prediction]:
    if not choices:
        raise CheckpointError(
            f"{run.folder} is a language model: continue a text with scratchlm generate, or rank answers "
            "with --choice."
        )
    # The last spaces go with the choice, as words and pairs of bytes are cut in the training text.
    begin = text.rstrip(" ") or text
    return _ranked(run, _read(run, begin), None, choices, space=text[len(begin) :])


def _answers(run: Run, ids: np.ndarray, beam: int = 1, choices: Sequence[str] = ()) -> list[Prediction]:
    length = 2 * run.recipe.training.length
    if beam == 1 and not choices:
        return [Prediction(answer(run.model, run.tokenizer, [ids], length)[0])]
    with no_grad(), evaluating(run.model):
        state = run.model.start(ids[None])
    start, end = run.tokenizer.id_of(START), run.tokenizer.id_of(END)
    if choices:
        return _ranked(run, np.array([start]), state, choices, end)
    found = beam_search(run.model, [start], length, beam, end=end, state=state)
    return [
        Prediction(run.tokenizer.decode(one.ids), float(np.exp(one.log_probability)), one.score)
        for one in found
    ]


def _classes(run: Run, ids: np.ndarray) -> list[Prediction]:
    p = class_probabilities(run.model, [ids[-run.recipe.training.length :]])[0]
    return [Prediction(run.state["labels"][k], float(p[k])) for k in (-p).argsort()[:5]]


def _next(run: Run, ids: np.ndarray) -> list[Prediction]:
    with no_grad(), evaluating(run.model):
        p = run.model(ids[None, -run.recipe.training.length :]).softmax().numpy()[0]
    return [Prediction(repr(run.tokenizer.decode([k])), float(p[k])) for k in (-p).argsort()[:5]]


def _token_for_token(run: Run, ids: np.ndarray) -> list[Prediction]:
    with no_grad(), evaluating(run.model):
        return [Prediction(run.tokenizer.decode(run.model(ids[None]).numpy()[0].argmax(-1)))]


def _filled(run: Run, ids: np.ndarray) -> list[Prediction]:
    """The text with the likeliest token at each <mask>."""
    if not (hidden := ids == run.tokenizer.id_of(MASK)).any():
        raise OptionError(f"This model fills gaps: write {MASK} where a token is hidden.")
    with no_grad(), evaluating(run.model):
        p = run.model(ids[None]).softmax().numpy()[0]
    best = np.where(hidden, p.argmax(-1), ids)
    return [Prediction(run.tokenizer.decode(best).replace("\n", "\\n"), float(p.max(-1)[hidden].prod()))]


def _again(run: Run, ids: np.ndarray) -> list[Prediction]:
    return _answers(run, ids[-run.recipe.training.length :])


PREDICT = {"class": _classes, "next": _next, "tokens": _token_for_token, "mask": _filled, "code": _again}


def unknown_words(run: Run, text: str) -> list[str]:
    """What a run of words reads as <unk> in a text, each once; other runs refuse what they do not know."""
    return run.tokenizer.unknown_tokens(one_form(text)) if run.tokenizer.kind == "words" else []


def _read(run: Run, text: str) -> np.ndarray:
    ids = run.tokenizer.encode(text)
    some = unknown_words(run, text) and (ids != run.tokenizer.unknown_id).any()
    return ids if some else known_ids(run.tokenizer, text)  # of <unk> alone, nothing can be said


def between(run: Run, one: str, other: str, steps: int = 7) -> list[str]:
    """Sentences from codes on the line between the codes of two texts, both ends included.

    Raises:
        TokenError: a text has what the model does not know.
        OptionError: a text is empty, or the model has no code for a sentence.
    """
    if run.recipe.model.about.predicts != "code":
        raise OptionError(
            f"A model of kind {run.recipe.model.kind} has no codes to go between: leave out --to."
        )
    ends = [known_ids(run.tokenizer, one_form(text)) for text in (one, other)]
    if not all(map(len, ends)):
        raise OptionError("There is no way from or to nothing: a text is empty.")
    return interpolate(run.model, run.tokenizer, ends[0], ends[1], steps)


def _ranked(
    run: Run, prompt: np.ndarray, state: Any, choices: Sequence[str], end: int | None = None, space: str = ""
) -> list[Prediction]:
    """The choices after a space, likeliest first, with their share of the probability of all choices."""
    ids = [known_ids(run.tokenizer, space + choice) for choice in choices]
    ranked = choose(run.model, prompt, ids, state, end)
    p = np.exp([value - ranked[0][1] for _, value in ranked])
    shares = zip(ranked, p / p.sum(), strict=True)
    return [Prediction(choices[place], float(share)) for (place, _), share in shares]
