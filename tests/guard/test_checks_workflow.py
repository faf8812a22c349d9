"""Each transition and each gate of the ten steps by itself: what a run knows after an event, and what may come then."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

import stories
from diana_agent import events as ev
from diana_agent.workflow import Aim, Standing, fold, next_verbs, same_work
from diana_tools.domain import Confidence, Detection, Environment, Evidence, Level
from diana_tools.measured import Backup, ChangeResult, Preview, RecoveryResult

FOUND = Detection("toy", "", "toy.ini", "m", 1, (Evidence("toy.ini", "x"),), Confidence.CERTAIN)
DETECTED = ev.Detected(found=(FOUND,), chosen=FOUND, version="1")
(CONNECTED,) = (event for event in stories.begin() if isinstance(event, ev.Connected))
PLAN = stories.plan()
PLANNED = ev.Planned(plan=PLAN)
BACKED_UP = ev.BackedUp(backup=stories.backup())
PROVEN = ev.Proven(backup="backup-1", proof=stories.RESTORED)
COPIED = ev.Copied(backup="backup-1", copy_=stories.COPY)
REHEARSED = ev.Rehearsed(rehearsal=stories.REHEARSAL)
UNREHEARSED = ev.Refused(verb="rehearse", reason="rows_stay")
PREVIEWED = ev.Previewed(preview=Preview("offline_sql", "x"))
STARTED = ev.ChangeStarted(permit="p1", act="apply", argv=("a",), log="/l")
APPLIED = ev.ChangeFinished(permit="p1", act="apply", result=ChangeResult(0, 1.0, "applied", ("1",), ()))
FAILED = ev.ChangeFinished(permit="p1", act="apply", result=ChangeResult(1, 1.0, "partial", (), ("1",)))
RECOVERING = ev.RecoveryStarted(permit="p1", act="rollback", argv=("b",), log="/m")
RECOVERED = ev.Recovered(result=RecoveryResult("b", True))
VERIFIED = ev.Verified(verification=stories.checks())
REPORTED = ev.Reported(path="/r.md")
HALTED = ev.Halted(reason="x", exit_code=5)
ENDED = ev.RunEnded(outcome="done", exit_code=0)
BEFORE = ev.Measured(moment="before", state=stories.BEFORE)
AFTER = ev.Measured(moment="after", state=stories.AFTER)
SETTLED = ev.EnvironmentSettled(environment=stories.PRODUCTION)
LOOKED: tuple[ev.AnyEvent, ...] = (SETTLED, DETECTED, CONNECTED, PLANNED)
READY: tuple[ev.AnyEvent, ...] = (*LOOKED, BACKED_UP, PROVEN, COPIED, REHEARSED, PREVIEWED)
DONE: tuple[ev.AnyEvent, ...] = (*READY, BEFORE, STARTED, APPLIED, AFTER, VERIFIED)


def asked(verb: str) -> ev.ToolRequested:
    return ev.ToolRequested(call="c", verb=verb, arguments="{}", actor="model")


def at(*events: ev.AnyEvent) -> Standing:
    return fold(events)


def test_what_a_whole_run_knows() -> None:
    assert at(*DONE, REPORTED, HALTED, ENDED) == Standing(
        environment=stories.PRODUCTION, detection=FOUND, connected=CONNECTED, plan=PLAN,
        backup=replace(stories.backup(), proof=stories.RESTORED, copies=(stories.COPY,)), rehearsal=stories.REHEARSAL,
        preview=PREVIEWED.preview, before=stories.BEFORE, after=stories.AFTER, change=APPLIED,
        verification=VERIFIED.verification, report="/r.md", halted=HALTED, ended=ENDED,
    )  # fmt: skip
    assert fold(DONE[5:], fold(DONE[:5])) == fold(DONE)
    assert fold(()) == Standing()
    assert at(*READY, ev.Noted(message="x")) == at(*READY)


def test_a_new_look_forgets_what_stood_on_the_old_one() -> None:
    assert at(*DONE, DETECTED) == Standing(environment=stories.PRODUCTION, detection=FOUND)
    connected = Standing(environment=stories.PRODUCTION, detection=FOUND, connected=CONNECTED)
    assert at(*DONE, CONNECTED) == connected
    assert at(*READY, asked("detect")) == Standing(environment=stories.PRODUCTION)
    assert at(*READY, asked("connect")) == Standing(environment=stories.PRODUCTION, detection=FOUND)
    for verb in ("plan", "backup", "migrate", "facts"):
        assert at(*READY, asked(verb)) == at(*READY)
    assert at(*READY, STARTED, asked("connect")).in_flight == STARTED
    assert at(*READY, HALTED, asked("plan")) == at(*READY)


def test_a_refused_rehearsal_is_remembered_and_others_are_not() -> None:
    assert at(*LOOKED, UNREHEARSED).unrehearsed == "rows_stay"
    assert at(*LOOKED, replace_verb("migrate")).unrehearsed == ""
    again = at(*LOOKED, UNREHEARSED, REHEARSED)
    assert (again.unrehearsed, again.rehearsal) == ("", stories.REHEARSAL)


def replace_verb(verb: str) -> ev.Refused:
    return ev.Refused(verb=verb, reason="x")


def test_a_change_in_flight_is_so_until_it_is_finished() -> None:
    started = at(*DONE, REPORTED, RECOVERED, STARTED)
    assert (started.in_flight, started.change, started.recovered) == (STARTED, None, None)
    assert (started.verification, started.report) == (None, "")
    finished = at(*READY, STARTED, APPLIED)
    assert (finished.in_flight, finished.change, finished.applied) == (None, APPLIED, True)
    assert at(*READY, STARTED, FAILED).applied is False
    assert at(*READY).applied is False
    recovering = at(*READY, STARTED, FAILED, RECOVERING)
    assert recovering.in_flight == ev.ChangeStarted(permit="p1", act="rollback", argv=("b",), log="/m")
    assert recovering.change == FAILED
    over = at(*READY, STARTED, FAILED, RECOVERING, RECOVERED)
    assert (over.in_flight, over.recovered, over.change) == (None, RECOVERED, FAILED)


def test_a_state_is_that_of_its_moment() -> None:
    assert (at(BEFORE).before, at(BEFORE).after) == (stories.BEFORE, None)
    assert (at(AFTER).before, at(AFTER).after) == (None, stories.AFTER)


OTHERS: tuple[dict[str, object], ...] = (
    {"direction": "down"},
    {"current": ("x",)},
    {"target": ("x",)},
    {"pending": stories.PENDING[:1]},
    {"code": (("alembic.ini", "e" * 64),)},
    {"identity": "9" * 32},
)


@pytest.mark.parametrize("change", OTHERS)
def test_another_work_starts_after_the_connection(change: dict[str, object]) -> None:
    other = stories.plan(**change)
    assert not same_work(PLAN, other)
    now = at(*DONE, ev.Planned(plan=other))
    kept = None if "current" in change else at(*READY).backup
    assert now == Standing(
        environment=stories.PRODUCTION, detection=FOUND, connected=CONNECTED, plan=other, backup=kept
    )


def test_a_plan_of_the_same_work_keeps_what_was_done_for_it() -> None:
    again = stories.plan(findings=(), plan_hash="9" * 64)
    assert same_work(PLAN, again)
    assert at(*READY, ev.Planned(plan=again)) == replace(at(*READY), plan=again)
    opened = stories.plan(opened=(("x", "d" * 64),))
    assert at(*READY, ev.Planned(plan=opened)).rehearsal == stories.REHEARSAL
    once: Sequence[ev.AnyEvent] = (*READY, ev.Planned(plan=opened))
    assert fold((*once, ev.Planned(plan=opened))).rehearsal == stories.REHEARSAL
    assert fold((*once, ev.Planned(plan=again))).rehearsal is None
    assert at(SETTLED, DETECTED, CONNECTED, PLANNED).backup is None


def test_a_backup_of_the_version_in_another_order_is_kept() -> None:
    two = stories.backup(version=("a", "b"))
    first, then = stories.plan(current=("a", "b")), stories.plan(current=("b", "a"))
    now = at(ev.Planned(plan=first), ev.BackedUp(backup=two), ev.Planned(plan=then))
    assert now.backup == two


@pytest.mark.parametrize(
    ("events", "backup"),
    [
        ((PROVEN,), None),
        ((COPIED,), None),
        ((BACKED_UP, ev.Proven(backup="other", proof=stories.RESTORED)), stories.backup()),
        ((BACKED_UP, ev.Copied(backup="other", copy_=stories.COPY)), stories.backup()),
        ((BACKED_UP, PROVEN), stories.backup(proof=stories.RESTORED)),
        ((BACKED_UP, COPIED, COPIED), stories.backup(copies=(stories.COPY, stories.COPY))),
        ((BACKED_UP, PROVEN, ev.BackedUp(backup=stories.backup(id="b2"))), stories.backup(id="b2")),
    ],
)
def test_a_proof_counts_for_its_own_backup(events: tuple[ev.AnyEvent, ...], backup: Backup | None) -> None:
    assert at(*events).backup == backup


LOOK = ("facts", "analyze", "read_migration")
UP_TO_DATE = ev.Planned(plan=stories.UP_TO_DATE)
DOWN = ev.Planned(plan=stories.plan(direction="down"))
CONNECT = ("connect",)
AFTER_CONNECT = ("plan", "verify", "rollback", "restore")


@pytest.mark.parametrize(
    ("events", "aim", "verbs"),
    [
        ((), "execute", ("detect", *LOOK)),
        ((DETECTED,), "execute", ("connect", "detect", *LOOK)),
        ((ev.Detected(found=(), chosen=None, version=""),), "execute", ("detect", *LOOK)),
        ((DETECTED, CONNECTED), "execute", ("plan", "detect", *LOOK, *CONNECT, *AFTER_CONNECT[1:])),
        ((DETECTED, CONNECTED), "rollback", ("plan", "detect", *LOOK, *CONNECT, *AFTER_CONNECT[1:])),
        ((DETECTED, CONNECTED), "plan_only", ("plan", "detect", *LOOK, "connect", "verify")),
        (LOOKED, "execute",
         ("backup", "detect", *LOOK, *CONNECT, *AFTER_CONNECT, "report", "preview", "migrate")),
        (LOOKED, "plan_only", ("preview", "detect", *LOOK, "connect", "plan", "verify", "backup", "report")),
        ((*LOOKED, PREVIEWED), "plan_only",
         ("report", "detect", *LOOK, "connect", "plan", "verify", "backup", "preview")),
        ((*LOOKED, BACKED_UP), "execute",
         ("rehearse", "detect", *LOOK, *CONNECT, *AFTER_CONNECT, "backup", "report", "preview", "migrate")),
        ((*LOOKED, BACKED_UP, UNREHEARSED), "execute",
         ("migrate", "detect", *LOOK, *CONNECT, *AFTER_CONNECT, "backup", "report", "preview", "rehearse")),
        ((*LOOKED, BACKED_UP, REHEARSED), "execute",
         ("migrate", "detect", *LOOK, *CONNECT, *AFTER_CONNECT, "backup", "report", "preview", "rehearse")),
        ((*LOOKED, UP_TO_DATE), "execute", ("report", "detect", *LOOK, *CONNECT, *AFTER_CONNECT, "backup")),
        ((*LOOKED, DOWN), "rollback",
         ("backup", "detect", *LOOK, *CONNECT, *AFTER_CONNECT, "report", "preview")),
        ((*LOOKED, DOWN, BACKED_UP, REHEARSED), "rollback",
         ("rollback", "detect", *LOOK, *CONNECT, "plan", "verify", "restore", "backup", "report", "preview",
          "rehearse")),
        ((*READY,), "rollback",
         ("detect", *LOOK, *CONNECT, *AFTER_CONNECT, "backup", "report", "preview", "rehearse")),
        ((*READY, STARTED), "execute", ("verify", "report", *LOOK)),
        ((*READY, STARTED, APPLIED), "execute",
         ("verify", "detect", *LOOK, *CONNECT, "plan", "rollback", "restore", "backup", "report")),
        (DONE, "execute", ("report", "detect", *LOOK, *CONNECT, *AFTER_CONNECT, "backup")),
        ((*READY, STARTED, FAILED), "execute",
         ("report", "detect", *LOOK, *CONNECT, *AFTER_CONNECT, "backup", "preview", "rehearse", "migrate")),
    ],
)  # fmt: skip
def test_what_may_come_next(events: tuple[ev.AnyEvent, ...], aim: Aim, verbs: tuple[str, ...]) -> None:
    assert next_verbs(at(*events), aim) == verbs


def test_without_a_backup_by_the_person_s_will() -> None:
    assert next_verbs(at(*LOOKED), "execute", skip_backup=True)[0] == "migrate"
    assert next_verbs(at(*LOOKED, BACKED_UP), "execute", skip_backup=True)[0] == "rehearse"
    assert next_verbs(at(*LOOKED, DOWN), "rollback", skip_backup=True)[0] == "rollback"


def test_an_environment_is_the_last_that_was_settled() -> None:
    dev = Environment("dev", Level.DEV)
    assert at(SETTLED, ev.EnvironmentSettled(environment=dev)).environment == dev


def test_what_leads_on_where_something_is_missing_before() -> None:
    assert next_verbs(at(CONNECTED), "execute")[0] == "detect"
    assert next_verbs(at(CONNECTED, PLANNED), "execute")[0] == "detect"
    assert next_verbs(at(DETECTED, PLANNED), "execute")[0] == "connect"
    assert next_verbs(at(*LOOKED, UP_TO_DATE, STARTED), "execute")[0] == "verify"
    assert "migrate" not in next_verbs(at(*LOOKED, DOWN), "execute")
