"""Methods of connections, sessions, tables, changes, rows and everything else that migrations hold in hand."""

from __future__ import annotations

import ast
from collections.abc import Callable
from functools import reduce
from typing import TypeVar

from diana_tools.analysis.python import changes, strings
from diana_tools.analysis.python.answers import either, listed, name
from diana_tools.analysis.python.connections import EXECUTES, of_connection, of_context
from diana_tools.analysis.python.effects import execute
from diana_tools.analysis.python.fragments import raw
from diana_tools.analysis.python.handing import handed_over
from diana_tools.analysis.python.operations import operate
from diana_tools.analysis.python.run import Run
from diana_tools.analysis.python.values import (
    ANYTHING,
    NONE,
    Arguments,
    Batch,
    Bind,
    Change,
    Choice,
    Class,
    Condition,
    Context,
    Definition,
    Function,
    Handle,
    Imported,
    Instance,
    Items,
    Method,
    Pairs,
    Plain,
    Row,
    Rows,
    Table,
    Text,
    Type,
    Unknown,
    Value,
)
from diana_tools.analysis.statement import UNKNOWN, Action, Column, Statement, Where

_EFFECT_WORDS = """
drop drop_all delete truncate run unlink rmdir rmtree system popen write write_text write_bytes call apply
bulk_update drop_table drop_column upgrade downgrade purge
"""
_EFFECTS = frozenset(_EFFECT_WORDS.split())
_ONE_ROW = frozenset({"first", "one", "one_or_none", "fetchone", "get"})
_GROWING = frozenset({"append", "add", "extend"})
_TOLD = frozenset({"url", "info"})
_LOOKING = frozenset({"index", "count", "copy", "keys", "values", "items", "get"})


def invoke(run: Run, receiver: Value, word: str, given: Arguments, node: ast.AST) -> Value:
    """Call a method; what it returns."""
    follow = _RECEIVERS.get(type(receiver), _any)
    kept = isinstance(receiver, (Items, Pairs)) and word in (_GROWING | _LOOKING)
    bound = isinstance(receiver, (Type, Table, Context, Change, Text, Method)) and word in _BOUND
    if type(receiver) not in _FOLLOWING and not kept and not bound:
        handed_over(run, given, node)
    if (
        isinstance(receiver, (Change, Handle, Definition, Table, Condition, Unknown, Method, Type))
        and word not in EXECUTES
    ):
        raw(run, word, given, node)
    return follow(run, receiver, word, given, node)


def _any(run: Run, receiver: Value, word: str, given: Arguments, node: ast.AST) -> Value:
    """A method of something unknown: harmless, unless its name says otherwise or its code was not read."""
    if word in EXECUTES:
        return execute(run, given.get(0), node)
    if isinstance(receiver, Unknown) and receiver.foreign:
        run.gap("AC002.imported_call", node)
        return receiver
    if word in _EFFECTS or word in run.methods:
        run.gap("AC002.unknown_call", node)
    return ANYTHING


def _choice(run: Run, receiver: Choice, word: str, given: Arguments, node: ast.AST) -> Value:
    with run.maybe():
        return reduce(either, [invoke(run, option, word, given, node) for option in receiver.options])


def _text(run: Run, receiver: Text, word: str, given: Arguments, node: ast.AST) -> Value:
    """A method of a string; `sa.text(...)` and `sa.DDL(...)` are strings here, and ran themselves in old releases."""
    if word in EXECUTES:
        return execute(run, receiver, node)
    return strings.method(receiver, word, given)


def _batch(run: Run, receiver: Batch, word: str, given: Arguments, node: ast.AST) -> Value:
    return operate(run, word, given, node, receiver)


def _table(run: Run, receiver: Table, word: str, given: Arguments, node: ast.AST) -> Value:
    made = changes.of_table(receiver.name, word, given)
    if made is not None:
        return made
    if word == "drop":
        run.emit(node, Statement(Action.DROP_TABLE, table=receiver.name, kind="table"))
    elif word == "create":
        run.emit(node, Statement(Action.CREATE_TABLE, table=receiver.name, columns=receiver.columns, guarded=True))
    elif word in ("alias", "tometadata", "to_metadata"):
        return receiver
    return ANYTHING


def _type(run: Run, receiver: Type, word: str, given: Arguments, node: ast.AST) -> Value:
    if word == "drop":
        run.emit(node, Statement(Action.DROP_BEHAVIOUR, name=receiver.name or receiver.text, kind="type"))
    elif word == "with_variant":
        variant, dialects = given.get(0), [name(value) for value in given.positional[1:]]
        return variant if run.dialect in dialects and isinstance(variant, Type) else receiver
    return receiver


def _handle(_run: Run, receiver: Handle, word: str, given: Arguments, _node: ast.AST) -> Value:
    first = given.get(0)
    if word in ("is_", "isnot", "is_not") and first == NONE:
        return Condition(Where.SOME, (receiver.name,), (receiver.name,) if word == "is_" else ())
    if word in ("like", "ilike") and isinstance(first, Text) and first.text == "%":
        return Condition(Where.ALWAYS)
    if word in ("label", "cast", "asc", "desc", "distinct"):
        return receiver
    return Condition(Where.SOME, (receiver.name,))


def _rows(run: Run, receiver: Rows, word: str, _given: Arguments, node: ast.AST) -> Value:
    if word in run.methods:
        run.gap("AC002.unknown_call", node)
    return Row(receiver.table) if word in _ONE_ROW else receiver


def _class(run: Run, receiver: Class, word: str, given: Arguments, node: ast.AST) -> Value:
    if receiver.enum:
        return ANYTHING
    run.gap("AC002.unknown_call", node)
    return ANYTHING


def _instance(run: Run, _receiver: Instance, _word: str, _given: Arguments, node: ast.AST) -> Value:
    run.gap("AC002.unknown_call", node)
    return ANYTHING


def _method(run: Run, receiver: Method, word: str, given: Arguments, node: ast.AST) -> Value:
    """`Model.query.filter(...)`, `Base.metadata.drop_all(...)`, `row.name.strip()`."""
    if isinstance(receiver.receiver, Class) and receiver.name == "query":
        query = Change(Action.READ, receiver.receiver.table, query=True)
        return changes.of_change(run, query, word, given, node)
    if isinstance(receiver.receiver, Class) and receiver.name == "metadata":
        return of_context(run, Context("metadata"), word, given, node)
    if isinstance(root(receiver), Bind) and word not in EXECUTES and first_of(receiver) not in _TOLD:
        # Below a driver's connection are doors that nobody looks through: libpq's own, hooks, extensions.
        run.gap("AC002.unknown_call", node)
    return _any(run, receiver.receiver, word, given, node)


def root(value: Value) -> Value:
    """What a chain of attributes hangs on."""
    while isinstance(value, Method):
        value = value.receiver
    return value


def first_of(value: Method) -> str:
    """The first attribute of a chain."""
    while isinstance(value.receiver, Method):
        value = value.receiver
    return value.name


def _items(run: Run, receiver: Items | Pairs, word: str, given: Arguments, _node: ast.AST) -> Value:
    """Methods of lists and dictionaries: those that change them count, unless nobody knows whether they run."""
    if word in _LOOKING:
        return _looked(receiver, word, given)
    if isinstance(receiver, Items) and receiver.known and word in _GROWING and not run.unsure:
        added = listed(given.get(0)) if word == "extend" else given.positional[:1]
        if added is not None and len(receiver.items) + len(added) < 5_000:
            receiver.items += added
            return NONE
    receiver.forget()
    return ANYTHING


def _looked(receiver: Items | Pairs, word: str, given: Arguments) -> Value:
    if isinstance(receiver, Items) or not receiver.known:
        return Items(receiver.items, receiver.known) if isinstance(receiver, Items) and word == "copy" else ANYTHING
    if word == "get":
        key = given.get(0)
        return (receiver.get(key.text) or given.get(1) or NONE) if isinstance(key, Text) and not key.holes else ANYTHING
    if word == "items":
        return Items(tuple(Items(pair) for pair in receiver.pairs))
    if word in ("keys", "values"):
        return Items(tuple(pair[word == "values"] for pair in receiver.pairs))
    return Pairs(receiver.pairs) if word == "copy" else ANYTHING


def written(run: Run, holder: Value, attribute: str, value: Value, node: ast.AST) -> None:
    """`holder.attribute = value`: on a mapped object it is an update, on a module it changes other code."""
    if isinstance(root(holder), Imported):
        run.gap("AC002.outside", node)
        return
    if isinstance(root(holder), (Function, Class, Bind, Context)) and not isinstance(value, (Text, Plain)):
        # Another function's code, a driver's hook, a method of a class.
        run.gap("AC002.outside", node)
        return
    handed_over(run, Arguments((value,)), node)
    known = isinstance(holder, Row) and not holder.fresh
    if not known and not (isinstance(holder, (Unknown, Method)) and run.sessions):
        return
    table = holder.table if isinstance(holder, Row) and holder.table else UNKNOWN
    column = Column(attribute, source=value.name if isinstance(value, Handle) else "")
    run.emit(node, Statement(Action.UPDATE, table=table, where=Where.SOME, columns=(column,)))


_BOUND = EXECUTES | {"create", "drop", "create_all", "drop_all", "reflect", "with_session"}
"""Methods of what SQLAlchemy makes that take a connection, and do on it what they are read as."""
_FOLLOWING = (Bind, Batch, Choice)
"""Receivers whose methods follow what they are handed themselves."""

_Follow = Callable[[Run, Value, str, Arguments, ast.AST], Value]
_Kind = TypeVar("_Kind")


def _on(kind: type[_Kind], follow: Callable[[Run, _Kind, str, Arguments, ast.AST], Value]) -> tuple[type, _Follow]:
    """What follows the methods of one kind of value, together with that kind."""

    def checked(run: Run, receiver: Value, word: str, given: Arguments, node: ast.AST) -> Value:
        return follow(run, receiver, word, given, node) if isinstance(receiver, kind) else ANYTHING

    return kind, checked


_RECEIVERS: dict[type, _Follow] = dict(
    (
        _on(Choice, _choice),
        _on(Text, _text),
        _on(Bind, of_connection),
        _on(Context, of_context),
        _on(Batch, _batch),
        _on(Table, _table),
        _on(Change, changes.of_change),
        _on(Type, _type),
        _on(Handle, _handle),
        _on(Rows, _rows),
        _on(Class, _class),
        _on(Instance, _instance),
        _on(Method, _method),
        _on(Items, _items),
        _on(Pairs, _items),
    )
)
