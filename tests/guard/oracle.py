"""What must be true of every change of the production database, told from outside and not by Diana's code.

The oracle knows the journals as raw JSON, what the toy saw right before it changed anything, and what people really
typed. Each rule here is written from the guard's design; nothing of the guard is imported.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from guard.backups import restored_content
from guard.books import Begun, Books, Event, Line, Witness, inner, listed
from guard.people import Typed

YES = "y"
PHRASES = {
    "ask.destructive": "EXECUTE DESTRUCTIVE MIGRATIONS",
    "ask.skip_backup": r"SKIP BACKUP ON app\.db",
    "ask.unproven": r"RUN WITHOUT A RESTORE TEST ON app\.db",
    "ask.restore": r"RESTORE app\.db LOSING WRITES SINCE \d\d:\d\d",
    "ask.production": YES,
}
ON_TARGET = ("apply", "rollback", "restore")
LONGEST = timedelta(minutes=15)
OLDEST = timedelta(minutes=60)
MOST_WRONG = 2


@dataclass(frozen=True, slots=True)
class Approved:
    """What an approver really confirmed at a terminal: the request's plan hash, and each answer as it was typed."""

    plan_hash: str
    typed: tuple[Typed, ...]


@dataclass
class Redeemed:
    """A redemption of a permit for the target, and the change that it was for, once that began."""

    book: str
    at: int
    permit: Event
    use: str
    change: Begun | None = None
    judged: bool = False


@dataclass
class Oracle:
    """`fault` says what is wrong, once whatever happened is on disk; `outside` says that somebody else wrote."""

    folder: Path
    books: Books
    witness: Witness
    diary: Sequence[Typed]
    approved: dict[str, Approved] = field(default_factory=dict[str, Approved])
    seen: set[str] = field(default_factory=set[str])
    changes: int = 0
    _content: str = ""
    _read: dict[str, int] = field(default_factory=dict[str, int])
    _redeemed: list[Redeemed] = field(default_factory=list[Redeemed])
    _spent: set[str] = field(default_factory=set[str])
    _told: int = 0

    @classmethod
    def of(cls, ground: Path, diary: Sequence[Typed]) -> Oracle:
        """The oracle of one ground's folder."""
        return cls(ground, Books(ground / "home" / "s" / "runs"), Witness(ground / "witness"), diary)

    def outside(self, content: str) -> None:
        """Somebody who is not Diana changed the database, or put another one there."""
        self._content = content
        self.seen.add(content)

    def fault(self, content: str) -> str:
        """Why what happened since had no right to, or empty. `content` is the database's now."""
        self.books.read()
        problem = self._permits()
        for begun in self.witness.news():
            problem = problem or self._began(begun)
        problem = problem or self._changed(content)
        for one in self._redeemed:
            if not one.judged:
                one.judged = True
                problem = problem or self._judged(one)
        self.outside(content)
        return problem

    def _permits(self) -> str:
        """New redemptions for the target; each permit is minted once before, and each of its uses burnt once."""
        for book, lines in self.books.lines.items():
            for at in range(self._read.get(book, 0), len(lines)):
                event = lines[at].event
                if lines[at].kind != "permit_redeemed":
                    continue
                minted = [one.event for one in lines[:at] if one.event.get("permit") == event["permit"]]
                permits = [one for one in minted if one["kind"] == "permit_minted"]
                if len(permits) != 1:
                    return f"{len(permits)} permits behind {event}"
                if any(one["kind"] == "permit_redeemed" and one["use"] == event["use"] for one in minted):
                    return f"redeemed twice: {event}"
                if permits[0]["act"] in ON_TARGET:
                    self._redeemed.append(Redeemed(book, at, permits[0], str(event["use"])))
            self._read[book] = len(lines)
        return ""

    def _began(self, begun: Begun) -> str:
        """A change that began needs a redemption that was on disk, of its own; and no other change in flight."""
        sizes = dict(begun["journals"])
        for one in self._redeemed:
            line = self.books.lines[one.book][one.at]
            if one.change is None and _mode(one) == begun["begin"] and line.end <= sizes.get(one.book, 0):
                one.change = begun
                break
        else:
            return f"a change that no permit was redeemed for: {begun['begin']} {begun['texts']}"
        self.changes += 1
        here = identity(begun["database"])
        flying = sum(_in_flight(lines) == here for lines in self.books.until(begun["journals"]))
        return f"{flying} changes in flight" if flying > 1 else ""

    def _changed(self, content: str) -> str:
        """Other content needs a change that began since, or a restore."""
        if content == self._content or not self._content:
            return ""
        if any(not one.judged for one in self._redeemed):
            return ""
        # What was begun earlier may end later: a Diana was killed while her supervisor went on.
        late = any(one.change is not None and self._content == one.change["content"] for one in self._redeemed)
        return "" if late else "the content changed, and nothing was redeemed"

    def _judged(self, one: Redeemed) -> str:
        lines = self.books.lines[one.book]
        if one.use in ("back", "cancel"):
            return self._recovery(lines, one)
        minted = next(at for at, line in enumerate(lines) if line.event is one.permit)
        at, expires = lines[one.at].at, datetime.fromisoformat(str(one.permit["expires_at"]))
        if one.change is not None and one.permit["identity"] != identity(one.change["database"]):
            return "another database than the one that was confirmed"
        if one.permit["level"] != "production":
            return f"minted for {one.permit['level']}"
        if not lines[minted].at <= at < expires or expires - lines[minted].at > LONGEST:
            return f"redeemed at {at}, minted at {lines[minted].at}, good until {expires}"
        if one.permit["act"] == "restore":
            self.changes += 1
            return self._restore(lines[:minted], one)
        return self._apply(lines[:minted], one, lines[minted].at)

    def _recovery(self, lines: list[Line], one: Redeemed) -> str:
        """Only after the run of the same permit, and never after it went well."""
        before = [line.event for line in lines[: one.at] if line.event.get("permit") == one.permit["permit"]]
        ran = any(event["kind"] == "permit_redeemed" and event["use"] == "run" for event in before)
        well = any(
            event["kind"] == "change_finished" and inner(event, "result", "state") == "applied" for event in before
        )
        return "" if ran and not well else "a recovery that nothing called for"

    def _apply(self, before: list[Line], one: Redeemed, now: datetime) -> str:
        plan_hash = str(one.permit["plan_hash"])
        plan = next((line.event for line in reversed(before) if _plan_hash(line) == plan_hash), None)
        if plan is None:
            return "no such plan"
        needed = {"ask.production"}
        if inner(plan, "plan", "destructive") or _destructive(one):
            needed.add("ask.destructive")
        confirmed = self._confirmed(before, plan_hash)
        if isinstance(confirmed, str):
            return confirmed
        if "ask.skip_backup" in confirmed:
            problem = "a destructive plan without a backup" if "ask.destructive" in needed else ""
        else:
            problem, unproven = self._backup(before, one, now)
            needed |= {"ask.unproven"} if unproven else set()
        missing = needed - confirmed
        return problem or (f"not confirmed: {sorted(missing)}" if missing else _other_run(plan, one))

    def _restore(self, before: list[Line], one: Redeemed) -> str:
        """The phrase for this very backup, whose file is what was made."""
        sha256 = str(one.permit["plan_hash"]).removeprefix("restore:")
        confirmed = self._confirmed(before, str(one.permit["plan_hash"]))
        if isinstance(confirmed, str):
            return confirmed
        if "ask.restore" not in confirmed:
            return "nobody typed the phrase of a restore"
        made = [line for lines in self.books.lines.values() for line in lines if line.kind == "backed_up"]
        good = any(inner(line.event, "backup", "sha256") == sha256 for line in made)
        return "" if good else "a restore of what nobody backed up"

    def _confirmed(self, before: list[Line], plan_hash: str) -> set[str] | str:
        """What was confirmed for this plan since the permit before, by people who really typed it; else why not."""
        last = max((at for at, line in enumerate(before) if _minted(line)), default=-1)
        given: set[str] = set()
        for line in before[last + 1 :]:
            if line.event.get("plan_hash") != plan_hash:
                continue
            if line.kind == "approval_used":
                given |= self._approval(line.event)
            elif line.kind == "answered" and line.event["matched"]:
                question = str(line.event["question"])
                if line.actor != "person" or not self._typed(question):
                    return f"nobody typed the answer to {question}"
                given.add(question)
        return "the person had said no" if _declined(before, plan_hash) else given

    def _typed(self, question: str) -> bool:
        """Whether the person really typed that, after what was already counted."""
        for at in range(self._told, len(self.diary)):
            if right(self.diary[at], question):
                self._told = at + 1
                return True
        return False

    def _approval(self, event: Event) -> set[str]:
        """What an approval is worth: nothing unless its approver typed it for this plan, and only once."""
        nonce = str(event["nonce"])
        known = self.approved.get(nonce)
        if known is None or nonce in self._spent or known.plan_hash != event["plan_hash"]:
            return set()
        self._spent.add(nonce)
        return {one.question for one in known.typed if right(one, one.question)}

    def _backup(self, before: list[Line], one: Redeemed, now: datetime) -> tuple[str, bool]:
        """What is wrong with the backup of a permit, and whether it was not restored for proof."""
        wanted = one.permit["backup"]
        made = next((line.event for line in before if inner(line.event, "backup", "id") == wanted), None)
        if wanted is None or made is None:
            return "no backup", False
        age = now - datetime.fromisoformat(str(inner(made, "backup", "made_at")))
        if not timedelta(seconds=-1) <= age <= OLDEST:
            return f"a backup of another time: {age}", False
        if inner(made, "backup", "identity") != one.permit["identity"]:
            return "a backup of another database", False
        events = [line.event for line in before if line.event.get("backup") == wanted]
        if not any(inner(event, "copy_", "remote") and inner(event, "copy_", "verified") for event in events):
            return "no copy elsewhere", False
        proven = any(inner(event, "proof", "grade") == "restored" for event in events)
        return self._outside(made, one), not proven

    def _outside(self, made: Event, one: Redeemed) -> str:
        """The files themselves, when the change began: whole, copied, and holding what the database once held."""
        if one.change is None:
            return ""
        path = Path(str(inner(made, "backup", "path")))
        kept = (path.name, str(inner(made, "backup", "sha256")))
        if kept not in one.change["backups"]:
            return "the backup was not there, or not as it was made"
        if kept not in one.change["copies"]:
            return "the copy was not there, or not as it was made"
        found = restored_content(path, kept[1], self.folder)
        return "" if found in {None, *self.seen} else "the backup restores to what the database never held"


def right(typed: Typed, question: str) -> bool:
    """Whether an answer is the one that the design demands: the phrase exactly, or y; not after too many wrong ones."""
    wanted = PHRASES.get(question, "")
    good = typed.question == question and typed.wrong <= MOST_WRONG
    return good and bool(wanted) and re.fullmatch(rf" *{wanted} *", typed.text) is not None


def identity(database: str) -> str:
    """The digest that stands for a SQLite file named app.db, from its device and inode."""
    body = json.dumps(["sqlite", "", database, "", "app.db"])
    return hashlib.sha256(body.encode()).hexdigest()[:32]


def _plan_hash(line: Line) -> object:
    return inner(line.event, "plan", "plan_hash") if line.kind == "planned" else None


def _minted(line: Line) -> bool:
    return line.kind == "permit_minted" and line.event["act"] in ON_TARGET


def _declined(before: list[Line], plan_hash: str) -> bool:
    """A no stands until the person gives the verb back."""
    no = False
    for line in before:
        if line.kind == "gave_back" and line.actor == "person":
            no = False
        elif line.kind == "answered" and line.event["plan_hash"] == plan_hash and not line.event["matched"]:
            no = True
    return no


def _mode(one: Redeemed) -> str:
    """How the toy is called for this use of a permit."""
    if one.permit["act"] == "restore":
        return ""
    return "down" if one.use == "back" or one.permit["act"] == "rollback" else "apply"


def _in_flight(lines: list[Line]) -> str:
    """The identity of the database on which a run has a change without an end; empty where there is none."""
    flying, permits = "", {str(line.event["permit"]): line.event for line in lines if line.kind == "permit_minted"}
    for line in lines:
        if line.kind in ("change_started", "recovery_started"):
            flying = str(permits[str(line.event["permit"])]["identity"])
        elif line.kind in ("change_finished", "recovered"):
            flying = ""
    return flying


def _destructive(one: Redeemed) -> bool:
    """Whether what ran destroys data by its own words; a way back is not judged by them.

    A column that is not there (a run broke off after dropping it) cannot be destroyed.
    """
    if one.change is None or one.change["begin"] != "apply":
        return False
    there = one.change["columns"]
    lines = (line for _, text in one.change["texts"] for line in text.splitlines() if not line.startswith("--"))
    code = re.sub(
        r"\bALTER TABLE (\w+) DROP COLUMN (\w+)\b",
        lambda found: found[0] if f"{found[1]}.{found[2]}" in there else "",
        "\n".join(lines),
    )
    return re.search(r"\b(DROP|DELETE|TRUNCATE)\b", code) is not None


def _other_run(plan: Event, one: Redeemed) -> str:
    """What ran, and the code it ran with, must be what the confirmed plan lists, byte for byte."""
    if one.change is None or one.permit["act"] != "apply":
        return ""
    wanted = [(inner(m, "id"), inner(m, "checksum")) for m in listed(plan, "plan", "pending")]
    ran = [(version, hashlib.sha256(text.encode()).hexdigest()) for version, text in one.change["texts"]]
    if ran != wanted:
        return f"ran {ran}, confirmed {wanted}"
    code = {str(name): sha256 for name, sha256 in map(listed, listed(plan, "plan", "code"))}
    code = {name: sha256 for name, sha256 in code.items() if not name.startswith("migrations/")}
    return "" if code == dict(one.change["code"]) else f"code {one.change['code']}, confirmed {code}"
