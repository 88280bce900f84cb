"""Recipes: every wrong key, type, range and choice is one sentence; what is right comes back unchanged."""

import dataclasses
import tomllib

import pytest

from scratchlm.errors import DataError, RecipeError
from scratchlm.tasks import TASKS, Example, TaskData, load_task, task_names
from scratchlm.training import load_recipe, shipped
from scratchlm.training.recipe import Data, Model, Recipe, Sample, Training

WRONG = {
    # a key
    'steps = 5': r"unknown key 'steps' \(did you mean 'training\.steps'\?\)",
    '[trainig]\nsteps = 5': r"unknown key 'trainig' \(did you mean 'training'\?\)",
    '[training]\nstep = 5': r"unknown key 'training\.step' \(did you mean 'steps'\?\)",
    '[training]\nhidden_size = 5': r"'training\.hidden_size' \(did you mean 'model\.hidden_size'\?\)",
    '[model]\nxyzzy = 5': r"unknown key 'model\.xyzzy'; known here: kind, body, embedding_dim",
    # a type
    '[training]\nsteps = "5"': r"training\.steps is '5', expected a value of type int",
    '[training]\nsteps = 5.0': r"training\.steps is 5\.0, expected a value of type int",
    '[training]\nsteps = true': r"training\.steps is True, expected a value of type int",
    '[training]\nlr = "high"': r"training\.lr is 'high', expected a value of type float",
    '[training]\nlr = true': r"training\.lr is True",
    '[data]\npaths = "a.txt"': r"data\.paths is 'a\.txt', expected a value of type list of str",
    '[data]\npaths = [1]': r"data\.paths is \[1\], expected a value of type list of str",
    'name = 5': r"name is 5, expected a value of type str",
    'training = 5': r"'training' is a table, not 5: write \[training\]",
    '[training.steps]\nx = 1': r"training\.steps is \{'x': 1\}, expected a value of type int",
    # a range
    '[training]\nsteps = 0': r"training\.steps is 0, expected a number at least 1",
    '[training]\nlr = 0': r"training\.lr is 0\.0, expected a number above 0",
    '[training]\nlr = nan': r"training\.lr is nan, expected a number above 0",
    '[training]\nclip = -1.0': r"training\.clip is -1\.0, expected a number at least 0",
    '[training]\nseed = -1': r"training\.seed is -1",
    '[training]\nlr = inf': r"training\.lr is inf, expected a number at most 1\.79",
    f"[model]\nembedding_dim = {2**63}": r"model\.embedding_dim is 9223372036854775808, expected",
    f"[data]\nmin_count = {2**63}": r"data\.min_count is 9223372036854775808, expected",
    f"[training]\nsteps = 0x{'f' * 5000}": r"training\.steps is 0xfff.* … f+\b",
    f"[training]\nsteps = {'9' * 5000}": "is no TOML",
    f"name = {'[' * 5000}": "is no TOML",
    '[model]\ndropout = 1.0': r"model\.dropout is 1\.0, expected a number below 1",
    '[model]\nhidden_size = 0': r"model\.hidden_size is 0",
    '[data]\nvalidation = 0': r"data\.validation is 0\.0, expected a number above 0",
    '[data]\nvalidation = 1.0': r"data\.validation is 1\.0, expected a number below 1",
    '[sample]\ntemperature = -0.1': r"sample\.temperature is -0\.1",
    # a choice
    '[training]\noptimizer = "adm"': r"'adm' \(did you mean 'adam'\?\), expected one of adam, adamw, sgd",
    '[training]\ndevice = "gpu"': r"training\.device is 'gpu'.*, expected one of reference, cpu",
    '[training]\nschedule = "cosin"': r"did you mean 'cosine'",
    '[training]\nbatches = "stream"': r"did you mean 'streams'",
    '[data]\ntokenizer = "chars"': r"data\.tokenizer is 'chars'.*expected one of characters, words, bpe",
    '[model]\nkind = "lsmt"': r"did you mean 'lstm'",
    '[data]\ntask = "sumaries"': r"'sumaries' \(did you mean 'summaries'\?\), expected one of summaries,",
    '[data]\ntokenizer = "words\\n"': r"data\.tokenizer is 'words\\n'",
    '[data]\ntask = 5': r"data\.task is 5, expected a value of type str",
    '[model]\ncopy = 1': r"model\.copy is 1, expected a value of type bool",
    # no TOML at all
    '[training\nsteps = 5': r"is no TOML: .*line 1",
    'steps = ': "is no TOML",
}  # fmt: skip


@pytest.mark.parametrize("content", WRONG, ids=lambda content: content.replace("\n", " ")[:50])
def test_a_wrong_recipe_is_refused_in_one_sentence(content, tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(RecipeError, match=WRONG[content]) as caught:
        load_recipe(str(path))
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "change",
    [
        *("data.tokenizer={}", "data.task={}", "training.steps={}", "sample.tokens=[{}]", "data.paths={}"),
        *("{}=1", "model.{}=1", "{}", "model.kind.{}=1", "sample={}"),
    ],
)
def test_a_long_value_is_not_repeated_whole(change):
    with pytest.raises(RecipeError) as caught:
        load_recipe("default", [change.format("a" * 70_000)])
    assert "a" * 20 in str(caught.value)
    assert len(str(caught.value)) < 700


def test_a_byte_order_mark_before_a_recipe_is_no_fault(tmp_path):
    (tmp_path / "mine.toml").write_text("[training]\nsteps = 7\n", encoding="utf-8-sig")
    assert load_recipe(str(tmp_path / "mine.toml")).training.steps == 7


def test_a_recipe_that_is_not_there(tmp_path):
    with pytest.raises(RecipeError, match=r"no recipe 'defualt' \(did you mean 'default'\?\)"):
        load_recipe("defualt")
    with pytest.raises(RecipeError, match=r"Cannot read the recipe .*no\.toml: No such file"):
        load_recipe(str(tmp_path / "no.toml"))
    with pytest.raises(RecipeError, match="Cannot read the recipe"):
        load_recipe(str(tmp_path.with_suffix(".toml").mkdir() or tmp_path.with_suffix(".toml")))
    (tmp_path / "latin.toml").write_bytes(b'name = "caf\xe9"')
    with pytest.raises(RecipeError, match="is no TOML"):
        load_recipe(str(tmp_path / "latin.toml"))


CHANGES = {
    "training.steps=7": lambda r: r.training.steps == 7,
    " training.steps = 7": lambda r: r.training.steps == 7,
    "training.lr=1": lambda r: r.training.lr == 1.0 and type(r.training.lr) is float,
    "training.lr=1e-4": lambda r: r.training.lr == 1e-4,
    "training.batches=windows": lambda r: r.training.batches == "windows",  # no quotes needed
    'training.batches="windows"': lambda r: r.training.batches == "windows",
    'data.paths=["a.txt", "b c.txt"]': lambda r: r.data.paths == ["a.txt", "b c.txt"],
    "sample.prompt=a = b": lambda r: r.sample.prompt == "a = b",
    "sample.prompt=": lambda r: r.sample.prompt == "",
    "name=my run": lambda r: r.name == "my run",
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_applied(change):
    assert CHANGES[change](load_recipe("default", [change]))


def test_the_last_change_counts():
    assert load_recipe("default", ["training.steps=3", "training.steps=4"]).training.steps == 4


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("training.steps", "'training.steps' is no change of a recipe: write for example"),
        ("=5", "is no change"),
        ("training.=5", "is no change"),
        ("training.steps.more=5", "'steps' is a value, not a table"),
        ("training=5", "'training' is a table"),
        ("training.steps=many", "training.steps is 'many', expected a value of type int"),
        ("training.stesp=5", "did you mean 'steps'"),
        ("model.optimizer=sgd", "did you mean 'training.optimizer'"),
        (
            "model.copy=true",
            "a model of kind lstm does not use model.copy (only encoder-decoder does): remove it.",
        ),
        ("training.beta=0.5", "a model of kind lstm does not use training.beta (only vae does): remove it."),
    ],
)
def test_a_wrong_change_is_refused(change, words):
    with pytest.raises(RecipeError) as caught:
        load_recipe("default", [change])
    assert words in str(caught.value)


@pytest.mark.parametrize("name", shipped())
def test_every_shipped_recipe_loads_and_describes_itself(name):
    recipe = load_recipe(name)
    assert recipe.name == name
    assert recipe.description
    changed = tomllib.loads(shipped()[name].read_text(encoding="utf-8"))
    assert changed.keys() <= {field.name for field in dataclasses.fields(Recipe)}


def test_to_toml_comes_back_the_same(tmp_path):
    recipe = Recipe(
        'with "quotes" and \\ and 中文',
        "two\nlines",
        "",
        Data(["a b.txt", "c'd.txt"], validation=0.25, tokenizer="bpe", vocabulary=1024, min_count=2),
        Model("lstm", embedding_dim=1, hidden_size=2, num_layers=3, dropout=0.5),
        Training(steps=3, lr=1e-5, clip=0.0, optimizer="sgd", momentum=0.9, seed=2**31, device="reference"),
        Sample("Es war", 5, 0.0),
    )
    path = tmp_path / "recipe.toml"
    path.write_text(recipe.to_toml(), encoding="utf-8")
    assert load_recipe(str(path)) == recipe
    for table in (Data, Model, Training, Sample):  # every key is written, defaults included
        written = tomllib.loads(recipe.to_toml())[table.__name__.lower()]
        assert list(written) == [field.name for field in dataclasses.fields(table)]


def test_the_defaults_are_values_that_a_recipe_may_have(tmp_path):
    path = tmp_path / "empty.toml"
    path.write_text(Recipe().to_toml(), encoding="utf-8")
    assert load_recipe(str(path)) == Recipe()


# ---------------------------------------------------------------- tasks of a user's own
def own_task(seed=0):
    examples = tuple(Example(word, word[::-1]) for word in ("ab", "cd", "ef"))
    return TaskData("mine", "for tests", "nowhere", examples, examples, examples, metric="exact_match")


def test_a_task_added_to_the_dictionary_is_found(monkeypatch):
    monkeypatch.setitem(TASKS, "mine", own_task)
    assert load_recipe("default", ["data.task=mine"]).data.task == "mine"
    assert load_task("mine").training[0].target == "ba"


def installed(folder, monkeypatch, target):
    """A package in `folder` that registers the task "theirs"."""
    about = folder / "theirs-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1.0\n", encoding="utf-8")
    (about / "entry_points.txt").write_text(f"[scratchlm.tasks]\ntheirs = {target}\n", encoding="utf-8")
    monkeypatch.syspath_prepend(folder)


def test_a_task_that_a_package_registers_is_found(tmp_path, monkeypatch):
    (tmp_path / "theirs.py").write_text("from tests.test_recipes import own_task as load\n", encoding="utf-8")
    installed(tmp_path, monkeypatch, "theirs:load")
    assert "theirs" in task_names()
    assert load_recipe("default", ["data.task=theirs"]).data.task == "theirs"
    assert load_task("theirs").name == "mine"
    with pytest.raises(RecipeError, match=r"did you mean 'theirs'.*expected one of summaries.*, theirs\."):
        load_recipe("default", ["data.task=thiers"])


@pytest.mark.parametrize("target", ["missing_package:load", "json:load_task"])
def test_a_registered_task_that_cannot_be_imported_is_named(target, tmp_path, monkeypatch):
    installed(tmp_path, monkeypatch, target)
    with pytest.raises(DataError, match=f"task 'theirs' is registered as {target}, but: "):
        load_task("theirs")
