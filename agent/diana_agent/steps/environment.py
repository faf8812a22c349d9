"""The environment of a database: what was said of it, never lowered, asked for once where nobody said (S1)."""

from __future__ import annotations

from dataclasses import replace

from diana_agent.events import EnvironmentSettled
from diana_agent.guard.levels import Claims, kinship, settle
from diana_agent.person import Question
from diana_agent.run import Run
from diana_config.known import Known
from diana_tools.domain import DatabaseUrl, Environment, Identity, Level
from diana_tools.errors import ChoiceNeeded

LEVELS = tuple(level.value for level in Level)


async def settle_environment(run: Run, identity: Identity, url: DatabaseUrl) -> Environment:
    """Find the environment, remember it for this identity, greet, and warn where it is production.

    Raises:
        ChoiceNeeded: `environment_unnamed` where nobody named it and nobody can be asked.
        SettingsError: `environment_unmapped` for a name whose level nobody has given.
    """
    kin = kinship(identity)
    claims = Claims(
        settings=run.settings, identity=identity.digest, engine=url.engine, host=url.host,
        database=url.address.name if url.engine != "sqlite" else url.database,
        last=run.known.last(identity.digest), relative=run.known.relative(kin), port=url.port,
    )  # fmt: skip
    where = settle(claims)
    if where is None:
        named = await _ask(run, url)
        where = settle(replace(claims, last=named)) or Environment(named.name, Level(named.level))
    run.known.remember(identity.digest, where.name, where.level.value, kin)
    run.write(EnvironmentSettled(environment=where))
    run.note("greeting", environment=where.name)
    if where.level is Level.PRODUCTION:
        run.note("greeting.production", "bad")
    return where


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
