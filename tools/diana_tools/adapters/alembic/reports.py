"""What the programs in the project's interpreter print, read into Diana's own types."""

from __future__ import annotations

import re
from pathlib import Path

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from diana_tools.adapters.base import REPORT, Probe, Project, RehearsalOutput, Shape
from diana_tools.command import Output
from diana_tools.domain import DatabaseUrl, History, Migration
from diana_tools.measured import CapturedStatement, Preview
from diana_tools.redaction import bounded, plain

_LAST_FRAME = re.compile(r'^\s*File "', re.MULTILINE)
_CODES = (
    (r"Connection refused|could not connect|timeout expired|No route to host", "connection_refused"),
    (r"password authentication failed|no password supplied", "wrong_password"),
    (r'database "[^"]*" does not exist', "no_such_database"),
    (r"database is locked", "database_locked"),
    (r"file is not a database", "not_a_database"),
    (r"Can't locate revision identified by", "history_missing_revision"),
    (r"No module named '(?:psycopg2?|asyncpg|pg8000|aiosqlite)'", "driver_missing"),
)  # fmt: skip


class _Report(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class _Url(_Report):
    engine: str
    driver: str = ""
    host: str = ""
    port: int | None = None
    database: str = ""
    username: str = ""
    password: str = ""
    query: list[tuple[str, str]] = []

    def url(self) -> DatabaseUrl:
        return DatabaseUrl(
            self.engine, self.driver, self.host, self.port, self.database, self.username, self.password,
            tuple(self.query),
        )  # fmt: skip


class _Migration(_Report):
    id: str
    name: str
    description: str
    path: str
    checksum: str
    reversible: bool | None
    transactional: bool

    def migration(self) -> Migration:
        return Migration(
            plain(self.id, 200), plain(self.name, 200), plain(self.description, 500), self.path, self.checksum,
            self.reversible, self.transactional,
        )  # fmt: skip


class _Probe(_Report):
    version: str = ""
    place: _Url | None = None
    url: _Url | None = None
    server: str = ""
    database: str = ""
    marker: str = ""
    current: list[str] = []
    heads: list[str] = []
    pending: list[str] = []
    applied: list[str] = []
    migrations: list[_Migration] = []
    problems: list[str] = []
    shape: Shape = Shape.NONE
    version_table: str = ""
    loaded: list[str] = []
    scripts: list[str] = []
    searched: list[str] = []
    error: str = ""
    words: str = ""


class _Statement(_Report):
    sql: str
    parameters: int
    times: int
    seconds: float


class _Step(_Report):
    migration: str
    passed: bool
    seconds: float
    statements: list[_Statement]


class _End(_Report):
    end: bool
    marker: str
    failed: str
    error: str
    words: str
    opened: tuple[tuple[str, str], ...] = ()


class _Script(_Report):
    sql: str
    error: str
    words: str


_STEP_OR_END: TypeAdapter[_Step | _End] = TypeAdapter(_Step | _End)


def _marked(text: str) -> list[str]:
    return [line.removeprefix(REPORT) for line in text.split("\n") if line.startswith(REPORT)]


def probe(project: Project, output: Output) -> Probe:
    """The probe's answer; a child that died without one is `probe_silent` with its last words."""
    lines = _marked(output.stdout)
    try:
        told = _Probe.model_validate_json(lines[-1] if lines else "")
    except ValidationError:
        said = [line for line in (output.stderr or output.stdout).splitlines() if line.strip()]
        words = bounded(said[-1] if said else f"exit {output.exit_code}", 300)
        told = _Probe(error="probe_silent", words=words)
    migrations = {one.id: one.migration() for one in told.migrations}
    url = told.url or told.place
    return Probe(
        version=told.version, url=url.url() if url else None, current=tuple(told.current), heads=tuple(told.heads),
        pending=tuple(migrations[one] for one in told.pending), applied=tuple(migrations[one] for one in told.applied),
        history=_history(told), shape=told.shape, loaded=_paths(project, told.loaded),
        scripts=_paths(project, told.scripts), searched=_paths(project, told.searched),
        server=told.server, database=told.database, marker=told.marker, version_table=told.version_table,
        error=told.error, error_text=plain(told.words, 1000),
    )  # fmt: skip


def _paths(project: Project, told: list[str]) -> tuple[Path, ...]:
    """What the child named from the root; what lies outside the repository it names in full."""
    return tuple(project.root / path for path in told)


def _history(told: _Probe) -> History:
    """Several heads are a state, not a problem: `upgrade` copes with them, and people should know."""
    if told.error:
        return History("unknown")
    if told.problems:
        return History("inconsistent", tuple(plain(problem, 300) for problem in told.problems), tuple(told.applied))
    if len(told.heads) > 1:
        state = "several_heads"
    else:
        state = "virgin" if not told.current else "pending" if told.pending else "up_to_date"
    return History(state, (), tuple(told.applied))


def preview(output: Output) -> Preview:
    """Alembic's offline SQL, whole or not at all."""
    lines = _marked(output.stdout)
    try:
        told = _Script.model_validate_json(lines[-1] if lines else "")
    except ValidationError:
        return Preview("offline_sql", "", "offline_failed")
    return Preview("offline_sql", "" if told.error else told.sql, "offline_failed" if told.error else "")


def rehearsal(output: Output) -> RehearsalOutput:
    """What ran, per migration; without the child's last line the run counts as broken off."""
    steps: list[_Step] = []
    end: _End | None = None
    for line in _marked(output.stdout):
        try:
            told = _STEP_OR_END.validate_json(line)
        except ValidationError:
            continue
        if isinstance(told, _End):
            end = told
        else:
            steps.append(told)
    statements = tuple(
        CapturedStatement(step.migration, plain(one.sql), one.seconds, one.parameters, one.times)
        for step in steps
        for one in step.statements
    )
    applied = tuple(step.migration for step in steps if step.passed)
    if end is None:
        return RehearsalOutput(statements, "", applied, "", "timeout" if output.timed_out else "rehearsal_broken_off")
    error = ": ".join(word for word in (end.error, plain(end.words, 1000)) if word) if end.error else ""
    return RehearsalOutput(statements, end.marker, applied, end.failed, error, end.opened)


def explain(output: Output) -> tuple[str, str]:
    """A failed run as (code, decisive line): what Python says after the last frame, or Alembic's own `FAILED:`."""
    if output.timed_out:
        return "timeout", ""
    text = f"{output.stdout}\n{output.stderr}"
    words = _decisive(text)
    for pattern, code in _CODES:
        if re.search(pattern, words):
            return code, words
    return "migration_failed", words


def _decisive(text: str) -> str:
    frames = list(_LAST_FRAME.finditer(text))
    after = text[frames[-1].end() :].split("\n")[1:] if frames else []
    raised = next((line for line in after if line.strip() and not line[0].isspace()), "")
    told = next((line for line in reversed(text.splitlines()) if line.startswith("FAILED: ")), "")
    last = next((line for line in reversed(text.splitlines()) if line.strip()), "")
    return bounded((raised or told or last).strip(), 500)


def relative_to(config: Path, folder: Path) -> str:
    """A config as it is named on the command line: relative where it lies below the folder Alembic is run in."""
    return str(config.relative_to(folder)) if config.is_relative_to(folder) else str(config)
