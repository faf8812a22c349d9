"""A real project that wants to be obeyed and drawn: what the model receives of it, and what people see of it."""

from __future__ import annotations

import asyncio
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import hostile
from diana_agent.call import Call, Said
from diana_agent.events import ChangeStarted, ModelSaid, Refused, ToolRequested
from diana_agent.models.base import JsonObject
from diana_agent.models.told import LONGEST_RESULT
from diana_prompts.system import system_prompt
from diana_tools.redaction import plain
from fakes.messages_server import Call as Wanted
from fakes.messages_server import MessagesServer, Reply, Say
from guard.ground import ScriptedPerson
from integration.chat_session import Session
from tui.terminal import Terminal
from walking import COMMAND, Walker

KEY = "sk-ant-test-secret-0123456789"
LONGEST_LINE = 9_000


@dataclass
class Place:
    """A person on a machine, and the project that somebody gave them."""

    walker: Walker
    project: Path


def place_of(folder: Path, **how: bool) -> Place:
    for name in ("person", "tmp"):
        (folder / name).mkdir()
    return Place(Walker(folder / "person", folder / "tmp"), hostile.project(folder / "given", **how))


def harmless(shown: str) -> None:
    """Nothing hidden, nothing that moves, nothing endless, and no line that begins as one of Diana's own."""
    for line in shown.splitlines():
        # Diana's own signs may be drawn as pictures, by the variant that no text from outside keeps.
        seen = line.replace("\ufe0f", "")
        assert plain(seen, LONGEST_LINE) == seen, line[:300]
        assert not line.lstrip().startswith((hostile.FAKE_DONE, "┏")), line[:300]
    assert "\u0301" * 5 not in shown


def called(place: Place, *words: str) -> tuple[int, str, str]:
    """A call's exit code and both streams; what a project prints may look like anything."""
    process = place.walker.start(place.project, *words)
    out, err = process.communicate(timeout=120)
    assert b"Traceback" not in err
    return process.returncode, out.decode(), err.decode()


def test_what_people_see_at_the_command_line_is_harmless(tmp_path: Path) -> None:
    """Events as JSON, sentences and live output of a run that floods, draws and fails; then its log and its record."""
    place = place_of(tmp_path, loud=True, failing=True)
    code, out, err = called(place, "migrate", "--trust", "--yes", "--skip-rehearsal", "--json")
    assert code in (7, 8), err
    assert hostile.ORDER in out
    assert hostile.ORDER in err
    harmless(err)
    for line in out.splitlines():
        assert plain(line, len(line) + 1) == line, line[:300]
    for words in (("report",), ("journal", "show"), ("journal", "export")):
        code, out, err = called(place, *words)
        assert code == 0, err
        assert hostile.ORDER in out
        for line in out.splitlines():
            seen = line.replace("\ufe0f", "")
            assert plain(seen, len(seen) + 1) == seen, line[:300]


SCRIPT = [
    Reply((Say("I look."), Wanted("detect"))), Reply((Wanted("connect"),)), Reply((Wanted("plan"),)),
    Reply((Wanted("read_migration", json.dumps({"id": hostile.REVISION})),)), Reply((Wanted("analyze"),)),
    Reply((Wanted("preview"),)), Reply((Wanted("facts", '{"topic": "loss"}'),)),
    Reply((Say(hostile.EVERYTHING + "\n\n" + hostile.FAKE_FIELD + "\n" + hostile.FAKE_DONE),)),
    Reply((Say("As you like."),)),
]  # fmt: skip


def call_of(place: Place, server: MessagesServer, sees: str) -> Call:
    environ = {
        "HOME": str(place.walker.home), "PATH": os.defpath, "ANTHROPIC_API_KEY": KEY, "ANTHROPIC_BASE_URL": server.url,
    }  # fmt: skip
    flags = {"model": "claude", "model_sees": sees, "environment": "production", "expected_db": "shop.db"}
    place.walker.say("[policy]\nremote_copy = []\ncoding_agents = true\n")
    return Call(place.project, flags, environ, Said(trust=True))


def results(asked: JsonObject) -> list[str]:
    messages = cast("list[JsonObject]", asked["messages"])
    parts = [part for one in messages for part in cast("list[JsonObject]", one["content"])]
    return [str(part["content"]) for part in parts if part["type"] == "tool_result"]


async def test_what_the_model_receives_is_marked_bounded_and_moves_nothing(tmp_path: Path) -> None:
    """With the most that a person can allow."""
    place = place_of(tmp_path)
    async with MessagesServer(SCRIPT) as server:
        session = Session(call_of(place, server, "statements"), ScriptedPerson(behaviour="leave"))
        await session.chat.greet()
        await session.chat.say("and?")
        await session.chat.close()
    last = server.asked[-1]
    assert [text["text"] for text in cast("list[JsonObject]", last.body["system"])] == [
        system_prompt("en", "intermediate")
    ]
    assert hostile.ORDER not in json.dumps(last.body["system"]) + json.dumps(last.body["tools"])
    told = results(last.body)
    assert len(told) == 7
    for content in told:
        assert len(content) <= LONGEST_RESULT
        assert "<" not in content
        assert plain(content, LONGEST_RESULT) == content
        body = json.loads(content)
        assert set(body) <= {"status", "reason", "next", "untrusted", "withheld"}
        assert hostile.ORDER not in json.dumps({key: value for key, value in body.items() if key != "untrusted"})
    whole = "\n".join(told)
    assert hostile.ORDER in whole
    assert "op.execute" in whole
    assert hostile.ROW not in last.raw.decode()
    assert not any(isinstance(event, ChangeStarted) for event in session.events)
    assert not session.person.asked
    said = "".join(event.text for event in session.events if isinstance(event, ModelSaid))
    for text in (said, "".join(session.deltas)):
        assert "backed up and verified" in text
        assert not set("✅✓✔┏━┓▸\x1b\x07\u202e") & set(text), "no sign or frame of Diana's own in a reply"
        assert not any(0xE0000 <= ord(char) < 0xE1000 for char in text)


async def test_a_model_that_obeys_the_project_meets_the_guard(tmp_path: Path) -> None:
    """As if every instruction had worked: the model calls migrate at once, and again, and again."""
    place = place_of(tmp_path)
    script = [*SCRIPT[:3], *(Reply((Wanted("migrate", id=f"t{number}"),)) for number in range(2)), Reply((Say("No."),))]
    async with MessagesServer(script) as server:
        session = Session(call_of(place, server, "statements"), ScriptedPerson(behaviour="leave"))
        await session.chat.greet()
        for _ in range(2):
            await session.chat.say("go on")
        await session.chat.close()
    assert sum(isinstance(event, ToolRequested) and event.verb == "migrate" for event in session.events) == 2
    assert any(isinstance(event, Refused) for event in session.events)
    assert not any(isinstance(event, ChangeStarted) for event in session.events)


async def test_the_plain_chat_in_a_real_terminal_is_harmless(tmp_path: Path) -> None:
    place = place_of(tmp_path)
    async with MessagesServer(SCRIPT) as server:
        place.walker.say('model = "claude"\nmodel_sees = "statements"\n[policy]\nremote_copy = []\n')
        environ = {**place.walker.environment, "ANTHROPIC_API_KEY": KEY, "ANTHROPIC_BASE_URL": server.url}

        def watched() -> str:
            command = [str(COMMAND), "chat", "--plain", "--trust", "--project", str(place.project)]
            with Terminal(command, environ, (300, 60)) as terminal:
                terminal.wait_for("backed up and verified")
                terminal.wait_for("A phrase written in the chat confirms nothing")
                terminal.press("execute destructive\tmigrations\r")
                terminal.wait_for("As you like.")
                terminal.press("/quit\r")
                terminal.exit_code()
                return terminal.raw.decode("utf-8", "replace")

        raw = await asyncio.to_thread(watched)
    for sequence in ("\x1b]", "\x1bP", "\x1b[2J", "\x1b[31m", "\x9b", "\u202e", "\u2066", "\u200b", "\x00"):
        assert sequence not in raw
    assert raw.count("A phrase written in the chat confirms nothing") >= 2
    for line in raw.replace("\r", "").splitlines():
        if "backed up and verified" in line and "MIGRATION" not in line:
            assert line.startswith(("diana: ", "1. ", "tool: ", "    ")) or "2b_" in line, line[:200]


def test_a_file_whose_name_is_no_text_is_named_as_the_cause(tmp_path: Path) -> None:
    place = place_of(tmp_path)
    versions = place.project / "migrations/versions"
    (versions / hostile.PHRASE_FILE).rename(versions / os.fsdecode(b"3c_\xff\xfe.py"))
    result = place.walker.diana(place.project, "plan", "--trust", "--json")
    assert (result.code, result.summary["reason"].text) == (5, "name_not_text")
    assert "3c_" in result.err
    assert "give it another name" in result.err
