"""Calls: followed where they lead to Alembic, SQLAlchemy or the same file; a gap where they lead anywhere else."""

from __future__ import annotations

import ast
import sys

from diana_tools.analysis.python import builtin, objects
from diana_tools.analysis.python.answers import either, listed, paired
from diana_tools.analysis.python.connections import EXECUTES
from diana_tools.analysis.python.effects import execute
from diana_tools.analysis.python.handing import OP, handed_over, powerful
from diana_tools.analysis.python.kinds import column_type
from diana_tools.analysis.python.methods import invoke
from diana_tools.analysis.python.modules import PURE, SQLALCHEMY, computes
from diana_tools.analysis.python.operations import operate
from diana_tools.analysis.python.run import Run
from diana_tools.analysis.python.values import (
    ANYTHING,
    Arguments,
    Bind,
    Choice,
    Class,
    Context,
    Function,
    Imported,
    Instance,
    Method,
    Plain,
    Row,
    Scope,
    Text,
    Type,
    Unknown,
    Value,
)

_MOST_ARGUMENTS = 200


def call(run: Run, node: ast.Call, scope: Scope) -> Value:
    """What a call returns; everything it does on the way is remembered."""
    callee = run.evaluate(run, node.func, scope)
    typing = isinstance(callee, (Imported, Method)) and _takes_types(callee)
    run.typing += typing
    try:
        given = arguments(run, node, scope)
    finally:
        run.typing -= typing
    return apply(run, callee, given, node)


def _takes_types(callee: Imported | Method) -> bool:
    if isinstance(callee, Method):
        return isinstance(callee.receiver, (Type, Imported)) or callee.name in ("alter_column", "add_column")
    return callee.path.startswith(("sqlalchemy.", "alembic.op."))


def arguments(run: Run, node: ast.Call, scope: Scope) -> Arguments:
    """The arguments of a call, evaluated, with `*` and `**` taken apart where they are known."""
    positional: list[Value] = []
    keywords: list[tuple[str, Value]] = []
    loose = len(node.args) + len(node.keywords) > _MOST_ARGUMENTS * 10
    for part in node.args:
        starred = isinstance(part, ast.Starred)
        value = run.evaluate(run, part.value if starred else part, scope)
        items = listed(value)
        if not starred:
            positional.append(value)
        elif items is not None:
            positional += items
        else:
            loose = True
    for keyword in node.keywords:
        value = run.evaluate(run, keyword.value, scope)
        if keyword.arg is not None:
            keywords.append((keyword.arg, value))
        elif (pairs := paired(value)) is not None:
            keywords += [(key.text, inner) for key, inner in pairs if isinstance(key, Text)]
        else:
            loose = True
    return Arguments(tuple(positional), tuple(keywords), loose)


def apply(run: Run, callee: Value, given: Arguments, node: ast.AST) -> Value:
    """Call a value."""
    if isinstance(callee, Function):
        return run.inline(run, callee, given)
    if isinstance(callee, Imported):
        return _imported(run, callee, given, node)
    if isinstance(callee, Method):
        return invoke(run, callee.receiver, callee.name, given, node)
    if isinstance(callee, Class):
        return _made(run, callee, node)
    if isinstance(callee, Choice):
        return _one_of(run, callee, given, node)
    if isinstance(callee, (Type, Bind)):
        return callee
    run.gap("AC002.imported_call" if isinstance(callee, Unknown) and callee.foreign else "AC002.unknown_call", node)
    return ANYTHING


def _made(run: Run, callee: Class, node: ast.AST) -> Value:
    """An object of a class of the same file: its methods may be called in ways that we do not see."""
    if callee.table:
        return Row(callee.table, fresh=True)
    if run.typing:
        return Type(callee.name)
    if callee.methods and not callee.enum:
        run.gap("AC002.unknown_call", node)
        return Instance()
    return ANYTHING


def _one_of(run: Run, callee: Choice, given: Arguments, node: ast.AST) -> Value:
    found: Value | None = None
    with run.maybe():
        for option in callee.options:
            value = apply(run, option, given, node)
            found = value if found is None else either(found, value)
    return found or ANYTHING


def _imported(run: Run, callee: Imported, given: Arguments, node: ast.AST) -> Value:
    root, _, rest = callee.path.partition(".")
    if callee.path.startswith(OP):
        return operate(run, callee.last, given, node)
    if root == "alembic":
        return _alembic(run, callee, given, node)
    if root in SQLALCHEMY:
        return objects.construct(run, callee, given, node)
    if root == "builtins":
        return builtin.call(run, rest, given, node)
    if root in PURE:
        handed_over(run, given, node)
        return given.get(0) or ANYTHING if root == "tqdm" else ANYTHING
    if root in sys.stdlib_module_names:
        return _standard(run, callee, given, node)
    return _foreign(run, callee, given, node)


def _alembic(run: Run, callee: Imported, given: Arguments, node: ast.AST) -> Value:
    word = callee.last
    if word == "is_offline_mode":
        return Plain(False)
    if word == "get_bind":
        return Bind()
    if callee.path.startswith("alembic.context."):
        if word in EXECUTES:
            return execute(run, given.get(0), node)
        if word.startswith(("get_", "is_", "begin_transaction")) or ".config." in callee.path:
            return Context("context") if word in ("get_context", "begin_transaction") else ANYTHING
    run.gap("AC002.custom_operation", node)
    return ANYTHING


def _standard(run: Run, callee: Imported, given: Arguments, node: ast.AST) -> Value:
    root = callee.path.partition(".")[0]
    if callee.path in ("textwrap.dedent", "inspect.cleandoc"):
        return builtin.dedent(given.get(0))
    if not computes(callee.path):
        run.gap("AC002.outside", node)
        return Unknown(foreign=root == "importlib")
    handed_over(run, given, node)
    return ANYTHING


def _foreign(run: Run, callee: Imported, given: Arguments, node: ast.AST) -> Value:
    """A call into the project or another package; a class in the place of a column type is none to follow."""
    armed = any(powerful(value) for value in given.every())
    if run.typing and callee.last[:1].isupper() and not armed:
        return column_type(callee.last, given, run.dialect) or Type(callee.last)
    run.gap("AC002.imported_call", node)
    return Unknown(foreign=True)
