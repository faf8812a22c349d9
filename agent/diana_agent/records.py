"""The headless verbs that touch no project: settings shown, a journal verified, shown or exported, the last log."""

from __future__ import annotations

import json
from pathlib import Path

from diana_agent import exits
from diana_agent.call import Call
from diana_agent.headless import print_line, tell
from diana_agent.journal import Entry, read, verify
from diana_agent.models.base import JsonValue
from diana_agent.report import document, render
from diana_agent.runtime import settings_of
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
    found = rows(settings)
    if as_json:
        table: list[JsonValue] = [{"key": row.key, "value": row.value, "source": row.source} for row in found]
        print_line(json.dumps({"schema": "diana.config/1", "settings": table}, ensure_ascii=False))
        return exits.DONE
    for row in found:
        print_line(f"{row.key} = {row.value or '-'}    [{row.source}]")
    for note in settings.notes:
        tell(catalogue.say(f"setting_note.{note.id}", **dict(note.fields)))
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
