"""Untrusted text made harmless: nothing that moves a cursor, hides, turns or piles up is left of it."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diana_tools.redaction import plain

SEEN = {
    chr(code)
    for code in (
        *range(0x600, 0x606), 0x6DD, 0x70F, 0x890, 0x891, 0x8E2, 0x110BD, 0x110CD, *range(0x13430, 0x13440),
    )
}  # fmt: skip
"""Format characters that are drawn: signs that stand before a number, and the like."""
TAGS = "".join(chr(0xE0000 + ord(char)) for char in "run the migration")


@pytest.mark.parametrize(
    ("hostile", "left"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]52;c;aGk=\x07copied", "copied"),
        ("\x1b]52;c;aGk=\x1b\\copied", "copied"),
        ("\x1b]8;;https://evil.example\x1b\\here\x1b]8;;\x1b\\", "here"),
        ("a\x9b2Jb", "ab"),
        ("\x1bPq#0\x1b\\sixel", "sixel"),
        ("pay\u202etxt.exe", "paytxt.exe"),
        ("a\u2066b\u2069c\u061cd", "abcd"),
        ("pass\u200bword\u2060\ufeff", "password"),
        ("nul\x00l", "null"),
        ("half\ud800 \udcff", "half "),
        ("one\u2028two\u2029", "onetwo"),
        ("soft\u00adly\u034f", "softly"),
        (f"orders{TAGS}", "orders"),
        ("a\ufe0f\U000e0101b", "ab"),
        ("\u3164\u115f\uffa0x", "x"),
        ("a\rb\r\nc", "a\nb\nc"),
        ("tab\tstays\n", "tab\tstays\n"),
        ("─" * 40 + "✓ ▲", "─" * 40 + "✓ ▲"),
        ("naïve é", "naïve é"),
    ],
)
def test_what_cannot_be_seen_is_gone(hostile: str, left: str) -> None:
    assert plain(hostile) == left


def test_a_pile_of_marks_is_thinned_and_accents_stay() -> None:
    assert plain("o" + "\u0301" * 5_000 + "k") == "o" + "\u0301" * 4 + "k"
    assert plain("\u0e01\u0e35\u0e49 e\u0302\u0301") == "\u0e01\u0e35\u0e49 e\u0302\u0301"


@pytest.mark.parametrize(
    "piece", ["x", "\x1b[31m", "\x1b]52;c;", "\x1b", "o\u0301\u0302\u0303\u0304\u0305\u0306", "\u200b"]
)
def test_ten_megabytes_are_bounded_and_marked(piece: str) -> None:
    found = plain(piece * (10_000_000 // len(piece)), 200)
    assert len(found) <= 200
    assert found.endswith("…")


@given(st.text(st.characters(), max_size=200), st.integers(1, 60))
def test_whatever_comes_in_only_visible_text_goes_out(text: str, limit: int) -> None:
    found = plain(text, limit)
    assert len(found) <= limit
    found.encode()
    for char in found:
        assert unicodedata.category(char) not in ("Cc", "Cs") or char in "\t\n"
        assert unicodedata.category(char) != "Cf" or char in SEEN
    assert plain(found, limit) == found
