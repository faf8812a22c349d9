"""The ground that the guard is tested on: a project, a production database, a person, and a clock that can be moved.

Everything that decides is the real thing: settings, workflow, dispatch, guard, mint, journal, executor, sessions, the
SQLite engine, a folder store. Only the migration tool is a toy, so that thousands of steps take seconds.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from diana_agent.call import Said
from diana_agent.guard.guard import Guard
from diana_agent.journal import Journal
from diana_agent.person import Question, Reply
from diana_agent.run import Run
from diana_config.folders import Folders, private
from diana_config.known import KnownDatabases
from diana_config.settings import PolicySetting, Settings, StoreSetting, Tier, Word
from diana_config.trust import Trust
from diana_prompts.catalogue import Catalogue
from diana_tools.adapters.base import Override, Probe, Progress, Project, RehearsalOutput, Shape, Tree
from diana_tools.command import Output, ReadCommand, WriteCommand
from diana_tools.databases.base import Doors
from diana_tools.domain import Confidence, DatabaseUrl, Detection, Evidence, History, Migration
from diana_tools.executor import Executor
from diana_tools.measured import Preview
from diana_tools.sessions import Sessions

TOY = Path(__file__).with_name("toy.py")
ROWS_ALLOWED = PolicySetting(scratch_rows_in_production=True, coding_agents=True)
DROP = "ALTER TABLE customer DROP COLUMN legacy;"
ADD = "ALTER TABLE customer ADD COLUMN points INTEGER;"


class ToyAdapter:
    """The toy tool, as an adapter."""

    tool = "toy"
    title = "Toy"
    engines: tuple[str, ...] = ("sqlite",)
    shapes: Mapping[str, Shape] = {"sqlite": Shape.NONE}
    child_env: tuple[str, ...] = ()
    tested: tuple[str, str] = ("1.0", "1.0")
    can_roll_back = False

    def __init__(self, hard_coded: bool = False) -> None:
        self.hard_coded = hard_coded

    def detect(self, tree: Tree) -> tuple[Detection, ...]:
        return (Detection("toy", "", "toy.ini", "migrations", 1, (Evidence("toy.ini", "x"),), Confidence.CERTAIN),)

    def interpreters(self, root: Path, tool_root: Path) -> tuple[Path, ...]:
        return (Path(sys.executable),)

    def version(self, project: Project) -> ReadCommand:
        return ReadCommand(("/bin/echo", "1.0"), project.root)

    def parse_version(self, output: Output) -> str:
        return output.stdout.strip()

    def executed(self, project: Project) -> tuple[Path, ...]:
        return (project.config,)

    def _argv(self, mode: str, database: Path, project: Project) -> tuple[str, ...]:
        return (sys.executable, "-I", "-S", str(TOY), mode, str(database), str(project.root / "migrations"))

    def _database(self, project: Project, override: Override | None) -> Path:
        if override is None or self.hard_coded:
            return project.root / "app.db"
        return Path(override.env["TOY_DB"])

    def probe(self, project: Project, override: Override | None = None) -> ReadCommand:
        return ReadCommand(
            self._argv("probe", self._database(project, override), project), project.root, runs_project_code=True
        )

    def parse_probe(self, project: Project, output: Output) -> Probe:
        database = project.root / "app.db"
        if output.exit_code:
            return _nothing("database_missing", output.stderr[-200:])
        told: dict[str, list[str] | str] = json.loads(output.stdout)
        applied, waiting = told["applied"], told["pending"]
        found = database.stat()
        return Probe(
            version="1.0", url=DatabaseUrl("sqlite", "", "", None, str(database)), current=tuple(applied[-1:]),
            heads=(), pending=tuple(_migration(project, name) for name in waiting),
            applied=tuple(_migration(project, f"{name}.sql") for name in applied), history=History("ok"),
            shape=Shape.NONE, loaded=(project.root / "helper.py",), database=f"{found.st_dev}:{found.st_ino}",
            marker=str(told["marker"]), version_table="toy_version",
        )  # fmt: skip

    def preview(self, project: Project, probe: Probe, target: tuple[str, ...]) -> ReadCommand | None:
        return None

    def parse_preview(self, output: Output) -> Preview:
        return Preview("file_text", "")

    def apply(self, project: Project, target: tuple[str, ...], timeout: float) -> WriteCommand:
        return WriteCommand(self._argv("apply", project.root / "app.db", project), project.root, timeout=timeout)

    def rollback(self, project: Project, probe: Probe, to: tuple[str, ...], timeout: float) -> WriteCommand:
        raise NotImplementedError

    def override(self, project: Project, url: DatabaseUrl, folder: Path) -> Override:
        return Override(env={"TOY_DB": url.database})

    def rehearse(
        self, project: Project, override: Override, marker: str, direction: str, target: tuple[str, ...], timeout: float
    ) -> WriteCommand:
        database = self._database(project, override)
        return WriteCommand(self._argv("rehearse", database, project), project.root, timeout=timeout)

    def parse_rehearsal(self, output: Output) -> RehearsalOutput:
        told: dict[str, str] = json.loads(output.stdout.strip().splitlines()[-1])
        return RehearsalOutput((), told["marker"], ())

    def progress(self, line: str) -> Progress | None:
        return Progress(line.removeprefix("running ")) if line.startswith("running ") else None

    def explain(self, output: Output) -> tuple[str, str]:
        return "tool_failed", (output.stdout.strip().splitlines() or [""])[-1]


def _nothing(error: str, words: str) -> Probe:
    return Probe("1.0", None, (), (), (), (), History("?"), Shape.NONE, (), error=error, error_text=words)


def _migration(project: Project, name: str) -> Migration:
    path = project.root / "migrations" / name
    text = path.read_bytes() if path.exists() else b""
    return Migration(path.stem, path.stem, "", f"migrations/{name}", hashlib.sha256(text).hexdigest(), False, False)


@dataclass
class Clock:
    """A clock that tests move."""

    ahead: timedelta = timedelta(0)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@dataclass
class ScriptedPerson:
    """A person who does what the test says; everything that was asked and typed is kept for the oracle."""

    present: bool = True
    behaviour: str = "leave"
    asked: list[Question] = field(default_factory=list[Question])

    async def ask(self, question: Question) -> Reply:
        self.asked.append(question)
        if question.kind == "phrase":
            typed = {"confirm": question.phrase, "wrong": question.phrase.lower(), "yes": "yes"}
            return Reply(True, typed[self.behaviour]) if self.behaviour in typed else Reply(False)
        if question.kind == "yes_no":
            return Reply(self.behaviour in ("confirm", "yes", "no"), "n" if self.behaviour == "no" else "y")
        if question.kind == "text":
            return Reply(True, "app.db")
        return Reply(True, question.options[0])


@dataclass
class Ground:
    """One production database with one pending migration, and the runs that were opened on it."""

    folder: Path
    sql: str = DROP
    policy: PolicySetting = ROWS_ALLOWED
    level: str = "production"
    person: ScriptedPerson = field(default_factory=ScriptedPerson)
    clock: Clock = field(default_factory=Clock)
    adapter: ToyAdapter = field(default_factory=ToyAdapter)
    agent: Callable[[], str] = lambda: ""
    skip_backup: bool = False
    run: Run | None = None
    runs: int = 0

    def __post_init__(self) -> None:
        """Lay the project out."""
        (self.project / "migrations").mkdir(parents=True)
        (self.folder / "vault").mkdir()
        for name in ("toy.ini", "helper.py", ".env"):
            (self.project / name).write_text("# nothing\n")
        self.migration.write_text(self.sql)
        connection = sqlite3.connect(self.database)
        connection.executescript(
            "CREATE TABLE customer (id INTEGER PRIMARY KEY, email TEXT, legacy TEXT);"
            "INSERT INTO customer VALUES (1, 'a@example.org', 'L1'), (2, 'b@example.org', NULL);"
        )
        connection.close()

    @property
    def project(self) -> Path:
        return self.folder / "project"

    @property
    def database(self) -> Path:
        return self.project / "app.db"

    @property
    def migration(self) -> Path:
        return self.project / "migrations" / "0001_change.sql"

    @property
    def settings(self) -> Settings:
        store = StoreSetting("vault", "local", str(self.folder / "vault"), True)
        return Settings(
            expected_db="app.db", stores=(store,), policy=self.policy, skip_backup=self.skip_backup,
            words=(Word(Tier.FLAG, self.level, "flag --environment"),), environment=self.level,
        )  # fmt: skip

    def open(self, said: Said | None = None) -> Run:
        """A new process, as far as the guard can tell: a new journal, guard and mint over the same state folder."""
        self.close()
        self.runs += 1
        home = self.folder / "home"
        folders = Folders(private(home / "c"), private(home / "s"), private(home / "d"))
        journal = Journal(private(folders.state / "runs") / f"{self.runs:06d}.jsonl", self.clock)
        guard = Guard(journal, self.person, Catalogue(), self.clock, self.agent)
        holder: list[Run] = []
        doors = Doors(
            Executor(guard.redeemer, lambda: holder[0].trusted, {"PATH": "/usr/bin:/bin"}, folders.state / "runs"),
            Sessions(guard.redeemer),
        )
        run = Run(
            id=f"run{self.runs}", project=self.project, settings=self.settings, folders=folders, environ={},
            journal=journal, guard=guard, person=self.person, catalogue=Catalogue(), doors=doors,
            trust=Trust(folders.state), known=KnownDatabases(folders.state), clock=self.clock,
            said=said or Said(trust=True),
        )  # fmt: skip
        holder.append(run)
        self.run = run
        return run

    def close(self) -> None:
        """End the run as a kill would: nothing is written."""
        if self.run is not None:
            self.run.journal.close()
            self.run = None

    def swap_database(self) -> None:
        """Another file behind the same path: same content, another identity."""
        copy = self.database.with_suffix(".copy")
        shutil.copyfile(self.database, copy)
        copy.replace(self.database)

    def content(self) -> str:
        """The database's schema and rows, as the oracle sees them, independent of Diana."""
        connection = sqlite3.connect(f"file:{self.database}?mode=ro", uri=True)
        try:
            return hashlib.sha256("\n".join(connection.iterdump()).encode()).hexdigest()
        finally:
            connection.close()

    def with_sql(self, sql: str) -> Ground:
        """The same ground for another migration."""
        return replace(self, sql=sql)
