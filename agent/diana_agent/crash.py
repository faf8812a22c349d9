"""A bug that nothing caught: its traceback goes, redacted, to a private file, and a sentence to the person."""

from __future__ import annotations

import os
import re
import secrets
import sys
import traceback
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from urllib.parse import unquote

from diana_config.errors import DianaError
from diana_config.folders import Folders, private
from diana_tools.redaction import plain, redact

_LONGEST = 200_000
_SECRET_NAME = re.compile(r"(?i)password|passwd|pwd|secret|token|key|credential")
_URL_PASSWORD = re.compile(r"://[^\s:/@]*:([^\s/@]+)@")


def crashed(error: Exception, environ: Mapping[str, str]) -> DianaError:
    """Write a crash down (0600, in the state folder) and give the sentence that names the file (exit 1)."""
    kind = type(error).__name__
    told = redact(plain("".join(traceback.format_exception(error)), _LONGEST), _known(environ))
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


def _known(environ: Mapping[str, str]) -> Iterator[str]:
    """What the person's own environment holds of secrets: by name, and passwords inside URLs."""
    for name, value in environ.items():
        if _SECRET_NAME.search(name):
            yield value
        for found in _URL_PASSWORD.finditer(value):
            yield found[1]
            yield unquote(found[1])
