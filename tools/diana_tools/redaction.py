"""Nothing secret leaves: URL passwords, key=value secrets and known values are masked in any text."""

from __future__ import annotations

import re
import unicodedata
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
_UNSEEN = re.compile(
    # Control characters, and half characters of a name that is no UTF-8.
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff"
    # What turns or hides text: bidirectional marks, zero-width characters, fillers, separators of lines.
    r"\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164"
    # Variants, tags and annotations: a model reads them where a person sees nothing.
    r"\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
_PILED = re.compile(r"[^\x00-\x7f\w]{5,}")
_MOST_MARKS = 4


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """Mask passwords in URLs, values of secret-looking keys, and every known secret of 3 characters or more."""
    for secret in sorted({s for s in secrets if len(s) >= 3}, key=len, reverse=True):
        text = text.replace(secret, MASK)
    text = _URL_PASSWORD.sub(rf"\1:{MASK}@", text)
    return _PAIR.sub(rf"\1\2{MASK}", text)


def plain(text: str, limit: int = 20_000) -> str:
    """Untrusted text made harmless for a terminal and a model: only what can be seen, and no more of it than `limit`.

    No escapes, no control, bidirectional or invisible characters, no piles of marks on one letter. Tabs and newlines
    stay; what is cut is marked with an ellipsis.
    """
    # What is many times too long is not read to its end: ten megabytes of escapes are not worth a second.
    whole = len(text)
    text = text[: 8 * limit + 10_000]
    text = _UNSEEN.sub("", _ESCAPES.sub("", text.replace("\r\n", "\n").replace("\r", "\n")))
    text = _PILED.sub(lambda found: _thinned(found[0]), text)
    fits = len(text) <= limit and whole <= 8 * limit + 10_000
    return text if fits else text[: limit - 1] + "…"


def _thinned(run: str) -> str:
    """Signs and combining marks in a row, without the marks that stand on too many others."""
    kept, piled = "", 0
    for char in run:
        piled = piled + 1 if unicodedata.category(char) in ("Mn", "Me") else 0
        kept += char if piled <= _MOST_MARKS else ""
    return kept
