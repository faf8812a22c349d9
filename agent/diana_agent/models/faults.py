"""A tool's error without what may be a row's value: its code, its class, the objects it names, the place, the line.

Databases quote rows in their errors (`Key (email)=(a@example.org) is duplicated`), and a migration may raise any
words at all. So nothing is taken out of such a text; only what fits a known form is taken over. A value can stand
where an engine names an object (`no such column: anna`, out of SQL that was put together): so an object is told only
where its name is known from elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

_CODE = re.compile(r"([a-z]+(?:_[a-z]+)+|timeout|unknown|interrupted)(?:: |$)")
_PLACE = re.compile(r"([\w./\-]{1,200}\.\w{1,5}):(\d{1,7}): ")
_CLASS = re.compile(
    r"\(?((?:[a-z_]\w{0,40}\.){0,4}(?:[A-Z][a-z]+){0,5}(?:Error|Exception|Violation|Warning|Interrupt|Failure|Failed|"
    r"Table|Column|Object|Function|Schema|Database|Available|Canceled|Detected|Privilege|Representation|Mismatch|Range|"
    r"Transaction|Memory|Full|Name|Syntax|Exit))(?:\) |: |$)"
)
_LINE = re.compile(r"\bLINE (\d{1,7}): ")
_NAME = r"[^\W\d][\w$]{0,62}"
_PATH = rf"{_NAME}(?:\.{_NAME}){{0,2}}"
_PART = re.compile(rf"(?<![\w$]){_NAME}(?![\w$])")
_OBJECTS = re.compile(
    rf'\b(?:relation|table|column|constraint|index|type|schema|function|view|sequence|trigger|extension) "({_PATH})"'
    rf"|\bno such (?:table|column|index|view|trigger|function): ({_PATH})"
    rf"|\b(?:table|index|view|trigger) ({_PATH}) already exists"
    rf"|\bduplicate column name: ({_NAME})"
    rf"|\b(?:UNIQUE|NOT NULL|CHECK|FOREIGN KEY) constraint failed: ({_PATH}(?:, {_PATH}){{0,15}})"
)
# From here on a message quotes rows and parameters, and a value may hold anything, line ends too.
_QUOTES = re.compile(
    r"\b(?:DETAIL|CONTEXT|WHERE|STATEMENT|QUERY)\b ?:|\[parameters|\[SQL|\bFailing row|\bKey \(|=\(|\bLINE \d+:"
)
_WORD = re.compile(rf"{_PATH}|\S")
_GENERAL = """
    a aborted access active again already also ambiguous an and are as at automatically be because been before block
    by cached cannot cascade cast check child column columns commands conflict connection constraint contains could
    create current data database deadlock default define defined delete denied depend depends detected directory
    disk does drop duplicate duplicated end error exclusion exist existing exists expected failed file for foreign
    found from full function generated given group has have id if ignored in index input insert integer invalid is
    key lock locked many match memory missing more multiple must name near no not null number object objects of on
    one only operator or other out own owner parent permission pkey primary privilege range read readonly reference
    referenced references relation required row rows same schema select server set size space statement still syntax
    table terminated text than that the there this timeout to too transaction trigger type unable undefined unique
    unknown update used user using value values view violated violates was while with without write wrong
    """
_KNOWN = frozenset(_GENERAL.split())
"""Words that engines use in general, so that one of them tells nothing of a row."""
_MOST = 16


@dataclass(frozen=True, slots=True)
class Fault:
    """What is known of an error; `line` 0 and empty words: not told."""

    code: str = ""
    kind: str = ""
    objects: tuple[str, ...] = ()
    file: str = ""
    line: int = 0
    words: str = ""


def fault_of(text: str, known: Collection[str] = ()) -> Fault:
    """Read an error as Diana's tools give it: `code: file:line: Class: message`, each part but the message optional.

    `known` are the parts of names (see `parts`) that exist apart from this error; an object with any other is left out.
    """
    code, rest = _taken(_CODE, text.strip())
    place = _PLACE.match(rest)
    if place is not None:
        rest = rest[place.end() :]
    kind, rest = _taken(_CLASS, rest)
    message = _unquoted(rest)
    objects = _objects(message, known)
    line = _LINE.search(rest)
    return Fault(
        code, kind, objects, place[1] if place else "", int(place[2] if place else line[1] if line else 0),
        _known(message, objects),
    )  # fmt: skip


def words_of(output: str, known: Collection[str] = ()) -> str:
    """A line that a tool printed, with a gap for every word that may be a row's value; `known` as for `fault_of`."""
    message = _unquoted(output)
    return _known(message, _objects(message, known))


def parts(text: str) -> frozenset[str]:
    """Every identifier in a text or a name, in small letters: `public.Customer` is `public` and `customer`."""
    return frozenset(found.lower() for found in _PART.findall(text))


def _unquoted(text: str) -> str:
    quoting = _QUOTES.search(text)
    return text[: quoting.start()] if quoting else text


def _objects(message: str, known: Collection[str]) -> tuple[str, ...]:
    """The objects that a message names, those alone whose every part is known."""
    named = dict.fromkeys(name for found in _OBJECTS.findall(message) for name in found if name)
    return tuple(name for name in named if parts(name).issubset(known))[:_MOST]


def _taken(pattern: re.Pattern[str], text: str) -> tuple[str, str]:
    found = pattern.match(text)
    return (found[1], text[found.end() :]) if found else ("", text)


def _known(message: str, objects: tuple[str, ...]) -> str:
    """The message with a gap for every word that no engine uses in general and that is no object of it."""
    named = {name for found in objects for name in found.split(", ")}
    kept: list[str] = []
    for word in _WORD.findall(message[:1_000]):
        if word in named or word.lower() in _KNOWN:
            kept.append(word)
        elif kept[-1:] != ["…"]:
            kept.append("…")
    return " ".join(kept) if any(word != "…" for word in kept) else ""
