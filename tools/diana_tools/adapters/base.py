"""What a migration tool's adapter declares and answers; an adapter starts nothing and reads no database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from diana_tools.command import Output, ReadCommand, WriteCommand
from diana_tools.domain import DatabaseUrl, Detection, History, Migration
from diana_tools.files import bounded_text
from diana_tools.measured import CapturedStatement, Preview

REPORT = "@@DIANA@@"
"""Begins a line that a child prints for Diana alone: not to be shown to people as the tool's output."""


class Shape(StrEnum):
    """What a failure leaves behind on an engine: the whole run, one migration, or nothing is undone."""

    WHOLE_RUN = "whole_run"
    PER_MIGRATION = "per_migration"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Tree:
    """A project's files as a listing: paths relative to `root`, `/`-separated; read as text on demand."""

    root: Path
    files: tuple[str, ...]

    def text(self, path: str, limit: int = 1_000_000) -> str:
        """At most `limit` bytes of a file as UTF-8 (undecodable bytes replaced); empty when it cannot be read."""
        return bounded_text(self.root / path, limit)


@dataclass(frozen=True, slots=True)
class Project:
    """Where a tool is run: the project, the tool's own root inside it, its config and its interpreter."""

    root: Path
    tool_root: Path
    config: Path
    section: str
    interpreter: Path
    version: str = ""


@dataclass(frozen=True, slots=True)
class Override:
    """How the adapter sends its tool to another database: files to write first, environment, options.

    `files` maps absolute paths (inside a private folder) to text; it may hold a secret: mode 0600.
    """

    env: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    files: Mapping[Path, str] = field(default_factory=dict[Path, str], repr=False)
    config: Path | None = None


@dataclass(frozen=True, slots=True)
class Probe:
    """What the tool itself is configured for and what it sees, read through the project's own code.

    `url` holds the password (memory only). `server` and `database` are the engine's own identity words as
    seen through the tool's connection; `marker` the content of a scratch marker table, empty when none.
    `loaded` are the files that were imported or read, but for the interpreter's own library and packages: below the
    project's root, with `..` after it in the rest of the repository, absolute elsewhere. `scripts` are the folders of
    migrations and `searched` the places outside the project to import from, in the same form.
    `error` is a code, `error_text` its words.
    `version_table` is the tool's own table, schema-qualified where the tool says so.
    """

    version: str
    url: DatabaseUrl | None
    current: tuple[str, ...]
    heads: tuple[str, ...]
    pending: tuple[Migration, ...]
    applied: tuple[Migration, ...]
    history: History
    shape: Shape
    loaded: tuple[Path, ...]
    server: str = ""
    database: str = ""
    marker: str = ""
    version_table: str = ""
    error: str = ""
    error_text: str = ""
    scripts: tuple[Path, ...] = ()
    searched: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class RehearsalOutput:
    """What the rehearsal run printed about itself: statements with their migration, times, where it failed."""

    statements: tuple[CapturedStatement, ...]
    marker: str
    applied: tuple[str, ...]
    failed: str = ""
    error: str = ""
    opened: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Progress:
    """A line of the tool's output that says which migration runs now."""

    migration: str
    description: str = ""


class Adapter(Protocol):
    """One migration tool. Class facts first; then pure questions and answers."""

    tool: str
    title: str
    engines: tuple[str, ...]
    shapes: Mapping[str, Shape]
    """What a failed run leaves behind on each engine, unless a project's probe tells otherwise."""
    child_env: tuple[str, ...]
    """Names of variables of the person's environment that the tool's children may see."""
    tested: tuple[str, str]
    """Lowest and highest version (`1.13`, `1.20`) that the conformance suite has run."""
    can_roll_back: bool

    def detect(self, tree: Tree) -> tuple[Detection, ...]:
        """Find this tool's projects from files alone, as data; nothing is imported."""
        ...

    def interpreters(self, root: Path, tool_root: Path) -> tuple[Path, ...]:
        """Candidates for the program that runs the tool, best first, inside the repository only."""
        ...

    def version(self, project: Project) -> ReadCommand:
        """The command that prints the tool's version (no project code runs)."""
        ...

    def parse_version(self, output: Output) -> str:
        """The version number.

        Raises:
            ToolError: `tool_not_installed`, `tool_unreadable`.
        """
        ...

    def executed(self, project: Project) -> tuple[Path, ...]:
        """The files that connecting will execute: interpreter, tool binary, config, env.py (for the trust question).

        A relative path, or one where no file is, stands for a file that could not be found for sure: then the person
        is asked each time.
        """
        ...

    def probe(self, project: Project, override: Override | None = None) -> ReadCommand:
        """The read-only look through the project's own code; with `override`, exactly as a rehearsal would run."""
        ...

    def parse_probe(self, project: Project, output: Output) -> Probe:
        """The probe's answer; errors of the project's code come back in `Probe.error`."""
        ...

    def preview(self, project: Project, probe: Probe, target: tuple[str, ...]) -> ReadCommand | None:
        """The tool's own dry run, or None where it has none."""
        ...

    def parse_preview(self, output: Output) -> Preview:
        """What the dry run printed; a failed one is an empty `sql` with `why`, never a partial script."""
        ...

    def apply(self, project: Project, target: tuple[str, ...], timeout: float) -> WriteCommand:
        """The real apply, up to and including `target` (explicit versions, so that no later file joins in)."""
        ...

    def rollback(self, project: Project, probe: Probe, to: tuple[str, ...], timeout: float) -> WriteCommand:
        """The real down, to exactly `to` (empty: before the first migration)."""
        ...

    def override(self, project: Project, url: DatabaseUrl, folder: Path) -> Override:
        """How to point the tool at a scratch: tried, then proven by the marker, never believed."""
        ...

    def rehearse(
        self,
        project: Project,
        override: Override,
        marker: str,
        direction: str,
        target: tuple[str, ...],
        timeout: float,
    ) -> WriteCommand:
        """Run the migrations on the scratch, refusing inside the child any connection without `marker`."""
        ...

    def parse_rehearsal(self, output: Output) -> RehearsalOutput:
        """What ran, per migration."""
        ...

    def progress(self, line: str) -> Progress | None:
        """The migration that a line of live output names, if it names one."""
        ...

    def explain(self, output: Output) -> tuple[str, str]:
        """A failed run as (error code, the tool's own decisive line)."""
        ...
