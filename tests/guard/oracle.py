"""What must be true whenever the production database changed, told from the journal alone and not by Diana's code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TypedDict

from diana_agent.guard.phrases import EXECUTE


class Line(TypedDict):
    """One line of a journal, as it lies on disk."""

    seq: int
    actor: str
    event: dict[str, object]


def lines(path: Path) -> list[Line]:
    """The journal's lines, read without Diana."""
    return [json.loads(text) for text in path.read_text().splitlines()]


def fault(path: Path, asked: list[tuple[str, str]], *, destructive: bool) -> str:
    """Why the change that just happened had no right to, or an empty string.

    `asked` are the phrases that the person was really asked for and really typed, in order.
    """
    events = [line["event"] for line in lines(path)]
    minted = [event for event in events if event["kind"] == "permit_minted" and event["act"] == "apply"]
    if not minted:
        return "no permit"
    permit = minted[-1]
    before = events[: events.index(permit)]
    redeemed = [e for e in events if e["kind"] == "permit_redeemed" and e["permit"] == permit["permit"]]
    if [event["use"] for event in redeemed] != ["run"]:
        return f"redeemed {redeemed}"
    confirmed = {
        event["question"]
        for event in before
        if event["kind"] == "answered" and event["matched"] and event["plan_hash"] == permit["plan_hash"]
    }
    if "ask.production" not in confirmed:
        return "nobody said yes"
    if destructive and ("ask.destructive" not in confirmed or EXECUTE not in [phrase for phrase, _ in asked]):
        return "the phrase was not typed"
    return _backup_fault(before, str(permit["backup"]), confirmed, destructive=destructive)


def _backup_fault(before: list[dict[str, object]], backup: str, confirmed: set[object], *, destructive: bool) -> str:
    if "ask.skip_backup" in confirmed:
        return "a destructive plan ran without a backup" if destructive else ""
    if not any(e["kind"] == "backed_up" and _of(e, "backup", "id") == backup for e in before):
        return "no backup"
    proven = any(
        e["kind"] == "proven" and e["backup"] == backup and _of(e, "proof", "grade") == "restored" for e in before
    )
    if not proven and "ask.unproven" not in confirmed:
        return "not proven, and nobody said so"
    copied = any(
        e["kind"] == "copied" and e["backup"] == backup and _of(e, "copy_", "remote") and _of(e, "copy_", "verified")
        for e in before
    )
    return "" if copied else "no copy elsewhere"


def _of(event: dict[str, object], key: str, inner: str) -> object:
    value = event[key]
    return value.get(inner) if isinstance(value, dict) else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]  # raw JSON
