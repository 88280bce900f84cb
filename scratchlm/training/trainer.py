"""The training loop: batches, loss, backward, clip, step; measure, keep the best, be able to go on."""

import math
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from .. import optim
from ..debugger.tape import record
from ..debugger.watch import EVERY, Watch
from ..errors import CheckpointError, short
from ..files import remove_asides, write_text
from ..random import manual_seed, random_state
from ..tensor import Tensor
from ..text import load_tokenizer
from .building import build_optimizer, build_schedule
from .checkpoint import load_arrays, nested, save_arrays
from .evaluation import Evaluation
from .faults import BUDGET, not_finite, watched
from .jobs import make_job
from .metrics import Metrics, plot
from .recipe import DECIDES, Recipe, differences, load_recipe
from .standing import Pending, Standing
from .starting import begin_with, freeze

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
        """The validation part was measured."""

    def warning(self, text: str) -> None:
        """A measurement looks suspicious."""

    def close(self) -> None:
        """Training has ended, one way or another."""


class Trainer:
    """One run, from a recipe, in a folder.

    Args:
        recipe: what to train on what, and how.
        folder: the run's folder; made if missing.
        reporter: who is told about progress.
        resume: go on from the folder's checkpoint; gives bit for bit what the uninterrupted run gives.
        watch: look into every tenth step for what goes wrong, and stop there (see debugger/watch.py).

    Raises:
        CheckpointError: the folder holds a run already (and not resume), or none or another recipe's
            (and resume).
        DataError: the data cannot be read or is too little.
    """

    def __init__(
        self,
        recipe: Recipe,
        folder: Path,
        reporter: Reporter | None = None,
        resume: bool = False,
        watch: bool = False,
    ):
        # A run must find its text from any folder: the recipe that is kept names whole paths.
        data, start = replace(recipe.data), recipe.training.start
        for key in ("paths", "validation_paths", "test_paths"):
            setattr(data, key, [str(Path(path).absolute()) for path in getattr(data, key)])
        start = str(Path(start).absolute()) if start else ""
        self.recipe = recipe = replace(recipe, data=data, training=replace(recipe.training, start=start))
        self.folder = folder
        self.reporter = reporter or Reporter()
        self.steps_done = 0
        self.tokens_seen = 0  # in this session
        self.seconds = 0.0  # of training and evaluating, over all sessions of this run
        self.best = math.inf  # badness of the best evaluation
        self.best_step = 0
        self.best_result: Evaluation | None = None
        self.without_gain = 0
        self.pending = Pending()
        self.watch = Watch() if watch else None
        self.new_weights: list[str] = []  # where it begins with another run's
        self.state: Any = None  # of the LSTM, carried along streams
        self.made: list[Path] = []  # what a failure before the first step takes back, the folder last
        self.metrics = Metrics(folder / "metrics.jsonl")
        stored = self._open(resume)
        given = load_tokenizer(folder / "tokenizer.json") if stored else None
        if given is None and start:
            given = load_tokenizer(Path(start) / "tokenizer.json")
        manual_seed(recipe.training.seed)
        if recipe.data.task:  # seconds, for some of them
            self.reporter.message(f"preparing task {recipe.data.task} …")
        self.job = make_job(recipe, given)
        t, self.model, self.batches = recipe.training, self.job.model, self.job.batches
        if start and not stored:
            self.new_weights = begin_with(self.model, Path(start))
        self.optimizer = build_optimizer(t, freeze(self.model, t.freeze))
        self.schedule = build_schedule(t)
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
                    self.step()
                    self.pending.seconds += time.perf_counter() - started
                    self.seconds += time.perf_counter() - started
                    self.reporter.step(self, self.pending.losses / self.pending.steps)
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
        except Exception:
            if not self.steps_done:
                self._take_back()
            raise
        finally:
            self.reporter.close()

    @property
    def is_over(self) -> bool:
        """Whether no step is left: all are done, or it stopped early."""
        return self.steps_done >= self.recipe.training.steps or self._stopped_early()

    def _stopped_early(self) -> bool:
        patience = self.recipe.training.patience
        return bool(patience) and self.without_gain >= patience

    def step(self) -> None:
        """One batch forward and backward, one change of the parameters."""
        t = self.recipe.training
        batch = next(self.batches)
        self.optimizer.zero_grad()
        before = random_state.state_dict()
        looking = self.watch is not None and self.steps_done % EVERY == 0
        with record(budget=BUDGET, quiet=True) if looking else nullcontext() as tape:
            loss, state = self.job.loss(batch, self.state, self.steps_done)
            loss.backward()
        norm = optim.clip_grad_norm_(self.optimizer.parameters, t.clip or math.inf)
        number = loss.item()  # here, because a card that is asked for the norm has done all before it anyway
        for what, value in (("The loss is", number), ("The gradient's norm is", norm)):
            if not math.isfinite(value):
                random_state.load_state_dict(before)  # dropout as it was
                raise not_finite(self, f"{what} {value}", batch)
        if self.watch is not None:
            watched(self, self.watch, tape, norm, number, batch, before)
        self.optimizer.lr = t.lr * self.schedule(self.steps_done + 1)
        self.optimizer.step()
        self.state = tuple(part.detach() for part in state) if state else None
        self.steps_done += 1
        self.pending.losses += number
        self.pending.steps += 1
        self.pending.tokens += self.job.count(batch)
        self.tokens_seen += self.job.count(batch)

    def _log(self) -> None:
        since = self.pending
        self.metrics.append(
            {
                "step": self.steps_done,
                "loss": since.losses / since.steps,
                "lr": self.optimizer.lr,
                "tokens_per_second": round(since.tokens / since.seconds),
                "seconds": round(self.seconds, 3),
            }
        )
        self.pending = Pending()

    def _evaluate(self) -> None:
        """Measure the validation part; keep the weights where they are the best so far."""
        started = time.perf_counter()
        result = self.job.evaluate()
        self.seconds += time.perf_counter() - started
        is_best = result.badness < self.best
        if is_best:
            self.best, self.best_step, self.without_gain = result.badness, self.steps_done, 0
            self.best_result = result
            self.save_weights()
        else:
            self.without_gain += 1
        line = {"step": self.steps_done, "validation_loss": result.loss}
        if self.job.unit == "token":
            line["perplexity"] = result.perplexity
        if result.characters:
            line["bits_per_character"] = result.bits_per_character
        self.metrics.append(line | result.figures | {"seconds": round(self.seconds, 3)})
        self.reporter.evaluation(self, result, is_best)
        if warning := self.job.warning(result):
            self.reporter.warning(warning)

    # ---------------------------------------------------------------- the folder
    def _open(self, resume: bool) -> tuple[dict[str, np.ndarray], dict[str, Any]] | None:
        """Make the folder of a new run, or read the checkpoint of an old one."""
        checkpoint = self.folder / "checkpoint.safetensors"
        if resume:
            self._check_recipe()
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

    def _check_recipe(self) -> None:
        """Refuse to resume with a different recipe: experiments read a folder again by its name."""
        path = self.folder / "recipe.toml"
        if not path.exists():
            return
        begun, now = load_recipe(str(path)), self.recipe
        if changed := differences(asdict(begun), asdict(now)):
            raise CheckpointError(
                f"{self.folder} holds a run of another recipe ({', '.join(changed)}): choose another --out."
            )

    def _begin(self) -> None:
        """The first files of a run: not before text and model are made, so that bad input leaves none."""
        files = [self.folder / "recipe.toml", self.folder / "tokenizer.json"]
        if not files[0].exists():  # else the run began earlier, and may have weights
            self.made = files + [self.folder] * (not self.folder.exists())
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CheckpointError(f"Cannot make the folder {self.folder}: {error.strerror}.") from None
        write_text(files[0], self.recipe.to_toml())
        self.job.tokenizer.save(files[1])
        if self.metrics.path.exists():
            self.metrics.keep_until(0)

    def _take_back(self) -> None:
        """Remove what a run made that failed at its first step: with a recipe alone it fails again."""
        with suppress(OSError):  # the folder is not empty, say: what failed is what the user has to read
            for path in self.made:
                path.rmdir() if path == self.folder else path.unlink(missing_ok=True)

    def save_weights(self) -> None:
        """Write the weights alone, as the best so far."""
        state = {
            "step": self.steps_done,
            "validation_loss": self.best_result.loss if self.best_result else None,
            "text": self.job.sha256,
            "labels": self.job.labels,
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
            "best": asdict(self.best_result) if self.best_result else None,
            "best_step": self.best_step,
            "without_gain": self.without_gain,
            "pending": asdict(self.pending),
            "random": random_state.state_dict(),
            "batches": self.batches.state_dict(),
            "text": self.job.sha256,
            "recipe": {table: asdict(self.recipe)[table] for table in DECIDES},
        }
        save_arrays(self.folder / "checkpoint.safetensors", arrays, state)
        if not (self.folder / "weights.safetensors").exists():
            self.save_weights()  # interrupted before the first evaluation: something to generate from

    def _restore(self, arrays: dict[str, np.ndarray], state: dict[str, Any]) -> None:
        """Go on where `save` was called; whatever else the checkpoint may say is refused."""
        try:
            then = msgspec.convert(state, Standing)
            self._check_unchanged(then)
            self.model.load_state_dict(nested(arrays, "model"))
            self.optimizer.load_state_dict(nested(arrays, "optimizer"))
            random_state.load_state_dict(then.random)
            self.batches.load_state_dict(then.batches)
            self.best = then.best.badness if then.best else math.inf
            if not then.steps_done <= self.recipe.training.steps:
                raise ValueError(f"{then.steps_done} steps done")
        except (LookupError, TypeError, ValueError, OverflowError) as error:
            raise CheckpointError(
                f"{self.folder / 'checkpoint.safetensors'} has a state that no run of this recipe leaves "
                f"({short(error)}): train again into a new folder, perhaps with scratchlm finetune."
            ) from None
        carried = nested(arrays, "state")
        device = self.recipe.training.device
        self.state = tuple(Tensor(carried[k], device=device) for k in sorted(carried)) or None
        self.steps_done, self.seconds, self.best_result = then.steps_done, then.seconds, then.best
        self.best_step, self.without_gain, self.pending = then.best_step, then.without_gain, then.pending
        self.metrics.keep_until(self.steps_done)

    def _check_unchanged(self, then: Standing) -> None:
        """Refuse to go on with another text or recipe than the run began with."""
        if changed := differences(then.recipe, asdict(self.recipe)):
            raise CheckpointError(
                f"The recipe of {self.folder} was changed since the run began: {', '.join(changed)}. Put the "
                "old values back into its recipe.toml, or begin a new run, with scratchlm finetune from its "
                "weights."
            )
        if then.text != self.job.sha256:
            raise CheckpointError(
                f"The data is not the one that {self.folder} was trained on (its SHA-256 differs): "
                "put the old data back, or train into a new folder."
            )

    def load_best(self) -> None:
        """Put the best weights into the model, to show and to measure."""
        self.model.load_state_dict(load_arrays(self.folder / "weights.safetensors")[0])

    def plot(self) -> None:
        """Draw loss.png."""
        title = f"{self.recipe.name}: {self.job.title}"
        plot(self.metrics.read(), self.folder / "loss.png", title, self.job.unit)


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
