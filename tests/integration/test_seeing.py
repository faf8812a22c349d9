"""What a remote model may see is asked once and holds: in the real chat on the real shop, seen from the wire."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast

import pytest

from diana_agent.call import Call
from diana_agent.cli import main
from diana_agent.demo import build, demo_call
from diana_agent.events import Noted
from diana_agent.models.base import JsonObject
from diana_agent.models.last_request import LastRequest
from diana_agent.person import Question, Reply
from diana_config.answers import ModelAnswers
from diana_config.settings import SEES
from diana_prompts.catalogue import Catalogue
from diana_prompts.system import system_prompt
from fakes.messages_server import Call as Wanted
from fakes.messages_server import MessagesServer, Say
from fakes.messages_server import Reply as Answer
from guard.ground import ScriptedPerson
from integration.chat_session import Session

KEY = "sk-ant-test-secret-0123456789"
WALK = [
    Answer((Say("I look."), Wanted("detect"))), Answer((Wanted("connect"),)), Answer((Wanted("plan"),)),
    Answer((Wanted("read_migration", '{"id": "a1f0c0de0005"}'),)),
    Answer((Say("Done."),)),
]  # fmt: skip
SHORT = [Answer((Say("Hm."),))]
SAY = Catalogue().say


@dataclass
class Choosing(ScriptedPerson):
    """A person who is asked what the model may see, and answers that; or closes the question."""

    sees: str = ""
    questions: list[Question] = field(default_factory=list[Question])

    async def ask(self, question: Question) -> Reply:
        if question.id != "ask.seeing":
            return await super().ask(question)
        self.questions.append(question)
        return Reply(bool(self.sees), SAY(f"seeing.option.{self.sees}") if self.sees else "")


Shop = Callable[..., Call]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shop, built once for this file."""
    return build(tmp_path_factory.mktemp("template"))


@pytest.fixture
def shop(tmp_path: Path, template: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    built = Path(shutil.copytree(template, tmp_path / "shop"))

    def made(**flags: str) -> Call:
        call = Call(Path.cwd(), {"environment": "dev", "model": "claude", **flags}, os.environ)
        return demo_call(call, tmp_path, built, "dev")

    return made


def at(call: Call, server: MessagesServer) -> Call:
    """The call of a person whose model is asked there."""
    return replace(call, environ={**call.environ, "ANTHROPIC_BASE_URL": server.url})


async def talk(
    call: Call, person: ScriptedPerson, *words: str, script: Sequence[Answer] = WALK
) -> tuple[Session, MessagesServer]:
    async with MessagesServer(script) as server:
        session = Session(at(call, server), person)
        await session.chat.greet()
        for one in words:
            await session.chat.say(one)
        await session.chat.close()
    return session, server


def notes(session: Session) -> list[str]:
    return [event.message for event in session.events if isinstance(event, Noted)]


NAME, COUNT, STATEMENT = "legacy_code", "1200", "batch.drop_column"


@pytest.mark.parametrize("sees", SEES)
async def test_what_goes_over_the_wire_is_what_the_person_answered(shop: Shop, sees: str) -> None:
    person = Choosing(sees=sees)
    call = shop()
    session, server = await talk(call, person, "what does it do?")
    (question,) = person.questions
    host = server_host(question)
    assert [name for name in SEES if SAY(f"seeing.option.{name}") in question.options] == list(SEES)
    wire = "".join(one.raw.decode() for one in server.asked)
    assert bool(server.asked) is (sees != "nothing")
    assert (NAME in wire) is (sees != "nothing")
    assert (COUNT in wire) is (sees in ("counts", "statements"))
    assert (STATEMENT in wire) is (sees == "statements")
    assert ("what does it do?" in wire) is (sees != "nothing")
    assert KEY not in wire
    for one in server.asked:
        blocks = cast("list[JsonObject]", one.body["system"])
        assert [block["text"] for block in blocks] == [system_prompt("en", "intermediate")], "nothing of a project"
    assert "example.org" not in wire, "no row of the shop"
    assert ModelAnswers(call.folders.state).said(host) == sees
    kept = LastRequest(call.folders.state).read()
    assert (kept.body.encode() if kept else b"") == (server.asked[-1].raw if server.asked else b"")
    if sees != "nothing":
        assert session.chat.model_name.endswith(f"sees {SAY(f'seeing.word.{sees}')}")
        assert host in SAY("ask.seeing", host=host)
    else:
        assert session.chat.model_name == "embedded"
        assert "legacy_code" in session.said()


def server_host(question: Question) -> str:
    """The host that a question names."""
    found = re.search(r" at (127\S+) ", question.text)
    assert found is not None
    return found[1]


async def test_an_answer_is_asked_for_once_and_only_for_its_host(shop: Shop) -> None:
    first, again, elsewhere = Choosing(sees="names"), Choosing(sees="statements"), Choosing(sees="names")
    async with MessagesServer(SHORT) as server:
        for person in (first, again):
            session = Session(at(shop(), server), person)
            await session.chat.greet()
            await session.chat.close()
        assert len(server.asked) == 2
    await talk(shop(), elsewhere, script=SHORT)
    assert [len(one.questions) for one in (first, again, elsewhere)] == [1, 0, 1]


async def test_without_an_answer_nothing_goes_until_the_person_is_asked_again(shop: Shop) -> None:
    person = Choosing(sees="")
    async with MessagesServer(SHORT) as server:
        session = Session(at(shop(), server), person)
        await session.chat.greet()
        await session.chat.say("what is pending?")
        assert server.asked == []
        assert "seeing.unanswered" in notes(session)
        person.sees = "names"
        await session.chat.say("/model claude")
        await session.chat.say("what is pending?")
        assert server.asked
        sent = "".join(one.raw.decode() for one in server.asked)
        await session.chat.say("/model")
        await session.chat.say("/model embedded")
        await session.chat.say("/model")
        await session.chat.close()
    assert len(person.questions) == 2
    assert [one for one in notes(session) if one.startswith("seeing.")] == [
        "seeing.unanswered", "seeing.answered", "seeing.now", "seeing.now", "seeing.embedded", "seeing.embedded",
    ]  # fmt: skip
    assert "1,200" in session.said(), "the built-in Diana has spoken of the counts"
    assert "1,200" not in sent
    assert COUNT not in sent, "her words do not go where counts are closed"


async def test_who_has_said_nothing_is_not_asked_and_the_built_in_diana_answers(shop: Shop) -> None:
    person = Choosing(sees="statements")
    session, server = await talk(shop(model_sees="nothing"), person)
    assert not person.questions
    assert not server.asked
    assert "seeing.nothing" in notes(session)
    assert "legacy_code" in session.said()


async def test_where_nobody_can_be_asked_the_default_holds_and_is_said_once(shop: Shop) -> None:
    call = shop()
    session, server = await talk(call, ScriptedPerson(present=False), "and now?", "and now?", script=SHORT)
    assert notes(session).count("seeing.default") == 1
    assert len(server.asked) == 3
    assert session.chat.model_name.endswith("sees names and counts")
    assert not ModelAnswers(call.folders.state).path.exists()


async def test_a_project_that_asks_for_less_is_heard(shop: Shop) -> None:
    call = shop()
    project = call.project / "diana.toml"
    project.write_text((project.read_text() if project.exists() else "") + 'model_sees = "names"\n')
    _, server = await talk(call, Choosing(sees="statements"))
    wire = "".join(one.raw.decode() for one in server.asked)
    assert NAME in wire
    assert COUNT not in wire
    assert STATEMENT not in wire


def test_ask_without_a_person_uses_the_default_and_says_so(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    call = shop()
    import asyncio

    from diana_agent.headless import Asked, headless
    from diana_agent.plain_person import NobodyPerson

    async def asked(**flags: str) -> tuple[str, str, MessagesServer]:
        script = [Answer((Wanted("facts", '{"topic": "loss"}'),)), Answer((Say("1,200 values go."),))]
        async with MessagesServer(script) as server:
            one = at(replace(call, flags={**call.flags, **flags}), server)
            code = await headless(one, Asked("ask", True, question="what is lost?", model="claude"), NobodyPerson())
        assert code == 0
        shown = capsys.readouterr()
        return shown.out, shown.err, server

    out, err, server = asyncio.run(asked())
    assert json.loads(out)["answer"] == "1,200 values go."
    assert err.count("Nobody could be asked") == 1
    assert COUNT in server.asked[-1].raw.decode()
    out, err, server = asyncio.run(asked(model_sees="nothing"))
    assert server.asked == []
    assert json.loads(out)["model"] == "embedded"
    assert "may see nothing" in err


def test_config_show_tells_the_answer_and_where_it_is_kept(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], isolated: Path
) -> None:
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "https://models.example")
    ModelAnswers(isolated / ".local/state/diana").remember("models.example", "statements")
    assert main(["config", "show", "--project", str(shop().project)]) == 0
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("model_sees")]
    assert line == f"model_sees = statements    [{isolated}/.local/state/diana/model.json]"
