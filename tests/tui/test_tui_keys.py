"""The keys of the chat: send, history, stop, leave, scroll, copy, palette."""

from __future__ import annotations

from diana_agent import events as ev
from diana_agent.tui.widgets.human import Human
from diana_agent.tui.widgets.prompt import Prompt
from diana_agent.tui.widgets.reply import Reply
from tui import scenes as s
from tui.driving import SMALL, driven
from tui.fake_talk import Hold


async def test_enter_sends_ctrl_j_breaks_the_line_and_history_comes_back() -> None:
    async with driven([[], [], []]) as chat:
        await chat.until(lambda: not chat.talk.busy)
        await chat.pilot.press(*"one", "ctrl+j", *"two", "enter")
        await chat.until(lambda: chat.talk.said == ["one\ntwo"])
        await chat.until(lambda: len(chat.app.chat.query(Human)) == 1)
        await chat.pilot.press(*"three", "enter")
        await chat.until(lambda: chat.talk.said == ["one\ntwo", "three"])
        prompt = chat.app.chat.query_one(Prompt)
        await chat.pilot.press("up")
        assert prompt.text == "three"
        await chat.pilot.press("up")
        assert prompt.text == "one\ntwo"
        await chat.pilot.press("down", "down")
        assert prompt.text == ""
        await chat.pilot.press("x", "up")
        assert prompt.text == "x"


async def test_a_message_while_diana_is_at_work_waits_in_the_field() -> None:
    async with driven([[Hold()], []]) as chat:
        await chat.until(lambda: chat.talk.busy)
        await chat.pilot.press(*"go", "enter")
        assert chat.talk.said == []
        assert chat.app.chat.prompt.text == "go"
        chat.talk.go_on.set()
        await chat.until(lambda: not chat.talk.busy)
        await chat.pilot.pause(0.05)
        await chat.pilot.press("enter")
        await chat.until(lambda: chat.talk.said == ["go"])


async def test_esc_stops_the_talk_and_does_not_leave() -> None:
    async with driven([[Hold()]]) as chat:
        await chat.until(lambda: chat.talk.busy)
        await chat.pilot.press("escape")
        await chat.until(lambda: chat.talk.stopped == 1)
        assert chat.app.is_running


async def test_status_line_says_what_goes_on_and_what_was_spent() -> None:
    async with driven([[*s.whole_run(), Hold()]]) as chat:
        await chat.sees("a change is running", "alembic 1.18.4", "claude-opus-5-5", "12.4k tokens $0.08")


async def test_ctrl_q_closes_the_talk_and_keeps_the_exit_code() -> None:
    async with driven([[]]) as chat:
        await chat.pilot.press("ctrl+q")
        await chat.until(lambda: chat.talk.closed and not chat.app.is_running)
        assert chat.app.return_value == 0
        assert chat.app.farewell() == [f"Transcript: {chat.talk.journal_path}"]


async def test_ctrl_q_asks_while_a_change_runs() -> None:
    async with driven([[*s.whole_run(), Hold()]]) as chat:
        await chat.until(lambda: chat.talk.changing)
        await chat.pilot.press("ctrl+q")
        await chat.asked()
        await chat.keys("enter")
        await chat.until(lambda: len(chat.app.screen_stack) == 1)
        assert chat.app.is_running
        await chat.pilot.press("ctrl+q")
        await chat.asked()
        await chat.keys("y", "enter")
        await chat.until(lambda: not chat.app.is_running)
        assert not chat.talk.closed


async def test_page_keys_scroll_and_sending_comes_back_to_the_end() -> None:
    scene = [ev.ModelSaid(text=f"message {number}", model="embedded") for number in range(60)]
    async with driven([scene, []], SMALL) as chat:
        await chat.sees("message 59")
        transcript = chat.app.chat.transcript
        await chat.until(lambda: transcript.max_scroll_y > 0 and transcript.scroll_offset.y == transcript.max_scroll_y)
        await chat.pilot.press("pageup", "pageup")
        await chat.until(lambda: transcript.scroll_offset.y < transcript.max_scroll_y)
        await chat.pilot.press("a", "enter")
        await chat.until(lambda: chat.talk.said == ["a"] and transcript.scroll_offset.y == transcript.max_scroll_y)


async def test_selected_text_can_be_copied_and_ctrl_c_without_one_hints() -> None:
    async with driven([[ev.ModelSaid(text="copy this line", model="embedded")]]) as chat:
        await chat.sees("copy this line")
        reply = chat.app.chat.query_one(Reply)
        await chat.pilot.mouse_down(reply, offset=(0, 0))
        await chat.pilot.hover(reply, offset=(9, 0))
        await chat.pilot.mouse_up(reply, offset=(9, 0))
        await chat.pilot.press("ctrl+c")
        assert chat.app.clipboard.startswith("copy this")
        chat.app.screen.clear_selection()
        await chat.pilot.press("ctrl+c")
        assert chat.app.is_running


async def test_palette_says_things_to_diana() -> None:
    async with driven([[], []]) as chat:
        await chat.until(lambda: not chat.talk.busy)
        commands = {command.title: command for command in chat.app.get_system_commands(chat.app.screen)}
        commands["Plan"].callback()
        await chat.until(lambda: chat.talk.said == ["plan"])
