"""An Alembic migration as text: the one direction that would run, followed statement by statement."""

from __future__ import annotations

import ast
import warnings
from dataclasses import dataclass, replace

from diana_tools.analysis.python.definitions import inline
from diana_tools.analysis.python.expressions import evaluate
from diana_tools.analysis.python.run import Run, TooMuch
from diana_tools.analysis.python.values import Arguments, Function, Scope
from diana_tools.analysis.python.walk import block
from diana_tools.analysis.statement import LARGEST_FILE, Gap, Reading

_FUNCTIONS = {"up": "upgrade", "down": "downgrade"}


@dataclass(frozen=True, slots=True)
class WayBack:
    """The downgrade of a migration: whether it does anything, and the line where it stands (0: nowhere).

    `merge`: the migration only joins two branches of the history, and has nothing to take back.
    """

    there: bool
    line: int = 0
    merge: bool = False


def read_alembic(text: str, dialect: str, direction: str, own: frozenset[str] = frozenset()) -> Reading:
    """The statements of `upgrade` (direction up) or `downgrade` (down); never raises, whatever the text is.

    `own` are the names of the project's modules that Python finds before any other.
    """
    try:
        tree = _parse(text)
    except _Unreadable as error:
        return Reading((), (Gap(1, error.why),))
    run = Run(dialect, text.splitlines(), evaluate, inline, block, own=own)
    try:
        _follow(run, tree, _FUNCTIONS[direction])
    except TooMuch:
        run.found.gaps.append(Gap(1, "AC002.too_much"))
    except RecursionError:
        run.found.gaps.append(Gap(1, "AC001.too_deep"))
    return _once(run.found.reading())


def _once(reading: Reading) -> Reading:
    """Without the gaps that a loop or a branch repeats."""
    return replace(reading, gaps=tuple(dict.fromkeys(reading.gaps)))


class _Unreadable(Exception):
    def __init__(self, why: str) -> None:
        self.why = why


def _parse(text: str) -> ast.Module:
    if len(text) > LARGEST_FILE:
        raise _Unreadable("AC004.too_large")
    if not text.strip("\ufeff \t\r\n"):
        raise _Unreadable("AC001.empty_file")
    try:
        with warnings.catch_warnings():
            # A migration's invalid escapes are not ours to warn about.
            warnings.simplefilter("ignore")
            return ast.parse(text.removeprefix("\ufeff"))
    except (SyntaxError, ValueError):
        raise _Unreadable("AC001.not_python") from None
    except (RecursionError, MemoryError):
        # The compiler raises MemoryError, too, for text that is nested too deeply.
        raise _Unreadable("AC001.too_deep") from None


def _follow(run: Run, tree: ast.Module, wanted: str) -> None:
    """Everything at the top of the file runs when it is loaded; then the one function."""
    scope = Scope()
    block(run, tree.body, scope)
    function = scope.get(wanted)
    if isinstance(function, Function):
        inline(run, function, Arguments())
        if not isinstance(function.node, ast.Lambda) and function.node.decorator_list:
            run.gap("AC002.imported_call", function.node.decorator_list[0])
    elif function is not None or wanted == "upgrade":
        run.gap("AC002.no_upgrade" if function is None else "AC002.imported_call", tree.body[0] if tree.body else tree)


def way_back(text: str) -> WayBack:
    """Whether a migration can be taken back: its downgrade exists, does something and does not only raise."""
    try:
        tree = _parse(text)
    except _Unreadable:
        return WayBack(False)
    found = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "downgrade"]
    if not found:
        named = any(isinstance(n, (ast.Assign, ast.ImportFrom)) and "downgrade" in ast.dump(n) for n in tree.body)
        return WayBack(named)
    merge = any(_joins(node) for node in tree.body)
    return WayBack(_does_something(found[-1]) or merge, found[-1].lineno, merge)


def _joins(node: ast.stmt) -> bool:
    """`down_revision = ("one", "other")`."""
    if not isinstance(node, (ast.Assign, ast.AnnAssign)) or not isinstance(node.value, (ast.Tuple, ast.List)):
        return False
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    return any(isinstance(target, ast.Name) and target.id == "down_revision" for target in targets)


def _does_something(function: ast.FunctionDef) -> bool:
    body = [node for node in function.body if not isinstance(node, (ast.Pass, ast.Raise, ast.Global))]
    return any(not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)) for node in body)
