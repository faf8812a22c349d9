"""What a rehearsal measured as lost, whatever the reading of the migrations said (guard's design, 18)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from diana_tools.domain import Finding, Loss, Migration
from diana_tools.measured import Rehearsal, State

GONE, FEWER = "MS001", "MS002"
"""Rules that no text is read for: a table or column is gone after the rehearsal, or a table holds fewer rows."""

_TABLES = ("table", "partitioned table")
_DROPPED = ("drop_table", "drop_column")
_RENAMED_TABLE, _RENAMED_COLUMN, _RENAMED_SCHEMA = "CO001", "CO002", "CO005"


def measured(rehearsal: Rehearsal, findings: Sequence[Finding], pending: Sequence[Migration]) -> tuple[Finding, ...]:
    """A finding for every table, column and count of rows that became less and that no finding tells of.

    What only got another name, as a finding says, is looked for under that name. The migration is known where it is
    the only one.
    """
    if rehearsal.after is None:
        return ()
    only = pending[0] if len(pending) == 1 else None
    told = _Told(findings)
    found = [*_gone(rehearsal, rehearsal.after, told), *_fewer(rehearsal, rehearsal.after, told)]
    return tuple(
        Finding(
            rule=one.rule, kind=one.kind, level="T", data_loss=True, object=one.object,
            file=only.path if only else "", line=0, statement="", confidence="measured",
            migration=only.id if only else "", loss=one.loss,
        )
        for one in found
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Lost:
    rule: str
    kind: str
    object: str
    loss: Loss | None


class _Told:
    """What the findings say about names, compared without quotes and case."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        self._findings = findings
        self._names = {
            (one.rule, _plain(old)): _plain(new)
            for one in findings
            for old, _, new in (one.detail.partition(" -> "),)
            if one.rule in (_RENAMED_TABLE, _RENAMED_SCHEMA) and new
        }
        self._columns = {
            _plain(one.object): _plain(one.detail.partition(" -> ")[2])
            for one in findings
            if one.rule == _RENAMED_COLUMN
        }

    def lost(self, name: str) -> bool:
        """Whether a finding says that an object loses data."""
        return any(one.data_loss and _plain(one.object) == _plain(name) for one in self._findings)

    def dropped(self, name: str) -> bool:
        """Whether a finding says that an object is dropped: with what it holds, or counted as holding nothing."""
        return any(
            _plain(one.object) == _plain(name)
            and (one.data_loss or (one.kind in _DROPPED and one.loss is not None and one.loss.rows == 0))
            for one in self._findings
        )

    def table(self, name: str) -> str:
        """The last name of a table."""
        seen, now = set[str](), _plain(name)
        while now not in seen:
            seen.add(now)
            schema, _, last = now.rpartition(".")
            moved = self._names.get((_RENAMED_SCHEMA, schema)) if schema else None
            now = self._names.get((_RENAMED_TABLE, now)) or (f"{moved}.{last}" if moved else now)
        return now

    def column(self, table: str, name: str) -> str:
        """The last name of a column, with its table's."""
        now, seen = _plain(name), set[str]()
        tables = (_plain(table), self.table(table))
        while now not in seen:
            seen.add(now)
            now = next((self._columns[f"{one}.{now}"] for one in tables if f"{one}.{now}" in self._columns), now)
        return f"{self.table(table)}.{now}"


def _gone(rehearsal: Rehearsal, after: State, told: _Told) -> list[_Lost]:
    before, full = rehearsal.before, rehearsal.kind == "full"
    rows = before.rows()
    left = {_plain(one.name) for one in after.schema.objects if one.kind in _TABLES}
    columns = {_plain(one.name) for one in after.schema.objects if one.kind == "column"}
    tables = [one.name for one in before.schema.objects if one.kind in _TABLES]
    found: list[_Lost] = []
    for name in tables:
        if _plain(name) not in left and told.table(name) not in left and not told.dropped(name):
            held = Loss(rows[name], rows[name]) if full and name in rows else None
            found.append(_Lost(GONE, "drop_table", name, held))
    for one in before.schema.objects:
        table, _, column = one.name.rpartition(".")
        if one.kind != "column" or table not in tables or told.table(table) not in left:
            continue
        if not {_plain(one.name), told.column(table, column)} & columns and not told.dropped(one.name):
            empty = Loss(0, 0) if full and rows.get(table) == 0 else None
            found.append(_Lost(GONE, "drop_column", one.name, empty))
    return found


def _fewer(rehearsal: Rehearsal, after: State, told: _Told) -> list[_Lost]:
    now = {_plain(name): rows for name, rows in after.rows().items()}
    found: list[_Lost] = []
    for name, rows in rehearsal.before.rows().items():
        left = now.get(_plain(name), now.get(told.table(name)))
        ours = _plain(name) == _plain(rehearsal.version_table)
        if left is not None and left < rows and not ours and not told.lost(name):
            found.append(_Lost(FEWER, "delete_rows", name, Loss(rows - left, rows)))
    return found


def _plain(name: str) -> str:
    return name.replace('"', "").removeprefix("public.").lower()
