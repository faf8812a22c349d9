"""The headless verbs that touch no project: settings, the model, a journal or its log shown, verified or exported."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from diana_agent import exits
from diana_agent.call import Call
from diana_agent.headless import print_line, tell
from diana_agent.journal import Entry, read, verify
from diana_agent.models.base import JsonObject, JsonValue
from diana_agent.models.claude import DEFAULT_MODEL
from diana_agent.models.last_request import LastRequest, Sent
from diana_agent.report import document, render
from diana_agent.runtime import model_kind, settings_of
from diana_agent.seeing import NOTHING, seen, words
from diana_agent.sentences import lines_of, refusal
from diana_config.show import rows
from diana_prompts.catalogue import Catalogue
from diana_tools.errors import SettingsError


def records(call: Call, verb: str, action: str, words: str, anchors: tuple[str, ...] = (), *, as_json: bool) -> int:
    """Carry one of these verbs out and return the exit code.

    Raises:
        SettingsError: settings that cannot be used, or no such run.
    """
    if verb == "config":
        return _config(call, as_json=as_json)
    if verb == "model":
        return model(call, last=action == "show-last", as_json=as_json)
    if verb == "approve":
        from diana_agent.approving import approve

        return approve(call, Path(words))
    settings = settings_of(call)
    path = _journal(call.folders.state / "runs", words)
    catalogue = Catalogue(settings.document_language)
    if verb == "report":
        entries = list(read(path))
        print_line(
            json.dumps(document(entries, catalogue), ensure_ascii=False) if as_json else render(entries, catalogue)
        )
        return exits.DONE
    if action == "verify":
        return _verify(path, Catalogue(settings.language), anchors, as_json=as_json)
    return _show(path, Catalogue(settings.language), raw=as_json or action == "export")


def _config(call: Call, *, as_json: bool) -> int:
    settings = settings_of(call)
    catalogue = Catalogue(settings.language)
    may = seen(settings, call.environ, call.folders)
    found = tuple(
        replace(row, value=may.sees, source=may.source) if row.key == "model_sees" else row for row in rows(settings)
    )
    if as_json:
        table: list[JsonValue] = [{"key": row.key, "value": row.value, "source": row.source} for row in found]
        print_line(json.dumps({"schema": "diana.config/1", "settings": table}, ensure_ascii=False))
        return exits.DONE
    for row in found:
        print_line(f"{row.key} = {row.value or '-'}    [{row.source}]")
    for note in settings.notes:
        tell(catalogue.say(f"setting_note.{note.id}", **dict(note.fields)))
    return exits.DONE


def model(call: Call, *, last: bool, as_json: bool) -> int:
    """Who talks and what it may see, or with `last` exactly what was sent last; only looks.

    Raises:
        SettingsError: settings that cannot be used.
    """
    settings = settings_of(call)
    catalogue = Catalogue(settings.language)
    if last:
        return _last(LastRequest(call.folders.state).read(), catalogue, as_json=as_json)
    may, kind = seen(settings, call.environ, call.folders), model_kind(settings, call.environ)
    remote = kind != "embedded" and may.sees != NOTHING
    name = (settings.model_name or DEFAULT_MODEL) if remote else "embedded"
    if as_json:
        print_line(json.dumps({
            "schema": "diana.model/1", "model": name, "remote": remote, "host": may.host, "sees": may.sees,
            "source": may.source, "exit": exits.DONE,
        }, ensure_ascii=False))  # fmt: skip
    elif remote:
        what = words(may.sees, catalogue)
        print_line(catalogue.say("seeing.now", name=name, host=may.host, what=what, source=may.source))
    elif kind != "embedded":
        print_line(catalogue.say("seeing.nothing", host=may.host, source=may.source))
    else:
        print_line(catalogue.say("seeing.embedded"))
    return exits.DONE


def _last(sent: Sent | None, catalogue: Catalogue, *, as_json: bool) -> int:
    """The last request: its head on standard error, its headers and body on standard output."""
    if as_json:
        body: JsonObject = {"schema": "diana.model/1", "sent": None, "exit": exits.DONE}
        if sent is not None:
            body["sent"] = {
                "at": sent.at, "method": sent.method, "url": sent.url,
                "headers": [list[JsonValue](pair) for pair in sent.headers], "bytes": sent.size, "body": sent.body,
            }  # fmt: skip
        print_line(json.dumps(body))
    elif sent is None:
        print_line(catalogue.say("seeing.none_sent"))
    else:
        tell(catalogue.say("seeing.sent", method=sent.method, url=sent.url, at=sent.at, size=sent.size))
        for name, value in sent.headers:
            print_line(f"{name}: {value}")
        print_line(f"\n{sent.shown}")
    return exits.DONE


def _journal(folder: Path, run: str) -> Path:
    """The journal of a run by its id, or the newest one; nothing but a name is taken, never a path."""
    found = sorted(folder.glob("*.jsonl"), reverse=True)
    chosen = [path for path in found if not run or path.stem == run]
    if not chosen:
        raise SettingsError("no_such_run", {"run": run[:80] or "-", "folder": str(folder)})
    return chosen[0]


def _verify(path: Path, catalogue: Catalogue, anchors: tuple[str, ...], *, as_json: bool) -> int:
    found = verify(path, anchors)
    if as_json:
        print_line(json.dumps({
            "schema": "diana.journal/1", "run": path.stem, "entries": found.entries, "head": found.head,
            "problem": found.problem, "line": found.line, "anchors": found.anchors,
        }))  # fmt: skip
    elif found.problem:
        print_line(refusal(found.problem, {"path": str(path), "line": str(found.line), "error": ""}, catalogue))
    else:
        print_line(catalogue.say("journal.good", entries=found.entries, head=found.head, anchors=found.anchors))
    return exits.VERIFICATION if found.problem else exits.DONE


def _show(path: Path, catalogue: Catalogue, *, raw: bool) -> int:
    if raw:
        print_line(path.read_text("utf-8").rstrip("\n"))
        return exits.DONE
    for entry in read(path):
        for line in lines_of(entry.event, catalogue) or (_bare(entry),):
            print_line(f"{entry.at:%H:%M:%S} {entry.actor:<7} {line}")
    return exits.DONE


def _bare(entry: Entry) -> str:
    return f"({entry.event.kind})"
