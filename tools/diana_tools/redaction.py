"""Nothing secret leaves: what is known to be secret, and what stands where secrets stand, is masked in any text."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Final
from weakref import WeakSet

MASK: Final = "***"
_SURE = (
    (re.compile(r"(?<![a-zA-Z0-9+.\-])([a-zA-Z][a-zA-Z0-9+.\-]{0,40}://[^\s:/@'\"]*):([^\s/'\"]+)@"), rf"\1:{MASK}@"),
    (re.compile(r"(?i)([?&](?:[a-z_]{0,20}password|pragma_key|[a-z_]{0,20}token)=)[^\s&'\"\\]+"), rf"\1{MASK}"),
    # In capitals alone: Alembic says of a revision that it is "identified by 'x'".
    (re.compile(r"\b((?i:password)|IDENTIFIED\s+BY)(\s+E?)'[^'\"\\]{1,500}'"), rf"\1\2'{MASK}'"),
    (re.compile(r"(?i)\b(bearer\s+)[a-z0-9._~+/\-]{12,}=*"), rf"\1{MASK}"),
    (re.compile(r"\b(?:sk-[\w\-]{16,}|AKIA[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{20,}|xox[abprs]-[\w\-]{10,})"), MASK),
)  # fmt: skip
_PAIR = re.compile(
    r"(?i)\b([a-z0-9_]{0,40}(?:password|passwd|passphrase|pwd|secret|token|credential|"
    r"(?:api|access|private|signing)[_-]?key)[a-z0-9_]{0,40})(\s*[=:]\s*)(\"[^\"]*\"|'[^']*'|[^\s,;&]+)"
)
_KEY_BLOCK = re.compile(r"(-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----).*?(-----END|\Z)", re.DOTALL)
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
    """Mask passwords in URLs, values of secret-looking keys, private keys, and every given secret of 3 characters."""
    for secret in sorted({s for s in secrets if len(s) >= 3}, key=len, reverse=True):
        text = text.replace(secret, MASK)
    return _PAIR.sub(rf"\1\2{MASK}", _KEY_BLOCK.sub(rf"\1{MASK}\2", sure(text)))


def bounded(text: str, limit: int, secrets: Iterable[str] = ()) -> str:
    """Untrusted text made harmless, redacted, and only then cut: no half of a secret is left at its end."""
    found = redact(plain(text, 8 * limit), secrets)
    return found if len(found) <= limit else found[: limit - 1] + "…"


def sure(text: str) -> str:
    """Mask only where nothing but a secret can stand, so that SQL, JSON and facts stay what they are."""
    for pattern, instead in _SURE:
        text = pattern.sub(instead, text)
    return text


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


_alive: WeakSet[Redactor] = WeakSet()


def known_forms() -> tuple[str, ...]:
    """What any run of this process knows: for a crash, which belongs to none."""
    return tuple(form for redactor in tuple(_alive) for form in redactor.forms)


class Redactor:
    """What one run knows to be secret; it learns as the run goes on, from any thread.

    Only the words that `secret_places.forms` gives belong in here: they are masked wherever they stand.
    """

    def __init__(self, forms: Iterable[str] = ()) -> None:
        self.forms: tuple[str, ...] = ()
        self._pattern: re.Pattern[str] | None = None
        self.learn(forms)
        _alive.add(self)

    def learn(self, forms: Iterable[str]) -> None:
        """Mask these too from now on."""
        known = {form for form in (*self.forms, *forms) if form}
        if len(known) > len(self.forms):
            self.forms = tuple(sorted(known, key=lambda form: (-len(form), form)))
            self._pattern = re.compile("|".join(map(re.escape, self.forms)))

    def hide(self, text: str) -> str:
        """The text without what is known."""
        return self._pattern.sub(MASK, text) if self._pattern is not None else text

    def fact(self, text: str) -> str:
        """A recorded fact without what is known, and without what can be nothing but a secret."""
        return sure(self.hide(text))

    def text(self, text: str, limit: int = 20_000) -> str:
        """Untrusted text: harmless, redacted, and only then cut, so that no half of a secret is left at the end."""
        room = 8 * limit + 10_000
        found = redact(self.hide(plain(text[:room], room)))
        if len(text) > room and self.forms:
            found = found[: -len(self.forms[0])]
        return found if len(found) <= limit and len(text) <= room else found[: limit - 1] + "…"
