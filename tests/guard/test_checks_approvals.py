"""Each check of approvals by itself: what it binds, when, and who may give it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

import stories
from approving import ASKS, KEY, NOW, Shelf, approval, request, run_facts
from diana_agent import approvals as ap
from diana_agent import approvals_seal as seals
from diana_agent.approvals_used import UsedApprovals
from diana_agent.guard.policy import Ask
from diana_tools.domain import Environment, Level
from diana_tools.errors import DianaError
from diana_tools.measured import Grade
from diana_tools.permit import Act

SIGNER = "anna@example.org"


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(UsedApprovals(tmp_path / "used"))


@pytest.mark.parametrize(
    ("after", "reason"),
    [
        (timedelta(seconds=-30), ""),
        (timedelta(seconds=-31), "approval_not_yet"),
        (timedelta(hours=4, seconds=-1), ""),
        (timedelta(hours=4), "approval_expired"),
    ],
)
def test_an_approval_has_its_time_to_the_second(shelf: Shelf, after: timedelta, reason: str) -> None:
    assert shelf.check(approval(), now=NOW + after) == reason
    assert ap.unapprovable(request(), NOW + after, signed=True, agent="", hmac_allowed=False) == reason


def test_a_clock_may_be_half_a_minute_behind_the_last_use(shelf: Shelf) -> None:
    shelf.used.spend("0" * 32, "r", NOW + timedelta(minutes=1))
    assert shelf.check(approval(), now=NOW + timedelta(seconds=30)) == ""
    assert shelf.check(approval(), now=NOW + timedelta(seconds=29)) == "approval_not_yet"


def test_a_request_that_was_altered_to_last_is_too_old(shelf: Shelf) -> None:
    asked = request(latest_start=timedelta(hours=24))
    assert shelf.check(approval(asked), now=NOW + timedelta(hours=24, seconds=-1)) == ""
    for_ever = asked.model_copy(update={"latest_start": NOW + timedelta(days=9)})
    mine = seals.hmac_sealed(approval(asked).model_copy(update={"request": for_ever}), KEY)
    assert shelf.check(mine, now=NOW + timedelta(hours=24)) == ""
    assert shelf.check(mine, now=NOW + timedelta(hours=24, seconds=1)) == "approval_expired"


def test_a_request_starts_within_four_hours_if_nobody_says_otherwise() -> None:
    assert request().latest_start == NOW + ap.LATEST_START == NOW + timedelta(hours=4)


def test_an_approval_is_not_older_than_its_request() -> None:
    for early in (timedelta(seconds=-30), timedelta(0)):
        assert approval(at=NOW + early)
    with pytest.raises(DianaError):
        approval(at=NOW - timedelta(seconds=31))
    given = approval()
    for change in ({"sealed": "ssh"}, {"signer": "anna"}):
        with pytest.raises(ValidationError):
            ap.Approval.model_validate(given.model_dump(by_alias=True) | change)


def test_only_an_apply_and_a_way_back_need_the_phrase_beforehand() -> None:
    asked = request()
    for act in (Act.RESTORE, Act.SCRATCH):
        raw = asked.model_dump(by_alias=True) | {"act": act, "asks": ({"question": "ask.restore", "phrase": "x"},)}
        assert ap.Request.model_validate(raw).act is act
        with pytest.raises(ValidationError):
            ap.Request.model_validate(raw | {"asks": ()})
    for act in (Act.APPLY, Act.ROLLBACK):
        with pytest.raises(ValidationError):
            ap.Request.model_validate(
                asked.model_dump(by_alias=True) | {"act": act, "asks": ({"question": "ask.production", "phrase": ""},)}
            )
    quiet = request(stories.plan(environment=Environment("dev", Level.DEV)), asks=())
    assert quiet.asks == ()


def test_a_request_in_production_that_loses_nothing_asks_all_the_same() -> None:
    with pytest.raises(DianaError, match="request_unreadable"):
        request(stories.plan(findings=()), asks=())


def test_a_seal_does_not_depend_on_the_order_in_a_file() -> None:
    mine = approval()
    turned = dict(reversed(mine.request.fields.items()))
    other = mine.model_copy(update={"request": mine.request.model_copy(update={"fields": turned})})
    assert list(turned) != list(mine.request.fields)
    assert other.digest == mine.digest
    assert seals.hmac_seal(other, KEY).problem == ""


def test_a_yes_covers_its_question_and_its_phrase() -> None:
    given = approval()
    assert all(given.covers(ask) for ask in ASKS)
    assert not given.covers(Ask("ask.restore", ASKS[0].phrase))
    assert not given.covers(Ask(ASKS[0].question))
    assert not given.covers(Ask("ask.skip_backup_yes"))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({}, ""),
        ({"plan_hash": "e" * 64}, ""),
        ({"plan_hash": "f" * 64}, "approval_other_plan"),
        ({"environment": "x"}, "approval_other_plan"),
        ({"environment": "x", "plan_hash": "e" * 64}, "approval_other_plan"),
        ({"level": Level.STAGING}, "approval_other_plan"),
        ({"destructive": False}, ""),
    ],
)
def test_before_its_rehearsal_a_plan_is_known_by_its_first_hash(
    shelf: Shelf, change: dict[str, object], reason: str
) -> None:
    facts = replace(run_facts(), early=True, **change)
    assert shelf.check(approval(request(first_hash="e" * 64)), facts) == reason


def test_a_store_is_looked_for_where_one_was_named() -> None:
    asked = request(store="")
    assert ap.meets(approval(asked), stories.backup(proof=stories.RESTORED)) == ""
    assert ap.meets(approval(request(least_proof=Grade.READ, store="")), stories.backup(proof=stories.READ)) == ""


@pytest.mark.parametrize(
    ("signs_as", "signed_", "reason"),
    [
        (("bo",), True, ""),
        (("bo",), False, "approval_same_person"),
        (("ci@build-7",), True, "approval_same_person"),
        (("anna",), True, "approval_same_person"),
    ],
)
def test_a_second_person_is_another_one_who_signs(signs_as: tuple[str, ...], signed_: bool, reason: str) -> None:
    asked = request(second_person=True, asked_as=("anna",))
    found = ap.unapprovable(asked, NOW, signed=signed_, agent="", hmac_allowed=True, signs_as=signs_as)
    assert found == reason
    assert ap.unapprovable(request(), NOW, signed=True, agent="", hmac_allowed=True, signs_as=("ci@build-7",)) == ""


@pytest.mark.parametrize(
    ("policy", "running", "asked_as", "sealed", "reason"),
    [
        (False, (SIGNER,), (), "ssh", ""),
        (True, (), (), "ssh", ""),
        (True, (SIGNER,), (), "ssh", "approval_same_person"),
        (True, ("SHA256:abc",), (), "ssh", "approval_same_person"),
        (True, (), (SIGNER,), "ssh", "approval_same_person"),
        (True, (), (), "hmac", "approval_same_person"),
    ],
)
def test_who_asked_or_runs_is_no_second_person(
    shelf: Shelf, policy: bool, running: tuple[str, ...], asked_as: tuple[str, ...], sealed: str, reason: str
) -> None:
    asked = request(asked_as=asked_as)
    drafted = ap.draft(asked, approver="A", now=NOW, confirmed=asked.asks, signer=SIGNER if sealed == "ssh" else "")
    facts = replace(run_facts(), second_person=policy, running=running)
    seal = ap.Seal(drafted.digest, "", "SHA256:abc")
    assert ap.check(drafted, facts, NOW, shelf.used, seal) == reason


@pytest.mark.parametrize(
    ("level", "sealed", "allowed", "agent", "reason"),
    [
        (Level.PRODUCTION, "ssh", False, "x", ""),
        (Level.PRODUCTION, "hmac", False, "", "approval_hmac_not_enough"),
        (Level.PRODUCTION, "hmac", True, "", ""),
        (Level.PRODUCTION, "hmac", True, "x", "approval_by_agent"),
        (Level.STAGING, "hmac", False, "x", ""),
    ],
)
def test_which_seal_is_enough_where(
    shelf: Shelf, level: Level, sealed: str, allowed: bool, agent: str, reason: str
) -> None:
    plan = stories.plan(environment=Environment("e", level))
    asked = request(plan)
    drafted = ap.draft(asked, approver="A", now=NOW, confirmed=asked.asks, signer=SIGNER if sealed == "ssh" else "")
    facts = replace(run_facts(plan), hmac_allowed=allowed)
    assert ap.check(drafted, facts, NOW, shelf.used, ap.Seal(drafted.digest, ""), agent=agent) == reason


def test_a_problem_of_the_seal_comes_first(shelf: Shelf) -> None:
    mine = approval()
    facts = replace(run_facts(), plan_hash="9" * 64, identity="9" * 32)
    seal = ap.Seal(mine.digest, "approval_signer_expired")
    assert ap.check(mine, facts, NOW, shelf.used, seal) == "approval_signer_expired"
    assert ap.check(mine, facts, NOW, shelf.used, replace(seal, digest="9" * 64)) == "approval_forged"


def test_what_is_wrong_with_a_document_is_said_by_place_and_kind() -> None:
    with pytest.raises(DianaError) as caught:
        request(latest_start=timedelta(days=2))
    assert caught.value.fields == {"path": "-", "what": "value_error"}
    with pytest.raises(DianaError) as caught:
        request(ticket="x" * 501)
    assert caught.value.fields == {"path": "-", "what": "ticket: string_too_long"}
