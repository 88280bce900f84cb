"""metrics.jsonl and loss.png: what was measured while training."""

import json
from pathlib import Path
from typing import Any

from ..errors import CheckpointError
from ..files import write_text, written_aside
from ..fonts import drawable


class Metrics:
    """One JSON object a line, appended as it comes; a resumed run drops what came after its checkpoint."""

    def __init__(self, path: Path):
        self.path = path

    def append(self, line: dict[str, Any]) -> None:
        """Add one measurement.

        Raises:
            CheckpointError: the file cannot be written.
        """
        try:
            with open(self.path, "a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
        except OSError as error:
            raise CheckpointError(f"Cannot write {self.path}: {error.strerror}; free some space.") from None

    def read(self) -> list[dict[str, Any]]:
        """All measurements up to the first line that is damaged, say cut off by a crash."""
        if not self.path.exists():
            return []
        lines = []
        for text in self.path.read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                line = json.loads(text)
            except (ValueError, RecursionError):  # also a number of thousands of digits, lists in lists in …
                break
            if not isinstance(line, dict) or not _is_count(line.get("step")):
                break
            if not all(isinstance(value, float) or _is_count(value) for value in line.values()):
                break
            lines.append(line)
        return lines

    def keep_until(self, step: int) -> None:
        """Drop measurements after `step`."""
        kept = [json.dumps(line) + "\n" for line in self.read() if line["step"] <= step]
        write_text(self.path, "".join(kept))


def _is_count(value: object) -> bool:
    """Whether it is a whole number that can be drawn."""
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63


def plot(metrics: list[dict[str, Any]], path: Path, title: str, unit: str) -> None:
    """Draw training and validation loss, in nats per `unit`, over the steps."""
    from matplotlib.figure import Figure

    training = [(m["step"], m["loss"]) for m in metrics if "loss" in m]
    validation = [(m["step"], m["validation_loss"]) for m in metrics if "validation_loss" in m]
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.subplots()
    if training:
        axes.plot(*zip(*training, strict=True), color="#9db7d5", linewidth=1, label="training")
    if validation:
        axes.plot(*zip(*validation, strict=True), "o-", color="#c0392b", markersize=4, label="validation")
        step, best = min(validation, key=lambda point: point[1])
        axes.annotate(
            f"{best:.3f}",
            (step, best),
            xytext=(0, 10),
            textcoords="offset points",
            ha="center",
            color="#c0392b",
        )
    axes.set(xlabel="step", ylabel=f"loss (nats per {unit})")
    (shown,), fonts = drawable([title])
    axes.set_title(shown, family=fonts)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25)
    if training or validation:
        figure.legend(frameon=False, loc="outside lower center", ncols=2)  # covers no curve
    with written_aside(path) as aside:
        figure.savefig(aside, dpi=120, format="png")
