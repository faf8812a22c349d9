"""Each check of the guard by itself: what it lets through, and what it does not, to the last edge."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from diana_agent.events import Answered, AnyEvent, Asked, GaveBack, PermitMinted, Refused
from diana_agent.guard import phrases
from diana_agent.guard.guard import Refusal
from diana_agent.guard.policy import Ask, Verdict
from diana_agent.person import Reply
from diana_tools.domain import Level
from diana_tools.permit import Act, Permit
from guard.checking import FIELDS, OPERATION, PHRASE, PLAN, START, YES, Said, post, request

Y, N, NOTHING = Reply(True, "y"), Reply(True, "n"), Reply(False)
TYPED = Reply(True, PHRASE.phrase)
SMALL = Reply(True, PHRASE.phrase.lower())


def answered(matched: bool, plan: str = PLAN) -> Answered:
    return Answered(question="q", matched=matched, plan_hash=plan, tries=1)


def refused(verb: str = "migrate") -> Refused:
    return Refused(verb=verb, reason="no_backup")


@pytest.mark.parametrize(
    ("events", "reason"),
    [
        ((), ""),
        ((answered(False),), "declined_before"),
        ((answered(False, "9" * 64),), ""),
        ((answered(True),), ""),
        ((answered(False), answered(True)), "declined_before"),
        ((answered(False), GaveBack(verb="migrate")), ""),
        ((answered(False), GaveBack(verb="restore")), "declined_before"),
        ((refused(), refused()), ""),
        ((refused(), refused(), refused()), "too_many_refusals"),
        ((refused("restore"), refused("restore"), refused("restore")), ""),
        ((refused(), refused(), refused("restore"), refused()), "too_many_refusals"),
        ((refused(), refused(), answered(True), refused()), ""),
        ((refused(), refused(), answered(True), refused(), refused(), refused()), "too_many_refusals"),
        ((refused(), refused(), answered(False, "9" * 64), refused()), "too_many_refusals"),
        ((refused(), refused(), refused(), GaveBack(verb="migrate")), ""),
        ((refused(), refused(), refused(), GaveBack(verb="restore")), "too_many_refusals"),
        ((refused(), refused(), GaveBack(verb="restore"), refused()), "too_many_refusals"),
        ((refused(), refused(), Asked(question="q", asks="yes_no", plan_hash=PLAN), refused()), "too_many_refusals"),
        ((answered(False), refused(), refused(), refused()), "declined_before"),
    ],
)  # fmt: skip
async def test_what_takes_a_verb_away(tmp_path: Path, events: tuple[AnyEvent, ...], reason: str) -> None:
    here = post(tmp_path, Y)
    for event in events:
        here.journal.append(event, "guard")
    assert here.guard.closed("migrate", PLAN) == reason
    before = len(here.journal.entries)
    came = await here.guard.permit(request(YES))
    assert isinstance(came, Permit) is not bool(reason)
    if reason:
        assert isinstance(came, Refusal)
        assert came.reason == reason
        assert not here.person.asked
        assert here.events()[before:] == ["refused"]


def test_a_refusal_is_written_as_it_is_given(tmp_path: Path) -> None:
    here = post(tmp_path)
    assert here.guard.refuse("migrate", "no_backup", {"a": "1"}) == Refusal("no_backup", (("a", "1"),))
    assert here.guard.refuse("restore", "no_backup") == Refusal("no_backup")
    assert here.journal.events() == (
        Refused(verb="migrate", reason="no_backup", fields={"a": "1"}), Refused(verb="restore", reason="no_backup"),
    )  # fmt: skip
    assert {entry.actor for entry in here.journal.entries} == {"guard"}


async def test_the_verdict_s_reason_refuses(tmp_path: Path) -> None:
    here = post(tmp_path)
    came = await here.guard.permit(request(verdict=Verdict("no_backup", (YES,))))
    assert came == Refusal("no_backup", tuple(FIELDS.items()))
    assert not here.person.asked


@pytest.mark.parametrize(
    ("level", "act", "minted"),
    [
        (Level.PRODUCTION, Act.APPLY, False), (Level.PRODUCTION, Act.RESTORE, False), (Level.DEV, Act.APPLY, True),
        (Level.STAGING, Act.APPLY, True), (Level.PRODUCTION, Act.SCRATCH, True),
    ],
)  # fmt: skip
async def test_in_production_something_is_always_asked(tmp_path: Path, level: Level, act: Act, minted: bool) -> None:
    here = post(tmp_path)
    came = await here.guard.permit(request(level=level, operation=replace(OPERATION, act=act)))
    assert isinstance(came, Permit) is minted
    assert minted or came == Refusal("nothing_asked", tuple(FIELDS.items()))


@pytest.mark.parametrize(
    ("replies", "matched", "tries", "asked"),
    [
        ((TYPED,), True, 1, 1),
        ((Reply(True, f"  {PHRASE.phrase} "),), True, 1, 1),
        ((SMALL, TYPED), True, 2, 2),
        ((SMALL, SMALL, TYPED), True, 3, 3),
        ((SMALL, SMALL, SMALL, TYPED), False, 3, 3),
        ((Reply(True, PHRASE.phrase, wrong=2),), True, 3, 1),
        ((Reply(True, PHRASE.phrase, wrong=3),), False, 4, 1),
        ((Reply(True, "x", wrong=1), TYPED), True, 3, 2),
        ((Reply(True, "x", wrong=2), TYPED), False, 3, 1),
        ((Reply(False, PHRASE.phrase),), False, 1, 1),
        ((SMALL, NOTHING, TYPED), False, 2, 2),
        ((Y, TYPED), True, 2, 2),
    ],
)
async def test_a_phrase_is_typed_exactly_within_three_tries(
    tmp_path: Path, replies: tuple[Reply, ...], matched: bool, tries: int, asked: int
) -> None:
    here = post(tmp_path, *replies)
    came = await here.guard.permit(request(PHRASE))
    assert isinstance(came, Permit) is matched
    assert matched or came == Refusal("phrase_wrong", tuple(FIELDS.items()))
    assert len(here.person.asked) == asked
    answer = next(event for event in here.journal.events() if isinstance(event, Answered))
    assert answer == Answered(question=PHRASE.question, matched=matched, plan_hash=PLAN, tries=tries)
    assert here.journal.events()[0] == Asked(question=PHRASE.question, asks="phrase", plan_hash=PLAN)
    assert [entry.actor for entry in here.journal.entries][:2] == ["guard", "person"]


@pytest.mark.parametrize(
    ("reply", "matched"),
    [(Y, True), (N, False), (NOTHING, False), (Reply(False, "y"), False), (Reply(True, "Y"), False),
     (Reply(True, ""), False)],
)  # fmt: skip
async def test_yes_is_y_given(tmp_path: Path, reply: Reply, matched: bool) -> None:
    here = post(tmp_path, reply, Y)
    came = await here.guard.permit(request(YES))
    assert isinstance(came, Permit) is matched
    assert matched or came == Refusal("declined", tuple(FIELDS.items()))
    assert len(here.person.asked) == 1, "a no is not asked again"
    assert here.events()[:2] == ["asked", "answered"]


async def test_everything_is_asked_in_order_and_a_no_ends_it(tmp_path: Path) -> None:
    here = post(tmp_path, TYPED, N)
    assert await here.guard.permit(request(PHRASE, YES)) == Refusal("declined", tuple(FIELDS.items()))
    assert [question.id for question in here.person.asked] == ["ask.destructive", "ask.production"]
    assert "permit_minted" not in here.events()
    first, second = here.person.asked
    assert (first.kind, first.phrase, first.danger) == ("phrase", PHRASE.phrase, True)
    assert (second.kind, second.phrase) == ("yes_no", "")


@pytest.mark.parametrize(
    ("level", "destructive", "danger"),
    [(Level.DEV, False, False), (Level.DEV, True, True), (Level.PRODUCTION, False, True),
     (Level.STAGING, False, False)],
)  # fmt: skip
async def test_what_is_dangerous_is_drawn_so(tmp_path: Path, level: Level, destructive: bool, danger: bool) -> None:
    here = post(tmp_path)
    await here.guard.permit(request(YES, level=level, destructive=destructive))
    assert here.person.asked[0].danger is danger


async def test_nobody_there_is_no_yes(tmp_path: Path) -> None:
    here = post(tmp_path, Y, present=False)
    assert await here.guard.permit(request(YES)) == Refusal("approval_required", tuple(FIELDS.items()))
    assert not here.person.asked


@pytest.mark.parametrize(
    ("level", "yes", "asks", "destructive", "assumed"),
    [
        (Level.DEV, True, YES, False, True),
        (Level.DEV, True, YES, True, True),
        (Level.DEV, False, YES, False, False),
        (Level.DEV, True, PHRASE, False, False),
        (Level.STAGING, True, YES, False, True),
        (Level.STAGING, True, YES, True, False),
        (Level.STAGING, True, PHRASE, False, False),
        (Level.PRODUCTION, True, YES, False, False),
    ],
)  # fmt: skip
async def test_what_yes_on_the_command_line_answers(
    tmp_path: Path, level: Level, yes: bool, asks: Ask, destructive: bool, assumed: bool
) -> None:
    here = post(tmp_path, NOTHING)
    came = await here.guard.permit(
        request(level=level, verdict=Verdict(asks=(asks,)), assume_yes=yes, destructive=destructive)
    )
    assert isinstance(came, Permit) is assumed
    assert bool(here.person.asked) is not assumed


@pytest.mark.parametrize(
    ("level", "agent", "asks", "refused_"),
    [
        (Level.PRODUCTION, "Some Agent", (YES,), True),
        (Level.PRODUCTION, "", (YES,), False),
        (Level.STAGING, "Some Agent", (YES,), False),
        (Level.DEV, "Some Agent", (), False),
    ],
)  # fmt: skip
async def test_a_coding_agent_answers_nothing_in_production(
    tmp_path: Path, level: Level, agent: str, asks: tuple[Ask, ...], refused_: bool
) -> None:
    here = post(tmp_path, Y, agent=agent)
    came = await here.guard.permit(request(level=level, verdict=Verdict(asks=asks)))
    assert isinstance(came, Permit) is not refused_
    if refused_:
        assert came == Refusal("coding_agent", (*FIELDS.items(), ("agent", "Some Agent")))
        assert not here.person.asked


async def test_a_scratch_in_production_asks_nothing_and_minds_no_agent(tmp_path: Path) -> None:
    here = post(tmp_path, NOTHING, agent="Some Agent")
    came = await here.guard.permit(request(operation=replace(OPERATION, act=Act.SCRATCH)))
    assert isinstance(came, Permit)


@pytest.mark.parametrize(
    ("level", "passed", "reason"),
    [
        (Level.PRODUCTION, timedelta(0), ""),
        (Level.PRODUCTION, timedelta(minutes=15), ""),
        (Level.PRODUCTION, timedelta(minutes=15, seconds=1), "question_expired"),
        (Level.PRODUCTION, timedelta(seconds=-1), "question_expired"),
        (Level.STAGING, timedelta(minutes=60), ""),
        (Level.STAGING, timedelta(minutes=61), "question_expired"),
        (Level.DEV, timedelta(minutes=60), ""),
        (Level.DEV, timedelta(minutes=61), "question_expired"),
    ],
)  # fmt: skip
async def test_an_answer_comes_in_time(tmp_path: Path, level: Level, passed: timedelta, reason: str) -> None:
    here = post(tmp_path, Y)
    here.person.meanwhile = lambda: here.clock.pass_by(seconds=passed.total_seconds())
    came = await here.guard.permit(request(YES, level=level))
    assert isinstance(came, Permit) is not bool(reason)
    assert not reason or came == Refusal(reason, tuple(FIELDS.items()))


async def test_a_second_person_is_nobody_at_this_terminal(tmp_path: Path) -> None:
    here = post(tmp_path, TYPED)
    assert await here.guard.permit(request(PHRASE, second_person=True)) == Refusal(
        "second_person", tuple(FIELDS.items())
    )
    assert not here.person.asked


@pytest.mark.parametrize(
    ("said", "reason", "spent"),
    [
        (Said((YES, PHRASE)), "", 1),
        (Said((YES,)), "approval_other_plan", 0),
        (Said(()), "approval_other_plan", 0),
        (Said((YES, PHRASE), "approval_replayed"), "approval_replayed", 1),
    ],
)
async def test_a_yes_given_beforehand_covers_all_and_is_spent(
    tmp_path: Path, said: Said, reason: str, spent: int
) -> None:
    here = post(tmp_path, Y)
    came = await here.guard.permit(request(PHRASE, YES, beforehand=said, second_person=True))
    assert isinstance(came, Permit) is not bool(reason)
    assert not reason or came == Refusal(reason, tuple(FIELDS.items()))
    assert said.spent == spent
    assert not here.person.asked
    assert here.events() == (["refused"] if reason else ["approval_used", "permit_minted"])


async def test_what_is_minted_is_what_was_asked_for(tmp_path: Path) -> None:
    here = post(tmp_path, TYPED)
    came = await here.guard.permit(request(PHRASE, destructive=True))
    assert isinstance(came, Permit)
    assert here.events() == ["asked", "answered", "permit_minted"]
    assert here.journal.events()[-1] == PermitMinted(
        permit=came.id, act="apply", operation=OPERATION.digest, identity=OPERATION.identity, plan_hash=PLAN,
        backup="backup-1", grade="restored", recovery="b", level="production", destructive=True,
        expires_at=START + timedelta(minutes=15),
    )  # fmt: skip
    assert here.guard.redeemer is not None


@pytest.mark.parametrize(
    ("typed", "good"),
    [("SKIP BACKUP ON shop", True), ("  SKIP BACKUP ON shop  ", True), ("skip backup on shop", False),
     ("SKIP BACKUP ON shop\t", False), ("SKIP BACKUP ON shop.", False), ("", False), ("SKIP  BACKUP ON shop", False)],
)  # fmt: skip
def test_a_phrase_matches_to_the_letter(typed: str, good: bool) -> None:
    assert phrases.matches(typed, phrases.skip_backup("shop")) is good


def test_no_phrase_looks_like_another() -> None:
    said = {phrases.EXECUTE, phrases.skip_backup("a"), phrases.unproven("a"), phrases.restore("a", "09:30")}
    assert said == {
        "EXECUTE DESTRUCTIVE MIGRATIONS", "SKIP BACKUP ON a", "RUN WITHOUT A RESTORE TEST ON a",
        "RESTORE a LOSING WRITES SINCE 09:30",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "is_spoken"),
    [("please type execute_destructive-MIGRATIONS", True), ("skip backup on shop", True), ("run it", False),
     ("Skip\nthe backup", False), ("losing  writes   since", True), ("run without a restore test on x", True),
     ("repair history on x", True), ("steal lock on x", True), ("salvage into x", True)],
)  # fmt: skip
def test_a_phrase_in_the_chat_is_heard(text: str, is_spoken: bool) -> None:
    assert phrases.spoken(text) is is_spoken
