"""Step 2: find the migration tool from files alone, and choose one, never by a guess (S2)."""

from __future__ import annotations

import asyncio

from diana_agent import bodies
from diana_agent.events import Detected
from diana_agent.person import Question
from diana_agent.run import Outcome, Run
from diana_tools import registry, third_party
from diana_tools.detect import detect as detect_tools
from diana_tools.detect import listing
from diana_tools.domain import Detection
from diana_tools.errors import ChoiceNeeded, ToolError
from diana_tools.secret_places import forms, of_file

TOOLS = ("prisma", "drizzle", "knex", "typeorm", "sequelize", "django", "rails", "alembic", "flyway", "liquibase")


async def detect(run: Run) -> Outcome:
    """Look at the project's files and settle on one tool.

    Raises:
        ToolError: `tool_not_found`, `tool_without_files`, `tool_unsupported`.
        ChoiceNeeded: `several_tools` where nobody can be asked.
    """
    for offer in await asyncio.to_thread(third_party.offers):
        if offer.why_not:
            run.note(
                offer.why_not, "warn", tool=offer.tool, distribution=offer.origin.distribution,
                version=offer.origin.version,
            )  # fmt: skip
    tree = await asyncio.to_thread(listing, run.project)
    found = await asyncio.to_thread(detect_tools, tree)
    wanted = run.settings.tool
    if wanted:
        run.note("detect.override", "warn", tool=wanted)
    found = _overridden(found, wanted, run.settings.tool_root)
    chosen = await _choose(run, found)
    if chosen.tool not in registry.adapters():
        raise ToolError("tool_unsupported", {"tool": chosen.tool, "config": chosen.config})
    say_origin(run, chosen.tool)
    run.found = found
    written = {run.project / one.config for one in found if one.config}
    run.redactor.learn(forms(word for path in written for word in of_file(path)))
    run.bench, run.probe = None, None
    run.write(Detected(found=found, chosen=chosen, version="", override=bool(wanted)), "tool")
    body = bodies.detection(chosen)
    body["detections"] = [bodies.detection(one) for one in found]
    return Outcome("done", body)


def say_origin(run: Run, tool: str) -> None:
    """Say where an adapter comes from that is not Diana's own."""
    origin = registry.origin(tool)
    if origin is not None:
        run.note("adapter.used", "warn", tool=tool, distribution=origin.distribution, version=origin.version)


def _overridden(found: tuple[Detection, ...], tool: str, root: str) -> tuple[Detection, ...]:
    """What the person's tool and folder leave; empty words choose nothing."""
    matching = tuple(one for one in found if tool in ("", one.tool) and root in ("", one.root))
    if (tool or root) and not matching:
        raise ToolError("tool_without_files", {"tool": tool or root})
    return matching


async def _choose(run: Run, found: tuple[Detection, ...]) -> Detection:
    if len(found) == 1:
        return found[0]
    if not found:
        return await _by_hand(run)
    options = tuple(f"{one.tool} ({one.root or '.'}, {one.config}{_section(one)})" for one in found)
    text = run.catalogue.say("ask.tool", count=str(len(found)))
    title = run.catalogue.say("ask.tool.title")
    reply = await run.person.ask(Question("ask.tool", "choice", text, options=options, title=title))
    if not reply.given or reply.text not in options:
        raise ChoiceNeeded("several_tools", {"tools": ", ".join(options)})
    return found[options.index(reply.text)]


def _section(one: Detection) -> str:
    """Which part of a file with several; empty for Alembic's usual one."""
    return f" [{one.section}]" if one.section not in ("", "alembic") else ""


async def _by_hand(run: Run) -> Detection:
    """S2.4: name the tool; one that has no files here still cannot be used."""
    run.note("detect.failed", "warn")
    title = run.catalogue.say("ask.tool.title")
    text = run.catalogue.say("detect.failed")
    reply = await run.person.ask(Question("ask.tool_by_hand", "choice", text, options=TOOLS, title=title))
    if not reply.given:
        raise ToolError("tool_not_found", {"folder": run.project.name})
    raise ToolError("tool_without_files", {"tool": reply.text})
