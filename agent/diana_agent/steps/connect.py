"""Step 3 (and what is left of step 1): trust, the tool, the database, the environment, and the prerequisites."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from pathlib import Path

from diana_agent import bodies
from diana_agent import events as ev
from diana_agent.person import Question
from diana_agent.run import Outcome, Run
from diana_agent.steps.earlier import unfinished
from diana_agent.steps.environment import settle_environment
from diana_agent.steps.prerequisites import check_prerequisites
from diana_agent.steps.scratch import sweep
from diana_config.folders import private
from diana_config.settings import resolve_database
from diana_tools import registry
from diana_tools.adapters.base import Adapter, Probe, Project
from diana_tools.connect import Reached, executed, outside_tested, parse_url, projects, reach, with_version
from diana_tools.databases.base import Database
from diana_tools.domain import DatabaseUrl, Detection, Level
from diana_tools.errors import ChoiceNeeded, ConnectionFailed, ToolError
from diana_tools.secret_places import forms, forms_of_url, of_file, of_folders
from diana_tools.workbench import Workbench, look, same_database


async def connect(run: Run) -> Outcome:
    """Reach the database that the tool is configured for, and no other.

    Raises:
        ChoiceNeeded: `project_not_trusted`, `environment_unnamed`, `expected_db_missing`.
        ToolError, ConnectionFailed: the code tells why; nothing was changed.
    """
    detection = run.need_detection()
    if swept := await asyncio.to_thread(sweep, run):
        run.note("connect.swept", count=str(swept))
    adapter = registry.adapters()[detection.tool]
    found = projects(adapter, detection, run.project, run.settings.interpreter)
    if not found:
        raise ToolError("interpreter_missing", {"tool": adapter.title})
    await ask_trust(run, adapter, found)
    run.redactor.learn(await asyncio.to_thread(_written, found))
    project = await with_version(adapter, found, run.doors)
    if outside_tested(adapter, project.version):
        low, high = adapter.tested
        run.note("connect.version_untested", "warn", tool=adapter.title, version=project.version, low=low, high=high)
    probe = await _first_look(run, adapter, project, detection)
    run.redactor.learn(forms_of_url(probe.url) if probe.url is not None else ())
    url = _url(run, adapter, probe)
    run.redactor.learn(forms_of_url(url))
    database = _engine(url)
    reached = await asyncio.to_thread(reach, run.doors, database, url)
    if not same_database(probe, reached.identity):
        there = probe.url.address.place if probe.url else "?"
        raise ConnectionFailed("identity_mismatch", {"place": url.address.place, "tool_place": there, "error": ""})
    if reached.facts.pooler:
        raise ConnectionFailed("pooler", {"place": url.address.place, "error": reached.facts.pooler})
    _same_as_before(run, reached.identity.digest)
    run.note("connect.ok", "good", engine=url.engine, place=url.address.place)
    await settle_environment(run, reached.identity, url)
    await _expected_database(run, url)
    bench = _bench(run, adapter, database, project, url, reached)
    await check_prerequisites(run, bench, reached)
    run.probe, run.bench = probe, bench
    # Only now, after every check: this event is what opens the verbs that come after it.
    run.write(
        ev.Connected(address=url.address, identity=reached.identity, facts=reached.facts, version=probe.current,
                     fingerprint=reached.fingerprint),
        "tool",
    )  # fmt: skip
    left = await asyncio.to_thread(unfinished, run)
    if left is not None:
        run.note("earlier.open", "warn", run=left.path.stem)
    body = bodies.connection(run.need_connected(), run.standing.environment)
    body["unfinished_run"] = left.path.stem if left is not None else None
    return Outcome("done", body | {"tool": adapter.tool, "tool_version": project.version})


async def _first_look(run: Run, adapter: Adapter, project: Project, detection: Detection) -> Probe:
    """The tool's own answer; a configuration that reads as nothing from outside is named as the cause."""
    try:
        return await look(adapter, project, run.doors, patience=run.settings.timeout)
    except ToolError as error:
        if error.code != "env_failed" or all(one.why != "config_broken" for one in detection.evidence):
            raise
        words = f"{detection.config}: {error.fields.get('error', '')}"
        raise ToolError("config_broken", {"tool": adapter.title, "error": words}) from None


async def ask_trust(run: Run, adapter: Adapter, found: tuple[Project, ...]) -> None:
    """Ask once whether the project's own code may run, listing what would be executed (guard's design, 16).

    Where a file could not be found for sure, a yes is for this run only: another time, it might run something else.
    """
    code = await asyncio.to_thread(executed, adapter, found)
    files, where = code.files, {"tool": adapter.title, "folder": str(run.project)}
    if run.said.trust or run.demo:
        run.trusted = True
        run.write(ev.Trusted(by="demo" if run.demo else "flag", files=files), "person")
        return
    if not code.untold and await asyncio.to_thread(run.trust.known, run.project, files):
        run.trusted = True
        run.write(ev.Trusted(by="memory", files=files))
        return
    said = run.catalogue
    untold = said.say("ask.trust.untold", **where, untold=", ".join(code.untold)) if code.untold else ""
    question = Question(
        "ask.trust", "yes_no", untold or said.say("ask.trust", **where),
        facts=tuple(path for path, _ in files), title=said.say("ask.trust.title"),
    )  # fmt: skip
    reply = await run.person.ask(question)
    if not reply.given or reply.text != "y":
        raise ChoiceNeeded("project_not_trusted", {"folder": str(run.project)})
    if not code.untold:
        await asyncio.to_thread(run.trust.remember, run.project, files)
    run.trusted = True
    run.write(ev.Trusted(by="question", files=files), "person")


def _written(found: tuple[Project, ...]) -> tuple[str, ...]:
    """The secrets that stand in the tool's own files."""
    words = [word for one in found for word in of_folders((one.tool_root, one.root))]
    return tuple(forms((*words, *(word for path in {one.config for one in found} for word in of_file(path)))))


def _url(run: Run, adapter: Adapter, probe: Probe) -> DatabaseUrl:
    named = run.standing.environment
    text = resolve_database(run.settings, named.name if named else run.settings.environment, run.environ)
    if text:
        return parse_url(text, run.project)
    if probe.url is None:
        raise ToolError("target_unknown", {"tool": adapter.title})
    return probe.url


def _engine(url: DatabaseUrl) -> Database:
    database = registry.databases().get(url.engine)
    if database is None:
        raise ConnectionFailed("engine_unknown", {"place": url.address.place, "error": url.engine})
    return database


def _same_as_before(run: Run, identity: str) -> None:
    """A database that changed behind the same address voids everything that was said about the earlier one."""
    known = run.standing.connected
    if known is not None and known.identity.digest != identity:
        run.note("connect.other_database", "warn")


def _bench(
    run: Run, adapter: Adapter, database: Database, project: Project, url: DatabaseUrl, reached: Reached
) -> Workbench:
    own = run.settings.backup_folder
    backups = Path(own) if own else run.folders.data / "backups"
    scratch = run.folders.state / "scratch" / f"{run.id}-{secrets.token_hex(4)}"
    return Workbench(
        adapter=adapter, database=database, project=project, doors=run.doors, url=url, identity=reached.identity,
        scratch_folder=private(scratch), backup_folder=backups / place_key(url), run=run.id,
        timeout=run.settings.timeout, server_version=reached.facts.version,
    )  # fmt: skip


def place_key(url: DatabaseUrl) -> str:
    """The folder name of a database's backups: by where it is, because a restore may give it a new identity."""
    body = f"{url.engine}\n{url.host}\n{url.port}\n{url.database}"
    return hashlib.sha256(body.encode()).hexdigest()[:12]


async def _expected_database(run: Run, url: DatabaseUrl) -> None:
    """In production the person's own word for the database must match what was reached (S3.6)."""
    where = run.standing.environment
    if where is None or where.level is not Level.PRODUCTION:
        return
    named = next((one.expected_db for one in run.settings.environments if one.name == where.name), "")
    expected = run.settings.expected_db or named
    if not expected:
        question = Question(
            "ask.expected_db", "text", run.catalogue.say("ask.expected_db", place=url.address.place),
            title=run.catalogue.say("ask.expected_db.title"), danger=True,
        )  # fmt: skip
        reply = await run.person.ask(question)
        if not reply.given:
            raise ChoiceNeeded("expected_db_missing")
        expected = reply.text.strip()
    if expected not in (url.address.name, url.database):
        raise ConnectionFailed("database_mismatch", {"expected": expected[:80], "actual": url.address.name})
