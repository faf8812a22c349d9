"""The one place where a tool's result becomes what a remote model is sent: by kind of field, marked, bounded.

A field that `declared` does not know is left out. Everything that others wrote stands under `untrusted`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from diana_agent.models.base import JsonObject, JsonValue, ToolResult
from diana_agent.models.declared import FIELDS, RESULTS, Kind, Shape
from diana_agent.models.faults import fault_of, words_of
from diana_config.settings import SEES
from diana_tools.redaction import plain

LONGEST_RESULT = 40_000
_OPENED_BY = {
    Kind.NAME: "names", Kind.PROBLEM: "names", Kind.ERROR: "names", Kind.COUNT: "counts", Kind.STATEMENT: "statements",
    Kind.OUTPUT: "statements",
}  # fmt: skip
_CODE = re.compile(r"[A-Za-z0-9_.,:+\- ]{0,80}")
_FIGURE = re.compile(r"[\w,.:+\- ]{0,120}")
_NUMBERS = re.compile(r"(?::\d+)+\Z")
_GAP = "…"


def _same(text: str) -> str:
    return text


def _nobody() -> frozenset[str]:
    return frozenset()


def _silent(reason: str, fields: Mapping[str, str]) -> str:
    del reason, fields
    return ""


@dataclass(frozen=True, slots=True)
class Sharing:
    """What of a project one model may be sent (one of SEES), and what is taken out of all that goes there.

    `hide` masks the secrets that Diana knows; `say` words a refusal from its reason and fields; `known` gives the parts
    of names that exist in the project or its database, without which no object of an error is sent.
    """

    sees: str = "counts"
    hide: Callable[[str], str] = _same
    say: Callable[[str, Mapping[str, str]], str] = _silent
    known: Callable[[], frozenset[str]] = _nobody

    def opens(self, kind: Kind) -> bool:
        """Whether the person's word opens fields of this kind."""
        if kind in (Kind.PUBLIC, Kind.VALUE):
            return kind is Kind.PUBLIC
        return SEES.index(self.sees) >= SEES.index(_OPENED_BY[kind])

    def line(self, text: str, limit: int) -> str:
        """One line of untrusted text, without what is secret."""
        return plain(self.hide(" ".join(plain(text, 8 * limit).split())), limit)

    def text(self, text: str, limit: int) -> str:
        """Untrusted text as it stands, without what is secret."""
        return plain(self.hide(plain(text, 2 * limit)), limit)


@dataclass(frozen=True, slots=True)
class _Bounds:
    """The most items of a list and characters of a text."""

    items: int
    text: int


_BOUNDS = (_Bounds(200, 12_000), _Bounds(40, 4_000), _Bounds(8, 800))


def told(result: ToolResult, sharing: Sharing) -> str:
    """The content of a tool result as JSON that says what is Diana's own word and what is not."""
    body = _object(result.content)
    for bounds in _BOUNDS:
        text = _written(_Teller(sharing, bounds).tell(result.verb, body))
        if len(text) <= LONGEST_RESULT:
            return text
    return _written({**_own(body), "truncated": True})


def undeclared(verb: str, body: JsonObject) -> tuple[str, ...]:
    """The fields of a result that nobody has declared, as `verb.field.field`: they reach no remote model."""
    return tuple(_undeclared(verb, {key: body[key] for key in body if key not in _OWN}, RESULTS.get(verb, {})))


_OWN = ("status", "reason", "next", "sentence", "fields", "truncated")


def _undeclared(path: str, value: JsonValue, shape: Kind | Shape) -> list[str]:
    if isinstance(value, list):
        return [found for one in value for found in _undeclared(path, one, shape)]
    if isinstance(value, dict):
        if isinstance(shape, Kind):
            return [] if shape is Kind.VALUE else [path]
        return [
            found
            for key, one in value.items()
            for found in ([f"{path}.{key}"] if key not in shape else _undeclared(f"{path}.{key}", one, shape[key]))
        ]
    return [] if value is None or isinstance(shape, Kind) else [path]


def _object(content: str) -> JsonObject:
    try:
        value: JsonValue = json.loads(content)
    except (ValueError, RecursionError):
        value = None
    return value if isinstance(value, dict) else {"status": "unreadable"}


def _own(body: JsonObject) -> JsonObject:
    """Status, reason and what may come next: Diana's own codes, and nothing that has not the form of one."""
    following = body.get("next")
    verbs = list[JsonValue](_coded(one) for one in following[:20]) if isinstance(following, list) else []
    return {"status": _coded(body.get("status")), "reason": _coded(body.get("reason")), "next": verbs}


def _coded(value: JsonValue) -> str:
    return value if isinstance(value, str) and _CODE.fullmatch(value) else ""


def _written(body: JsonObject) -> str:
    """JSON in which no tag can begin: `</tool_result>` in a name stays a text in a field."""
    return json.dumps(body, ensure_ascii=False).replace("<", "\\u003c")


@dataclass(slots=True)
class _Teller:
    sharing: Sharing
    bounds: _Bounds
    withheld: list[str] = field(default_factory=list[str])

    def tell(self, verb: str, body: JsonObject) -> JsonObject:
        told: JsonObject = {}
        sentence = self._sentence(body)
        if sentence:
            told["sentence"] = sentence
        rest = {key: value for key, value in body.items() if key not in _OWN}
        facts = self._fields("", rest, RESULTS.get(verb, {}))
        found: JsonObject = {**_own(body), "untrusted": {**told, **facts}}
        if self.withheld:
            found["withheld"] = list[JsonValue](dict.fromkeys(self.withheld))
        return found

    def _sentence(self, body: JsonObject) -> str:
        """The sentence of a refusal, said anew from the fields that may be seen."""
        reason, fields = _coded(body.get("reason")), body.get("fields")
        if not reason or not isinstance(fields, dict):
            return ""
        seen = {name: self._filled(name, value) for name, value in fields.items()}
        said = self.sharing.say(reason, seen)
        return "" if said == reason else self.sharing.line(said, 1_000)

    def _filled(self, name: str, value: JsonValue) -> str:
        kind = FIELDS.get(name)
        if kind is None or not self.sharing.opens(kind) or not isinstance(value, str):
            return _GAP
        if kind is Kind.ERROR:
            fault = fault_of(value, self.sharing.known())
            named = (fault.code or fault.kind, *fault.objects[:3], f"{fault.file}:{fault.line}" if fault.line else "")
            return " ".join(part for part in named if part) or _GAP
        seen = self._leaf(kind, value)
        return _GAP if seen is None else str(seen)

    def _fields(self, path: str, body: JsonObject, shape: Shape) -> JsonObject:
        found: JsonObject = {}
        for name, value in body.items():
            if name in shape and value is not None:
                seen = self._seen(f"{path}{name}", value, shape[name])
                if seen is not None:
                    found[name] = seen
        return found

    def _seen(self, path: str, value: JsonValue, shape: Kind | Shape) -> JsonValue:
        """What may be seen of a value; None where that is nothing."""
        if isinstance(shape, Kind) and not self.sharing.opens(shape):
            if value not in ("", [], {}):
                self.withheld.append(path)
            return None
        if isinstance(value, list):
            return self._listed(path, value, shape)
        if isinstance(shape, Kind):
            return None if isinstance(value, dict) else self._leaf(shape, value)
        return self._fields(f"{path}.", value, shape) if isinstance(value, dict) else None

    def _listed(self, path: str, value: list[JsonValue], shape: Kind | Shape) -> list[JsonValue]:
        found = list[JsonValue]()
        for one in value[: self.bounds.items]:
            seen = self._seen(path, one, shape)
            if seen is not None:
                found.append(seen)
        if len(value) > self.bounds.items:
            found.append({"more": len(value) - self.bounds.items})
        return found

    def _leaf(self, kind: Kind, value: str | float | bool | None) -> JsonValue:
        if not isinstance(value, str):
            return value
        match kind:
            case Kind.PUBLIC:
                return value if _CODE.fullmatch(value) else None
            case Kind.COUNT:
                return self.sharing.hide(value) if _FIGURE.fullmatch(value) else None
            case Kind.ERROR:
                return self._fault(value)
            case Kind.OUTPUT:
                return self.sharing.line(words_of(value, self.sharing.known()), 300)
            case Kind.PROBLEM:
                shown = value if self.sharing.opens(Kind.COUNT) else _NUMBERS.sub("", value)
                return self.sharing.line(shown, 200)
            case Kind.STATEMENT:
                return self.sharing.text(value, self.bounds.text)
            case _:
                return self.sharing.line(value, 200)

    def _fault(self, text: str) -> JsonObject:
        """An error as code, class, objects and line; its words where statements may be seen, and never a value."""
        fault = fault_of(text, self.sharing.known())
        parts: JsonObject = {
            "code": fault.code, "class": fault.kind, "file": fault.file, "line": fault.line,
            "objects": list[JsonValue](self.sharing.line(name, 200) for name in fault.objects),
        }  # fmt: skip
        if self.sharing.opens(Kind.STATEMENT):
            parts["words"] = self.sharing.line(fault.words, 600)
        return {name: part for name, part in parts.items() if part}
