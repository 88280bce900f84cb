"""Summaries: the name of a web service's operation and what is written about it → the first sentence of that.

From botocore, whose JSON files hold the documentation of every operation of Amazon's web services.
"""

import gzip
import html
import importlib.metadata
import json
import re
from collections.abc import Iterator
from functools import cache

from ..text import clean, remove_near_duplicates
from .examples import Example, TaskData, split_examples
from .packages import folder

TASK = "task summaries"
SUMMARY_CHARACTERS = range(20, 121)
PROSE_CHARACTERS = 200  # at most, to whole sentences where one fits: 40 words beside the name
TEXT_CHARACTERS = 40  # of prose that make a source a "text"
MEMBERS = 6  # at most of what a caller has to give

_SENTENCE = re.compile(r"(?!.*\. [A-Z])[A-Z][^\s:;?!]*(?: [^\s:;?!]+){2,}(?<=[\w)])\.")
_FIRST = re.compile(r".*?[.!?](?=\s|$)")
# Where prose ends: a list, a table, an example, a box.
_END_OF_PROSE = re.compile(r"<(?:ul|ol|dl|table|pre|note|important|h\d)\b")
_BLOCK = re.compile(r"</?(?:p|br|div|fullname|li)\b[^>]*>")
_TAG = re.compile(r"<[^>]+>")
_WORD = re.compile(r"[A-Z]+s?(?=[A-Z][a-z]|\d|$)|[A-Z]?[a-z]+|[A-Z]+|\d+")


def load(seed: int = 0, *, whole_services: bool = False) -> TaskData:
    """About 13,300 pairs of an operation with what is known of it, and the sentence that sums it up.

    The documentation of an operation of a web service begins with a sentence that says what it does; that is
    the target. The source is the operation's name in words ("Delete reference."), its service with what a
    caller has to give ("In Amazon Omics with id, reference store id."), then the rest of the documentation,
    at most 200 characters of it, without lists, tables and boxes. Half of the sources have such prose (tag
    "text"), half have hardly any (tag "name"). No target occurs twice, and no two have nearly the same name
    and prose: 1,300 pairs are left out that share both with others ("List tags for resource.").

    What English alone makes of the name (`by_rule`) has a ROUGE-L of 43. Operations of one service describe
    each other: the target of the nearest training example has 41. With `whole_services`, all that a family
    of services has ("waf", "wafv2", "waf-regional") is in one part, and it falls to 21: then nobody knows
    the nouns. The name itself has 30.

    Of the package botocore (Apache-2.0) only data files are read, nothing is imported.

    Raises:
        DataError: the package is missing.
    """
    pairs = _pairs()
    return TaskData(
        "summaries",
        "write what a web service's operation does in one sentence, from its name and the text about it",
        f"botocore {importlib.metadata.version('botocore')} (Apache-2.0), documentation of operations",
        *split_examples(pairs, seed, keys=list(pairs.values()) if whole_services else None),
        metric="rougeL",
        rule=by_rule,
    )


def by_rule(source: str) -> str:
    """What English alone makes of an operation's name: the verb in the third person, an article, the noun.

    >>> by_rule("Delete reference. It must be empty."), by_rule("List tags."), by_rule("Get app.")
    ('Deletes a reference.', 'Lists tags.', 'Retrieves an app.')
    """
    verb, *noun = source.partition(". ")[0].removesuffix(".").split()
    verb = {"Get": "Retrieve"}.get(verb, verb)  # what most texts about these say
    ending = "es" if re.search(r"(s|x|z|ch|sh|o)$", verb) else "s"
    verb = re.sub(r"(?<=[^aeiou])y$", "ie", verb) + ending
    if noun and not re.search(r"(?<!s)s$", noun[-1]):
        noun.insert(0, "an" if noun[0][0].lower() in "aeiou" else "a")
    return " ".join([verb, *noun]) + "."


@cache
def _pairs() -> dict[Example, str]:
    """The pairs, each target and nearly the same name and prose once, and the family of services of each."""
    found: dict[str, tuple[Example, str]] = {}  # by name and prose
    summaries: set[str] = set()
    for service, name, place, documentation in _operations():
        pair = _pair(name, place, documentation)
        if pair and pair[0].target.casefold() not in summaries:
            example, bare = pair
            summaries.add(example.target.casefold())
            found.setdefault(bare, (example, re.sub(r"v?\d+$", "", service.partition("-")[0])))
    return dict(found[bare] for bare in remove_near_duplicates(list(found), threshold=0.7))


def _operations() -> Iterator[tuple[str, str, str, str]]:
    """(service, operation, its place, its documentation as HTML), of the newest version of each service."""
    for service in sorted(path for path in (folder("botocore", TASK) / "data").iterdir() if path.is_dir()):
        newest = max(path for path in service.iterdir() if path.is_dir())  # named by dates
        description = json.loads(gzip.decompress((newest / "service-2.json.gz").read_bytes()))
        for name, operation in description["operations"].items():
            shape = description["shapes"].get(operation.get("input", {}).get("shape"), {})
            place = _place(description["metadata"]["serviceFullName"], shape.get("required", []))
            yield service.name, name, place, operation.get("documentation", "")


def _place(service: str, required: list[str]) -> str:
    """A service and what a caller of its operation has to give, as a sentence.

    >>> _place("AWS App Mesh", ["meshName", "spec"]), _place("AWS Account", [])
    ('In AWS App Mesh with mesh name, spec.', 'In AWS Account.')
    """
    given = ", ".join(in_words(member) for member in required[:MEMBERS])
    return f"In {service} with {given}." if given else f"In {service}."


def _pair(name: str, place: str, documentation: str) -> tuple[Example, str] | None:
    """Name, place and prose → first sentence; with it name and prose alone, by which pairs are compared.

    None where the sentence is missing, too short, too long or none.

    >>> prose = "<p>Deletes a <i>reference</i> genome.</p> <p>It must be empty.</p>"
    >>> example, bare = _pair("DeleteReference", "In Amazon Omics with id.", prose)
    >>> example.source, example.target, bare
    ('Delete reference. In Amazon Omics with id. It must be empty.', 'Deletes a reference genome.', \
'Delete reference. It must be empty.')
    """
    lines = _lines(documentation)
    first = _FIRST.match(lines[0]) if lines else None
    if not first or len(first[0]) not in SUMMARY_CHARACTERS or not _SENTENCE.fullmatch(first[0]):
        return None
    if first[0].count("(") != first[0].count(")"):  # it ended at "e.g."
        return None
    prose = " ".join(lines)[len(first[0]) :].strip()
    if len(prose) > PROSE_CHARACTERS:
        prose = prose[:PROSE_CHARACTERS]
        prose = prose[: prose.rfind(". ") + 1] or prose[: prose.rfind(" ")]
    words = in_words(name)
    tag = "text" if len(prose) >= TEXT_CHARACTERS else "name"
    title = f"{words[0].upper()}{words[1:]}."
    return Example(f"{title} {place} {prose}".strip(), first[0], tag), f"{title} {prose}".strip()


def _lines(documentation: str) -> list[str]:
    """The paragraphs of HTML as plain text, up to where prose ends.

    >>> _lines("<p>Lists <code>tags</code>.</p><p>Not &lt;all&gt;.<ul><li>b</li></ul>")
    ['Lists tags.', 'Not <all>.']
    """
    prose = _END_OF_PROSE.split(documentation, maxsplit=1)[0]
    lines = clean(html.unescape(_TAG.sub("", _BLOCK.sub("\n", prose)))).split("\n")
    return [" ".join(line.split()) for line in lines if line.strip()]


def in_words(name: str) -> str:
    """A name that is written in one word as words; abbreviations stay as they are.

    >>> in_words("ListIAMRolesByARN")
    'list IAM roles by ARN'
    """
    return " ".join(w if len(w) > 1 and w.isupper() else w.lower() for w in _WORD.findall(name))
