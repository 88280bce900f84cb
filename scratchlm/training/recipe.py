"""Recipe: everything that decides a run, as a TOML file with the tables data, model, training, sample.

Values are checked when the recipe is read, unknown keys are refused with the nearest known one, and the whole
recipe, defaults included, is written into the run's folder.
"""

import dataclasses
import re
import sys
import tomllib
import typing
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from ..device import DEVICES
from ..errors import RecipeError, did_you_mean, quote, short
from ..models.kinds import KINDS, Kind, users
from ..tasks import METRICS, task_names


def _one_of(*values: str) -> Meta:
    return Meta(pattern=rf"\A({'|'.join(map(re.escape, values))})\Z", extra={"one_of": values})


# What `differences` compares: the tables that decide the numbers of a run, without the places of its data and
# its start, which may move; a fingerprint of the data is kept.
DECIDES = ("data", "model", "training")
PLACES = ("paths", "validation_paths", "test_paths", "start")
BODIES = [name for name, row in KINDS.items() if row.is_body]
Count = Annotated[int, Meta(ge=1, lt=2**31)]  # no run counts further, and arrays' sizes stay in 64 bits
CountOrZero = Annotated[int, Meta(ge=0, lt=2**31)]
Positive = Annotated[float, Meta(gt=0, le=sys.float_info.max)]
NotNegative = Annotated[float, Meta(ge=0, le=sys.float_info.max)]
Share = Annotated[float, Meta(ge=0, lt=1)]


@dataclass
class Data:
    """The text, or the task with its examples, and how it is cut into tokens."""

    paths: list[str] = field(default_factory=list)  # files, folders; none: what `source` or `task` names
    source: Annotated[str, _one_of("python", "chinese")] = "python"  # text without paths
    task: str = ""  # examples instead of a text
    metric: Annotated[str, _one_of("", *METRICS)] = ""  # of a task [its own; for pairs accuracy or chrf]
    share: Annotated[float, Meta(gt=0, le=1)] = 1.0  # of the training part that is used
    remove_duplicates: Annotated[str, _one_of("no", "exact", "near")] = "no"  # paragraphs
    remove_stop_words: Annotated[str, _one_of("no", "en", "zh")] = "no"  # words only
    validation: Annotated[float, Meta(gt=0, lt=1)] = 0.1  # the last part of the text
    validation_paths: list[str] = field(default_factory=list)  # a text of its own instead of that part
    test_paths: list[str] = field(
        default_factory=list
    )  # a text that the best weights are measured on at the end
    tokenizer: Annotated[str, _one_of("characters", "words", "bpe")] = "characters"
    vocabulary: CountOrZero = 0  # most tokens; 0: as the tokenizer sees fit
    min_count: Count = 1  # rarer ones are unknown
    spaced: bool = False  # words only: whatever stands between spaces is one, <unk> what is unknown

    def take(self, paths: typing.Sequence[str]) -> None:
        """Put files and folders, if any are given, in place of the text or task that the recipe names."""
        if paths:
            self.paths, self.task = list(paths), ""


@dataclass
class Model:
    """The model and its sizes."""

    kind: Annotated[str, _one_of(*KINDS)] = "lstm"
    body: Annotated[str, _one_of(*BODIES)] = "lstm"  # what a classifier reads with
    embedding_dim: Count = 128
    hidden_size: Count = 256  # of LSTMs
    num_layers: Count = 1
    num_heads: Count = 4  # gpt, bert; their context is training.length
    dropout: Share = 0.0
    init_range: NotNegative = 0.0  # all weights start from U(−r, r); 0: each layer's own way
    attention: Annotated[str, _one_of("none", "additive", "multiplicative")] = "multiplicative"
    reverse_source: bool = False  # read it backwards
    feed_context: bool = False  # its last state at each step
    bidirectional: bool = False  # a second body, or encoder, from the end
    copy: bool = False  # with attention: tokens of the source
    code_size: Count = 32  # numbers in a code
    word_dropout: Share = 0.0  # share of the tokens that a vae's decoder, or a classifier, does not see
    as_printed: bool = False  # with the errors of its first print

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

    steps: Count = 1000
    batch: Count = 12  # sequences a step
    length: Count = 64  # tokens of a sequence
    batches: Annotated[str, _one_of("windows", "streams")] = "windows"
    optimizer: Annotated[str, _one_of("adam", "adamw", "sgd")] = "adam"
    lr: Positive = 3e-3
    momentum: Share = 0.0  # sgd only
    weight_decay: NotNegative = 0.0
    beta2: Share = 0.999  # adam, adamw
    schedule: Annotated[str, _one_of("constant", "step", "cosine")] = "cosine"
    warmup: CountOrZero = 0  # steps of linear rise
    floor: Share = 0.0  # cosine: last lr / lr
    decay_from: CountOrZero = 0  # step schedule: full lr until then
    decay_every: Count = 500  # step schedule
    decay_factor: Positive = 0.5  # step schedule
    clip: NotNegative = 5.0  # largest gradient norm; 0: no clipping
    log_every: Count = 10
    evaluate_every: Count = 250
    checkpoint_every: Count = 250
    label_smoothing: Share = 0.0
    teacher_forcing: Annotated[float, Meta(ge=0, le=1)] = 1.0  # share of the steps with it
    anneal_steps: CountOrZero = 0  # steps in which beta rises
    beta: NotNegative = 1.0  # weight of the KL term
    free_bits: NotNegative = 0.0  # nats a dimension for nothing
    start: str = ""  # folder of a run whose tokenizer and body this one begins with (`scratchlm finetune`)
    freeze: list[str] = field(default_factory=list)  # beginnings of the names of weights that stay
    patience: CountOrZero = 0  # evaluations without gain; 0: never stop early
    seed: Annotated[int, Meta(ge=0)] = 0
    device: Annotated[str, _one_of(*DEVICES)] = "cpu"


@dataclass
class Sample:
    """The text that is shown at the end."""

    prompt: str = ""
    tokens: Count = 300
    temperature: NotNegative = 0.8


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
                f"There is no recipe {quote(name_or_path)}{did_you_mean(name_or_path, known)}: "
                f"name one of {', '.join(known)}, or a file that ends in .toml."
            )
        path = known[name_or_path]
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise RecipeError(f"Cannot read the recipe {path}: {error.strerror}.") from None
    except (ValueError, RecursionError) as error:  # also a number of thousands of digits, lists in lists in …
        raise RecipeError(f"The recipe {path} is no TOML: {short(error)}.") from None
    for change in changes:
        _apply(table, change)
    return _checked(
        table, f"recipe {name_or_path}" + "".join(f", --set {short(change)}" for change in changes)
    )


def differences(begun: typing.Mapping[str, Any], now: typing.Mapping[str, Any]) -> list[str]:
    """What two recipes, as dictionaries, would train differently: "training.lr was 0.01 and is 0.1", …"""
    return [
        f"{table}.{key} was {quote(begun[table].get(key))} and is {quote(value)}"
        for table in DECIDES
        for key, value in now[table].items()
        if key not in PLACES and begun[table].get(key) != value
    ]


def _apply(table: dict[str, Any], change: str) -> None:
    """Put one `a.b=value` into the table; the value is TOML, or else a plain string."""
    key, equals, text = change.partition("=")
    *parents, last = key.strip().split(".")
    if not equals or not last:
        raise RecipeError(f"{quote(change)} is no change of a recipe: write for example training.steps=50.")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except (ValueError, RecursionError):
        value = text.strip()
    for parent in parents:
        table = table.setdefault(parent, {})
        if not isinstance(table, dict):
            raise RecipeError(f"{quote(key)}: {quote(parent)} is a value, not a table: use table.key=value.")
    table[last] = value


def _checked(table: dict[str, Any], source: str) -> Recipe:
    """The recipe in a table; `source` begins the sentence about what is wrong in it."""
    _refuse_unknown(table, Recipe, source, "")
    try:
        recipe = msgspec.convert(table, Recipe)
    except msgspec.ValidationError as error:
        raise RecipeError(f"{source}: {_sentence(str(error), table)}") from None
    if (task := recipe.data.task) and task not in (known := task_names()):
        raise RecipeError(f"{source}: {_no_choice('data.task', task, known)}")
    for part, values in (("model", recipe.model), ("training", recipe.training)):
        for each in dataclasses.fields(values):
            kinds = users(each.name)
            if recipe.model.kind not in kinds and getattr(values, each.name) != each.default:
                raise RecipeError(
                    f"{source}: a model of kind {recipe.model.kind} does not use {part}.{each.name} (only "
                    f"{', '.join(kinds)} {'do' if len(kinds) > 1 else 'does'}): remove it."
                )
    return recipe


def _refuse_unknown(table: dict[str, Any], kind: type, source: str, prefix: str) -> None:
    fields = {f.name: f for f in dataclasses.fields(kind)}
    for key, value in table.items():
        if key not in fields:
            raise RecipeError(
                f"{source}: unknown key {quote(prefix + key)}{did_you_mean(key, fields) or _elsewhere(key)}; "
                f"known here: {', '.join(fields)}."
            )
        wanted = fields[key].type
        if isinstance(wanted, type) and dataclasses.is_dataclass(wanted) and isinstance(value, dict):
            _refuse_unknown(value, wanted, source, f"{prefix}{key}.")


def _elsewhere(key: str) -> str:
    """Where a key of another table would belong."""
    for table in (Data, Model, Training, Sample):
        if key in {f.name for f in dataclasses.fields(table)}:
            return f" (did you mean '{table.__name__.lower()}.{key}'?)"
    return ""


_BOUNDS = {">=": "at least", ">": "above", "<": "below", "<=": "at most"}


def _sentence(error: str, table: dict[str, Any]) -> str:
    """msgspec's "Expected `float` > 0.0 - at `$.training.lr`", with the value and the choices."""
    what, _, path = error.partition(" - at `$.")
    key = re.split(r"[\[`]", path)[0]
    value: Any = table
    wanted: Any = Recipe
    for part in key.split("."):
        value, wanted = value[part], typing.get_type_hints(wanted, include_extras=True)[part]
    bare, meta = typing.get_args(wanted) if hasattr(wanted, "__metadata__") else (wanted, Meta())
    if dataclasses.is_dataclass(bare):
        return f"'{key}' is a table, not {quote(value)}: write [{key}]."
    if meta.extra and isinstance(value, str):
        return _no_choice(key, value, [choice for choice in meta.extra["one_of"] if choice])
    if bound := re.fullmatch(r"Expected `\w+` ([<>]=?) (\S+)", what):
        return f"{key} is {quote(bare(value))}, expected a number {_BOUNDS[bound[1]]} {bound[2]}."
    if "got" in what:
        name = "list of str" if bare == list[str] else bare.__name__
        return f"{key} is {quote(value)}, expected a value of type {name}."
    return f"{key} is {quote(value)}: {what}."


def _no_choice(key: str, value: str, choices: typing.Sequence[str]) -> str:
    return f"{key} is {quote(value)}{did_you_mean(value, choices)}, expected one of {', '.join(choices)}."
