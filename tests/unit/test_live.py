"""A tool's output for people: without the frames of a traceback."""

from __future__ import annotations

import subprocess
import sys

from diana_tools.live import for_people

CHAINED = """
print("before")
try:
    try:
        raise KeyError("first")
    except KeyError as error:
        raise ValueError("second\\n  [SQL: x]") from error
except ValueError:
    import traceback
    traceback.print_exc(file=sys.stdout)
print("    indented, and no frame")
print("after")
"""


def test_only_what_was_raised_is_shown() -> None:
    said = subprocess.run([sys.executable, "-c", "import sys" + CHAINED], capture_output=True, text=True, check=True)
    shown: list[str] = []
    line = for_people(shown.append)
    for text in said.stdout.split("\n"):
        line(text)
    assert shown == [
        "before", "KeyError: 'first'", "ValueError: second", "  [SQL: x]", "    indented, and no frame", "after"
    ]  # fmt: skip


def test_a_traceback_that_is_cut_off_hides_nothing_that_follows() -> None:
    shown: list[str] = []
    line = for_people(shown.append)
    for text in ("Traceback (most recent call last):", '  File "x.py", line 1', "killed", "  more"):
        line(text)
    assert shown == ["killed", "  more"]
