"""Approvals: each binds one plan on one database once, for a while, and nothing that a file says mints anything."""

from __future__ import annotations

import ast
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta, timezone
from pathlib import Path

import pytest
from pydantic import ValidationError

import diana_agent
import stories
from approving import ASKS, CATALOGUE, KEY, NOW, Shelf, approval, request, run_facts
from diana_agent import approvals as ap
from diana_agent import approvals_seal as seals
from diana_agent.approvals_used import UsedApprovals
from diana_agent.guard import phrases
from diana_agent.guard.policy import Ask
from diana_tools.domain import Environment, Level
from diana_tools.errors import DianaError
from diana_tools.measured import Copy, Grade
from diana_tools.permit import Act


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
    "database": "y", "plan_code": "AAAA", "first_hash": "e" * 64, "asked_as": ("eve",), "second_person": True,
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


def test_a_second_person_is_nobody_that_who_asks_or_runs_is_known_by(shelf: Shelf) -> None:
    two = replace(run_facts(), second_person=True, running=("ci", "SHA256:runner"))
    assert shelf.check(approval(), two) == "approval_same_person", "this machine's seal names nobody"
    asked = request(asked_by="Anna Müller", asked_as=("root", "anna@example.org", "SHA256:hers"))
    for signer, key, reason in (
        ("bo@example.org", "SHA256:his", ""),
        ("anna@example.org", "SHA256:new", "approval_same_person"),
        ("ANNA@Example.org", "SHA256:new", "approval_same_person"),
        ("anna", "SHA256:new", "approval_same_person"),
        ("bo@example.org", "SHA256:hers", "approval_same_person"),
        ("anna@elsewhere.org", "SHA256:new", ""),
        ("ci@example.org", "SHA256:new", "approval_same_person"),
        ("bo@example.org", "SHA256:runner", "approval_same_person"),
    ):
        drafted = ap.draft(asked, approver="Bo", now=NOW, confirmed=asked.asks, signer=signer)
        seal = ap.Seal(drafted.digest, "", key)
        assert ap.check(drafted, two, NOW, shelf.used, seal) == reason, (signer, key)


def test_who_asked_is_told_before_signing_that_it_takes_another() -> None:
    asked = request(second_person=True, asked_as=("anna@example.org", "SHA256:hers"))

    def may(signed: bool, *signs_as: str) -> str:
        return ap.unapprovable(asked, NOW, signed=signed, agent="", hmac_allowed=True, signs_as=signs_as)

    assert may(True, "bo", "SHA256:his") == ""
    assert may(True, "anna", "SHA256:new") == may(True, "bo", "SHA256:hers") == "approval_same_person"
    assert may(False) == "approval_same_person"


def test_before_the_backup_the_plan_is_compared_as_it_was_before_a_rehearsal(shelf: Shelf) -> None:
    given_ = approval(request(first_hash="f" * 64))
    early = replace(run_facts(), early=True, plan_hash="f" * 64, destructive=False)
    assert shelf.check(given_, early) == ""
    assert shelf.check(given_, replace(early, plan_hash="e" * 64)) == "approval_other_plan"
    assert shelf.check(given_, replace(early, early=False)) == "approval_other_plan", "at the mint nothing is forgiven"


@pytest.mark.parametrize("signer", ["Anna Müller", "-Yverify", "a\nb", "x" * 201])
def test_a_signer_s_name_is_one_that_a_signers_file_can_hold(signer: str) -> None:
    with pytest.raises(DianaError) as caught:
        ap.draft(request(), approver="Anna Müller", now=NOW, confirmed=(), signer=signer)
    assert caught.value.code == "approval_signer_name"
    assert CATALOGUE.say("error.approval_signer_name", **caught.value.fields)


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
