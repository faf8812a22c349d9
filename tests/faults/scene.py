"""One cell played: a real project, the real command, one thing that goes wrong, and what is true afterwards."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

import walking
from answers import Result
from faults.grounds import Ground, Measured, measured
from walking import BASE, Terminal, Walker

NEW, HEAD = "2b0000000002", "3c0000000003"
PER_MIGRATION = ", transaction_per_migration=True"
_FAILS = 'op.execute("INSERT INTO nowhere VALUES (1)")'
_WAITS = (
    "import pathlib, time\npathlib.Path({folder!r}, 'started').touch()\n"
    "while not pathlib.Path({folder!r}, 'go').exists():\n    time.sleep(0.02)"
)
_MANY = (
    'op.execute("INSERT INTO half (id) WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n '
    'WHERE i < 800000) SELECT i FROM n")'
)


@dataclass
class Scene:
    """A cell while it is played; `shape` is empty, or how the project sets its transactions."""

    walker: Walker
    ground: Ground
    folder: Path
    shape: str
    before: Measured = field(init=False)
    project: Path = field(init=False)
    process: subprocess.Popen[bytes] | None = None

    def lay_out(self, fails: str = "", extra: str = "", slow: str = "") -> None:
        """Write the project: one harmless migration, and one in which it happens, with a way back for each."""
        halves = [
            'op.create_table("half", sa.Column("id", sa.Integer, primary_key=True))',
            'op.execute("INSERT INTO half VALUES (1)")', _WAITS.format(folder=str(self.folder)),
            *([f'op.execute("{slow}")'] if slow else []), *([extra] if extra else []),
            'op.add_column("orders", sa.Column("note", sa.Text))', 'op.execute("INSERT INTO half VALUES (900001)")',
        ]  # fmt: skip
        place = {"first": 0, "middle": 3, "last": len(halves)}.get(fails)
        if place is not None:
            halves.insert(place, _FAILS)
        if fails:
            halves = [half for half in halves if "pathlib" not in half]
        texts = [
            walking.migration(NEW, BASE, 'op.add_column("customer", sa.Column("points", sa.Integer))',
                              'op.drop_column("customer", "points")'),
            walking.migration(HEAD, NEW, "\n".join(halves), 'op.drop_column("orders", "note")\nop.drop_table("half")'),
        ]  # fmt: skip
        self.project = walking.project(self.folder / "shop", self.ground.url, *texts, options=self.shape)
        self.before = measured(self.ground)

    @property
    def words(self) -> tuple[str, ...]:
        """A run in dev, without a rehearsal, which would meet the fault before the target does."""
        saved = () if self.ground.engine == "sqlite" else ("--skip-backup",)
        environment = ("--environment", "dev") if self.ground.engine == "sqlite" else ()
        return ("migrate", "--skip-rehearsal", *saved, *environment, "--trust", "--yes", "--json")

    def starts(self, *more: str) -> None:
        """Start the run, and wait until its second migration is half-way."""
        self.process = self.walker.start(self.project, *self.words, *more)
        self.until((self.folder / "started").exists)

    def goes_on(self) -> None:
        """Let the migration go on."""
        (self.folder / "go").touch()

    def ends(self) -> Result:
        """Wait for Diana's end."""
        assert self.process is not None
        return self.walker.finish(self.process, self.words)

    def dies(self) -> None:
        """Kill Diana alone."""
        assert self.process is not None
        self.process.kill()
        self.process.communicate()

    @property
    def log(self) -> Path:
        """The folder of the run's supervisor."""
        [found] = self.walker.state.glob("runs/*-run")
        return found

    @property
    def tool(self) -> int:
        """The tool's process."""
        return int(json.loads((self.log / "pid.json").read_text())["pid"])

    def kill_tool(self) -> None:
        """Kill the tool and its group."""
        os.killpg(self.tool, signal.SIGKILL)

    def kill_supervisor(self) -> None:
        """Kill what watches the tool."""
        parent = psutil.Process(self.tool).parent()
        assert parent is not None
        parent.kill()

    def tool_is_over(self) -> bool:
        """Whether the tool has ended, watched or not."""
        if (self.log / "exit.json").exists():
            return True
        with suppress(psutil.NoSuchProcess):
            return psutil.Process(self.tool).status() == psutil.STATUS_ZOMBIE
        return True

    def until(self, true: Callable[[], bool]) -> None:
        """Wait for something that must come."""
        end = time.monotonic() + walking.LIMIT_S
        while not true():
            assert time.monotonic() < end, "it never came to that"
            if self.process is not None and self.process.poll() is not None and not (self.folder / "started").exists():
                raise AssertionError(f"it ended before that: {self.process.communicate()}")
            time.sleep(0.02)

    def next_call(self) -> Result:
        """What the next Diana says, when nothing of the run is left on the server."""
        self.until(lambda: not self.ground.others(""))
        words = [word for word in self.words if word not in ("migrate", "--skip-rehearsal", "--skip-backup")]
        return self.walker.diana(self.project, "verify", *words)

    def asked(self, happens: Callable[[], None]) -> Result:
        """A run in production whose question stands while something happens; then the person says yes."""
        self.walker.say(walking.careful_person(self.folder / "vault"))
        self.goes_on()
        words = ("migrate", "--skip-rehearsal", "--environment", "production", "--expected-db", self.ground.name)
        with Terminal(self.walker, self.project, *words, "--trust", "--json") as terminal:
            terminal.sees(walking.CATALOGUE.say("plain.ask.yes_no"))
            happens()
            os.write(terminal.master, b"y\r")
            return terminal.result()


MANY = _MANY


def left_running(folder: Path) -> list[str]:
    """Processes that still speak of the cell's folder."""
    found: list[str] = []
    for process in psutil.process_iter(["pid", "cmdline", "status"]):
        words: list[str] = process.info["cmdline"] or []
        if any(str(folder) in word for word in words) and process.info["status"] != psutil.STATUS_ZOMBIE:
            found.append(" ".join(words))
    return found
