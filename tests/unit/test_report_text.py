"""Untrusted words in a log: whatever they hold, Markdown shows them as they are."""

from __future__ import annotations

import shlex
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from diana_agent import report_text as text
from diana_prompts.catalogue import Catalogue

CATALOGUE = Catalogue("en")
MARKDOWN = MarkdownIt("gfm-like", {"linkify": False})
WORDS = st.text(st.sampled_from("ab _*`[](){}<>#+-=.!|~&\\:/@0123\n\té\u2028"), max_size=40)


def seen(markdown: str) -> tuple[str, set[str]]:
    """What a reader sees of one list item, and the kinds of its inline parts."""
    tokens = MARKDOWN.parse(f"- Label: {markdown}\n")
    parts = [child for token in tokens for child in token.children or []]
    return "".join(part.content for part in parts).removeprefix("Label: "), {part.type for part in parts}


@given(WORDS)
def test_inline_text_is_seen_as_it_is(words: str) -> None:
    shown, kinds = seen(f"{text.inline(words)}.")
    assert shown == f"{text.line(words)}."
    assert kinds <= {"text", "text_special", "html_entity"}


@given(WORDS)
def test_a_code_span_is_seen_as_it_is(words: str) -> None:
    shown, kinds = seen(text.code(words))
    assert shown == (text.line(words) or "–")
    assert kinds <= {"code_inline", "text"}


@given(WORDS)
def test_a_block_cannot_be_left(words: str) -> None:
    tokens = MARKDOWN.parse(text.block(words))
    assert [token.type for token in tokens] == ["fence"]
    assert tokens[0].content.strip("\n") == text.clean(words).rstrip().strip("\n")


@given(WORDS)
def test_text_at_the_start_of_an_item_makes_no_heading_list_or_rule(words: str) -> None:
    tokens = MARKDOWN.parse(f"- {text.inline(words)}\n")
    kinds = [token.type for token in tokens if token.type.endswith("_open")]
    assert kinds in (["bullet_list_open", "list_item_open", "paragraph_open"], ["bullet_list_open", "list_item_open"])


@pytest.mark.parametrize(
    ("words", "escaped"),
    [
        ("snake_case_name", "snake_case_name"),
        ("_a_", r"\_a\_"),
        ("https://evil.example", r"https\://evil.example"),
        ("see www.evil.example", r"see www\.evil.example"),
        ("1. first", r"1\. first"),
        ("0.1.0", "0.1.0"),
        ("# x", r"\# x"),
        ("a\x1b[31mb\x1b]52;c;x\x07c\u202ed", "abcd"),
        ("two\nlines", "two lines"),
    ],
)
def test_what_is_escaped_and_what_need_not_be(words: str, escaped: str) -> None:
    assert text.inline(words) == escaped


@given(st.lists(st.text(min_size=1, max_size=12).filter(lambda word: "\0" not in word), min_size=1, max_size=4))
def test_a_command_is_taken_by_a_shell_word_for_word(words: list[str]) -> None:
    assert shlex.split(text.command(*words)) == words


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (0.004, "0.00 s"),
        (9.994, "9.99 s"),
        (42.25, "42.2 s"),
        (61, "1 min 01 s"),
        (3600, "1 h 00 min"),
        (90061, "25 h 01 min"),
    ],
)
def test_durations(seconds: float, told: str) -> None:
    assert text.duration(CATALOGUE, seconds) == told


@pytest.mark.parametrize(
    ("count", "told"),
    [(0, "0 bytes"), (999, "999 bytes"), (1000, "1.0 kB (1,000 bytes)"), (999_999, "1.0 MB (999,999 bytes)"),
     (5_300_000_000, "5.3 GB (5,300,000,000 bytes)"), (10**16, "10000.0 TB (10,000,000,000,000,000 bytes)")],
)  # fmt: skip
def test_sizes(count: int, told: str) -> None:
    assert text.size(CATALOGUE, count) == told


def test_times_are_told_in_utc() -> None:
    there = timezone(timedelta(hours=2))
    assert text.moment(datetime(2026, 11, 24, 1, 30, tzinfo=there)) == "2026-11-23 23:30:00 UTC"
    assert text.moment_of("2026-11-24T01:30:00+00:00") == text.moment(datetime(2026, 11, 24, 1, 30, tzinfo=UTC))
    assert text.moment_of("soon\nish") == "soon ish"


def test_a_sentence_falls_back_to_its_code() -> None:
    assert text.sentence(CATALOGUE, ("error",), "no_such_thing", {"a": "b`c"}) == "``no_such_thing (a: b`c)``"
    assert text.sentence(CATALOGUE, ("error",), "journal_missing", {}) == "`journal_missing`", "a field is missing"
    assert "_x_" not in text.sentence(CATALOGUE, ("error",), "journal_missing", {"path": "_x_", "error": "e"})
