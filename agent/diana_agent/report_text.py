"""Text that is safe to put into a log: untrusted words cleaned, redacted and escaped for Markdown."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import PurePath

from diana_prompts.catalogue import Catalogue
from diana_tools.redaction import bounded

_SPECIAL = re.compile(r"[\\`*\[\]<>|~&!]|(?<![^\W_])_|_(?![^\W_])")
_LEADING = re.compile(r"^(?=[#+\-=])|^\d{1,9}(?=[.)](?:\s|$))")
_SCHEME = re.compile(r"(?i)\b(https?|ftp|mailto|xmpp)(?=:)|\b(www)(?=\.)")
_TICKS = re.compile(r"`+")
_LONGEST_LINE = 2_000


def clean(text: str, limit: int = 20_000) -> str:
    """Untrusted text without secrets, escapes, control or bidirectional characters; lines stay."""
    return bounded(text, limit)


def line(text: str) -> str:
    """The same on one line."""
    return " ".join(clean(text, _LONGEST_LINE).splitlines()).strip()


def inline(text: str) -> str:
    """One line that reads as itself in Markdown: nothing in it formats, links or opens HTML."""
    escaped = _SPECIAL.sub(lambda found: "\\" + found.group(), line(text))
    escaped = _SCHEME.sub(lambda found: found.group() + "\\", escaped)
    return _LEADING.sub(lambda found: f"{found.group()}\\", escaped)


def code(text: str) -> str:
    """One line as a code span, whatever it holds; for paths, names, hashes and commands."""
    words = line(text)
    if not words:
        return "–"
    fence = "`" * (_longest_ticks(words) + 1)
    pad = " " if words[0] in "` " or words[-1] in "` " else ""
    return f"{fence}{pad}{words}{pad}{fence}"


def block(text: str, language: str = "") -> str:
    """Several lines as a fenced block that its content cannot close."""
    words = clean(text).rstrip()
    fence = "`" * max(3, _longest_ticks(words) + 1)
    return f"{fence}{language}\n{words}\n{fence}"


def _longest_ticks(text: str) -> int:
    return max((len(run) for run in _TICKS.findall(text)), default=0)


def command(*words: str) -> str:
    """A command line that a POSIX shell takes exactly so."""
    return shlex.join(words)


def moment(at: datetime) -> str:
    """A time to the second, in UTC."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def moment_of(stamp: str) -> str:
    """The same from ISO 8601 text; what is no time is given back as it is."""
    try:
        return moment(datetime.fromisoformat(stamp))
    except ValueError:
        return line(stamp)


def file_name(path: str) -> str:
    """The last part of a path."""
    return PurePath(path).name


def duration(catalogue: Catalogue, seconds: float) -> str:
    """Seconds as a person says them."""
    if seconds < 60:
        return catalogue.say("report.seconds", seconds=f"{seconds:.2f}" if seconds < 10 else f"{seconds:.1f}")
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return catalogue.say("report.minutes", minutes=minutes, seconds=f"{rest:02}")
    return catalogue.say("report.hours", hours=minutes // 60, minutes=f"{minutes % 60:02}")


def size(catalogue: Catalogue, count: int, *, exact: bool = True) -> str:
    """Bytes as a person says them, with the exact number beside it unless `exact` is False."""
    if count < 1000:
        return catalogue.say("report.bytes", count=count)
    amount, unit = float(count), 0
    while amount >= 999.95 and unit < 4:
        amount, unit = amount / 1000, unit + 1
    short = catalogue.say(f"report.size.{unit}", amount=f"{amount:.1f}")
    return catalogue.say("report.size_exact", size=short, count=f"{count:,}") if exact else short


def why_failed(catalogue: Catalogue, error: str) -> str:
    """Why a change failed (`code: the tool's own words`), for people: the code in a sentence where it says more."""
    code_, _, words = error.partition(": ")
    if catalogue.has(f"failure.{code_}"):
        return f"{catalogue.say(f'failure.{code_}')} {words}".strip()
    return error.removeprefix("migration_failed: ")


def worded(catalogue: Catalogue, prefix: str, word: str) -> str:
    """A `code` or `code:object` word as a sentence where the catalogue has one for it, else the word itself, safe.

    The rest of the word, escaped, fills the sentence's field `value`, or follows it where it has none.
    """
    head, _, rest = word.partition(":")
    if not catalogue.has(f"{prefix}.{head}"):
        return code(word)
    value = code(rest) if rest else ""
    said = catalogue.say(f"{prefix}.{head}", value=value)
    return said if value in said else f"{said}: {value}"


def sentence(catalogue: Catalogue, prefixes: tuple[str, ...], reason: str, fields: Mapping[str, str]) -> str:
    """The catalogue's sentence for a reason, with escaped fields; the reason itself where there is none."""
    for prefix in prefixes:
        if catalogue.has(f"{prefix}.{reason}"):
            try:
                return catalogue.say(f"{prefix}.{reason}", **{name: inline(value) for name, value in fields.items()})
            except KeyError:
                continue
    told = ", ".join(f"{name}: {value}" for name, value in fields.items() if value)
    return code(f"{reason} ({told})" if told else reason)
