"""Bodies on PostgreSQL: functions, procedures and DO blocks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from diana_tools.analysis.sql.pg_rows import changes
from diana_tools.analysis.sql.plpgsql import read_block
from diana_tools.analysis.sql.tree import Node, NotParsed
from diana_tools.analysis.statement import Action, Gap, Reading, Statement

Reader = Callable[[str, int], Reading]


def read_routine(node: Node, base: Statement, read: Reader) -> Reading:
    """A DO block runs now: its statements are those of the migration. A routine keeps its own in `body`."""
    options = node.nodes("args") + node.nodes("options")
    language = _option(options, "language").lower() or ("plpgsql" if node.kind == "DoStmt" else "sql")
    standard = node.fields.get("sql_body")
    if standard is not None:
        body = Reading(tuple(changes(Node("", {"body": standard}), base)))
    else:
        body = _body(_option(options, "as"), language, base, read)
    if node.kind == "DoStmt":
        return body
    name = (node.names("funcname") or ("?",))[-1]
    pinned = any(o.text("defname") == "set" and _setting(o) == "search_path" for o in options)
    definer = any(o.text("defname") == "security" and _true(o) for o in options) and not pinned
    made = replace(
        base,
        action=Action.CREATE_ROUTINE,
        name=name,
        kind="definer" if definer else "routine",
        body=body,
        calls=(),
        replaces=node.flag("replace"),
    )
    return Reading((made,))


def _body(text: str, language: str, base: Statement, read: Reader) -> Reading:
    if language == "plpgsql":
        return read_block(text, base.line, read)
    if language == "sql":
        try:
            return read(text, base.line)
        except NotParsed:
            return Reading((), (Gap(base.line, "AC003.body_not_parsed", base.text),))
    return Reading((), (Gap(base.line, "AC003.body_language", base.text),))


def _option(options: tuple[Node, ...], name: str) -> str:
    for option in options:
        value = option.node("arg")
        if option.text("defname") == name and value is not None:
            return value.text("sval") or next(iter(value.names("items")), "")
    return ""


def _true(option: Node) -> bool:
    value = option.node("arg")
    return value is not None and value.flag("boolval")


def _setting(option: Node) -> str:
    value = option.node("arg")
    return value.text("name") if value is not None else ""
