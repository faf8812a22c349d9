"""The environment of a database: what was said of it, never lowered, asked for once where nobody said (S1)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from diana_agent.events import EnvironmentSettled
from diana_agent.guard.levels import Claims, kinship, settle
from diana_agent.person import Question
from diana_agent.run import Run
from diana_config.known import Known, is_same_file
from diana_config.settings import EnvironmentSetting
from diana_tools.connect import parse_url
from diana_tools.domain import DatabaseUrl, Environment, Identity, Level
from diana_tools.errors import ChoiceNeeded, ConnectionFailed

LEVELS = tuple(level.value for level in Level)


async def settle_environment(run: Run, identity: Identity, url: DatabaseUrl) -> Environment:
    """Find the environment, remember it for this identity, greet, and warn where it is production.

    Raises:
        ChoiceNeeded: `environment_unnamed` where nobody named it and nobody can be asked.
        SettingsError: `environment_unmapped` for a name whose level nobody has given.
    """
    claims = await asyncio.to_thread(_claims, run, identity, url)
    where = settle(claims)
    if where is None:
        named = await _ask(run, url)
        where = settle(replace(claims, last=named)) or Environment(named.name, Level(named.level))
    run.known.remember(identity.digest, where.name, where.level.value, kinship(identity), file_of(url))
    run.write(EnvironmentSettled(environment=where))
    run.note("greeting", environment=where.name)
    if where.level is Level.PRODUCTION:
        run.note("greeting.production", "bad")
    return where


def file_of(url: DatabaseUrl) -> str:
    """The path of a SQLite file; empty for a server."""
    return url.database if url.engine == "sqlite" else ""


def links_of(file: str) -> int:
    """How many names a file has; 0 where nobody can tell."""
    try:
        return Path(file).stat().st_nlink
    except OSError:
        return 0


def _claims(run: Run, identity: Identity, url: DatabaseUrl) -> Claims:
    known, file = run.known, file_of(url)
    claims = Claims(
        settings=run.settings, identity=identity.digest, engine=url.engine, host=url.host,
        database=file or url.address.name, last=known.last(identity.digest),
        relative=known.relative(kinship(identity)), port=url.port, hostaddr=dict(url.query).get("hostaddr", ""),
    )  # fmt: skip
    if not file:
        return claims
    every = (*run.settings.environments, *run.settings.project_environments)
    same = tuple(one for one in every if any(is_same_file(file, path) for path in _files(run, one)))
    return replace(claims, links=links_of(file), same_file=same, same_run=known.same_file(file))


def _files(run: Run, one: EnvironmentSetting) -> Iterator[str]:
    """The SQLite files that an environment names: by path, or by a connection that is spelled out or in a variable."""
    yield from one.databases
    # A connection that cannot be read names no file; where it is the one in use, connecting says so.
    with suppress(ConnectionFailed, OSError, RuntimeError, ValueError):
        url = parse_url(one.database if "://" in one.database else run.environ.get(one.database, ""), run.project)
        yield file_of(url)


async def _ask(run: Run, url: DatabaseUrl) -> Known:
    """The person's word, which counts like an earlier run's: a flag or a file may still raise it."""
    question = Question(
        "ask.environment", "choice", run.catalogue.say("ask.environment", place=url.address.place), options=LEVELS,
        title=run.catalogue.say("ask.environment.title"),
    )  # fmt: skip
    reply = await run.person.ask(question)
    if not reply.given or reply.text not in LEVELS:
        raise ChoiceNeeded("environment_unnamed", {"place": url.address.place})
    return Known(reply.text, reply.text)
