"""Tables that are rebuilt: created anew, filled from the old one, and put in its place (SQLite's way to alter)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from diana_tools.analysis.ledger import Held, Holder, Ledger
from diana_tools.analysis.statement import Action, Column, Statement, Where

# Behind these a name may mean another table than before.
_MOVING = frozenset({Action.SET_PATH, Action.RENAME_SCHEMA})
_MOST_COPIES = 4
_SPOILING = frozenset({Action.DELETE, Action.TRUNCATE, Action.DROP_TABLE, Action.DROP_COLUMN, Action.UPDATE})


@dataclass(frozen=True, slots=True)
class Rebuild:
    """One rebuild, by places in a list of statements.

    `old` is dropped at `drop`, `new` holds its rows and is called `table` in the end; `renames` are the places
    where names change hands, which is no rename for anybody outside.
    """

    table: str
    old: str
    new: str
    copy: Statement
    drop: int
    renames: tuple[int, ...]


def rebuilds(statements: Sequence[Statement], ledger: Ledger) -> dict[int, Rebuild]:
    """All rebuilds of one migration, by the place where the old table is dropped."""
    if any(statement.action in _MOVING for statement in statements):
        return {}
    copies: dict[str, list[int]] = {}
    renames: dict[tuple[str, str], list[int]] = {}
    found: dict[int, Rebuild] = {}
    for place, statement in enumerate(statements):
        if _copies(statement):
            copies.setdefault(ledger.key(statement.reads), []).append(place)
        elif statement.action is Action.RENAME_TABLE:
            renames.setdefault((ledger.key(statement.table), ledger.key(statement.name)), []).append(place)
    for place, statement in enumerate(statements):
        if statement.action is Action.DROP_TABLE and not statement.conditional:
            old = ledger.key(statement.table)
            for copied in copies.get(old, [])[-_MOST_COPIES:]:
                new = ledger.key(statements[copied].table)
                for rename in renames.get((new, old), [])[-_MOST_COPIES:]:
                    if (made := _rebuild(statements, ledger, (copied, place, rename))) is not None:
                        found[place] = made
    return found


def _copies(statement: Statement) -> bool:
    sure = not (statement.conditional or statement.looped or statement.guessed)
    return sure and statement.complete and statement.action in (Action.INSERT, Action.CREATE_TABLE)


def _rebuild(statements: Sequence[Statement], ledger: Ledger, places: tuple[int, int, int]) -> Rebuild | None:
    """A copy, a drop and a rename make a rebuild if they come in one of the two orders that work."""
    copied, drop, rename = places
    forward, backward = copied < drop < rename, rename < copied < drop
    copy = statements[copied]
    end = rename if forward else drop
    if not (forward or backward) or _spoilt(statements[copied + 1 : end], ledger, ledger.key(copy.table)):
        return None
    return Rebuild(copy.reads if forward else copy.table, copy.reads, copy.table, copy, drop, (rename,))


def _spoilt(between: Sequence[Statement], ledger: Ledger, new: str) -> bool:
    """Whether the new table loses rows or values again before it stands in the old one's place."""
    return any(s.action in _SPOILING and ledger.key(s.table) == new for s in between)


def consequences(rebuild: Rebuild, statements: Sequence[Statement], ledger: Ledger) -> Iterator[Statement]:
    """What a rebuild comes to: columns that were not copied, types that changed, values that were rewritten.

    Where nobody knows which columns the old table had, it is a drop that we only guess to be complete.
    """
    drop = statements[rebuild.drop]
    before, after = ledger.table(rebuild.old), ledger.table(rebuild.new)
    base = replace(drop, action=Action.REBUILD, table=rebuild.table, batch=True, columns=())
    yield base
    if before is None or not before.complete:
        if not rebuild.copy.star:
            yield replace(drop, guessed=True)
        return
    columns = _by_place(before, after) if rebuild.copy.star else rebuild.copy.columns
    kept = {ledger.fold(column.source): column for column in columns if column.source}
    derived = {ledger.fold(column.derived): column for column in columns if column.derived}
    for key, column in before.columns.items():
        if key in kept:
            target = after.columns.get(ledger.fold(kept[key].name)) if after is not None else None
            yield from _retyped(base, column, kept[key], target)
        elif key in derived:
            written = Column(column.name, derived=column.name)
            yield replace(base, action=Action.UPDATE, where=Where.NONE, columns=(written,))
        else:
            yield replace(base, action=Action.DROP_COLUMN, column=column.name)


def _by_place(before: Holder, after: Holder | None) -> tuple[Column, ...]:
    """`SELECT *` fills columns in their order; all are kept, whatever they are called."""
    targets = list(after.columns.values()) if after is not None and len(after.columns) == len(before.columns) else []
    names = [target.name for target in targets] or [column.name for column in before.columns.values()]
    return tuple(Column(name, source=old.name) for name, old in zip(names, before.columns.values(), strict=True))


def _retyped(base: Statement, old: Held, copy: Column, new: Held | None) -> Iterator[Statement]:
    wanted = copy.cast or (new.type if new is not None else "")
    if wanted and old.type and wanted.lower() != old.type.lower():
        yield replace(base, action=Action.ALTER_TYPE, column=old.name, old_type=old.type, new_type=wanted)
