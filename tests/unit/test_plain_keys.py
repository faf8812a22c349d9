"""Keys out of bytes: cut anywhere, pasted or typed, hostile or not."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diana_agent.plain_keys import BURST, Key, Keys, Kind


def pressed(*chunks: bytes) -> list[str]:
    """Kinds (and text) of all keys, with a pause at the end."""
    keys = Keys()
    found = [key for chunk in chunks for key in keys.feed(chunk)]
    return [key.text if key.kind is Kind.TEXT else f"<{key.kind}>" for key in [*found, *keys.settle()]]


@pytest.mark.parametrize(
    ("chunks", "keys"),
    [
        ((b"y", b"\r"), ["y", "<enter>"]),
        ((b"n\n",), ["n", "<enter>"]),
        (("é€😀".encode(),), ["é", "€", "😀"]),
        ((b"\xc3", b"\xa9"), ["é"]),
        ((b"\xff",), ["�"]),
        ((b"\x7f\x08\x15\x17",), ["<erase>", "<erase>", "<erase_line>", "<erase_word>"]),
        ((b"\x03",), ["<cancel>"]),
        ((b"\x04",), ["<cancel>"]),
        ((b"\x1b",), ["<cancel>"]),
        ((b"\x1by",), ["<cancel>", "y"]),
        ((b"\x1b[A\x1b[1;5D\x1bOP\x1b[3~",), []),
        ((b"\x1b", b"[", b"A", b"a"), ["a"]),
        ((b"a\x1b[",), ["a"]),
        ((b"\x00\x01\x1c\x9b\t",), ["�"]),
        (("\u202e\u200b".encode(),), []),
        ((b"\x1b[200~EXECUTE\r\x1b[201~\r",), ["<paste>", "<enter>"]),
        ((b"\x1b[20", b"0~EXE", b"CUTE\x1b[2", b"01~", b"x"), ["<paste>", "x"]),
        ((b"\x1b[200~a\x1b[A\x1b[200~b\x1b[201~",), ["<paste>"]),
        ((b"left over\x1b[201~",), ["<paste>"]),
        ((b"ab\x1b[201~",), ["a", "b", "<paste>"]),
        ((b"\x1b[200~never ended", b"\x03"), ["<cancel>"]),
    ],
)
def test_keys(chunks: tuple[bytes, ...], keys: list[str]) -> None:
    assert pressed(*chunks) == keys


def test_a_burst_is_a_paste_and_its_enter_does_not_count() -> None:
    phrase = b"EXECUTE DESTRUCTIVE MIGRATIONS\n"
    assert Keys().feed(phrase) == [Key(Kind.PASTE, phrase.decode().strip())]
    assert pressed(b"x" * BURST) == ["x"] * BURST
    assert pressed(b"x" * (BURST + 1)) == ["<paste>"]
    assert pressed("é".encode() * (BURST + 1)) == ["<paste>"]


def test_what_was_pasted_is_handed_on() -> None:
    assert Keys().feed(b"\x1b[200~a\nb\x1b[201~") == [Key(Kind.PASTE, "a\nb")]


@given(st.binary(max_size=60), st.lists(st.integers(0, 60), max_size=5))
def test_anything_may_come_in_any_pieces(text: bytes, cuts: list[int]) -> None:
    places = [0, *sorted(cuts), len(text)]
    keys = Keys()
    for start, end in pairwise(places):
        for key in keys.feed(text[start:end]):
            assert key.kind is not Kind.TEXT or (len(key.text) == 1 and key.text >= " ")
    keys.settle()
    assert not keys.waiting


@given(st.text(max_size=30).filter(lambda text: "\x03" not in text and "\x1b" not in text), st.integers(1, 7))
def test_a_paste_is_one_paste_however_it_is_cut(text: str, step: int) -> None:
    data = b"\x1b[200~" + text.encode("utf-8", "replace") + b"\x1b[201~"
    keys = Keys()
    found = [key for i in range(0, len(data), step) for key in keys.feed(data[i : i + step])]
    assert [key.kind for key in found] == [Kind.PASTE]
