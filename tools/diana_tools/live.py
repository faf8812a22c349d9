"""A tool's output for people: its words as they come, without the frames of a Python traceback."""

from __future__ import annotations

from collections.abc import Callable

_BEGINS = "Traceback (most recent call last):"
_CHAINED = ("The above exception", "During handling of")


def for_people(line: Callable[[str], None]) -> Callable[[str], None]:
    """Pass lines on, but of a traceback only what was raised; all of it stays in the log of the run."""
    inside = False

    def shown(text: str) -> None:
        nonlocal inside
        if text.startswith(_BEGINS):
            inside = True
        elif inside and text.startswith(" "):
            return
        elif text.strip() and not text.startswith(_CHAINED):
            inside = False
            line(text)

    return shown
