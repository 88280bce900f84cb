"""The training loop: batches, loss, backward, clip, step; measure, keep the best, be able to go on."""

import dataclasses
import math
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from .. import models, optim
from ..errors import CheckpointError, DataError, NumberError
from ..files import remove_asides, write_text
from ..function import detect_anomaly
from ..random import manual_seed, random_state
from ..tensor import Tensor
from ..text import (
    Corpus,
    RandomWindows,
    Streams,
    Tokenizer,
    default_corpus,
    load_corpus,
    load_tokenizer,
    split,
    train_tokenizer,
)
from .checkpoint import load_arrays, nested, save_arrays
from .evaluation import Evaluation, evaluate
from .metrics import Metrics, plot
from .recipe import Data, Model, Recipe, Training

FILES = ("tokenizer.json", "weights.safetensors", "checkpoint.safetensors", "metrics.jsonl", "loss.png")


class Reporter:
    """What the trainer tells about its progress; this one says nothing."""

    def message(self, text: str) -> None:
        """A line for the reader."""

    def start(self, trainer: "Trainer") -> None:
        """Training is about to begin, or to go on."""

    def step(self, trainer: "Trainer", loss: float) -> None:
        """One step is done; `loss` is the mean since the last line in metrics.jsonl."""

    def evaluation(self, trainer: "Trainer", result: Evaluation, best: bool) -> None:
        """The validation text was measured."""

    def close(self) -> None:
        """Training has ended, one way or another."""


@dataclasses.dataclass
class Text:
    """The text of a run: tokenizer and token ids, and how many characters the held-out part has."""

    corpus: Corpus
    tokenizer: Tokenizer
    training: np.ndarray  # (N) token ids
    validation: np.ndarray  # (M) token ids
    validation_characters: int


def prepare_text(data: Data, tokenizer: Tokenizer | None = None) -> Text:
    """Read the corpus, hold out its last part, train a tokenizer on the rest (unless given), encode both."""
    corpus = load_corpus(data.paths) if data.paths else default_corpus()
    training, validation = split(corpus.text, data.validation)
    if tokenizer is None:
        options = {"vocab_size": data.vocabulary} if data.vocabulary else {}
        tokenizer = train_tokenizer(data.tokenizer, training, min_count=data.min_count, **options)
    encoded = tokenizer.encode(training), tokenizer.encode(validation)
    if (n := len(encoded[1])) < 2:
        raise DataError(
            f"the held-out part of the text has {n} token(s), but predicting needs 2: give more text or a "
            "larger data.validation"
        )
    return Text(corpus, tokenizer, *encoded, len(validation))


def build_model(model: Model, vocabulary: int, length: int, device: str) -> models.LanguageModel:
    """The model that a recipe describes, with fresh weights; `length` is a GPT's context."""
    if model.kind == "gpt":
        sizes = model.embedding_dim, model.num_layers, model.num_heads, model.dropout
        return models.GPTLanguageModel(vocabulary, length, *sizes, device)
    return models.LSTMLanguageModel(
        vocabulary, model.embedding_dim, model.hidden_size, model.num_layers, model.dropout, device
    )


def build_optimizer(training: Training, parameters: Iterator[Any]) -> optim.Optimizer:
    """The optimizer that a recipe describes."""
    if training.optimizer == "sgd":
        return optim.SGD(parameters, training.lr, training.momentum, training.weight_decay)
    kind = optim.AdamW if training.optimizer == "adamw" else optim.Adam
    betas = 0.9, training.beta2
    return kind(parameters, training.lr, betas, weight_decay=training.weight_decay)


def build_schedule(training: Training) -> optim.Schedule:
    """The learning-rate schedule that a recipe describes."""
    if training.schedule == "cosine":
        return optim.cosine(training.steps, min(training.warmup, training.steps - 1), training.floor)
    if training.schedule == "step":
        return optim.step_decay(training.decay_every, training.decay_factor, training.warmup)
    return optim.constant(training.warmup)


class Trainer:
    """One run, from a recipe, in a folder.

    Args:
        recipe: what to train on what, and how.
        folder: the run's folder; made if missing.
        reporter: who is told about progress.
        resume: go on from the folder's checkpoint; gives bit for bit what the uninterrupted run gives.

    Raises:
        CheckpointError: the folder holds a run already (and not resume), or none (and resume).
        DataError: the text cannot be read or is too short.
    """

    def __init__(self, recipe: Recipe, folder: Path, reporter: Reporter | None = None, resume: bool = False):
        # A run must find its text from any folder: the recipe that is kept names whole paths.
        paths = [str(Path(path).absolute()) for path in recipe.data.paths]
        self.recipe = recipe = dataclasses.replace(recipe, data=dataclasses.replace(recipe.data, paths=paths))
        self.folder = folder
        self.reporter = reporter or Reporter()
        self.steps_done = 0
        self.seconds = 0.0  # of training and evaluating, over all sessions of this run
        self.best = math.inf
        self.best_step = 0
        self.last: Evaluation | None = None
        self.without_gain = 0
        self.pending = [0.0, 0, 0.0]  # since the last line of metrics: sum of losses, their number, seconds
        self.state: Any = None  # of the LSTM, carried along streams
        self.metrics = Metrics(folder / "metrics.jsonl")
        stored = self._open(resume)
        self.text = prepare_text(recipe.data, stored and load_tokenizer(folder / "tokenizer.json"))
        manual_seed(recipe.training.seed)
        t = recipe.training
        self.model = build_model(recipe.model, self.text.tokenizer.vocab_size, t.length, t.device)
        self.optimizer = build_optimizer(t, self.model.parameters())
        self.schedule = build_schedule(t)
        self.batches: RandomWindows | Streams = (
            Streams(self.text.training, t.batch, t.length)
            if t.batches == "streams"
            else RandomWindows(self.text.training, t.batch, t.length, t.seed)
        )
        if stored is not None:
            self._restore(*stored)
        else:
            self._begin()

    # ---------------------------------------------------------------- the loop
    def run(self) -> str:
        """Train to the end; return why it ended: "finished", "early" (no gain any more), "interrupted"."""
        t = self.recipe.training
        self.reporter.start(self)
        try:
            with _interruptible() as interrupted:
                while self.steps_done < t.steps:
                    if self._stopped_early():
                        return "early"
                    started = time.perf_counter()
                    self._step()
                    self.pending[2] += time.perf_counter() - started
                    self.seconds += time.perf_counter() - started
                    self.reporter.step(self, self.pending[0] / self.pending[1])
                    last = self.steps_done == t.steps
                    if self.steps_done % t.log_every == 0 or last:
                        self._log()
                    if self.steps_done % t.evaluate_every == 0 or last:
                        self._evaluate()
                    if self.steps_done % t.checkpoint_every == 0 or last or self._stopped_early():
                        self.save()
                    if interrupted.is_set() and not last:
                        self.save()
                        return "interrupted"
            return "finished"
        finally:
            self.reporter.close()

    def _stopped_early(self) -> bool:
        patience = self.recipe.training.patience
        return bool(patience) and self.without_gain >= patience

    def _step(self) -> None:
        """One batch forward and backward, one change of the parameters."""
        t = self.recipe.training
        inputs, targets, *fresh = next(self.batches)
        before = None if not fresh or fresh[0] else self.state
        self.optimizer.zero_grad()
        loss, state = self.model.loss(inputs, targets, before)
        number = loss.item()
        if not math.isfinite(number):
            raise NumberError(self._explain(f"The loss is {number}", inputs, targets, before))
        loss.backward()
        norm = optim.clip_grad_norm_(self.optimizer.parameters, t.clip or math.inf)
        if not math.isfinite(norm):
            raise NumberError(self._explain(f"The gradient's norm is {norm}", inputs, targets, before))
        self.optimizer.lr = t.lr * self.schedule(self.steps_done + 1)
        self.optimizer.step()
        self.state = tuple(part.detach() for part in state) if fresh and state else None
        self.steps_done += 1
        self.pending[0] += number
        self.pending[1] += 1

    def _explain(self, what: str, inputs: Any, targets: Any, state: Any) -> str:
        """Name the first function that makes a NaN, by running the step again with checks."""
        where = ""
        try:
            with detect_anomaly():
                broken = [p for p in state or () if not np.isfinite(p.numpy()).all()]
                if broken:
                    raise NumberError("it came with the state that is carried from batch to batch")
                self.model.loss(inputs, targets, state)[0].backward()
        except NumberError as error:
            where = f" ({error})"
        saved = (self.folder / "checkpoint.safetensors").exists()
        return (
            f"{what} at step {self.steps_done + 1}{where}: lower training.lr (now "
            f"{self.recipe.training.lr:g}) or set training.clip."
            + (f" The last checkpoint in {self.folder} is not touched." if saved else "")
        )

    def _log(self) -> None:
        total, count, seconds = self.pending
        t = self.recipe.training
        self.metrics.append(
            {
                "step": self.steps_done,
                "loss": total / count,
                "lr": self.optimizer.lr,
                "tokens_per_second": round(count * t.batch * t.length / seconds),
                "seconds": round(self.seconds, 3),
            }
        )
        self.pending = [0.0, 0, 0.0]

    def _evaluate(self) -> None:
        """Measure the validation part; keep the weights where they are the best so far."""
        started = time.perf_counter()
        self.last = evaluate(self.model, self.text.validation, self.text.validation_characters)
        self.seconds += time.perf_counter() - started
        is_best = self.last.loss < self.best
        if is_best:
            self.best, self.best_step, self.without_gain = self.last.loss, self.steps_done, 0
            self.save_weights()
        else:
            self.without_gain += 1
        self.metrics.append(
            {
                "step": self.steps_done,
                "validation_loss": self.last.loss,
                "perplexity": self.last.perplexity,
                "bits_per_character": self.last.bits_per_character,
                "seconds": round(self.seconds, 3),
            }
        )
        self.reporter.evaluation(self, self.last, is_best)

    # ---------------------------------------------------------------- the folder
    def _open(self, resume: bool) -> tuple[dict[str, np.ndarray], dict[str, Any]] | None:
        """Make the folder of a new run, or read the checkpoint of an old one."""
        checkpoint = self.folder / "checkpoint.safetensors"
        if resume:
            remove_asides(self.folder)
            begun = (self.folder / "recipe.toml").exists() and not checkpoint.exists()
            return None if begun else load_arrays(checkpoint)  # None: ended before its first checkpoint
        if (self.folder / "recipe.toml").exists():
            raise CheckpointError(
                f"{self.folder} holds a run already: go on with --resume {self.folder}, "
                "or choose another --out."
            )
        for name in FILES:
            if (self.folder / name).exists():
                raise CheckpointError(
                    f"{self.folder} has a file {name} already, which a run would overwrite: "
                    "choose another --out."
                )
        return None

    def _begin(self) -> None:
        """The first files of a run: not before text and model are made, so that bad input leaves none."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CheckpointError(f"Cannot make the folder {self.folder}: {error.strerror}.") from None
        write_text(self.folder / "recipe.toml", self.recipe.to_toml())
        self.text.tokenizer.save(self.folder / "tokenizer.json")
        if self.metrics.path.exists():
            self.metrics.keep_until(0)

    def save_weights(self) -> None:
        """Write the weights alone, as the best so far."""
        state = {
            "step": self.steps_done,
            "validation_loss": self.best if self.best_step else None,
            "text": self.text.corpus.sha256,
        }
        save_arrays(self.folder / "weights.safetensors", self.model.state_dict(), state)

    def save(self) -> None:
        """Write the checkpoint: everything that `run` needs to go on bit for bit."""
        carried = self.state or ()
        arrays = {f"model.{name}": array for name, array in self.model.state_dict().items()}
        arrays |= {f"optimizer.{name}": array for name, array in self.optimizer.state_dict().items()}
        arrays |= {f"state.{k}": part.numpy() for k, part in enumerate(carried)}
        state = {
            "steps_done": self.steps_done,
            "seconds": self.seconds,
            "best": self.best if self.best_step else None,
            "best_step": self.best_step,
            "without_gain": self.without_gain,
            "pending": self.pending,
            "random": random_state.state_dict(),
            "batches": self.batches.state_dict(),
            "text": self.text.corpus.sha256,
        }
        save_arrays(self.folder / "checkpoint.safetensors", arrays, state)
        if not (self.folder / "weights.safetensors").exists():
            self.save_weights()  # interrupted before the first evaluation: something to generate from

    def _restore(self, arrays: dict[str, np.ndarray], state: dict[str, Any]) -> None:
        if state["text"] != self.text.corpus.sha256:
            raise CheckpointError(
                f"The text is not the one that {self.folder} was trained on (its SHA-256 differs): "
                "put the old text back, or train into a new folder."
            )
        self.model.load_state_dict(nested(arrays, "model"))
        self.optimizer.load_state_dict(nested(arrays, "optimizer"))
        carried = nested(arrays, "state")
        device = self.recipe.training.device
        self.state = tuple(Tensor(carried[k], device=device) for k in sorted(carried)) or None
        random_state.load_state_dict(state["random"])
        self.batches.load_state_dict(state["batches"])
        self.steps_done, self.seconds = state["steps_done"], state["seconds"]
        self.best = math.inf if state["best"] is None else state["best"]
        self.best_step, self.without_gain = state["best_step"], state["without_gain"]
        self.pending = state["pending"]
        self.metrics.keep_until(self.steps_done)

    def plot(self) -> None:
        """Draw loss.png."""
        plot(self.metrics.read(), self.folder / "loss.png", f"{self.recipe.name}: {self.text.corpus.name}")


@contextmanager
def _interruptible() -> Iterator[threading.Event]:
    """Turn the first Ctrl-C (or SIGTERM) into a wish to stop after the step; the second one stops at once."""
    wish = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield wish  # only the main thread may handle signals
        return

    def handle(number: int, frame: Any) -> None:
        if wish.is_set():
            raise KeyboardInterrupt
        wish.set()

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield wish
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
