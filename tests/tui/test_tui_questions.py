"""The questions: deaf at first, nothing prefilled, a paste never counts, exact or nothing, Esc cancels."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from textual import events
from textual.widgets import Button, Input, OptionList

from diana_agent.person import Reply
from diana_agent.tui.screens.confirm import BURST_KEYS, PhraseField
from tui import scenes as s
from tui.driving import SMALL, WIDE, Driven, driven, text_of

NO = Reply(given=False)


def value(chat: Driven) -> str:
    return chat.question.query_one(PhraseField).value


async def test_phrase_typed_letter_by_letter_reaches_only_the_asker() -> None:
    async with driven([[*s.begin(), s.phrase_question()]]) as chat:
        screen = await chat.asked()
        assert screen.query_one("#yes", Button).disabled
        assert value(chat) == ""
        await chat.keys(*s.PHRASE[:12])
        assert "12/30" in text_of(screen)
        assert screen.query_one("#yes", Button).disabled
        await chat.keys(*s.PHRASE[12:], after=2.0)
        assert "30/30" in text_of(screen)
        assert not screen.query_one("#yes", Button).disabled
        await chat.keys("enter", after=5.0)
        await chat.until(lambda: chat.talk.replies == [Reply(given=True, text=s.PHRASE)])
        assert chat.talk.said == []
        assert s.PHRASE not in chat.shown


async def test_facts_title_and_environment_come_first() -> None:
    async with driven([[*s.begin(), s.phrase_question()]]) as chat:
        text = text_of(await chat.asked())
        places = [text.index(part) for part in ("PRODUCTION eu-prod", "48,211 rows", "CRITICAL: Destructive", "0/30")]
        assert places == sorted(places)


async def test_keys_made_too_early_do_nothing() -> None:
    async with driven([[s.YES_NO]]) as chat:
        screen = await chat.asked()
        for key in ("y", "enter", "escape"):
            chat.post(key, screen.listens_from - 0.01)
        await chat.pilot.pause(0.05)
        assert chat.talk.replies == []
        assert screen.query_one("#no", Button).has_focus


async def test_nothing_is_heard_before_the_question_was_drawn() -> None:
    async with driven([[s.YES_NO]]) as chat:
        screen = await chat.asked()
        screen.listens_from = math.inf
        await chat.pilot.press("y", "enter")
        assert chat.talk.replies == []


async def test_a_click_made_too_early_does_nothing() -> None:
    async with driven([[s.YES_NO]]) as chat:
        screen = await chat.asked()
        chat.click("#yes", screen.listens_from - 0.01)
        await chat.pilot.pause(0.05)
        assert chat.talk.replies == []
        chat.click("#yes", screen.listens_from + 0.01)
        await chat.until(lambda: chat.talk.replies == [Reply(given=True, text="y")])


async def test_a_paste_never_fills_a_phrase() -> None:
    async with driven([[s.phrase_question()]]) as chat:
        screen = await chat.asked()
        paste = events.Paste(s.PHRASE)
        paste.time = screen.listens_from + 1
        chat.app.post_message(paste)
        await chat.pilot.pause(0.05)
        assert value(chat) == ""
        assert "pasted text does not count" in text_of(screen)
        chat.app.copy_to_clipboard(s.PHRASE)
        await chat.keys("ctrl+v", after=1.5)
        assert value(chat) == ""
        assert screen.query_one("#yes", Button).disabled


async def test_a_paste_that_comes_as_keys_is_emptied_with_its_enter() -> None:
    async with driven([[s.phrase_question()]]) as chat:
        screen = await chat.asked()
        await chat.keys(*s.PHRASE, "enter", gap=0.00005)
        assert value(chat) == ""
        assert chat.talk.replies == []
        assert "pasted text does not count" in text_of(screen)
        await chat.keys(*s.PHRASE, after=3.0)
        assert value(chat) == s.PHRASE


async def test_a_few_keys_held_up_by_a_slow_line_still_count() -> None:
    async with driven([[s.phrase_question()]]) as chat:
        await chat.asked()
        await chat.keys(*s.PHRASE[: BURST_KEYS - 1], gap=0.0001)
        assert value(chat) == s.PHRASE[: BURST_KEYS - 1]


async def test_only_the_exact_phrase_opens_the_button() -> None:
    lines = {
        s.PHRASE: True,
        f"  {s.PHRASE} ": True,
        s.PHRASE.lower(): False,
        s.PHRASE.replace(" ", "  "): False,
        s.PHRASE[:-1]: False,
        s.PHRASE + ".": False,
    }
    async with driven([[s.phrase_question()]]) as chat:
        screen = await chat.asked()
        for number, (typed, exact) in enumerate(lines.items()):
            await chat.keys(*typed, after=1.0 + 10 * number)
            assert value(chat) == typed
            assert screen.query_one("#yes", Button).disabled is not exact
            await chat.keys("ctrl+u", after=9.0 + 10 * number)


async def test_enter_on_a_wrong_phrase_beeps_and_the_third_ends_it() -> None:
    async with driven([[s.phrase_question()]]) as chat:
        screen = await chat.asked()
        await chat.keys(*"execute", "enter")
        assert "tries left: 2" in text_of(screen)
        await chat.keys("enter", after=2.0)
        assert "tries left: 1" in text_of(screen)
        assert chat.talk.replies == []
        await chat.keys("enter", after=3.0)
        await chat.until(lambda: chat.talk.replies == [Reply(given=False, wrong=3)])


async def answered(chat: Driven, number: int, *keys: str) -> Reply:
    """Press keys on question `number` and return what was answered."""
    await chat.until(lambda: len(chat.talk.replies) == number)
    await chat.asked()
    await chat.keys(*keys)
    await chat.until(lambda: len(chat.talk.replies) == number + 1)
    return chat.talk.replies[number]


async def test_esc_cancels_every_question_and_stops_nothing() -> None:
    questions = [s.phrase_question(), s.YES_NO, s.CHOICE, s.TEXT, s.TRUST]
    async with driven([questions]) as chat:
        for number in range(len(questions)):
            assert await answered(chat, number, "escape") == NO
        assert chat.talk.stopped == 0


async def test_an_empty_line_cancels() -> None:
    async with driven([[s.phrase_question(), s.TEXT]]) as chat:
        assert await answered(chat, 0, "enter") == NO
        assert await answered(chat, 1, "enter") == NO


async def test_the_answer_of_enter_is_marked_with_a_sign() -> None:
    async with driven([[s.YES_NO]]) as chat:
        screen = await chat.asked()
        labels = [str(button.label) for button in screen.query(Button)]
        assert labels == ["▸ No", "Yes"]
        await chat.keys("y")
        await chat.until(lambda: [str(button.label) for button in screen.query(Button)] == ["No", "▸ Yes"])


async def test_yes_or_no_starts_on_no() -> None:
    lines = {
        ("enter",): "n", ("y", "enter"): "y", ("Y", "enter"): "y", ("y", "n", "enter"): "n",
        ("right", "enter"): "y", ("tab", "enter"): "y",
    }  # fmt: skip
    async with driven([[s.YES_NO] * len(lines)]) as chat:
        for number, (keys, reply) in enumerate(lines.items()):
            assert await answered(chat, number, *keys) == Reply(given=True, text=reply)


async def test_a_choice_points_at_nothing_until_the_person_moves() -> None:
    async with driven([[s.CHOICE]]) as chat:
        screen = await chat.asked()
        assert screen.query_one(OptionList).highlighted is None
        await chat.keys("enter")
        assert chat.talk.replies == []
        await chat.keys("3", "up", "enter", after=1.0)
        await chat.until(lambda: chat.talk.replies == [Reply(given=True, text="staging")])


async def test_a_line_of_text() -> None:
    async with driven([[s.TEXT]]) as chat:
        screen = await chat.asked()
        await chat.keys(*" billing ")
        assert screen.query_one(Input).value == " billing "
        await chat.keys("enter", after=1.0)
        await chat.until(lambda: chat.talk.replies == [Reply(given=True, text="billing")])


async def test_questions_come_one_after_the_other() -> None:
    async with driven([[s.YES_NO, s.CHOICE]]) as chat:
        await chat.asked()
        await chat.keys("escape")
        await chat.until(lambda: len(chat.talk.replies) == 1 and chat.question.question is s.CHOICE)
        await chat.asked()
        await chat.keys("escape")
        await chat.until(lambda: chat.talk.replies == [NO, NO])


@pytest.mark.parametrize(
    ("question", "size"),
    [(s.phrase_question(facts=30), SMALL), (s.TRUST, WIDE), (s.phrase_question(facts=9), (60, 20))],
)
async def test_long_facts_scroll_and_the_buttons_stay_on_the_screen(
    question: s.Question, size: tuple[int, int]
) -> None:
    async with driven([[*s.begin(), question]], size) as chat:
        screen = await chat.asked()
        await chat.until(lambda: screen.query_one("#yes").region.height > 0)
        facts = screen.query_one("#facts")
        await chat.until(lambda: screen.size.region.contains_region(screen.query_one("#yes").region))
        assert question.facts[-1] in text_of(screen)
        assert facts.scroll_offset.y == 0
        await chat.keys("pagedown")
        await chat.until(lambda: facts.scroll_offset.y > 0)


async def test_brackets_in_facts_and_options_stay_what_they_are() -> None:
    hostile = "[bold red]x[/] [@click=app.quit]y[/] [link=https://x]z[/link]"
    asked = replace(s.CHOICE, facts=(hostile,), options=(hostile, "other"), text=hostile, title=hostile)
    async with driven([[asked]]) as chat:
        screen = await chat.asked()
        assert text_of(screen).replace("\n", " ").count("[@click=app.quit]") == 3
        assert hostile in str(screen.query_one(OptionList).get_option_at_index(0).prompt)


async def test_no_palette_and_no_help_above_a_question() -> None:
    async with driven([[s.YES_NO]]) as chat:
        screen = await chat.asked()
        await chat.keys("ctrl+p", "f1")
        assert chat.app.screen_stack[-1] is screen
