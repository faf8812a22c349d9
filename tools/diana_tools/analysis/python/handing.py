"""What is handed to code that is not followed: a function may be called there, an operation or a connection be used."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from diana_tools.analysis.python.answers import listed, options, paired
from diana_tools.analysis.python.run import Run
from diana_tools.analysis.python.values import Arguments, Batch, Bind, Choice, Function, Imported, Method, Table, Value

OP = ("alembic.op.", "alembic.operations.Operations.", "flask_migrate.op.")
"""Where Alembic's operations are found."""
_DEEPEST = 4


def handed_over(run: Run, given: Arguments, node: ast.AST) -> None:
    """Code that we do not follow gets something."""
    for value in given.every():
        for part in parts(value, _DEEPEST):
            if isinstance(part, Function):
                with run.maybe(looped=True):
                    run.inline(run, part, Arguments(loose=True))
            elif powerful(part):
                run.gap("AC002.handed_over", node)


def parts(value: Value, deepest: int) -> Iterator[Value]:
    """One value, or what lists, dictionaries and choices hold, so many levels down: a list may hold itself."""
    pairs = paired(value)
    inner = listed(value) if pairs is None else tuple(part for pair in pairs for part in pair)
    inner = options(value) if inner is None and isinstance(value, Choice) else inner
    if inner is None:
        yield value
    elif deepest:
        for part in inner:
            yield from parts(part, deepest - 1)


def powerful(value: Value) -> bool:
    """Whether a value lets others change the database."""
    if isinstance(value, Imported):
        return value.path == "alembic.op" or value.path.startswith(OP)
    if isinstance(value, Method):
        return isinstance(value.receiver, (Bind, Batch, Table)) or powerful(value.receiver)
    return isinstance(value, (Bind, Batch))
