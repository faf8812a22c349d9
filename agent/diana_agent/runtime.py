"""The only file that builds the object graph: journal, guard, doors, run, and the model that will talk."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from getpass import getuser
from importlib.metadata import version

from diana_agent.call import Call
from diana_agent.events import RunEnded, RunStarted
from diana_agent.guard.guard import Guard
from diana_agent.journal import Journal
from diana_agent.models.base import Model, Prices
from diana_agent.person import Person
from diana_agent.run import Run
from diana_config.folders import private
from diana_config.known import KnownDatabases
from diana_config.settings import Settings, load
from diana_config.trust import Trust
from diana_prompts.catalogue import Catalogue
from diana_tools.databases.base import Doors
from diana_tools.errors import PermitRefused, SettingsError
from diana_tools.executor import Executor
from diana_tools.permit import Operation, Permit, Use
from diana_tools.sessions import Sessions

KEY = "ANTHROPIC_API_KEY"


def settings_of(call: Call) -> Settings:
    """The settings of a call.

    Raises:
        SettingsError: the folder is missing, or a setting cannot be used.
    """
    if not call.project.is_dir():
        raise SettingsError("project_missing", {"folder": str(call.project)})
    return load(call.project, call.flags, call.environ, call.folders)


def open_run(call: Call, settings: Settings, person: Person, face: str) -> Run:
    """Begin a run: its journal is the first thing that exists, the doors know only the guard's redeemer.

    Raises:
        DianaError: the state folder or the journal cannot be written.
    """
    folders = call.folders
    runs = private(folders.state / "runs")
    now = datetime.now(UTC)
    name = f"{now:%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"
    journal = Journal(runs / f"{name}.jsonl")
    catalogue = Catalogue(settings.language)
    guard = Guard(journal, person, catalogue, lambda: datetime.now(UTC), _agent_of(settings, call.environ))
    trusted = _TrustedFlag()
    executor = Executor(guard.redeemer, trusted, call.environ, runs, settings.child_env)
    doors = Doors(executor, Sessions(guard.redeemer))
    run = Run(
        id=name, project=call.project, settings=settings, folders=folders, environ=call.environ, journal=journal,
        guard=guard, person=person, catalogue=catalogue, doors=doors, trust=Trust(folders.state),
        known=KnownDatabases(folders.state), clock=lambda: datetime.now(UTC), said=call.said, demo=call.demo,
    )  # fmt: skip
    trusted.run = run
    started = RunStarted(
        run=name, project=str(call.project), user=settings.user_name or getuser(), face=face,
        model=_model_kind(settings, call.environ),
        version=version("diana-migrations"), host=socket.gethostname(), pid=os.getpid(), ticket=settings.ticket,
        reason=settings.reason,
    )  # fmt: skip
    run.write(started)
    return run


def _agent_of(settings: Settings, environ: Mapping[str, str]) -> Callable[[], str]:
    """Which coding agent runs this terminal; nobody looks where the person's own policy allows them."""
    if settings.policy.coding_agents:
        return lambda: ""

    def seen() -> str:
        from diana_agent.agents import ancestors, coding_agent

        return coding_agent(ancestors(), environ)

    return seen


class _TrustedFlag:
    """What the executor asks before it runs the project's code: did a person trust it in this run?"""

    run: Run | None = None

    def __call__(self) -> bool:
        return self.run is not None and self.run.trusted


class _NoPermits:
    """The redeemer of a call that changes nothing: it knows no permit."""

    def redeem(self, permit: Permit, operation: Operation, use: Use) -> None:
        """Refuse."""
        raise PermitRefused("permit_unknown")


def read_only_executor(call: Call) -> Executor:
    """An executor that can only look, and runs nothing of a project's."""
    return Executor(_NoPermits(), lambda: False, call.environ, call.folders.state / "runs")


def end_run(run: Run, outcome: str, exit_code: int) -> None:
    """Close the record; nothing of this run can be redeemed afterwards."""
    run.write(RunEnded(outcome=outcome, exit_code=exit_code))
    run.journal.close()


def _model_kind(settings: Settings, environ: Mapping[str, str]) -> str:
    return settings.model or ("claude" if environ.get(KEY) else "embedded")


def open_model(run: Run, kind: str = "") -> Model:
    """The model that talks: the embedded Diana, or Claude where the person has a key.

    Raises:
        SettingsError: `model_needs_key`.
    """
    wanted = kind or _model_kind(run.settings, run.environ)
    if wanted == "embedded":
        from diana_agent.models.embedded import Embedded

        return Embedded(run.catalogue, run.settings.skill)
    key = run.environ.get(KEY, "")
    if not key:
        raise SettingsError("model_needs_key", {"variable": KEY})
    from diana_agent.models.claude import DEFAULT_MODEL, Claude

    base_url = run.settings.model_endpoint or run.environ.get("ANTHROPIC_BASE_URL")
    return Claude(run.settings.model_name or DEFAULT_MODEL, key, base_url, prices=_prices(run.settings))


def _prices(settings: Settings) -> Prices | None:
    said = settings.prices
    return Prices(said.read, said.write, said.cache_read, said.cache_write) if said is not None else None
