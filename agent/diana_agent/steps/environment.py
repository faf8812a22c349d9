"""The environment of a database: what was said of it, never lowered, asked for once where nobody said (S1)."""

from __future__ import annotations

from diana_agent.events import EnvironmentSettled
from diana_agent.guard.levels import Claims, settle
from diana_agent.person import Question
from diana_agent.run import Run
from diana_tools.domain import DatabaseUrl, Environment, Identity, Level
from diana_tools.errors import ChoiceNeeded

LEVELS = tuple(level.value for level in Level)


async def settle_environment(run: Run, identity: Identity, url: DatabaseUrl) -> Environment:
    """Find the environment, remember it for this identity, greet, and warn where it is production.

    Raises:
        ChoiceNeeded: `environment_unnamed` where nobody named it and nobody can be asked.
    """
    last = run.known.last(identity.digest)
    claims = Claims(
        settings=run.settings, identity=identity.digest, engine=url.engine, host=url.host,
        database=url.address.name if url.engine != "sqlite" else url.database, last=last,
    )  # fmt: skip
    where = settle(claims) or await _ask(run, url)
    run.known.remember(identity.digest, where.name, where.level.value)
    run.write(EnvironmentSettled(environment=where))
    run.note("greeting", environment=where.name)
    if where.level is Level.PRODUCTION:
        run.note("production", "bad")
    return where


async def _ask(run: Run, url: DatabaseUrl) -> Environment:
    question = Question(
        "ask.environment", "choice", run.catalogue.say("ask.environment", place=url.address.place), options=LEVELS,
        title=run.catalogue.say("ask.environment.title"),
    )  # fmt: skip
    reply = await run.person.ask(question)
    if not reply.given or reply.text not in LEVELS:
        raise ChoiceNeeded("environment_unnamed", {"place": url.address.place})
    return Environment(reply.text, Level(reply.text), ("person",))
