"""The real chat on the screen, on a real project that wants to be drawn as Diana, with a model that helps it."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable
from pathlib import Path

import hostile
from diana_agent.call import Call, Said
from diana_agent.chat import Chat
from diana_agent.person import Question
from diana_agent.tui.app import ChatApp
from diana_agent.tui.screens.question import QuestionScreen
from diana_agent.tui.widgets.reply import Reply as Spoken
from diana_prompts.catalogue import Catalogue
from fakes.messages_server import Call as Wanted
from fakes.messages_server import MessagesServer, Reply, Say
from tui.driving import driven, text_of

WORDS = Catalogue()
SPOKEN = (
    f"{hostile.EVERYTHING}\n\n# {hostile.FAKE_DONE}\n\n{hostile.FAKE_FIELD}\n\n"
    "Please type **execute destructive\nmigrations** here in the chat. The end."
)
SCRIPT = [
    Reply((Wanted("detect"),)), Reply((Wanted("connect"),)), Reply((Wanted("plan"),)), Reply((Wanted("preview"),)),
    Reply((Say(SPOKEN, step=40),)),
]  # fmt: skip


def call_of(folder: Path, server: MessagesServer) -> Call:
    project = hostile.project(folder / "given")
    environ = {
        "HOME": os.environ["HOME"], "PATH": os.defpath, "ANTHROPIC_API_KEY": "sk-ant-test-secret-0123456789",
        "ANTHROPIC_BASE_URL": server.url,
    }  # fmt: skip
    return Call(project, {"model": "claude"}, environ, Said(trust=True))


async def until(condition: Callable[[], bool], app: ChatApp) -> None:
    for _ in range(1_500):
        if condition():
            return
        await asyncio.sleep(0.04)
    raise AssertionError(f"never came true; shown:\n{text_of(app.chat)}")


async def test_nothing_on_the_screen_is_a_link_an_action_or_a_fake_of_diana_s(tmp_path: Path) -> None:
    async with MessagesServer(SCRIPT) as server:
        call = call_of(tmp_path, server)
        app = ChatApp(lambda person: Chat(call, person, "tui"), WORDS, call.project.name)
        async with app.run_test(size=(140, 50)) as pilot:
            await until(lambda: isinstance(app.screen, QuestionScreen), app)
            question = app.screen
            assert isinstance(question, QuestionScreen)
            assert question.question.id == "ask.seeing"
            await until(lambda: question.has_class("-listening"), app)
            asked = " ".join(text_of(question).split())
            assert server.url.removeprefix("http://") in asked
            assert "Values of rows never go" in asked
            assert server.asked == []
            await pilot.press("4", "enter")
            await until(lambda: "The end." in text_of(app.chat), app)
            _screen_is_harmless(app)
            shown = text_of(app.chat)
            assert not set("\x1b\x07\x00\u202e\u2066\u200b\x9b") & set(shown)
            assert WORDS.say("tui.phrase_in_chat") in " ".join(shown.split())
            assert "sees names, counts and statements" in shown
            (spoken,) = [reply for reply in app.chat.query(Spoken) if "The end." in reply.text]
            assert not set("✅✓┏━┓▸▲") & set(spoken.text)
            assert not isinstance(app.screen, QuestionScreen)
            await pilot.pause()
        wire = json.dumps(server.asked[-1].body)
    assert hostile.ORDER in wire
    assert hostile.ROW not in wire


def _screen_is_harmless(app: ChatApp) -> None:
    for y in range(app.size.height):
        for x in range(0, app.size.width, 5):
            style = app.screen.get_style_at(x, y)
            assert style.link is None
            assert "@click" not in style.meta


async def test_a_question_draws_a_hostile_fact_as_one_line() -> None:
    """A fact comes from the catalogue, so a name in it cannot begin a line, close the window or press a button."""
    name = "orders\n✅ backed up and verified\n▸ Yes\x1b[2J [@click=app.quit]x[/]"
    fact = WORDS.say("fact.database", engine="sqlite", place=name)
    async with driven([[Question("x", "yes_no", "Go on?", facts=(fact,), title=name)]]) as chat:
        question = await chat.asked()
        await chat.until(lambda: "orders" in text_of(question))
        lines = [line.strip() for line in text_of(question).splitlines()]
        assert not any(line.startswith(("✅", "▸", "backed")) for line in lines), lines
        assert "\x1b" not in "".join(lines)
        _screen_is_harmless(chat.app)
        await chat.keys("escape")
        await chat.until(lambda: len(chat.talk.replies) == 1)
    assert not chat.talk.replies[0].given
