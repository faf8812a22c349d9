"""The ground that the guard is tested on: a project, a production database, a person, and a clock that can be moved.

Everything that decides is the real thing: settings, workflow, dispatch, guard, mint, journal, executor, sessions, the
SQLite engine, a folder store. Only the migration tool is a toy, so that thousands of steps take seconds.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path

from diana_agent.call import Said
from diana_agent.guard.guard import Guard
from diana_agent.journal import Journal
from diana_agent.run import Run
from diana_config.folders import Folders, private
from diana_config.known import KnownDatabases
from diana_config.settings import PolicySetting, Settings, StoreSetting, Tier, Word, load
from diana_config.trust import Trust
from diana_prompts.catalogue import Catalogue
from diana_tools.databases.base import Doors
from diana_tools.executor import Executor
from diana_tools.sessions import Sessions
from guard.people import Clock, ScriptedPerson
from guard.toy import content
from guard.toy_adapter import ToyAdapter

ROWS_ALLOWED = PolicySetting(scratch_rows_in_production=True, coding_agents=True)
DROP = "ALTER TABLE customer DROP COLUMN legacy;"
ADD = "ALTER TABLE customer ADD COLUMN points INTEGER;"


@dataclass
class Ground:
    """One production database with one pending migration, and the runs that were opened on it.

    `own_file` is the text of the person's own settings; with one, settings are loaded as Diana loads them, from the
    project's files too, with `flags`. Else they are `policy`, `level` and one store.
    """

    folder: Path
    sql: str = DROP
    policy: PolicySetting = ROWS_ALLOWED
    level: str = "production"
    person: ScriptedPerson = field(default_factory=ScriptedPerson)
    clock: Clock = field(default_factory=Clock)
    adapter: ToyAdapter = field(default_factory=ToyAdapter)
    agent: Callable[[], str] = lambda: ""
    skip_backup: bool = False
    own_file: str = ""
    flags: dict[str, str | bool] = field(default_factory=dict[str, str | bool])
    run: Run | None = None
    runs: int = 0

    def __post_init__(self) -> None:
        """Lay the project out."""
        (self.project / "migrations").mkdir(parents=True)
        self.vault.mkdir()
        for name in ("toy.ini", "helper.py", ".env"):
            (self.project / name).write_text("# nothing\n")
        self.migration.write_text(self.sql)
        with closing(sqlite3.connect(self.database)) as connection:
            connection.executescript(
                "CREATE TABLE customer (id INTEGER PRIMARY KEY, email TEXT, legacy TEXT);"
                "INSERT INTO customer VALUES (1, 'a@example.org', 'L1'), (2, 'b@example.org', NULL);"
            )
        if self.own_file:
            own = self.folders.config / "diana.toml"
            own.write_text(self.own_file)
            own.chmod(0o600)

    @property
    def project(self) -> Path:
        return self.folder / "project"

    @property
    def vault(self) -> Path:
        return self.folder / "vault"

    @property
    def database(self) -> Path:
        return self.project / "app.db"

    @property
    def migration(self) -> Path:
        return self.project / "migrations" / "0001_change.sql"

    @property
    def folders(self) -> Folders:
        home = self.folder / "home"
        return Folders(private(home / "c"), private(home / "s"), private(home / "d"))

    @property
    def settings(self) -> Settings:
        if self.own_file:
            return load(self.project, self.flags, {}, self.folders)
        store = StoreSetting("vault", "local", str(self.vault), True)
        return Settings(
            expected_db="app.db", stores=(store,), policy=self.policy, skip_backup=self.skip_backup,
            words=(Word(Tier.FLAG, self.level, "flag --environment"),), environment=self.level,
        )  # fmt: skip

    def open(self, said: Said | None = None) -> Run:
        """A new process, as far as the guard can tell: a new journal, guard and mint over the same state folder."""
        self.close()
        self.run = self.begin(said)
        return self.run

    def begin(self, said: Said | None = None) -> Run:
        """A process beside the one that is there.

        Raises:
            SettingsError: the settings cannot be used; nothing was begun.
        """
        folders, settings = self.folders, self.settings
        self.runs += 1
        journal = Journal(private(folders.state / "runs") / f"{self.runs:06d}.jsonl", self.clock)
        guard = Guard(journal, self.person, Catalogue(), self.clock, self.agent)
        holder: list[Run] = []
        doors = Doors(
            Executor(guard.redeemer, lambda: holder[0].trusted, {"PATH": "/usr/bin:/bin"}, folders.state / "runs"),
            Sessions(guard.redeemer),
        )
        run = Run(
            id=f"{self.runs:06d}" if self.own_file else f"run{self.runs}", project=self.project, settings=settings,
            folders=folders, environ={}, journal=journal, guard=guard, person=self.person, catalogue=Catalogue(),
            doors=doors, trust=Trust(folders.state), known=KnownDatabases(folders.state), clock=self.clock,
            said=said or Said(trust=True),
        )  # fmt: skip
        holder.append(run)
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

    def write(self, *statements: str) -> None:
        """What the application does to its database meanwhile."""
        with closing(sqlite3.connect(self.database)) as connection:
            for statement in statements:
                connection.executescript(statement)

    def content(self) -> str:
        """The database's schema and rows, as the oracle sees them, independent of Diana."""
        with closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True)) as connection:
            return content(connection)

    def with_sql(self, sql: str) -> Ground:
        """The same ground for another migration."""
        return replace(self, sql=sql)
