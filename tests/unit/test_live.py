"""A tool's output for people: without the frames of a traceback and without secrets."""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

from diana_tools.domain import DatabaseUrl
from diana_tools.live import for_people, scrub, secrets_of

URL = DatabaseUrl("postgresql", "psycopg", "127.0.0.1", 5432, "shop", "app", "p@ss/word")
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
    line = for_people(shown.append, URL)
    for text in said.stdout.split("\n"):
        line(text)
    assert shown == [
        "before", "KeyError: 'first'", "ValueError: second", "  [SQL: x]", "    indented, and no frame", "after"
    ]  # fmt: skip


def test_a_traceback_that_is_cut_off_hides_nothing_that_follows() -> None:
    shown: list[str] = []
    line = for_people(shown.append, URL)
    for text in ("Traceback (most recent call last):", '  File "x.py", line 1', "killed", "  more"):
        line(text)
    assert shown == ["killed", "  more"]


def test_a_password_is_masked_in_every_form_live_and_in_the_log(tmp_path: Path) -> None:
    said = "using p@ss/word and p%40ss%2Fword at postgresql://app:other@host/x"
    shown: list[str] = []
    for_people(shown.append, URL)(said)
    assert shown == ["using *** and *** at postgresql://app:***@host/x"]
    log = tmp_path / "output.log"
    log.write_bytes(said.encode() + b"\xff\x00")
    scrub(log, URL)
    assert log.read_bytes() == b"using *** and *** at postgresql://app:other@host/x\xff\x00"
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [log]


def test_a_short_or_missing_password_masks_nothing(tmp_path: Path) -> None:
    log = tmp_path / "output.log"
    log.write_bytes(b"abc")
    scrub(log, DatabaseUrl("sqlite", "", "", None, "/x.db"))
    scrub(log, DatabaseUrl("postgresql", "", "h", 1, "d", "u", "a"))
    assert log.read_bytes() == b"abc"


def test_secrets_in_the_query_of_a_url_are_secrets_too() -> None:
    url = DatabaseUrl(
        "postgresql", "", "h", 5432, "d", "u", "", (("password", "zebra crossing"), ("sslmode", "require"))
    )
    assert secrets_of(url) == ("zebra crossing", "zebra%20crossing", "zebra+crossing")
