"""The trainer's progress: a bar on a terminal, lines in a file or pipe."""

import time

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from .evaluation import Evaluation
from .trainer import Reporter, Trainer


class TerminalReporter(Reporter):
    """Loss, validation loss, perplexity, tokens a second and time left."""

    def __init__(self, console: Console):
        self.console = console
        self.bar: Progress | None = None
        self.validation = "–"
        self.said = 0.0
        self.started = time.perf_counter()

    def message(self, text: str) -> None:
        """One line, with the bar (if any) moved below it."""
        self.console.print(text, highlight=False, markup=False)

    def start(self, trainer: Trainer) -> None:
        """Say what will be trained, then show the bar."""
        t, first = trainer.recipe.training, "data    "
        for line in trainer.job.describe():
            self.message(first + line)
            first = "        "
        self.message(
            f"model   {trainer.model.count_parameters():,} parameters, device {t.device}, seed {t.seed}"
        )
        if t.start and not trainer.steps_done:
            new = ", ".join(trainer.new_weights) or "none"
            self.message(f"start   weights of {t.start}; new: {new}")
        self.message(f"steps   {t.steps:,} of {t.batch} × {t.length} tokens at most → {trainer.folder}")
        if trainer.steps_done:
            self.message(f"        going on after step {trainer.steps_done:,}")
        if measured := [m["validation_loss"] for m in trainer.metrics.read() if "validation_loss" in m]:
            self.validation = f"{measured[-1]:.3f}"
        if t.device == "cpu":
            self._say_compiling()
        if self.console.is_terminal:
            self.bar = Progress(
                BarColumn(bar_width=20 if self.console.width >= 110 else 6),
                TextColumn("{task.completed}/{task.total}"),
                TextColumn("{task.fields[figures]}"),
                TimeRemainingColumn(compact=True),
                TextColumn("left"),
                console=self.console,
                transient=True,
            )
            self.bar.start()
            self.task = self.bar.add_task(
                "train", total=t.steps, completed=trainer.steps_done, figures="first step …"
            )
        self.started, self.first = time.perf_counter(), trainer.steps_done

    def _say_compiling(self) -> None:
        from scratchlm.kernels.cpu.compiling import CACHE, cache_folder

        if not any(cache_folder().rglob("*.nbc")):
            kept = f"once: a few seconds (kept in {cache_folder()})" if CACHE else "a few seconds"
            self.message(f"kernels are compiled at first use, {kept}")

    def step(self, trainer: Trainer, loss: float) -> None:
        """Move the bar; without a terminal, a line every ten seconds."""
        t = trainer.recipe.training
        done = trainer.steps_done - self.first
        speed = trainer.tokens_seen / (time.perf_counter() - self.started)
        if self.bar is not None:
            figures = f"loss {loss:.3f} · val {self.validation} · {speed / 1000:.1f}k tok/s"
            self.bar.update(self.task, completed=trainer.steps_done, figures=figures)
        elif done == 1 or time.perf_counter() - self.said > 10:
            self.said = time.perf_counter()
            left = (t.steps - trainer.steps_done) * (self.said - self.started) / done
            rest = f", {speed:,.0f} tokens/s, {left:.0f} s left" if done > 1 else ""
            self.message(f"step {trainer.steps_done:>6}  loss {loss:.4f}{rest}")

    def evaluation(self, trainer: Trainer, result: Evaluation, best: bool) -> None:
        """A line that stays."""
        self.validation = f"{result.loss:.3f}"
        self.message(f"step {trainer.steps_done:>6}  {result.shown}{'  best' if best else ''}")

    def warning(self, text: str) -> None:
        """A line that stays."""
        self.message(f"Warning: {text}")

    def close(self) -> None:
        """Take the bar away."""
        if self.bar is not None:
            self.bar.stop()
            self.bar = None
