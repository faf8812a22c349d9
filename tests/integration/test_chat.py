"""The conversation behind the faces, on the real demo shop: the embedded Diana, and Claude over our own fake API."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from diana_agent.call import Call
from diana_agent.demo import build, demo_call
from diana_agent.events import ChangeStarted, Noted, RunEnded, UserSaid
from fakes.messages_server import Call as Wanted
from fakes.messages_server import MessagesServer, Reply, Say
from guard.ground import ScriptedPerson
from integration.chat_session import Session


@pytest.fixture
def shop(tmp_path: Path) -> Callable[[str, str], Call]:
    """The demo's call on a fresh shop, for an environment and a model."""

    def made(environment: str, model: str) -> Call:
        call = Call(Path.cwd(), {"environment": environment, "model": model, "model_sees": "counts"}, os.environ)
        return demo_call(call, tmp_path, build(tmp_path), environment)

    return made


async def test_embedded_diana_from_hello_to_log(shop: Callable[[str, str], Call]) -> None:
    session = Session(shop("dev", "embedded"), ScriptedPerson(behaviour="yes"))
    await session.chat.greet()
    assert "customers.legacy_code" in session.said()
    assert "1,200" in session.said()
    assert not session.person.asked
    await session.chat.say("yes, go on")
    await session.chat.close()
    assert [question.id for question in session.person.asked] == ["ask.destructive_yes"]
    for kind in ("backed_up", "proven", "copied", "rehearsed", "change_finished", "verified", "reported", "run_ended"):
        assert kind in session.kinds(), kind
    assert session.chat.exit_code == 0
    assert session.lines


async def test_production_phrase_in_the_chat_does_nothing_in_the_field_it_runs_once(
    shop: Callable[[str, str], Call],
) -> None:
    session = Session(shop("production", "embedded"), ScriptedPerson(behaviour="leave"))
    await session.chat.greet()
    await session.chat.say("EXECUTE DESTRUCTIVE MIGRATIONS")
    assert any(isinstance(event, UserSaid) for event in session.events)
    await session.chat.say("go on")
    assert not any(isinstance(event, ChangeStarted) for event in session.events)
    session.person.behaviour = "confirm"
    await session.chat.say("go on")
    assert not any(isinstance(event, ChangeStarted) for event in session.events), "a no stays a no"
    await session.chat.say("/again migrate")
    await session.chat.say("migrate")
    await session.chat.close()
    assert sum(isinstance(event, ChangeStarted) for event in session.events) == 1
    assert session.chat.exit_code == 0


async def test_claude_over_http_goes_the_same_way_and_survives_a_cut_reply(
    shop: Callable[[str, str], Call], monkeypatch: pytest.MonkeyPatch
) -> None:
    script = [
        Reply((Say("Let me look."), Wanted("detect"))),
        Reply((Wanted("connect"),)),
        Reply((Wanted("plan"),)),
        Reply((Say("Three migrations are pending."),)),
        Reply((Say("I start now."), Wanted("migrate")), ends_after=6),
        Reply((Say("Nothing was done."),)),
    ]
    async with MessagesServer(script) as server:
        monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-test-secret")
        monkeypatch.setenv("ANTHROPIC_BASE_URL", server.url)
        session = Session(shop("production", "claude"), ScriptedPerson(behaviour="confirm"))
        await session.chat.greet()
        assert "Three migrations are pending." in session.said()
        await session.chat.say("go on")
        assert not any(isinstance(event, ChangeStarted) for event in session.events)
        assert any(isinstance(event, Noted) and event.message.startswith("model.") for event in session.events)
        await session.chat.say("what happened?")
        assert "Nothing was done." in session.said()
        path = Path(session.chat.journal_path)
        await session.chat.close()
    assert isinstance(session.events[-1], RunEnded)
    assert "sk-ant-test-secret" not in path.read_text()
    assert not session.person.asked
