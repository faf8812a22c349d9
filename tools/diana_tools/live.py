"""A tool's output for people: its words as they come, without secrets and without the frames of a Python traceback."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote, quote_plus

from diana_tools.domain import DatabaseUrl
from diana_tools.redaction import MASK, redact

_BEGINS = "Traceback (most recent call last):"
_CHAINED = ("The above exception", "During handling of")
_SHORTEST = 3

_SECRET_OPTIONS = frozenset({"password", "passwd", "pwd", "sslpassword", "key", "pragma_key"})


def secrets_of(url: DatabaseUrl) -> tuple[str, ...]:
    """A connection's passwords (the query's too) as they may stand in any output: plain, and as a URL writes them."""
    said = (url.password, *(value for name, value in url.query if name.lower() in _SECRET_OPTIONS))
    forms = (form for word in said for form in (word, quote(word, safe=""), quote_plus(word)))
    return tuple(dict.fromkeys(form for form in forms if len(form) >= _SHORTEST))


def for_people(line: Callable[[str], None], url: DatabaseUrl) -> Callable[[str], None]:
    """Pass lines on, redacted, but of a traceback only what was raised; all of it stays in the log of the run."""
    secrets = secrets_of(url)
    inside = False

    def shown(text: str) -> None:
        nonlocal inside
        if text.startswith(_BEGINS):
            inside = True
        elif inside and text.startswith(" "):
            return
        elif text.strip() and not text.startswith(_CHAINED):
            inside = False
            line(redact(text, secrets))

    return shown


def scrub(log: Path, url: DatabaseUrl) -> None:
    """Take the connection's password out of a finished log, where a tool printed it; the file stays private."""
    found = [secret.encode() for secret in secrets_of(url)]
    content = log.read_bytes()
    if not any(secret in content for secret in found):
        return
    for secret in sorted(found, key=len, reverse=True):
        content = content.replace(secret, MASK.encode())
    part = log.with_suffix(".part")
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600), "wb") as file:
        file.write(content)
    part.replace(log)
