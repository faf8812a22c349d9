"""The toy tool of `toy.py`, as an adapter."""

from __future__ import annotations

import hashlib
import sys
from ast import literal_eval
from collections.abc import Mapping
from pathlib import Path

from diana_tools.adapters.base import Override, Probe, Progress, Project, RehearsalOutput, Shape, Tree
from diana_tools.command import Output, ReadCommand, WriteCommand
from diana_tools.domain import Confidence, DatabaseUrl, Detection, Evidence, History, Migration
from diana_tools.measured import Preview
from guard.toy import DOWN

TOY = Path(__file__).with_name("toy.py")


class ToyAdapter:
    """The toy tool, as an adapter."""

    tool = "toy"
    title = "Toy"
    engines: tuple[str, ...] = ("sqlite",)
    child_env: tuple[str, ...] = ()
    tested: tuple[str, str] = ("1.0", "1.0")

    def __init__(self, hard_coded: bool = False, *, way_back: bool = False) -> None:
        """With `way_back` the tool can take a migration back, by what stands behind `-- down: ` in its file."""
        self.hard_coded = hard_coded
        self.can_roll_back = way_back
        self.shapes: Mapping[str, Shape] = {"sqlite": Shape.PER_MIGRATION if way_back else Shape.NONE}

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
        told = _said(output.stdout)
        applied, waiting = told["applied"], told["pending"]
        found = database.stat()
        return Probe(
            version="1.0", url=DatabaseUrl("sqlite", "", "", None, str(database)), current=tuple(applied[-1:]),
            heads=(), pending=tuple(_migration(project, name, self.can_roll_back) for name in waiting),
            applied=tuple(_migration(project, name, self.can_roll_back) for name in applied), history=History("ok"),
            shape=self.shapes["sqlite"], loaded=tuple(sorted(project.root.glob("*.py"))), marker=str(told["marker"]),
            database=f"{found.st_dev}:{found.st_ino}", version_table="toy_version",
        )  # fmt: skip

    def preview(self, project: Project, probe: Probe, target: tuple[str, ...]) -> ReadCommand | None:
        return None

    def parse_preview(self, output: Output) -> Preview:
        return Preview("file_text", "")

    def apply(self, project: Project, target: tuple[str, ...], timeout: float) -> WriteCommand:
        return WriteCommand(self._argv("apply", project.root / "app.db", project), project.root, timeout=timeout)

    def rollback(self, project: Project, probe: Probe, to: tuple[str, ...], timeout: float) -> WriteCommand:
        argv = (*self._argv("down", project.root / "app.db", project), *to[-1:])
        return WriteCommand(argv, project.root, timeout=timeout)

    def override(self, project: Project, url: DatabaseUrl, folder: Path) -> Override:
        return Override(env={"TOY_DB": url.database})

    def rehearse(
        self, project: Project, override: Override, marker: str, direction: str, target: tuple[str, ...], timeout: float
    ) -> WriteCommand:
        database = self._database(project, override)
        return WriteCommand(self._argv("rehearse", database, project), project.root, timeout=timeout)

    def parse_rehearsal(self, output: Output) -> RehearsalOutput:
        told = _said(output.stdout)
        return RehearsalOutput((), str(told["marker"]), (), error=str(told["error"]))

    def progress(self, line: str) -> Progress | None:
        return Progress(line.removeprefix("running ")) if line.startswith("running ") else None

    def explain(self, output: Output) -> tuple[str, str]:
        return "tool_failed", (output.stdout.strip().splitlines() or [""])[-1]


def _nothing(error: str, words: str) -> Probe:
    return Probe("1.0", None, (), (), (), (), History("?"), Shape.NONE, (), error=error, error_text=words)


def _said(text: str) -> dict[str, list[str] | str]:
    """The toy's last line: a literal, which it writes faster than JSON."""
    told: dict[str, list[str] | str] = literal_eval(text.strip().splitlines()[-1])
    return told


def _migration(project: Project, version: str, way_back: bool) -> Migration:
    path = project.root / "migrations" / f"{version}.sql"
    text = path.read_bytes() if path.exists() else b""
    back = way_back and DOWN.encode() in text
    return Migration(version, version, "", f"migrations/{path.name}", hashlib.sha256(text).hexdigest(), back, way_back)
