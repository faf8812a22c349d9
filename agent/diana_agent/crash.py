"""A bug that nothing caught: its traceback goes, redacted, to a private file, and a sentence to the person."""

from __future__ import annotations

import os
import secrets
import sys
import traceback
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from diana_config.errors import DianaError
from diana_config.folders import Folders, private
from diana_tools.redaction import Redactor, known_forms
from diana_tools.secret_places import forms, of_environment

_LONGEST = 200_000


def crashed(error: Exception, environ: Mapping[str, str]) -> DianaError:
    """Write a crash down (0600, in the state folder) and give the sentence that names the file (exit 1)."""
    kind = type(error).__name__
    redactor = Redactor((*forms(of_environment(environ)), *known_forms()))
    told = redactor.text("".join(traceback.format_exception(error)), _LONGEST)
    head = f"diana {version('diana-migrations')}, Python {sys.version.split()[0]}, {sys.platform}\n\n"
    try:
        path = _write(private(Folders.of(environ).state / "crashes"), head + told)
    except (DianaError, OSError):
        return DianaError("bug_unwritten", {"kind": kind})
    return DianaError("bug", {"kind": kind, "path": str(path)})


def _write(folder: Path, text: str) -> Path:
    path = folder / f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(3)}.txt"
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "w") as file:
        file.write(text)
    return path
