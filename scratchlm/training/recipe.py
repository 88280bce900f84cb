"""Recipe: everything that decides a run, as a TOML file with the tables data, model, training, sample.

Values are checked when the recipe is read, unknown keys are refused with the nearest known one, and the whole
recipe, defaults included, is written into the run's folder.
"""

import dataclasses
import tomllib
import types
import typing
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

from ..device import DEVICES
from ..errors import RecipeError, did_you_mean
from ..models.kinds import KINDS, Kind, users
from ..tasks import TASKS

BODIES = [name for name, row in KINDS.items() if row.is_body]


def _one_of(*values: str) -> Any:
    return {"one_of": values}


def _at_least(low: float) -> Any:
    return {"low": low}


@dataclass
class Data:
    """The text, or the task with its examples, and how it is cut into tokens."""

    paths: list[str] = field(default_factory=list)  # files and folders; none: what `source` or `task` names
    source: str = field(default="python", metadata=_one_of("python", "chinese"))  # text without paths
    task: str = field(default="", metadata=_one_of("", *TASKS))  # examples instead of a text
    share: float = field(default=1.0, metadata={"above": 0, "most": 1})  # of the training part that is used
    remove_duplicates: str = field(default="no", metadata=_one_of("no", "exact", "near"))  # paragraphs
    remove_stop_words: str = field(default="no", metadata=_one_of("no", "en", "zh"))  # words only
    validation: float = field(default=0.1, metadata={"above": 0, "below": 1})  # the last part of the text
    tokenizer: str = field(default="characters", metadata=_one_of("characters", "words", "bpe"))
    vocabulary: int = field(default=0, metadata=_at_least(0))  # most tokens; 0: as the tokenizer sees fit
    min_count: int = field(default=1, metadata=_at_least(1))  # rarer ones are unknown


@dataclass
class Model:
    """The model and its sizes."""

    kind: str = field(default="lstm", metadata=_one_of(*KINDS))
    body: str = field(default="lstm", metadata=_one_of(*BODIES))  # reads
    embedding_dim: int = field(default=128, metadata=_at_least(1))
    hidden_size: int = field(default=256, metadata=_at_least(1))  # of LSTMs
    num_layers: int = field(default=1, metadata=_at_least(1))
    num_heads: int = field(default=4, metadata=_at_least(1))  # gpt, bert; their context is training.length
    dropout: float = field(default=0.0, metadata={"low": 0, "below": 1})
    attention: str = field(default="multiplicative", metadata=_one_of("none", "additive", "multiplicative"))
    reverse_source: bool = False  # read it backwards
    feed_context: bool = False  # its last state at each step
    bidirectional: bool = False  # a second body from the end
    copy: bool = False  # with attention: tokens of the source
    code_size: int = field(default=32, metadata=_at_least(1))  # numbers in a code
    word_dropout: float = field(  # share of the tokens that a vae's decoder, or a classifier, does not see
        default=0.0, metadata={"low": 0, "below": 1}
    )
    as_printed: bool = False  # with the document's errors

    @property
    def about(self) -> Kind:
        """What the table of kinds says of this one."""
        return KINDS[self.kind]

    @property
    def reader(self) -> str:
        """The kind that reads the text: a classifier's body, or the model itself."""
        return self.body if "body" in self.about.uses else self.kind


@dataclass
class Training:
    """The optimisation."""

    steps: int = field(default=1000, metadata=_at_least(1))
    batch: int = field(default=12, metadata=_at_least(1))  # sequences a step
    length: int = field(default=64, metadata=_at_least(1))  # tokens of a sequence
    batches: str = field(default="windows", metadata=_one_of("windows", "streams"))
    optimizer: str = field(default="adam", metadata=_one_of("adam", "adamw", "sgd"))
    lr: float = field(default=3e-3, metadata={"above": 0})
    momentum: float = field(default=0.0, metadata={"low": 0, "below": 1})  # sgd only
    weight_decay: float = field(default=0.0, metadata=_at_least(0))
    beta2: float = field(default=0.999, metadata={"low": 0, "below": 1})  # adam, adamw
    schedule: str = field(default="cosine", metadata=_one_of("constant", "step", "cosine"))
    warmup: int = field(default=0, metadata=_at_least(0))  # steps of linear rise
    floor: float = field(default=0.0, metadata={"low": 0, "below": 1})  # cosine: last lr / lr
    decay_from: int = field(default=0, metadata=_at_least(0))  # step schedule: full lr until then
    decay_every: int = field(default=500, metadata=_at_least(1))  # step schedule
    decay_factor: float = field(default=0.5, metadata={"above": 0})  # step schedule
    clip: float = field(default=5.0, metadata=_at_least(0))  # largest gradient norm; 0: no clipping
    log_every: int = field(default=10, metadata=_at_least(1))
    evaluate_every: int = field(default=250, metadata=_at_least(1))
    checkpoint_every: int = field(default=250, metadata=_at_least(1))
    label_smoothing: float = field(default=0.0, metadata={"low": 0, "below": 1})
    teacher_forcing: float = field(  # share of the steps with it
        default=1.0, metadata={"low": 0, "most": 1}
    )
    anneal_steps: int = field(default=0, metadata=_at_least(0))  # steps in which beta rises
    beta: float = field(default=1.0, metadata=_at_least(0))  # weight of the KL term
    free_bits: float = field(default=0.0, metadata=_at_least(0))  # nats a dimension for nothing
    start: str = ""  # folder of a run whose tokenizer and body this one begins with (`scratchlm finetune`)
    freeze: list[str] = field(default_factory=list)  # beginnings of the names of weights that stay
    patience: int = field(default=0, metadata=_at_least(0))  # evaluations without gain; 0: never stop early
    seed: int = field(default=0, metadata=_at_least(0))
    device: str = field(default="cpu", metadata=_one_of(*DEVICES))


@dataclass
class Sample:
    """The text that is shown at the end."""

    prompt: str = ""
    tokens: int = field(default=300, metadata=_at_least(1))
    temperature: float = field(default=0.8, metadata=_at_least(0))


@dataclass
class Recipe:
    """One training run."""

    name: str = "unnamed"
    description: str = ""
    expected: str = ""  # time and figure, measured, with the machine
    data: Data = field(default_factory=Data)
    model: Model = field(default_factory=Model)
    training: Training = field(default_factory=Training)
    sample: Sample = field(default_factory=Sample)

    def to_toml(self) -> str:
        """The whole recipe as TOML."""
        import tomli_w

        return tomli_w.dumps(dataclasses.asdict(self))


def shipped() -> dict[str, Path]:
    """Name → file of the recipes that come with scratchlm."""
    folder = Path(str(resources.files("scratchlm") / "recipes"))
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}


def load_recipe(name_or_path: str, changes: typing.Sequence[str] = ()) -> Recipe:
    """Read a shipped recipe by name or a file by path, then apply changes such as "training.steps=50".

    Raises:
        RecipeError: not found, no TOML, or a key or value that a recipe cannot have.
    """
    path = Path(name_or_path)
    if path.suffix != ".toml":
        known = shipped()
        if name_or_path not in known:
            raise RecipeError(
                f"There is no recipe '{name_or_path}'{did_you_mean(name_or_path, known)}: "
                f"name one of {', '.join(known)}, or a file that ends in .toml."
            )
        path = known[name_or_path]
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RecipeError(f"Cannot read the recipe {path}: {error.strerror}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RecipeError(f"The recipe {path} is no TOML: {error}.") from None
    for change in changes:
        _apply(table, change)
    source = f"recipe {name_or_path}" + "".join(f", --set {change}" for change in changes)
    recipe = _build(Recipe, table, source, "")
    for part, values in (("model", recipe.model), ("training", recipe.training)):
        for each in dataclasses.fields(values):
            known = users(each.name)
            if recipe.model.kind not in known and getattr(values, each.name) != each.default:
                raise RecipeError(
                    f"{source}: a model of kind {recipe.model.kind} does not use {part}.{each.name} (only "
                    f"{', '.join(known)} {'do' if len(known) > 1 else 'does'}): remove it."
                )
    return recipe


def _apply(table: dict[str, Any], change: str) -> None:
    """Put one `a.b=value` into the table; the value is TOML, or else a plain string."""
    key, equals, text = change.partition("=")
    *parents, last = key.strip().split(".")
    if not equals or not last:
        raise RecipeError(f"'{change}' is no change of a recipe: write for example training.steps=50.")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text.strip()
    for parent in parents:
        table = table.setdefault(parent, {})
        if not isinstance(table, dict):
            raise RecipeError(f"'{key}': '{parent}' is a value, not a table: use table.key=value.")
    table[last] = value


def _build(kind: type, table: Any, source: str, prefix: str) -> Any:
    """Make one dataclass from a table, checking every key and value."""
    if not isinstance(table, dict):
        raise RecipeError(f"{source}: '{prefix[:-1]}' is a table, not {table!r}: write [{prefix[:-1]}].")
    fields = {f.name: f for f in dataclasses.fields(kind)}
    values = {}
    for key, value in table.items():
        if key not in fields:
            raise RecipeError(
                f"{source}: unknown key '{prefix}{key}'{did_you_mean(key, fields) or _elsewhere(key)}; "
                f"known here: {', '.join(fields)}."
            )
        wanted = fields[key].type
        if isinstance(wanted, type) and dataclasses.is_dataclass(wanted):
            values[key] = _build(wanted, value, source, f"{prefix}{key}.")
        else:
            values[key] = _value(value, wanted, fields[key].metadata, f"{source}: {prefix}{key}")
    return kind(**values)


def _elsewhere(key: str) -> str:
    """Where a key of another table would belong."""
    for table in (Data, Model, Training, Sample):
        if key in {f.name for f in dataclasses.fields(table)}:
            return f" (did you mean '{table.__name__.lower()}.{key}'?)"
    return ""


def _value(value: Any, wanted: Any, bounds: typing.Mapping[str, Any], where: str) -> Any:
    if wanted is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    element = typing.get_args(wanted)[0] if isinstance(wanted, types.GenericAlias) else None
    fits = (
        isinstance(value, list) and all(isinstance(v, element) for v in value)
        if element
        else type(value) is wanted
    )
    if not fits:
        name = f"list of {element.__name__}" if element else wanted.__name__
        raise RecipeError(f"{where} is {value!r}, expected a value of type {name}.")
    if "one_of" in bounds and value not in bounds["one_of"]:
        raise RecipeError(
            f"{where} is {value!r}{did_you_mean(str(value), bounds['one_of'])}, "
            f"expected one of {', '.join(bounds['one_of'])}."
        )
    rules = [
        ("low", lambda v, b: v >= b, "at least"),
        ("above", lambda v, b: v > b, "above"),
        ("below", lambda v, b: v < b, "below"),
        ("most", lambda v, b: v <= b, "at most"),
    ]
    for key, holds, words in rules:
        if key in bounds and not holds(value, bounds[key]):
            raise RecipeError(f"{where} is {value!r}, expected a number {words} {bounds[key]}.")
    return value
