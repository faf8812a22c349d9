"""What can be taken away from a source file: each check removed or inverted, one at a time, found in its syntax tree.

A mutant is named `<file>:<function>:<operator>:<n>`, the n-th place of that operator in that function, without a line
number: the name stays good while other code of the file changes.
"""

from __future__ import annotations

import ast
import difflib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from types import CodeType
from typing import cast

from mutation.operators import OPERATORS, SHAPING, limits, parts

Change = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Source:
    """A file whose checks are taken away: its path in the repository, and the tests that must notice.

    `only` are names of functions or classes. `limits` are module-level constants that are limits, and
    `lists` those whose every element counts; `digests` are functions that hash all their parts.
    """

    path: str
    tests: tuple[str, ...]
    only: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()
    lists: tuple[str, ...] = ()
    digests: tuple[str, ...] = ()

    @property
    def file(self) -> Path:
        """Where it is, below the folder that this was started in."""
        return Path.cwd() / self.path

    @property
    def module(self) -> str:
        """Its dotted name, without the folder of its package."""
        return ".".join(Path(self.path).with_suffix("").parts[1:])

    def covers(self, function: str) -> bool:
        """Whether a function's checks are to be taken away."""
        return not self.only or function.partition(".")[0] in self.only


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change: its name, the function, and the lines a test must have run to notice (none: any test may).

    `constant` is the module-level name that it changes, if it is one.
    """

    name: str
    source: Source
    function: str
    lines: range
    constant: str = ""


@dataclass(frozen=True, slots=True)
class _Site:
    function: str
    operator: str
    lines: range
    change: Change
    constant: str = ""


def mutants(source: Source) -> tuple[Mutant, ...]:
    """All mutants of a file, in the order of its text."""
    return tuple(mutant for mutant, _ in _named(source, ast.parse(source.file.read_bytes())))


def mutated(mutant: Mutant) -> ast.Module:
    """The file's tree with the change made.

    Raises:
        LookupError: there is no such place any more.
    """
    tree = ast.parse(mutant.source.file.read_bytes())
    for other, change in _named(mutant.source, tree):
        if other.name == mutant.name:
            change()
            return ast.fix_missing_locations(tree)
    raise LookupError(mutant.name)


def compiled(mutant: Mutant) -> CodeType:
    """The changed file, compiled under its own name."""
    return compile(mutated(mutant), str(mutant.source.file), "exec", dont_inherit=True)


def told(mutant: Mutant) -> str:
    """What the change is, as the lines of the code without and with it."""
    before = ast.unparse(ast.parse(mutant.source.file.read_bytes())).splitlines()
    lines = list(difflib.unified_diff(before, ast.unparse(mutated(mutant)).splitlines(), lineterm="", n=0))[2:]
    return "\n".join(f"    {line}" for line in lines if not line.startswith("@@"))


def _named(source: Source, tree: ast.Module) -> Iterator[tuple[Mutant, Change]]:
    counts: Counter[tuple[str, str]] = Counter()
    for site in _sites(source, tree):
        if site.constant or source.covers(site.function):
            counts[site.function, site.operator] += 1
            number = counts[site.function, site.operator]
            name = f"{source.path}:{site.function}:{site.operator}:{number}"
            yield Mutant(name, source, site.function, site.lines, site.constant), site.change


def _sites(source: Source, tree: ast.Module) -> Iterator[_Site]:
    for statement in tree.body:
        for name, operator, change in limits(statement, source.limits, source.lists):
            yield _Site(name, operator, range(0), change, name)
    yield from _below(tree, _Around(digests=source.digests))


@dataclass(frozen=True, slots=True)
class _Around:
    """Where a node stands: the names around it, the innermost statement, and whether that is in a function."""

    names: tuple[str, ...] = ()
    statement: ast.AST = field(default_factory=ast.Pass)
    inside: bool = False
    digests: tuple[str, ...] = ()


def _below(node: ast.AST, around: _Around) -> Iterator[_Site]:
    if isinstance(node, ast.arguments) or (isinstance(node, ast.keyword) and node.arg in SHAPING):
        return
    for name, value in ast.iter_fields(node):
        if isinstance(value, ast.AST):
            yield from _at(value, partial(setattr, node, name), around, last=True)
        elif isinstance(value, list):
            nodes = cast("list[object]", value)
            for number, child in enumerate(nodes):
                if isinstance(child, ast.AST):
                    last = number == len(nodes) - 1 and isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
                    yield from _at(child, partial(nodes.__setitem__, number), around, last=last)


def _at(node: ast.AST, put: Callable[[ast.AST], None], around: _Around, *, last: bool) -> Iterator[_Site]:
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        within = around.inside or not isinstance(node, ast.ClassDef)
        around = replace(around, names=(*around.names, node.name), statement=node, inside=within)
    elif isinstance(node, ast.stmt):
        around = replace(around, statement=node)
    if around.inside:
        function = ".".join(around.names)
        for operate in OPERATORS:
            for operator, change in operate(node, put, last):
                yield _Site(function, operator, _lines(node, around.statement), change)
        for operator, change in parts(node) if function in around.digests else ():
            yield _Site(function, operator, _lines(node, around.statement), change)
    yield from _below(node, around)


def _lines(node: ast.AST, statement: ast.AST) -> range:
    """The lines of what changes: of a compound statement its head, of a part that spans lines its whole statement."""
    if isinstance(node, (ast.If, ast.While)):
        node = node.test
    elif isinstance(node, ast.match_case):
        node = node.pattern
    if not isinstance(node, (ast.expr, ast.stmt, ast.pattern)) or node.end_lineno is None:
        node = statement
    first, end = getattr(node, "lineno", 0), getattr(node, "end_lineno", 0)
    if isinstance(node, ast.expr) and isinstance(statement, (ast.Return, ast.Assign, ast.Expr, ast.AugAssign)):
        first, end = statement.lineno, statement.end_lineno or statement.lineno
    return range(first, end + 1)
