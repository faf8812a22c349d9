"""PostgreSQL's parse tree, as libpg_query gives it in JSON, behind a typed face."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import cast

_EMPTY: Mapping[str, object] = {}
_PLACES = frozenset(
    {"location", "stmt_location", "stmt_len", "arg_location", "name_location", "list_start", "list_end"}
)


class NotParsed(Exception):
    """PostgreSQL's parser refuses the text, or it is nested too deeply to be looked at."""


@dataclass(frozen=True, slots=True)
class Node:
    """A node: its kind (`SelectStmt`, `ColumnRef`; empty where the tree leaves it out) and its fields."""

    kind: str
    fields: Mapping[str, object]

    def text(self, name: str) -> str:
        """A field that is a string, else empty."""
        value = self.fields.get(name)
        return value if isinstance(value, str) else ""

    def flag(self, name: str) -> bool:
        """A field that is true."""
        return self.fields.get(name) is True

    def number(self, name: str) -> int:
        """A field that is a whole number, else 0: the tree leaves zeros out."""
        value = self.fields.get(name)
        return value if isinstance(value, int) else 0

    def node(self, name: str) -> Node | None:
        """A field that is a node, None when it is not there."""
        return _node(self.fields.get(name))

    def nodes(self, name: str) -> tuple[Node, ...]:
        """A field that is a list of nodes."""
        return tuple(node for item in _list(self.fields.get(name)) if (node := _node(item)) is not None)

    def names(self, name: str) -> tuple[str, ...]:
        """A field that is a list of String nodes, as a qualified name is written."""
        return tuple(node.text("sval") for node in self.nodes(name) if node.kind == "String")

    def walk(self) -> Iterator[Node]:
        """This node and all below it, each before its children, without recursion."""
        waiting: list[object] = [{self.kind: self.fields} if self.kind else self.fields]
        while waiting:
            item = waiting.pop()
            if isinstance(item, list):
                waiting.extend(reversed(cast("list[object]", item)))
            elif isinstance(item, dict):
                fields = cast("dict[str, object]", item)
                node = _node(fields)
                if node is not None and node.kind:
                    yield node
                    fields = cast("dict[str, object]", node.fields)
                waiting.extend(reversed(list(fields.values())))

    def same(self, other: Node) -> bool:
        """Whether both say the same, wherever they stand in the text."""
        return self.kind == other.kind and _bare(self.fields) == _bare(other.fields)


def _list(value: object) -> list[object]:
    return cast("list[object]", value) if isinstance(value, list) else []


def _node(value: object) -> Node | None:
    """A node from `{"Kind": {...}}`, or from bare fields where the kind is fixed by the grammar."""
    if not isinstance(value, dict):
        return None
    fields = cast("dict[str, object]", value)
    if len(fields) == 1:
        ((kind, inner),) = fields.items()
        if kind[:1].isupper() and isinstance(inner, dict):
            return Node(kind, cast("dict[str, object]", inner))
    return Node("", fields)


def _bare(value: object) -> object:
    if isinstance(value, Mapping):
        fields = cast("Mapping[str, object]", value)
        return {key: _bare(inner) for key, inner in fields.items() if key not in _PLACES}
    if isinstance(value, list):
        return [_bare(item) for item in cast("list[object]", value)]
    return value


@dataclass(frozen=True, slots=True)
class Parsed:
    """One statement of a text: its node, and where it stands, as offsets in characters."""

    node: Node
    start: int
    end: int


def parse(text: str) -> tuple[Parsed, ...]:
    """Parse with PostgreSQL's own parser (libpg_query through pglast).

    Raises:
        NotParsed: a syntax error, a null byte (C would end the text there), or nesting beyond what JSON holds.
    """
    from pglast.parser import ParseError, parse_sql_json

    if "\0" in text:
        raise NotParsed
    try:
        document = cast("dict[str, object]", json.loads(parse_sql_json(text)))
    except (ParseError, RecursionError, UnicodeEncodeError) as error:
        raise NotParsed from error
    return tuple(_statements(_list(document.get("stmts")), text))


def _statements(items: list[object], text: str) -> Iterator[Parsed]:
    """The tree counts bytes, we count characters: both go forward together."""
    raw = text.encode()
    plain_bytes = len(raw) == len(text)
    seen_bytes = seen = 0
    for item in items:
        whole = Node("RawStmt", cast("dict[str, object]", item) if isinstance(item, dict) else _EMPTY)
        start, length = whole.number("stmt_location"), whole.number("stmt_len")
        end = start + length if length else len(raw)
        if not plain_bytes:
            seen += len(raw[seen_bytes:start].decode("utf-8", "replace"))
            seen_bytes = start
            start, end = seen, seen + len(raw[start:end].decode("utf-8", "replace"))
        yield Parsed(whole.node("stmt") or Node("", _EMPTY), start, end)
