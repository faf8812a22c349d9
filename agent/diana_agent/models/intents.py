"""What a person means, decided by rules alone: the same words always mean the same, and what is unclear is unknown.

A command is one only when every word of it belongs to the command: `run the tests` is not `run`. A question is put to
the first rule that fits; words that nobody knows make it unknown, so that no answer to another question is given.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

from diana_agent.models.base import START
from diana_agent.models.lexicon import lexicon


class Intent(StrEnum):
    """What a message wants. The first block asks for something to be done, the second asks a question."""

    START = "start"
    GO = "go"
    PLAN = "plan"
    PREVIEW = "preview"
    MAKE_BACKUP = "make_backup"
    REHEARSE = "rehearse"
    VERIFY = "verify"
    ROLLBACK = "rollback"
    RESTORE = "restore"
    REPORT = "report"
    CONNECT = "connect"
    SETTINGS = "settings"
    LEAVE = "leave"
    NO = "no"

    PENDING = "pending"
    LOSS = "loss"
    SAFETY = "safety"
    DURATION = "duration"
    MIGRATION = "migration"
    RECOVERY = "recovery"
    BACKUP = "backup"
    REHEARSAL = "rehearsal"
    FAILURE = "failure"
    ENVIRONMENT = "environment"
    CHECKS = "verification"
    HISTORY = "history"
    OVERVIEW = "overview"

    HELP = "help"
    PHRASE = "phrase"
    CANNOT = "cannot"
    COURTESY = "courtesy"
    UNKNOWN = "unknown"


CHANGING = (Intent.GO, Intent.ROLLBACK, Intent.RESTORE)

_PHRASES = re.compile(
    r"\b(execute destructive migrations?|skip backup on \S+|run without a restore test on \S+"
    r"|restore \S+ losing writes since|salvage into \S+|repair history on \S+|steal lock on \S+|delete \d+ backups)"
)
_REVISION = re.compile(r"(?=[0-9a-f]*\d)[0-9a-f]{6,40}$|\d{3,14}_\w+$|\d{4,14}$")
_WORD = re.compile(r"\w+(?:[.\-]\w+)*")
_LONGEST = 2_000
_POLITE = frozenset(
    {"please", "can", "could", "would", "you", "now", "just", "diana", "pls", "hey", "ok", "okay", "then"}
)
_RUN = frozenset({"run", "migrate", "apply", "execute", "use", "open"})


@dataclass(frozen=True, slots=True)
class _Rule:
    """Fits when each group of topics is touched and none of `never` is."""

    intent: Intent
    groups: tuple[frozenset[str], ...]
    never: frozenset[str] = frozenset()


def _rule(intent: Intent, needs: str, never: str = "") -> _Rule:
    return _Rule(intent, tuple(frozenset(group.split("|")) for group in needs.split()), frozenset(never.split()))


_RULES = (
    _rule(Intent.RECOVERY, "fail if", "past"),
    _rule(Intent.FAILURE, "fail"),
    _rule(Intent.MIGRATION, "revision", "time undo safe lose backup check"),
    _rule(Intent.MIGRATION, "migration order explain", "time undo backup check"),
    _rule(Intent.MIGRATION, "name explain", "time undo safe lose backup check data happen"),
    _rule(Intent.BACKUP, "backup proof"),
    _rule(Intent.RECOVERY, "undo"),
    _rule(Intent.BACKUP, "backup"),
    _rule(Intent.REHEARSAL, "rehearse"),
    _rule(Intent.LOSS, "lose"),
    _rule(Intent.SAFETY, "safe"),
    _rule(Intent.DURATION, "time"),
    _rule(Intent.CHECKS, "check"),
    _rule(Intent.PENDING, "pending"),
    _rule(Intent.HISTORY, "history", "count"),
    _rule(Intent.ENVIRONMENT, "env|database", "count act data"),
    _rule(Intent.LOSS, "data|name happen"),
    _rule(Intent.PENDING, "migration", "order"),
    _rule(Intent.PENDING, "act will"),
    _rule(Intent.OVERVIEW, "status"),
    _rule(Intent.HELP, "ability self"),
)


MENU = (
    Intent.LEAVE, Intent.PLAN, Intent.PREVIEW, Intent.MAKE_BACKUP, Intent.GO, Intent.VERIFY, Intent.ROLLBACK,
    Intent.RESTORE, Intent.REPORT, Intent.SETTINGS,
)  # fmt: skip
"""What the digits 0 to 9 stand for (S10.2)."""


def words_of(text: str) -> tuple[str, ...]:
    """The words of a message: lower case, without accents, apostrophes and punctuation; set phrases are one word."""
    flat = unicodedata.normalize("NFKD", text[:_LONGEST].casefold())
    flat = "".join(letter for letter in flat if not unicodedata.combining(letter) and letter not in "'’`")
    joined = f" {' '.join(_WORD.findall(flat))} "
    for phrase, word in lexicon().joined.items():
        joined = joined.replace(f" {phrase} ", f" {word} ")
    return tuple(joined.split())


def classify(text: str, names: Iterable[str] = ()) -> Intent:
    """What a message wants. `names` are words of the plan (ids, tables, columns) that may stand in a question."""
    if text.strip() == START:
        return Intent.START
    words = words_of(text)
    if _PHRASES.search(" ".join(_WORD.findall(text[:_LONGEST].casefold()))):
        return Intent.PHRASE
    if not words:
        return Intent.HELP if "?" in text else Intent.UNKNOWN
    if len(words) == 1 and len(words[0]) == 1 and words[0].isdecimal():
        return MENU[int(words[0])]
    known = frozenset(word for name in names for word in words_of(name))
    return _cannot(words, text) or _command(words, text) or _question(words, text, known)


def _cannot(words: tuple[str, ...], text: str) -> Intent | None:
    """What no chat can bring about: going without a gate, deciding where, confirming, or anything outside the verbs."""
    lex, said = lexicon(), frozenset(words)
    asked = [word for word in words if word not in _POLITE]
    start = asked[0] if asked else ""
    beyond = (
        bool(said & lex.skip and said & lex.gates and "?" not in text),
        bool(start in lex.change and said & lex.ours),
        start in lex.confirm and bool(len(asked) == 1 or said & {"me", "yourself", "it", "phrase"}),
        start in lex.destroy and len(asked) > 1 and "backup" not in said,
        start in _RUN and bool(said & (lex.places | lex.outside)),
    )
    return Intent.CANNOT if any(beyond) else None


def _command(words: tuple[str, ...], text: str) -> Intent | None:
    """A command, when every word belongs to it; never one that changes something out of a question."""
    lex, said = lexicon(), frozenset(map(_mended, words))
    if said & lex.negation:
        quiet = said <= lex.commands | lex.negation | lex.common | lex.beside_no
        return Intent.NO if quiet and "?" not in text else None
    for command in lex.command:
        if said & command.verbs and said <= command.verbs | command.beside | lex.common:
            intent = Intent(command.intent)
            return None if _asks(words, text) and intent is not Intent.COURTESY else intent
    return None


def _asks(words: tuple[str, ...], text: str) -> bool:
    """Whether a would-be command is put as a question: `run it?`, `can I migrate now`; a polite request is not."""
    if words[0] in ("can", "could", "would") and words[1:2] == ("you",):
        return "?" in text and "please" not in words
    return "?" in text or (words[0] in lexicon().question and words[0] not in ("show", "tell", "do", "give"))


def _question(words: tuple[str, ...], text: str, names: frozenset[str]) -> Intent:
    """The first rule that fits, if this is a question in which every word is known."""
    noun = len(words) <= 4 and not _RUN & frozenset(words[:1])
    if not ("?" in text or noun or frozenset(words) & lexicon().question):
        return Intent.UNKNOWN
    topics = _shape(words)
    for word in words:
        about = _about(word)
        if about is None and word not in names:
            return Intent.UNKNOWN
        topics |= about or frozenset()
        topics |= {"name"} if word in names else set()
    for rule in _RULES:
        if all(group & topics for group in rule.groups) and not rule.never & topics:
            return rule.intent
    return Intent.UNKNOWN


def _about(word: str) -> frozenset[str] | None:
    """What a word is about (perhaps nothing); None: nobody knows it, or its slip could be two different things."""
    if _REVISION.fullmatch(word):
        return frozenset({"revision"})
    lex = lexicon()
    meant = (word,) if word in lex.known else _near(word, 4)
    topics = {frozenset(topic for topic, words in lex.about.items() if one in words) for one in meant}
    return topics.pop() if len(topics) == 1 else None


def _shape(words: tuple[str, ...]) -> set[str]:
    """Topics that lie in how a question is put."""
    said = frozenset(words)
    marks = (
        ("count", "how" in said and bool(said & {"many", "much", "often"})),
        ("past", bool(said & {"did", "was", "were", "has", "why"})),
        ("will", bool(said & {"will", "would", "going", "happens", "happen"})),
        ("happen", bool(said & {"happens", "happen", "affected", "touched"})),
        ("ability", bool(said & {"can", "could", "able", "who", "help", "work", "works"})),
    )
    return {name for name, there in marks if there}


def _mended(word: str) -> str:
    """A long word of a command with one slip of the finger put right, when only one known word is that near."""
    near = () if word in lexicon().known else _near(word, 6)
    return near[0] if len(near) == 1 else word


@cache
def _near(word: str, shortest: int) -> tuple[str, ...]:
    """The known words, not shorter than `shortest`, that are one slip away; none for a word with digits in it."""
    if len(word) < shortest - 1 or not word.isalpha():
        return ()
    return tuple(sorted(known for known in lexicon().known if len(known) >= shortest and _one_slip(word, known)))


def _one_slip(one: str, other: str) -> bool:
    """Whether two words differ by one letter too many, too few or wrong, or by two neighbours swapped."""
    if abs(len(one) - len(other)) > 1:
        return False
    start = 0
    while start < min(len(one), len(other)) and one[start] == other[start]:
        start += 1
    left, right = one[start:], other[start:]
    swapped = left[:2] == right[:2][::-1] and left[2:] == right[2:]
    return left[1:] == right[1:] or left[1:] == right or left == right[1:] or swapped
