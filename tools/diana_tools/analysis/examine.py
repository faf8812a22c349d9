"""One migration's statements past every rule, while the ledger keeps up with what exists."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from diana_tools.analysis.ledger import Ledger
from diana_tools.analysis.python.reader import WayBack
from diana_tools.analysis.rebuilds import Rebuild, consequences, rebuilds
from diana_tools.analysis.rule import Rule, Scene, Sighting, rules
from diana_tools.analysis.statement import Action, Gap, Reading, Statement
from diana_tools.analysis.succession import apply

_MOST_STATEMENTS = 10_000
_MOST_SIGHTINGS = 2_000
_DEEPEST_CALL = 3
_VERSION_COLUMN = "version_num"

Seen = tuple[Rule, Sighting]


class Examination:
    """Goes through the statements of one migration; `seen` and `gaps` are what comes of it."""

    def __init__(self, reading: Reading, ledger: Ledger, direction: str, back: WayBack | None, *, python: bool) -> None:
        self.ledger = ledger
        self.seen: list[Seen] = []
        self.gaps: list[Gap] = list(reading.gaps)
        statements = reading.statements[:_MOST_STATEMENTS]
        if len(statements) < len(reading.statements):
            self.gaps.append(Gap(statements[-1].line, "AC004.too_many"))
        kept = statements if python else tuple(s for s in statements if not _bookkeeping(s))
        self.scene = Scene(
            ledger.dialect, direction, ledger, tuple(self._with_calls(kept)), back, python, unread=bool(self.gaps)
        )

    def run(self) -> None:
        """Show every statement to every rule, then the migration as a whole."""
        found = rebuilds(self.scene.statements, self.ledger)
        quiet = {place for rebuild in found.values() for place in rebuild.renames}
        for place, statement in enumerate(self.scene.statements):
            self.scene.place = place
            if place in found:
                self._rebuild(found[place])
            elif place in quiet:
                self._pass_on(statement)
            else:
                self._see(statement)
                self._pass_on(statement)
        self._look_back()

    def _see(self, statement: Statement) -> None:
        for rule in rules():
            for sighting in rule.see(statement, self.scene):
                self._remember(rule, sighting)

    def _remember(self, rule: Rule, sighting: Sighting) -> None:
        if len(self.seen) == _MOST_SIGHTINGS:
            self.gaps.append(Gap(sighting.statement.line, "AC004.too_many"))
        if len(self.seen) <= _MOST_SIGHTINGS:
            self.seen.append((rule, sighting))
        loses = rule.loses if sighting.loses is None else sighting.loses
        if loses and rule.id.startswith("DL") and len(self.scene.losses) < _MOST_SIGHTINGS:
            self.scene.losses.append(replace(sighting, kind=sighting.kind or rule.kind))

    def _pass_on(self, statement: Statement) -> None:
        """Keep the ledger up, and remember which tables with data were dropped."""
        if statement.action is Action.DROP_TABLE and not self.ledger.spares(statement.table):
            holder = self.ledger.table(statement.table)
            columns = frozenset(holder.columns) if holder is not None else frozenset[str]()
            self.scene.dropped[self.ledger.key(statement.table)] = columns
        if statement.kind == "pragma":
            self.scene.switches[statement.name] = statement.action
        if statement.action is Action.DROP_COLUMN:
            self._copy_is_now_the_only_one(statement)
        apply(self.ledger, statement)

    def _copy_is_now_the_only_one(self, dropped: Statement) -> None:
        """A column that took over the values of a dropped one holds old data from now on."""
        copy = self.ledger.copied.get((self.ledger.place(dropped.table), self.ledger.fold(dropped.column)))
        holder = self.ledger.table(dropped.table)
        column = holder.columns.get(self.ledger.fold(copy)) if holder is not None and copy else None
        if column is not None:
            column.fresh = False

    def _rebuild(self, rebuild: Rebuild) -> None:
        for statement in list(consequences(rebuild, self.scene.statements, self.ledger)):
            self._see(statement)
        self.ledger.replace(rebuild.old, rebuild.new)

    def _look_back(self) -> None:
        for rule in rules():
            for sighting in list(rule.after(self.scene)):
                self._remember(rule, sighting)

    def _with_calls(self, statements: Sequence[Statement], depth: int = 0) -> Iterator[Statement]:
        """The statements, and behind each that calls a known routine what that routine does."""
        for statement in statements:
            yield statement
            if statement.action is Action.CREATE_ROUTINE:
                apply(self.ledger, statement)
            for name in dict.fromkeys((*statement.calls, *_called(statement))):
                body = self.ledger.routine(name) if depth < _DEEPEST_CALL else None
                if body is not None:
                    inner = tuple(replace(s, line=statement.line) for s in body.maybe().statements)
                    yield from self._with_calls(inner, depth + 1)
                    self.gaps += [replace(gap, line=statement.line) for gap in body.gaps]
                elif statement.action is Action.CALL:
                    self.gaps.append(Gap(statement.line, "AC003.routine_unknown", statement.text))


def _called(statement: Statement) -> tuple[str, ...]:
    return (statement.name,) if statement.action is Action.CALL else ()


def _bookkeeping(statement: Statement) -> bool:
    """Alembic's own rows, among captured SQL: its table has the one column `version_num`."""
    if "version" not in statement.table.lower():
        return False
    if statement.action is Action.UPDATE:
        return [column.name for column in statement.columns] == [_VERSION_COLUMN]
    return statement.action is Action.DELETE and statement.filters == (_VERSION_COLUMN,)
