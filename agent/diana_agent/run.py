"""One run: everything its steps work with, and what they have learnt that may not be written down."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from diana_agent.call import Said
from diana_agent.events import AnyEvent, Connected, Noted
from diana_agent.guard.guard import Guard
from diana_agent.journal import Actor, Journal
from diana_agent.models.base import JsonValue
from diana_agent.person import Person
from diana_agent.workflow import Standing, fold
from diana_config.folders import Folders
from diana_config.known import KnownDatabases
from diana_config.settings import Settings
from diana_config.trust import Trust
from diana_prompts.catalogue import Catalogue
from diana_tools.adapters.base import Probe
from diana_tools.databases.base import Doors
from diana_tools.domain import Detection, Environment, Plan
from diana_tools.errors import ToolError
from diana_tools.measured import Backup
from diana_tools.redaction import Redactor
from diana_tools.workbench import Workbench

JsonObject = dict[str, JsonValue]


@dataclass(slots=True)
class Run:
    """The doors, the record and the person of one run; `bench` and `probe` hold secrets and stay in memory."""

    id: str
    project: Path
    settings: Settings
    folders: Folders
    environ: Mapping[str, str]
    journal: Journal
    guard: Guard
    person: Person
    catalogue: Catalogue
    doors: Doors
    trust: Trust
    known: KnownDatabases
    clock: Callable[[], datetime]
    said: Said = field(default_factory=Said)
    trusted: bool = False
    demo: bool = False
    sees: str = ""
    """What a remote model may see in this session, where that was said for this session alone."""
    found: tuple[Detection, ...] = ()
    bench: Workbench | None = None
    probe: Probe | None = None
    on_line: list[Callable[[str], None]] = field(default_factory=list[Callable[[str], None]])
    _read: tuple[int, Standing] = field(default=(0, Standing()), init=False, repr=False)

    @property
    def standing(self) -> Standing:
        """Where the run stands by its journal."""
        # Only what is new is read: a conversation of a thousand calls asks this three times a call.
        known, standing = self._read
        events = self.journal.events()
        self._read = len(events), fold(events[known:], standing)
        return self._read[1]

    @property
    def redactor(self) -> Redactor:
        """What this run knows to be secret."""
        return self.doors.executor.redactor

    def write(self, event: AnyEvent, actor: Actor = "diana") -> None:
        """Record an event; it is on disk when this returns."""
        self.journal.append(event, actor)

    def note(self, message: str, tone: str = "info", **fields: str) -> None:
        """Tell the person a sentence of the catalogue."""
        self.write(Noted.model_validate({"message": message, "fields": fields, "tone": tone}))

    def line(self, text: str) -> None:
        """Hand a cleaned line of live output to whoever draws it."""
        for sink in tuple(self.on_line):
            sink(text)

    def need_bench(self) -> Workbench:
        """The connected target.

        Raises:
            ToolError: `not_connected`.
        """
        if self.bench is None:
            raise ToolError("not_connected")
        return self.bench

    def need_detection(self) -> Detection:
        """The migration tool that was settled on.

        Raises:
            ToolError: `detect_first`.
        """
        found = self.standing.detection
        if found is None:
            raise ToolError("detect_first")
        return found

    def need_plan(self) -> Plan:
        """The plan at hand.

        Raises:
            ToolError: `plan_first`.
        """
        plan = self.standing.plan
        if plan is None:
            raise ToolError("plan_first")
        return plan

    def need_backup(self) -> Backup:
        """The backup at hand, with its proof and copies.

        Raises:
            ToolError: `backup_first`.
        """
        made = self.standing.backup
        if made is None:
            raise ToolError("backup_first")
        return made

    def need_connected(self) -> Connected:
        """What the connection told.

        Raises:
            ToolError: `not_connected`.
        """
        found = self.standing.connected
        if found is None:
            raise ToolError("not_connected")
        return found

    def need_environment(self) -> Environment:
        """The environment.

        Raises:
            ToolError: `environment_unknown`.
        """
        where = self.standing.environment
        if where is None:
            raise ToolError("environment_unknown")
        return where

    def need_probe(self) -> Probe:
        """What the tool's own look at the target gave last.

        Raises:
            ToolError: `not_connected`.
        """
        if self.probe is None:
            raise ToolError("not_connected")
        return self.probe


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a verb came to: done, nothing, refused, halted or failed; `body` holds its facts, as JSON."""

    status: str
    body: JsonObject = field(default_factory=dict[str, JsonValue])
    reason: str = ""
    fields: tuple[tuple[str, str], ...] = ()
    exit_code: int = 0
