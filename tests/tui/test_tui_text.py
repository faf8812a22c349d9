"""Text from outside is drawn as it is: no markup, no links, no escapes; Markdown only where Diana speaks."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.content import Content

from diana_agent import events as ev
from diana_agent.tui import prose
from diana_agent.tui.typeset import columns, flowed, padded, styled, two_ends, wrapped
from diana_agent.tui.widgets.reply import Reply
from diana_agent.tui.widgets.sentence import Sentence
from tui import scenes as s
from tui.driving import driven
from tui.fake_talk import Act, Line

MARKUP = "[bold red]x[/bold red] [@click=app.quit]y[/] [link=https://evil]z[/link]"
TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=120)


def plain(lines: list[Content]) -> list[str]:
    return [line.plain for line in lines]


def markdown(text: str, width: int = 40) -> list[str]:
    return plain(prose.lines(prose.blocks(text), width))


async def test_markup_from_outside_stays_text_everywhere() -> None:
    migration = replace(s.PENDING[0], name=MARKUP)
    finding = replace(s.FINDINGS[0], statement=MARKUP, file=f"versions/{MARKUP}.py", migration=migration.id)
    hostile = replace(s.PLAN, pending=(migration,), findings=(finding,))
    scene: list[Act] = [
        ev.UserSaid(text=MARKUP),
        s.asked("c", MARKUP, MARKUP),
        Line(MARKUP),
        ev.Planned(plan=hostile),
        ev.BackedUp(backup=replace(s.BACKUP, path=f"/backups/{MARKUP}")),
        ev.Refused(verb=MARKUP, reason=MARKUP),
        ev.Halted(reason=MARKUP, exit_code=5),
        ev.Noted(message=MARKUP),
    ]
    async with driven([scene], (200, 60)) as chat:
        await chat.sees(MARKUP)
        await chat.until(lambda: chat.shown.count("[@click=app.quit]") >= 9)
        for y in range(chat.app.size.height):
            for x in range(0, chat.app.size.width, 7):
                style = chat.app.screen.get_style_at(x, y)
                assert style.link is None
                assert "@click" not in style.meta


async def test_escapes_and_bidi_from_outside_never_reach_the_terminal() -> None:
    hostile = "a\x1b[31mred\x1b]52;c;aGk=\x07 b\u202etxt.exe\u2066 c\x00\x9b2J"
    async with driven([[s.asked("c", "backup"), Line(hostile), ev.UserSaid(text=hostile)]]) as chat:
        await chat.sees("ared btxt.exe c")
        assert not any(sign in chat.shown for sign in ("\x1b", "\x07", "\u202e", "\u2066", "\x00", "\x9b", "]52"))


def test_headings_lists_code_quotes_and_tables() -> None:
    text = "# Plan\n\nSome **bold** and `code`.\n\n- one\n- two\n  1. deep\n\n> said\n\n"
    text += "```sql\nDROP TABLE x;\n```\n\n---\n"
    assert markdown(text) == [
        "Plan", "", "Some bold and code.", "", "• one", "• two", "  1. deep", "", "▏ said", "", "  DROP TABLE x;", "",
        "─" * 40,
    ]  # fmt: skip


def test_table_columns_fit_the_width() -> None:
    text = f"| a | b |\n|---|---|\n| {'word ' * 20} | short |\n"
    lines = markdown(text, 30)
    assert max(map(len, lines)) <= 30
    assert lines[0].startswith("a")
    assert "short" in lines[2]


def test_a_link_shows_where_it_leads_and_is_no_link() -> None:
    lines = prose.lines(prose.blocks("See [your bank](https://evil.example) and <https://plain.example>."), 80)
    assert plain(lines) == ["See your bank (https://evil.example) and https://plain.example."]
    assert all("@click" not in str(span.style) and "link" not in str(span.style) for span in lines[0].spans)


def test_html_is_text() -> None:
    assert markdown("a <b onclick='x'>b</b>") == ["a <b onclick='x'>b</b>"]


def test_a_split_never_falls_into_a_fence() -> None:
    assert prose.split("one\n\n```\na\n\nb\n") == ("one\n\n", "```\na\n\nb\n")
    assert prose.split("one\n\n```\na\n\nb\n```\n\ntail") == ("one\n\n```\na\n\nb\n```\n\n", "tail")
    assert prose.split("no blank line") == ("", "no blank line")


PARTS = ["# Head\n\n", "Some text\nthat goes on.\n\n", "- one\n- two\n\n", "```\ncode\n\nmore\n```\n\n", "> quote\n\n"]


@given(st.lists(st.sampled_from(PARTS), max_size=6), st.integers(1, 7))
def test_streaming_ends_in_what_the_whole_text_gives(parts: list[str], step: int) -> None:
    text = "".join(parts) + "The end."
    reply = Reply()
    for place in range(0, len(text), step):
        reply.feed(text[place : place + step])
    streamed = [line.plain for line in reply.lines(40) if line.plain]
    reply.finish(text)
    assert streamed == [line.plain for line in reply.lines(40) if line.plain]


@given(TEXT, st.integers(8, 60))
def test_any_text_fits_and_nothing_raises(text: str, width: int) -> None:
    content = styled(" ".join(text.split()))
    assert all(line.cell_length <= width for line in wrapped(content, width, styled("• ")))
    assert all(line.cell_length <= width for line in flowed([content, content], width))
    assert all(line.cell_length <= width for line in two_ends(content, styled("right"), width))
    assert padded(content, width).cell_length == width
    prose.lines(prose.blocks(text), width)


@pytest.mark.parametrize("width", [12, 24, 60])
def test_columns_keep_their_places(width: int) -> None:
    lines = columns([[styled("left side")], [styled("right " * 8)]], [8, width - 10])
    assert all(line.cell_length <= width for line in lines)
    assert all(line.plain[8:10].strip() == "" for line in lines)


def test_a_sentence_of_several_lines_is_one_block() -> None:
    built = Sentence("✅ DONE\n\nDatabase: shop\n", "good").lines(40)
    assert [line.plain for line in built] == ["✅ DONE", "", "Database: shop"]
    assert [line.plain for line in Sentence("It worked.", "good").lines(40)] == ["✓ It worked."]
    assert [line.plain for line in Sentence("Just said.").lines(40)] == ["Just said."]
