"""The only file that builds the object graph: journal, guard, doors, run, and the model that will talk."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from getpass import getuser
from importlib.metadata import version
from typing import TYPE_CHECKING

from diana_agent.call import Call
from diana_agent.events import RunEnded, RunStarted
from diana_agent.guard.guard import Guard
from diana_agent.heads import keep_head
from diana_agent.journal import Journal
from diana_agent.masking import DiscreetPerson
from diana_agent.models.base import Model, Prices
from diana_agent.person import Person
from diana_agent.run import Run
from diana_config.folders import private
from diana_config.known import KnownDatabases
from diana_config.settings import Settings, load
from diana_config.trust import Trust
from diana_prompts.catalogue import Catalogue
from diana_tools import own_programs, third_party
from diana_tools.databases.base import Doors
from diana_tools.errors import PermitRefused, SettingsError
from diana_tools.executor import Executor
from diana_tools.files import repository
from diana_tools.permit import Operation, Permit, Use
from diana_tools.redaction import Redactor
from diana_tools.secret_places import forms, of_environment, of_folders, of_text
from diana_tools.sessions import Sessions

if TYPE_CHECKING:
    from diana_agent.models.claude import Care

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
    own_programs.never_from(repository(call.project))
    third_party.admit(settings.adapters, call.project)
    redactor = _redactor(call, settings)
    journal = Journal(runs / f"{name}.jsonl", hide=redactor.fact)
    person = DiscreetPerson(person, redactor.fact)
    catalogue = Catalogue(settings.language)
    guard = Guard(journal, person, catalogue, lambda: datetime.now(UTC), _agent_of(settings, call.environ))
    trusted = _TrustedFlag()
    executor = Executor(guard.redeemer, trusted, call.environ, runs, settings.child_env, redactor)
    doors = Doors(executor, Sessions(guard.redeemer))
    run = Run(
        id=name, project=call.project, settings=settings, folders=folders, environ=call.environ, journal=journal,
        guard=guard, person=person, catalogue=catalogue, doors=doors, trust=Trust(folders.state),
        known=KnownDatabases(folders.state), clock=lambda: datetime.now(UTC), said=call.said, demo=call.demo,
    )  # fmt: skip
    trusted.run = run
    started = RunStarted(
        run=name, project=str(call.project), user=settings.user_name or getuser(), face=face,
        model=model_kind(settings, call.environ),
        version=version("diana-migrations"), host=socket.gethostname(), pid=os.getpid(), ticket=settings.ticket,
        reason=settings.reason,
    )  # fmt: skip
    run.write(started)
    return run


def _redactor(call: Call, settings: Settings) -> Redactor:
    """What is known to be secret before anything was looked at: the person's own, and what the project wrote down."""
    said = (settings.database, *(one.database for one in (*settings.environments, *settings.project_environments)))
    stores = {name: value for one in settings.stores for name, value in one.options}
    found = (
        *of_environment(call.environ), *of_environment(stores), *(word for text in said for word in of_text(text)),
        *(word for one in settings.stores for word in of_text(one.location)), *of_folders((call.project,)),
    )  # fmt: skip
    return Redactor(forms(found))


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
    """Close the record and keep its head elsewhere; nothing of this run can be redeemed afterwards."""
    run.write(RunEnded(outcome=outcome, exit_code=exit_code))
    keep_head(run.folders.state, run.id, run.journal)
    run.journal.close()


def model_kind(settings: Settings, environ: Mapping[str, str]) -> str:
    """Who is to talk: embedded or claude, by the person's setting, else claude where there is a key."""
    return settings.model or ("claude" if environ.get(KEY) else "embedded")


def open_model(run: Run, kind: str = "") -> Model:
    """The model that talks: the embedded Diana, or Claude where the person has a key and lets it see something.

    Raises:
        SettingsError: `model_needs_key`.
    """
    from diana_agent.seeing import NOTHING, endpoint, seen_in

    wanted = kind or model_kind(run.settings, run.environ)
    key = run.environ.get(KEY, "")
    if wanted != "embedded" and not key:
        raise SettingsError("model_needs_key", {"variable": KEY})
    if wanted == "embedded" or seen_in(run).sees == NOTHING:
        from diana_agent.models.embedded import Embedded

        return Embedded(run.catalogue, run.settings.skill)
    from diana_agent.models.claude import DEFAULT_MODEL, Claude

    return Claude(
        run.settings.model_name or DEFAULT_MODEL, key, endpoint(run.settings, run.environ),
        prices=_prices(run.settings), care=_care(run, seen_in(run).sees),
    )  # fmt: skip


def _care(run: Run, sees: str) -> Care:
    """What goes to a remote model, and where the person finds it again."""
    from diana_agent.known_names import known_names
    from diana_agent.models.claude import Care
    from diana_agent.models.last_request import LastRequest
    from diana_agent.models.told import Sharing
    from diana_agent.sentences import refusal
    from diana_agent.steps.look import own_text

    sharing = Sharing(
        sees, run.redactor.fact, lambda reason, fields: refusal(reason, dict(fields), run.catalogue),
        known_names(lambda: run.standing, lambda path: own_text(run, path)),
    )  # fmt: skip
    return Care(sharing, LastRequest(run.folders.state))


def _prices(settings: Settings) -> Prices | None:
    said = settings.prices
    return Prices(said.read, said.write, said.cache_read, said.cache_write) if said is not None else None
