"""The headless verbs that touch no project: settings, the model, a journal or its log; a request approved."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from diana_agent import exits
from diana_agent.call import Call
from diana_agent.headless import print_line, tell
from diana_agent.journal import read
from diana_agent.journals import JournalWords, journal, known_to, path_of
from diana_agent.models.base import JsonObject, JsonValue
from diana_agent.models.claude import DEFAULT_MODEL
from diana_agent.models.last_request import LastRequest, Sent
from diana_agent.report import document, render
from diana_agent.runtime import model_kind, settings_of
from diana_agent.seeing import NOTHING, seen
from diana_agent.seeing import words as seeing_words
from diana_config.show import rows
from diana_prompts.catalogue import Catalogue


def records(call: Call, verb: str, action: str, words: JournalWords, *, as_json: bool) -> int:
    """Carry one of these verbs out and return the exit code; `words.run` is the request of `approve`.

    Raises:
        SettingsError: settings that cannot be used, or no such run.
    """
    if verb == "config":
        return _config(call, as_json=as_json)
    if verb == "model":
        return model(call, last=action == "show-last", as_json=as_json)
    if verb == "approve":
        from diana_agent.approving import approve

        return approve(call, Path(words.run))
    if verb == "journal":
        return journal(call, action, words, as_json=as_json)
    settings = settings_of(call)
    catalogue = Catalogue(settings.document_language)
    known = known_to(settings, call.folders, words.run)
    entries = list(read(path_of(call.folders, words.run, known)))
    print_line(json.dumps(document(entries, catalogue), ensure_ascii=False) if as_json else render(entries, catalogue))
    return exits.DONE


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
        what = seeing_words(may.sees, catalogue)
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
