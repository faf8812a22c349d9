"""Approvals: each binds one plan on one database once, for a while, and nothing that a file says mints anything."""

from __future__ import annotations

import ast
import json
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

import diana_agent
import stories
from diana_agent import approvals as ap
from diana_agent import approvals_seal as seals
from diana_agent.approvals_ask import confirm, facts
from diana_agent.approvals_file import LARGEST_FILE, load_approval, load_request, save
from diana_agent.approvals_used import UsedApprovals
from diana_agent.guard import phrases
from diana_agent.guard.policy import Ask
from diana_agent.person import Question, Reply
from diana_prompts.catalogue import Catalogue
from diana_tools.domain import Environment, Level, Plan
from diana_tools.errors import DianaError
from diana_tools.measured import Copy, Grade
from diana_tools.permit import Act

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
KEY = bytes(range(32))
CATALOGUE = Catalogue("en")
ASKS = (Ask("ask.destructive", phrases.EXECUTE), Ask("ask.production"))


def wish(**changed: object) -> ap.Wish:
    made = ap.Wish(
        asks=ASKS, fields={"count": "3", "database": "shop", "environment": "eu-prod", "code": "AERU", "seconds": "3",
                           "timeout": "300"},
        facts=("customers.legacy: 1,200 values lost",), least_proof=Grade.RESTORED, store="s3-eu", skip_backup=False,
        ticket="OPS-1", reason="release 12", asked_by="ci@build-7",
    )  # fmt: skip
    return replace(made, **changed)


def request(plan: Plan | None = None, **changed: object) -> ap.Request:
    return ap.make_request(plan or stories.plan(), Act.APPLY, wish(**changed), NOW)


def approval(asked: ap.Request | None = None, *, at: datetime = NOW, secret: bytes = KEY) -> ap.Approval:
    asked = asked or request()
    drafted = ap.draft(asked, approver="Bo", now=at, confirmed=asked.asks)
    return seals.hmac_sealed(drafted, secret)


def run_facts(plan: Plan | None = None, act: Act = Act.APPLY) -> ap.RunFacts:
    return ap.run_facts(plan or stories.plan(), act, hmac_allowed=True)


@dataclass
class Shelf:
    used: UsedApprovals

    def check(
        self,
        given_: ap.Approval,
        now_facts: ap.RunFacts | None = None,
        *,
        now: datetime = NOW + timedelta(minutes=1),
        secret: bytes | None = KEY,
        agent: str = "",
    ) -> str:
        seal = seals.hmac_seal(given_, secret)
        return ap.check(given_, now_facts or run_facts(), now, self.used, seal, agent=agent)


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(UsedApprovals(tmp_path / "used"))


def test_an_approval_allows_exactly_its_run(shelf: Shelf) -> None:
    assert shelf.check(approval()) == ""


def test_it_works_once(shelf: Shelf) -> None:
    given_ = approval()
    assert shelf.used.spend(given_.nonce, "r1", NOW) == ""
    assert shelf.check(given_) == "approval_replayed"
    assert shelf.used.spend(given_.nonce, "r2", NOW) == "approval_replayed"
    again = Shelf(UsedApprovals(shelf.used._folder))  # pyright: ignore[reportPrivateUsage]  # a later process
    assert again.check(given_) == "approval_replayed"
    assert shelf.check(approval()) == "", "another approval of the same request is another one"


def test_of_many_at_once_one_wins(shelf: Shelf) -> None:
    nonce, came = approval().nonce, list[str]()
    threads = [threading.Thread(target=lambda: came.append(shelf.used.spend(nonce, "r", NOW))) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(came) == ["", *["approval_replayed"] * 19]


@pytest.mark.parametrize(
    ("changed", "act", "reason"),
    [
        ({"plan_hash": "f" * 64}, Act.APPLY, "approval_other_plan"),
        ({"environment": Environment("other", Level.PRODUCTION)}, Act.APPLY, "approval_other_plan"),
        ({"environment": Environment("eu-prod", Level.STAGING)}, Act.APPLY, "approval_other_plan"),
        ({"findings": ()}, Act.APPLY, "approval_other_plan"),
        ({"identity": "e" * 32}, Act.APPLY, "approval_other_database"),
        ({"policy": "q"}, Act.APPLY, "approval_other_policy"),
        ({}, Act.ROLLBACK, "approval_other_action"),
        ({}, Act.RESTORE, "approval_other_action"),
    ],
)
def test_it_is_for_nothing_else(shelf: Shelf, changed: dict[str, object], act: Act, reason: str) -> None:
    assert shelf.check(approval(), run_facts(stories.plan(**changed), act)) == reason


@pytest.mark.parametrize(
    ("after", "reason"),
    [
        (timedelta(minutes=-10), "approval_not_yet"),
        (timedelta(days=-1), "approval_not_yet"),
        (timedelta(seconds=-20), ""),
        (timedelta(hours=4, seconds=-1), ""),
        (timedelta(hours=4), "approval_expired"),
        (timedelta(days=30), "approval_expired"),
    ],
)
def test_it_has_its_time(shelf: Shelf, after: timedelta, reason: str) -> None:
    assert shelf.check(approval(), now=NOW + after) == reason


def test_times_are_moments_whatever_their_zone(shelf: Shelf) -> None:
    there = (NOW + timedelta(hours=3)).astimezone(timezone(timedelta(hours=9)))
    assert shelf.check(approval(), now=there) == ""


def test_a_clock_set_back_after_a_later_use_is_noticed(shelf: Shelf) -> None:
    given_ = approval()
    assert shelf.check(given_, now=NOW + timedelta(hours=1)) == ""
    shelf.used.spend("0" * 32, "r0", NOW + timedelta(hours=9))
    assert shelf.check(given_, now=NOW + timedelta(hours=1)) == "approval_not_yet"


def test_a_start_later_than_a_day_cannot_be_asked_for() -> None:
    assert request(latest_start=timedelta(hours=24)).latest_start == NOW + timedelta(hours=24)
    for wrong in (timedelta(hours=24, seconds=1), timedelta(0), timedelta(hours=-1)):
        with pytest.raises(DianaError) as caught:
            request(latest_start=wrong)
        assert caught.value.code == "request_unreadable"


Forge = Callable[[ap.Approval], ap.Approval]
ALTERED: dict[str, object] = {
    "plan_hash": "f" * 64, "identity": "e" * 32, "act": Act.ROLLBACK, "policy": "q", "destructive": False,
    "least_proof": Grade.NONE, "store": "", "skip_backup": True, "latest_start": NOW + timedelta(hours=23),
    "created": NOW + timedelta(hours=1), "level": Level.DEV, "environment": "dev", "asks": (), "ticket": "OPS-2",
    "reason": "because", "asked_by": "anna", "facts": (), "fields": dict[str, str](), "address": "x",
    "database": "y", "plan_code": "AAAA",
}  # fmt: skip


def altered(name: str) -> Forge:
    return lambda a: a.model_copy(update={"request": a.request.model_copy(update={name: ALTERED[name]})})


PARTS: list[Forge] = [
    lambda a: a.model_copy(update={"approver": "Eve"}),
    lambda a: a.model_copy(update={"approved": a.approved + timedelta(seconds=1)}),
    lambda a: a.model_copy(update={"nonce": "1" * 32}),
    lambda a: a.model_copy(update={"confirmed": ()}),
    lambda a: a.model_copy(update={"sealed": "ssh", "signer": "eve"}),
    lambda a: a.model_copy(update={"seal": "0" * 64}),
    lambda a: a.model_copy(update={"seal": ""}),
    lambda a: a.model_copy(update={"seal": "ä"}),
    *map(altered, ALTERED),
]


@pytest.mark.parametrize("forge", PARTS)
def test_whatever_is_altered_breaks_the_seal(shelf: Shelf, forge: Forge) -> None:
    forged = forge(approval())
    assert seals.hmac_seal(forged, KEY).problem == "approval_forged"
    assert shelf.check(forged) == "approval_forged"


def test_every_field_is_among_those_that_were_altered() -> None:
    assert set(ap.Request.model_fields) == ALTERED.keys() | {"kind"}
    assert set(ap.Approval.model_fields) == {
        "kind", "request", "approver", "approved", "nonce", "confirmed", "sealed", "signer", "seal"
    }  # fmt: skip


def test_another_key_and_no_key_are_forgeries(shelf: Shelf) -> None:
    assert shelf.check(approval(secret=bytes(32))) == "approval_forged"
    assert shelf.check(approval(), secret=None) == "approval_forged"


def test_a_seal_verified_for_another_approval_is_worth_nothing(shelf: Shelf) -> None:
    good = seals.hmac_seal(approval(), KEY)
    assert good.problem == ""
    assert ap.check(approval(), run_facts(), NOW, shelf.used, good) == "approval_forged"


def test_production_demands_more_than_this_machine_s_key(shelf: Shelf) -> None:
    strict = replace(run_facts(), hmac_allowed=False)
    assert shelf.check(approval(), strict) == "approval_hmac_not_enough"
    assert shelf.check(approval(), agent="Claude Code") == "approval_by_agent"
    staging = stories.plan(environment=Environment("qa", Level.STAGING))
    given_ = approval(request(staging))
    relaxed = ap.run_facts(staging, Act.APPLY, hmac_allowed=False)
    assert shelf.check(given_, relaxed, agent="Claude Code") == ""


@pytest.mark.parametrize(
    ("signed", "agent", "allowed", "reason"),
    [
        (True, "", False, ""),
        (False, "", False, "approval_hmac_not_enough"),
        (False, "", True, ""),
        (True, "Codex", True, "approval_by_agent"),
        (False, "Codex", True, "approval_by_agent"),
    ],
)
def test_who_may_approve_in_production(signed: bool, agent: str, allowed: bool, reason: str) -> None:
    assert ap.unapprovable(request(), NOW, signed=signed, agent=agent, hmac_allowed=allowed) == reason


def test_when_it_may_be_approved() -> None:
    asked = request()
    assert (
        ap.unapprovable(asked, NOW + timedelta(hours=4), signed=True, agent="", hmac_allowed=False)
        == "approval_expired"
    )
    assert (
        ap.unapprovable(asked, NOW - timedelta(hours=1), signed=True, agent="", hmac_allowed=False)
        == "approval_not_yet"
    )
    dev = request(stories.plan(environment=Environment("dev", Level.DEV)), asks=())
    assert ap.unapprovable(dev, NOW, signed=False, agent="Codex", hmac_allowed=False) == ""


def test_only_what_was_confirmed_is_covered() -> None:
    given_ = approval()
    assert all(given_.covers(ask) for ask in ASKS)
    assert not given_.covers(Ask("ask.unproven", phrases.unproven("shop")))
    assert not given_.covers(Ask("ask.production", "X"))
    assert not given_.covers(Ask("ask.destructive", phrases.EXECUTE.lower()))


@pytest.mark.parametrize(
    ("proof", "copies", "reason"),
    [
        (stories.RESTORED, (stories.COPY,), ""),
        (stories.READ, (stories.COPY,), "approval_proof_too_low"),
        (None, (stories.COPY,), "approval_proof_too_low"),
        (stories.RESTORED, (), "approval_store_missing"),
        (stories.RESTORED, (replace(stories.COPY, verified=False),), "approval_store_missing"),
        (stories.RESTORED, (Copy("other", "x", True, True),), "approval_store_missing"),
    ],
)
def test_the_backup_must_be_what_was_approved(proof: object, copies: object, reason: str) -> None:
    assert ap.meets(approval(), stories.backup(proof=proof, copies=copies)) == reason


def test_no_backup_only_where_that_was_approved() -> None:
    assert ap.meets(approval(), None) == "approval_proof_too_low"
    skipping = request(skip_backup=True, least_proof=Grade.NONE, store="")
    assert ap.meets(approval(skipping), None) == ""


def test_a_request_in_production_must_ask_for_something() -> None:
    for asks in ((), (Ask("ask.production"),)):
        with pytest.raises(DianaError, match="request_unreadable"):
            request(asks=asks)
    assert request(stories.plan(findings=()), asks=(Ask("ask.production"),)).destructive is False


def test_files_come_back_as_they_were(tmp_path: Path, shelf: Shelf) -> None:
    path = tmp_path / "request.json"
    asked = request(reason="ünïcode \u202e and \udcff")
    save(path, asked)
    assert load_request(path) == asked
    given_ = approval(asked)
    save(path, given_)
    assert load_approval(path) == given_
    assert path.stat().st_mode & 0o777 == 0o600
    assert shelf.check(load_approval(path)) == ""
    assert [p.name for p in tmp_path.iterdir()] == ["request.json"]
    spaced = json.dumps(json.loads(path.read_text()), indent=7, sort_keys=True)
    path.write_text(spaced)
    assert shelf.check(load_approval(path)) == "", "how the file is laid out is not its content"


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(DianaError, match="approval_unwritable"):
        save(tmp_path / "no" / "such" / "folder.json", request())


def raw() -> dict[str, object]:
    return json.loads(approval().model_dump_json(by_alias=True))


@pytest.mark.parametrize(
    "content",
    [
        b"", b"null", b"[]", b"{}", b"{", b"\xff\xfe\x00", b"[" * 50_000, b'{"a":' * 50_000, b"9" * 10_000, b"NaN",
        b'"' + b"x" * 1000 + b'"', b"{" + b" " * (LARGEST_FILE + 10) + b"}",
        json.dumps(raw() | {"extra": 1}).encode(),
        json.dumps(raw() | {"schema": "diana.approval/2"}).encode(),
        json.dumps(raw() | {"nonce": "../../etc/passwd"}).encode(),
        json.dumps(raw() | {"nonce": 5}).encode(),
        json.dumps(raw() | {"signer": "-Yverify"}).encode(),
        json.dumps(raw() | {"sealed": "ssh"}).encode(),
        json.dumps(raw() | {"approved": "yesterday"}).encode(),
        json.dumps(raw() | {"approved": "2026-11-24T12:00:00"}).encode(),
        json.dumps(raw() | {"approved": "2020-11-24T12:00:00Z"}).encode(),
        json.dumps(raw() | {"confirmed": [{"question": "report.title", "phrase": ""}]}).encode(),
        json.dumps(raw() | {"confirmed": [{"question": "ask.x", "phrase": ""}] * 50}).encode(),
        json.dumps(raw() | {"request": {}}).encode(),
        json.dumps(raw() | {"seal": "x" * 30_000}).encode(),
    ],
)  # fmt: skip
def test_hostile_files_get_one_reason(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "approval.json"
    path.write_bytes(content)
    for load, code in ((load_approval, "approval_unreadable"), (load_request, "request_unreadable")):
        with pytest.raises(DianaError) as caught:
            load(path)
        assert caught.value.code == code
        assert len(CATALOGUE.say(f"error.{code}", **caught.value.fields)) < 1_000
        assert "\n" not in caught.value.fields["what"]


def test_a_request_cannot_be_lied_long(tmp_path: Path) -> None:
    path = tmp_path / "request.json"
    body = json.loads(request().model_dump_json(by_alias=True))
    lies: list[dict[str, object]] = [
        {"latest_start": "2027-01-01T00:00:00Z"}, {"asks": []}, {"level": "prod"}, {"destructive": "no"},
        {"fields": {"a" * 41: "x"}}, {"facts": ["x" * 2_001]}, {"plan_hash": "F" * 64}, {"least_proof": "best"},
    ]  # fmt: skip
    for changed in lies:
        path.write_text(json.dumps(body | changed))
        with pytest.raises(DianaError, match="request_unreadable"):
            load_request(path)


def test_what_is_no_file_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe", tmp_path / "missing", Path("/dev/zero")):
        with pytest.raises(DianaError, match="approval_unreadable"):
            load_approval(path)


@settings(max_examples=200)
@given(st.binary(max_size=400))
def test_any_bytes_get_one_reason(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / f"any-{os.getpid()}.json"
    path.write_bytes(content)
    with pytest.raises(DianaError, match="approval_unreadable"):
        load_approval(path)


def test_the_key_is_made_once_and_private(tmp_path: Path) -> None:
    assert seals.key(tmp_path / "state") is None
    made = seals.key(tmp_path / "state", create=True)
    assert made is not None
    assert len(made) == 32
    assert seals.key(tmp_path / "state", create=True) == made
    assert seals.key(tmp_path / "state") == made
    assert seals.key(tmp_path / "other", create=True) != made
    path = tmp_path / "state" / seals.KEY_FILE
    assert path.stat().st_mode & 0o777 == 0o600
    assert [p.name for p in path.parent.iterdir()] == [seals.KEY_FILE]


@pytest.mark.parametrize("harm", ["readable", "short", "linked", "folder", "fifo"])
def test_an_unsafe_key_is_not_used(tmp_path: Path, harm: str) -> None:
    path = tmp_path / seals.KEY_FILE
    if harm == "folder":
        path.mkdir()
    elif harm == "fifo":
        os.mkfifo(path, 0o600)
    elif harm == "linked":
        (tmp_path / "elsewhere").write_bytes(bytes(32))
        path.symlink_to(tmp_path / "elsewhere")
    else:
        path.write_bytes(bytes(32 if harm == "readable" else 5))
        path.chmod(0o644 if harm == "readable" else 0o600)
    for create in (False, True):
        with pytest.raises(DianaError, match="approval_key_unsafe"):
            seals.key(tmp_path, create=create)


def test_a_list_of_used_approvals_that_cannot_be_read_refuses(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for used in (UsedApprovals(tmp_path / "file"), UsedApprovals(tmp_path / "file" / "used")):
        with pytest.raises(DianaError, match="approvals_un"):
            used.spend("0" * 32, "r", NOW)
    with pytest.raises(DianaError, match="approvals_unreadable"):
        UsedApprovals(tmp_path / "file").latest()
    with pytest.raises(DianaError, match="approvals_unreadable"):
        UsedApprovals(tmp_path).spent("../file")


def test_a_mark_that_a_crash_left_empty_counts_as_used(tmp_path: Path) -> None:
    used = UsedApprovals(tmp_path)
    (tmp_path / ("0" * 32)).touch()
    (tmp_path / ("1" * 32)).write_text('{"at": "2026-01-01"}')
    (tmp_path / "notes.txt").write_text("not one of them")
    assert used.spent("0" * 32)
    assert used.spend("0" * 32, "r", NOW) == "approval_replayed"
    assert used.latest() is None
    assert UsedApprovals(tmp_path / "none").latest() is None


class Scripted:
    """A person at a terminal who answers in turn."""

    def __init__(self, *answers: str, present: bool = True) -> None:
        self.present = present
        self.asked: list[Question] = []
        self._answers = list(answers)

    async def ask(self, question: Question) -> Reply:
        self.asked.append(question)
        text = self._answers.pop(0) if self._answers else ""
        return Reply(given=bool(text), text=text)


async def test_an_approver_types_what_the_plan_needs() -> None:
    person = Scripted("execute destructive migrations", phrases.EXECUTE, "y")
    assert await confirm(request(), person, CATALOGUE) == request().asks
    first = person.asked[0]
    assert (first.kind, first.phrase, first.danger) == ("phrase", phrases.EXECUTE, True)
    assert "Data will be lost, or nobody could tell that it will not." in first.facts
    assert "Database: shop at db.example.org:5432/shop" in first.facts
    assert "What: apply migrations, plan AERU" in first.facts
    assert "Ticket: OPS-1" in first.facts
    assert "customers.legacy: 1,200 values lost" in first.facts
    assert person.asked[-1].kind == "yes_no"


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        (("",), "phrase_wrong"),
        (("a", "b", "c", phrases.EXECUTE), "phrase_wrong"),
        ((phrases.EXECUTE, "n", "y"), "declined"),
        ((phrases.EXECUTE, ""), "declined"),
        ((phrases.EXECUTE, phrases.EXECUTE), "declined"),
    ],
)
async def test_anything_else_is_no_approval(answers: tuple[str, ...], reason: str) -> None:
    assert await confirm(request(), Scripted(*answers), CATALOGUE) == reason


async def test_nobody_approves_for_nobody() -> None:
    assert await confirm(request(), Scripted("y", present=False), CATALOGUE) == "approval_nobody"


async def test_where_the_policy_asks_nothing_the_approver_is_asked_all_the_same() -> None:
    dev = request(stories.plan(environment=Environment("dev", Level.DEV), findings=()), asks=())
    assert await confirm(dev, Scripted(), CATALOGUE) == "declined"
    assert await confirm(dev, Scripted("y"), CATALOGUE) == ()


async def test_a_request_with_a_question_that_is_none() -> None:
    strange = request(asks=(*ASKS, Ask("ask.no_such_thing")))
    with pytest.raises(DianaError, match="request_unreadable"):
        await confirm(strange, Scripted(phrases.EXECUTE, "y", "y"), CATALOGUE)
    without = request(fields={})
    with pytest.raises(DianaError, match="request_unreadable"):
        await confirm(without, Scripted(phrases.EXECUTE, "y"), CATALOGUE)


def test_what_a_file_says_is_shown_harmless() -> None:
    nasty = "x\x1b[2J\x1b]52;c;eA==\x07\u202e\nDatabase: test at localhost"
    shown = facts(request(facts=(nasty,), asked_by=nasty, ticket=nasty, reason=nasty), CATALOGUE)
    text = "".join(shown)
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert not any("\n" in line for line in shown)
    assert sum(line.startswith("Database: ") for line in shown) == 1


def test_no_backup_is_said_to_the_approver() -> None:
    shown = facts(request(skip_backup=True, least_proof=Grade.NONE, store=""), CATALOGUE)
    assert "NO BACKUP is demanded: there will be nothing to restore from." in shown


def test_the_journal_s_line_names_who_and_what() -> None:
    given_ = approval()
    event = ap.used_event(given_)
    assert (event.nonce, event.approver, event.asked_by, event.ticket) == (given_.nonce, "Bo", "ci@build-7", "OPS-1")
    assert event.confirmed == ("ask.destructive", "ask.production")


def test_the_documents_cannot_be_changed_in_place() -> None:
    with pytest.raises(ValidationError):
        approval().request.plan_hash = "0" * 64  # pyright: ignore[reportAttributeAccessIssue]  # that is the test


def test_every_reason_has_its_sentence() -> None:
    names = "replayed other_plan other_database other_policy other_action expired not_yet forged signer_unknown"
    for name in (*names.split(), "hmac_not_enough", "by_agent", "nobody", "proof_too_low", "store_missing"):
        assert CATALOGUE.has(f"error.approval_{name}")
    for act in Act:
        assert CATALOGUE.has(f"approval.act.{act.value}")


def test_nothing_here_can_mint() -> None:
    """The parts that handle approvals know neither mint nor guard; they only compare and remember."""
    folder = Path(diana_agent.__file__).parent
    for path in folder.glob("approvals*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            assert not any(name.endswith(("guard.mint", "guard.guard")) for name in names), path
