"""The phrases that a person types, word for word; they are never translated (G2, policy table)."""

from __future__ import annotations

import re

EXECUTE = "EXECUTE DESTRUCTIVE MIGRATIONS"


def skip_backup(database: str) -> str:
    """For a production run without a backup; refused anyway when the plan is destructive (G4)."""
    return f"SKIP BACKUP ON {database}"


def unproven(database: str) -> str:
    """For a production run whose backup was not restored anywhere."""
    return f"RUN WITHOUT A RESTORE TEST ON {database}"


def restore(database: str, since: str) -> str:
    """For a restore over a production database; `since` is the backup's HH:MM in UTC."""
    return f"RESTORE {database} LOSING WRITES SINCE {since}"


def matches(typed: str, phrase: str) -> bool:
    """Exact equality, outer spaces trimmed; case matters."""
    return typed.strip(" ") == phrase


_WORDS = re.compile(r"[^\W_]+")
_SPOKEN = ("execute destructive migrations", "skip backup on", "run without a restore test on", "losing writes since",
           "repair history on", "steal lock on", "salvage into")  # fmt: skip


def spoken(text: str) -> bool:
    """Whether a text of the conversation holds a phrase, in any case and with anything between its words."""
    words = " ".join(_WORDS.findall(text.casefold()))
    return any(phrase in words for phrase in _SPOKEN)
