"""Reading migrations as text: what they would destroy, and what could not be read (S4.4, S4.8)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from diana_tools.analysis.examine import Examination, Seen
from diana_tools.analysis.ledger import Ledger
from diana_tools.analysis.live import LiveSchema
from diana_tools.analysis.python.reader import WayBack, read_alembic, way_back
from diana_tools.analysis.sql.reader import read_sql
from diana_tools.analysis.statement import Action, Gap, Reading, plain
from diana_tools.analysis.succession import apply
from diana_tools.domain import Finding, Unread
from diana_tools.measured import Schema

_PYTHON = "alembic-python"
_DIALECTS = {"postgres": "postgresql", "sqlite3": "sqlite"}
_LONGEST_NAME = 300
_TRANSACTIONAL = frozenset({"postgresql"})


@dataclass(frozen=True, slots=True)
class MigrationText:
    """A migration as text: `language` is `alembic-python` or `sql`, `path` project-relative."""

    id: str
    path: str
    text: str
    language: str


@dataclass(frozen=True, slots=True)
class Analysis:
    """What was found, in the order of the migrations and their lines, and what could not be read."""

    findings: tuple[Finding, ...]
    unread: tuple[Unread, ...]


def analyze(
    texts: Sequence[MigrationText],
    dialect: str,
    earlier: Sequence[MigrationText],
    live: Schema | None,
    direction: str,
    own: frozenset[str] = frozenset(),
) -> Analysis:
    """Read migrations in the order in which they would run; nothing is imported or executed, nothing raises.

    Args:
        texts: the migrations that would run.
        dialect: `postgresql` or `sqlite`; any other name is read as well as it can be.
        earlier: migrations that were applied before, oldest first; replayed where there is no live schema.
        live: the measured schema, None when there is no database to look at.
        direction: `up` reads `upgrade`, `down` reads `downgrade` (then `texts` come newest first).
        own: the names of the project's modules that Python finds before any other.
    """
    dialect = _DIALECTS.get(dialect, dialect)
    known = LiveSchema(live) if live is not None and live.objects else None
    ledger = Ledger(dialect, known)
    if known is None:
        before = [*earlier, *(reversed(texts) if direction == "down" else ())]
        for text in before:
            _replay(text, ledger)
    ledger.settle()
    findings: dict[tuple[str, str, str, int, str], Finding] = {}
    unread: dict[Unread, None] = {}
    for text in texts:
        examined = _examine(text, ledger, direction, own)
        for finding in _findings(examined, text, dialect):
            findings.setdefault(
                (finding.migration, finding.rule, finding.object, finding.line, finding.statement), finding
            )
        unread |= dict.fromkeys(_unread(gap, text) for gap in examined.gaps)
    return Analysis(tuple(findings.values()), tuple(unread))


def _read(text: MigrationText, dialect: str, direction: str, own: frozenset[str] = frozenset()) -> Reading:
    if text.language == _PYTHON:
        return read_alembic(text.text, dialect, direction, own)
    if text.language == "sql":
        return read_sql(text.text, dialect, script=True)
    return Reading((), (Gap(1, "AC001.language"),))


def _replay(text: MigrationText, ledger: Ledger) -> None:
    for statement in _read(text, ledger.dialect, "up").statements:
        apply(ledger, statement)


def _examine(text: MigrationText, ledger: Ledger, direction: str, own: frozenset[str]) -> Examination:
    python = text.language == _PYTHON
    back: WayBack | None = way_back(text.text) if python else None
    examined = Examination(_read(text, ledger.dialect, direction, own), ledger, direction, back, python=python)
    examined.run()
    return examined


def _findings(examined: Examination, text: MigrationText, dialect: str) -> Iterator[Finding]:
    back = examined.scene.way_back
    for rule, sighting in examined.seen:
        statement = sighting.statement
        loses = rule.loses if sighting.loses is None else sighting.loses
        yield Finding(
            rule=rule.id,
            kind=sighting.kind or rule.kind,
            level=sighting.level or rule.level,
            data_loss=loses,
            object=(statement.object if sighting.object is None else sighting.object)[:_LONGEST_NAME],
            file=text.path,
            line=statement.line,
            statement=statement.text,
            recovery=_recovery((rule, sighting), loses, back, dialect),
            confidence="guessed" if statement.guessed or sighting.guessed else "parsed",
            migration=text.id,
            detail=plain(sighting.detail, _LONGEST_NAME),
        )


def _recovery(seen: Seen, loses: bool, back: WayBack | None, dialect: str) -> str:
    """What brings back the state before: the engine's own rollback, the downgrade, a backup, or nothing.

    A downgrade restores shape, never data; what left the database cannot be called back.
    """
    rule, sighting = seen
    if sighting.statement.action is Action.ESCAPE:
        return "none"
    if loses:
        return "backup"
    if rule.undone and dialect in _TRANSACTIONAL:
        return "tx"
    return "down" if back is not None and back.there else "backup"


def _unread(gap: Gap, text: MigrationText) -> Unread:
    return Unread(text.path, gap.line, gap.why, gap.text, text.id)
