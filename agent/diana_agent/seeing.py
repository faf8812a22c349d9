"""What a remote model may see of a project: what was said of it, asked once where nothing was, kept by its host."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from diana_agent.models.claude import OFFICIAL
from diana_agent.person import Question
from diana_agent.run import Run
from diana_config.answers import ModelAnswers
from diana_config.folders import Folders
from diana_config.settings import SEES, Settings
from diana_prompts.catalogue import Catalogue
from diana_tools.redaction import plain

NOTHING = SEES[0]


@dataclass(frozen=True, slots=True)
class Seen:
    """What may be seen (one of SEES) at which host, where that was said, and whether a person need not be asked."""

    sees: str
    host: str
    source: str
    said: bool


def endpoint(settings: Settings, environ: Mapping[str, str]) -> str:
    """The address that a remote model is asked at: the person's settings, else their environment, else Anthropic's."""
    return settings.model_endpoint or environ.get("ANTHROPIC_BASE_URL", "") or OFFICIAL


def host_of(address: str) -> str:
    """The host of an address, with its port where that is said, without who logs in."""
    try:
        host = urlsplit(address).netloc.rsplit("@", 1)[-1]
    except ValueError:
        host = ""
    return plain(host, 100) or "?"


def seen(settings: Settings, environ: Mapping[str, str], folders: Folders) -> Seen:
    """What is known without asking: the person's setting, else their answer for this host, else the default.

    A project lowers each of them.
    """
    host, tier = host_of(endpoint(settings, environ)), settings.tier("model_sees")
    if tier is not None and tier.person:
        return Seen(settings.model_sees, host, settings.source("model_sees"), said=True)
    answers = ModelAnswers(folders.state)
    answer = answers.said(host)
    if not answer:
        return Seen(settings.model_sees, host, settings.source("model_sees"), said=settings.model_sees == NOTHING)
    if tier is not None and SEES.index(settings.model_sees) < SEES.index(answer):
        return Seen(settings.model_sees, host, f"{answers.path}, {settings.source('model_sees')}", said=True)
    return Seen(answer, host, str(answers.path), said=True)


def seen_in(run: Run) -> Seen:
    """What is known in a run: also what was said for this session alone."""
    found = seen(run.settings, run.environ, run.folders)
    return Seen(run.sees, found.host, found.source, said=True) if run.sees else found


async def settle(run: Run) -> Seen:
    """Ask the person once what this host may see; where nobody can be asked, say which default holds.

    Who closes the question without an answer has not said yes: until they are asked again the model sees nothing.

    Raises:
        SettingsError: `state_unwritable`.
    """
    found = seen_in(run)
    if found.said:
        return found
    if not run.person.present:
        run.note("seeing.default", "warn", host=found.host, what=words(found.sees, run.catalogue))
        run.sees = found.sees
        return found
    answer = await _asked(run, found.host)
    if not answer:
        run.sees = NOTHING
        run.note("seeing.unanswered", "warn", host=found.host)
        return seen_in(run)
    ModelAnswers(run.folders.state).remember(found.host, answer)
    known = seen_in(run)
    run.note("seeing.answered", "good", host=known.host, what=words(known.sees, run.catalogue))
    return known


async def _asked(run: Run, host: str) -> str:
    """The person's answer, one of SEES; empty where they gave none."""
    say = run.catalogue.say
    options = {str(say(f"seeing.option.{sees}")): sees for sees in SEES}
    question = Question(
        "ask.seeing", "choice", say("ask.seeing", host=host),
        facts=(say("seeing.fact.words"), say("seeing.fact.values"), say("seeing.fact.show")),
        options=tuple(options), title=say("ask.seeing.title"),
    )  # fmt: skip
    reply = await run.person.ask(question)
    return options.get(reply.text, "") if reply.given else ""


def words(sees: str, catalogue: Catalogue) -> str:
    """One of SEES, for people."""
    return catalogue.say(f"seeing.word.{sees}")
