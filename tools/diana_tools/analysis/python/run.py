"""One reading of one migration: what was found so far, and under which circumstances we are looking."""

from __future__ import annotations

import ast
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from enum import Enum

from diana_tools.analysis.python.values import Arguments, Function, Scope, Text, Value
from diana_tools.analysis.sql.plpgsql import HOLE
from diana_tools.analysis.sql.reader import read_sql
from diana_tools.analysis.sql.tokens import Token, lexis, scan
from diana_tools.analysis.statement import UNKNOWN, Action, Collected, Gap, Reading, Statement, plain

MOST_STEPS = 60_000
MOST_STATEMENTS = 5_000
DEEPEST_CALL = 12

# What these touch holds nothing yet, or stays as it is: an unknown name hides no loss.
_ADDING = frozenset(
    {
        Action.READ, Action.INSERT, Action.CREATE_TABLE, Action.CREATE_INDEX, Action.CREATE_TYPE, Action.CREATE_OTHER,
        Action.ADD_COLUMN, Action.ADD_CONSTRAINT, Action.DROP_NOT_NULL, Action.CHANGE_DEFAULT, Action.SET_NOT_NULL,
        Action.DROP_INDEX, Action.DROP_CONSTRAINT, Action.REBUILD,
    }
)  # fmt: skip


class Flow(Enum):
    """How a block of statements ended."""

    NEXT = "next"
    RETURN = "return"
    BREAK = "break"
    CONTINUE = "continue"


Evaluate = Callable[["Run", ast.expr, Scope], Value]
Block = Callable[["Run", Sequence[ast.stmt], Scope], Flow]
Inline = Callable[["Run", Function, Arguments], Value]


class TooMuch(Exception):
    """More than can be looked at in reasonable time."""


@dataclass(slots=True)
class Run:
    """The state of a reading.

    `unsure` counts branches that may not run, `loops` loops over unknown rows. `typing`: we are inside arguments of
    SQLAlchemy, where a class of the project stands for a column type. `following` are the functions that we are
    inside of. `outside`: we are out of the migration's transaction. `sessions`: there is a session of the mapper.
    `methods` are the names of all methods of the file's own classes, `own` the modules at the top of the project's
    folders: one of these names is the project's, whatever else it is called after.
    """

    dialect: str
    lines: list[str]
    evaluate: Evaluate
    inline: Inline
    block: Block
    found: Collected = field(default_factory=Collected)
    unsure: int = 0
    loops: int = 0
    typing: int = 0
    outside: bool = False
    sessions: bool = False
    methods: set[str] = field(default_factory=set[str])
    own: frozenset[str] = frozenset()
    following: list[ast.AST] = field(default_factory=list[ast.AST])
    steps: int = 0

    def step(self) -> None:
        """Count one step.

        Raises:
            TooMuch: the budget is spent.
        """
        self.steps += 1
        if self.steps > MOST_STEPS or len(self.found.statements) > MOST_STATEMENTS:
            raise TooMuch

    @contextmanager
    def maybe(self, *, looped: bool = False) -> Generator[None]:
        """Whatever is found in here may not run, or may run once for each of unknown rows."""
        self.unsure += 1
        self.loops += looped
        try:
            yield
        finally:
            self.unsure -= 1
            self.loops -= looped

    def source(self, node: ast.AST) -> str:
        """The text of a node, safe to show."""
        first, last = getattr(node, "lineno", 0), getattr(node, "end_lineno", 0)
        if not first or first > len(self.lines):
            return ""
        lines = self.lines[first - 1 : min(last, first + 40)]
        begin, end = int(getattr(node, "col_offset", 0)), int(getattr(node, "end_col_offset", 0))
        if first == last:
            return plain(lines[0].encode()[begin:end].decode("utf-8", "replace"))
        return plain("\n".join([lines[0].encode()[begin:].decode("utf-8", "replace"), *lines[1:]]))

    def gap(self, why: str, node: ast.AST) -> None:
        """Remember a place that could not be read."""
        self.found.gaps.append(Gap(int(getattr(node, "lineno", 1)), why, self.source(node)))

    def emit(self, node: ast.AST, *statements: Statement) -> None:
        """Remember what an operation does; names that are not known make a gap beside it."""
        for statement in statements:
            self.step()
            placed = replace(statement, line=int(getattr(node, "lineno", 1)), text=self.source(node), operation=True)
            self.found.statements.append(self._circumstances(placed))
            unnamed = UNKNOWN in (placed.table, placed.column) or (not placed.table and placed.name == UNKNOWN)
            if unnamed and placed.action not in _ADDING:
                self.gap("AC002.dynamic_name", node)

    def _circumstances(self, statement: Statement) -> Statement:
        unresolved = UNKNOWN in (statement.table, statement.column, statement.name)
        return replace(
            statement,
            conditional=statement.conditional or self.unsure > 0,
            looped=statement.looped or self.loops > 0,
            outside=self.outside,
            guessed=statement.guessed or unresolved,
        )

    def sql(self, text: Text, node: ast.AST) -> None:
        """Read SQL that would be run."""
        line = text.line or int(getattr(node, "lineno", 1))
        reading = read_sql(text.text.replace("\\:", ":"), self.dialect, line)
        harmless = not reading.gaps and all(s.action in _ADDING for s in reading.statements)
        if text.holes and not only_values(text.text, self.dialect, names=harmless):
            reading = Reading(tuple(_unresolved(s) for s in reading.statements), reading.gaps)
            reading += Reading((), (Gap(line, "AC002.dynamic_sql", self.source(node)),))
        self.step()
        self.found.add(Reading(tuple(self._circumstances(s) for s in reading.statements), reading.gaps))


def _unresolved(statement: Statement) -> Statement:
    """A statement in which parts of names are holes: such a name is not known."""
    table, column, name = (
        UNKNOWN if HOLE in text else text for text in (statement.table, statement.column, statement.name)
    )
    return replace(statement, table=table, column=column, name=name, guessed=True)


def only_values(text: str, dialect: str, *, names: bool) -> bool:
    """Whether every hole stands where only a value can: in quotes, or behind a sign of comparison.

    With `names`, a hole may also be a whole name.
    """
    found = scan(text, lexis(dialect))
    holes = [index for index, token in enumerate(found.tokens) if HOLE in token.text]
    known = all(_value(found.tokens, index) or (names and found.tokens[index].text == HOLE) for index in holes)
    return known and not found.open


def _value(tokens: list[Token], index: int) -> bool:
    token = tokens[index]
    if token.kind == "string":
        return True
    before = tokens[index - 1] if index else token
    compared = before.kind == "mark" and before.text in "=<>"
    listed = before.text in ("(", ",") and tokens[0].upper == "INSERT" and "VALUES" in _words(tokens[:index])
    return token.text == HOLE and (compared or listed)


def _words(tokens: list[Token]) -> set[str]:
    return {token.upper for token in tokens}
