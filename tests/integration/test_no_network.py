"""No telemetry: from detection to log on SQLite with the embedded Diana, not one name is looked up, nothing is dialled.

Python's own audit events of the process are recorded, not what a library says of itself.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import walking
from walking import Walker

pytestmark = pytest.mark.integration

WATCHED = """
import json, sys
seen = []
def watch(event, arguments):
    if event in ("socket.connect", "socket.sendto", "socket.getaddrinfo", "socket.gethostbyname", "socket.bind"):
        seen.append([event, repr(arguments[1:] if event.startswith("socket.c") else arguments)])
sys.addaudithook(watch)
from diana_agent.cli import main
out, sys.argv = sys.argv[1], ["diana", *sys.argv[2:]]
try:
    code = main()
except SystemExit as ended:
    code = ended.code
finally:
    open(out, "w").write(json.dumps(seen))
sys.exit(code)
"""


def watched(walker: Walker, project: Path, out: Path, *words: str) -> list[list[str]]:
    """What the process reached for while it did what the words say; it must have done it."""
    argv = (sys.executable, "-c", WATCHED, str(out), *words, "--project", str(project), "--json")
    ended = subprocess.run(argv, env=walker.environment, capture_output=True, check=False, timeout=120)
    assert ended.returncode == 0, ended.stderr.decode()[-2000:]
    return json.loads(out.read_text())


def test_nothing_is_dialled_from_detection_to_log(tmp_path: Path, walker: Walker) -> None:
    database = walking.sqlite_shop(tmp_path / "app.db")
    project = walking.project(tmp_path / "shop", f"sqlite:///{database}")
    for words in (
        ("detect",),
        ("migrate", "--trust", "--environment", "dev", "--yes"),
        ("ask", "what happened?", "--trust", "--environment", "dev"),
    ):
        assert watched(walker, project, tmp_path / "seen.json", *words) == [], words


def test_the_watch_sees_what_is_dialled(tmp_path: Path, walker: Walker) -> None:
    """Without this the test above could not fail."""
    code = WATCHED.replace("from diana_agent.cli import main", "import socket\ndef main(): socket.getaddrinfo('', 1)")
    out = tmp_path / "seen.json"
    subprocess.run((sys.executable, "-c", code, str(out)), env=walker.environment, capture_output=True, check=False)
    assert json.loads(out.read_text())[0][0] == "socket.getaddrinfo"
