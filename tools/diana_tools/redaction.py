"""Nothing secret leaves: URL passwords, key=value secrets and known values are masked in any text."""

from __future__ import annotations

import re
from collections.abc import Iterable

MASK = "***"

_URL_PASSWORD = re.compile(r"([a-zA-Z][a-zA-Z0-9+.\-]*://[^\s:/@'\"]*):([^\s/'\"]+)@")
_PAIR = re.compile(
    r"(?i)\b((?:[a-z0-9_]*(?:password|passwd|pwd|secret|token|api[_-]?key|access[_-]?key)[a-z0-9_]*))"
    r"(\s*[=:]\s*)(\"[^\"]*\"|'[^']*'|[^\s,;&]+)"
)
_ESCAPES = re.compile(
    r"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b[P_^X][^\x1b]*(?:\x1b\\)?|\x1b\[[0-?]*[ -/]*[@-~]"
    r"|\x1b[@-Z\\-_]|\x9b[0-?]*[ -/]*[@-~]"
)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """Mask passwords in URLs, values of secret-looking keys, and every known secret of 3 characters or more."""
    for secret in sorted({s for s in secrets if len(s) >= 3}, key=len, reverse=True):
        text = text.replace(secret, MASK)
    text = _URL_PASSWORD.sub(rf"\1:{MASK}@", text)
    return _PAIR.sub(rf"\1\2{MASK}", text)


def plain(text: str, limit: int = 20_000) -> str:
    """Untrusted text made harmless for a terminal and a model: no escapes, no control or bidi characters, bounded.

    Tabs and newlines stay; what is cut is marked with an ellipsis.
    """
    text = _CONTROL.sub("", _ESCAPES.sub("", text.replace("\r\n", "\n").replace("\r", "\n")))
    return text if len(text) <= limit else text[: limit - 1] + "…"
