"""Each row of the policy by itself, on each level, to the last edge; what the facts of a good run are stands below."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

import stories
from diana_agent.guard import policy
from diana_agent.guard.policy import ApplyFacts, Ask, Rules, Verdict
from diana_agent.guard.rules import gate_of, rules_of
from diana_config.settings import PolicySetting, Settings
from diana_tools.domain import Environment, Estimate, Finding, Level, Recovery
from diana_tools.measured import Backup, Copy, Grade, Proof

MADE = stories.START + timedelta(seconds=5)
YES = Ask("ask.production")
EXECUTE = Ask("ask.destructive", "EXECUTE DESTRUCTIVE MIGRATIONS")
UNPROVEN = Ask("ask.unproven", "RUN WITHOUT A RESTORE TEST ON shop")
SKIP = Ask("ask.skip_backup", "SKIP BACKUP ON shop")
ATTESTED = Proof(Grade.ATTESTED, stories.SHA, ("snapshot",), (), 0.2)
GATED = replace(stories.LEGACY, kind="rename", data_loss=False)
BLOCKED = replace(stories.LEGACY, rule="AC099", level="B")


def good(**changed: object) -> Backup:
    return stories.backup(**{"proof": stories.RESTORED, "copies": (stories.COPY,), **changed})


def on(level: Level, *findings: Finding, **plan: object) -> ApplyFacts:
    """A plan on a level with everything that it needs, in production."""
    made = stories.plan(environment=Environment("x", level), findings=findings, **plan)
    return ApplyFacts(level, made, good(), skip_backup=False, now=MADE + timedelta(minutes=1))


PROD, STAGING, DEV = on(Level.PRODUCTION), on(Level.STAGING), on(Level.DEV)


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        (PROD, ""),
        (on(Level.PRODUCTION, BLOCKED), "blocked_by_policy"),
        (on(Level.DEV, GATED, BLOCKED), "blocked_by_policy"),
        (on(Level.PRODUCTION, pending=()), "nothing_pending"),
        (replace(PROD, ticket_missing=True), "ticket_missing"),
        (replace(PROD, rehearsal_failed=True), "rehearsal_failed"),
        (on(Level.PRODUCTION, estimate=Estimate(150.0, "measured", "x")), ""),
        (on(Level.PRODUCTION, estimate=Estimate(150.5, "measured", "x")), "will_not_fit"),
        (replace(on(Level.DEV, estimate=Estimate(100.0, "measured", "x")), timeout=199.0), "will_not_fit"),
        (on(Level.PRODUCTION, recovery=Recovery("none", "nothing")), "no_recovery"),
        (on(Level.STAGING, recovery=Recovery("none", "nothing")), ""),
        (replace(PROD, backup=None), "no_backup"),
        (replace(DEV, backup=None), "no_backup"),
    ],
)  # fmt: skip
def test_what_a_plan_must_be(facts: ApplyFacts, reason: str) -> None:
    assert policy.apply(facts, Rules()).reason == reason
    if reason not in ("", "no_backup"):
        assert policy.apply(replace(facts, skip_backup=True), Rules()).reason == reason


@pytest.mark.parametrize(
    ("facts", "change", "reason"),
    [
        (PROD, {}, ""),
        (PROD, {"identity": "9" * 32}, "backup_of_another_database"),
        (DEV, {"identity": "9" * 32}, "backup_of_another_database"),
        (PROD, {"version": ()}, "backup_of_another_version"),
        (PROD, {"version": ("0f0000000000", "x")}, "backup_of_another_version"),
        (PROD, {"copies": ()}, "no_remote_copy"),
        (PROD, {"copies": (replace(stories.COPY, verified=False),)}, "no_remote_copy"),
        (PROD, {"copies": (replace(stories.COPY, remote=False),)}, "no_remote_copy"),
        (PROD, {"copies": (Copy("a", "b", False, True), stories.COPY)}, ""),
        (STAGING, {"copies": ()}, ""),
        (DEV, {"copies": ()}, ""),
        (PROD, {"made_at": (MADE + timedelta(minutes=1, seconds=1)).isoformat()}, ""),
        (PROD, {"made_at": (MADE + timedelta(minutes=1, seconds=2)).isoformat()}, "clock_moved"),
        (PROD, {"made_at": (MADE - timedelta(minutes=59)).isoformat()}, ""),
        (PROD, {"made_at": (MADE - timedelta(minutes=59, seconds=1)).isoformat()}, "backup_too_old"),
    ],
)  # fmt: skip
def test_what_a_backup_must_be(facts: ApplyFacts, change: dict[str, object], reason: str) -> None:
    assert policy.apply(replace(facts, backup=good(**change)), Rules()).reason == reason


def test_the_versions_of_a_backup_have_no_order() -> None:
    two = on(Level.PRODUCTION, current=("a", "b"))
    assert policy.apply(replace(two, backup=good(version=("b", "a"))), Rules()).reason == ""


def test_the_person_s_policy_counts() -> None:
    older = Rules(max_backup_age=timedelta(seconds=59))
    assert policy.apply(PROD, older).reason == "backup_too_old"
    near = Rules(remote_copy=(Level.DEV,))
    assert policy.apply(replace(PROD, backup=good(copies=())), near).reason == ""
    assert policy.apply(replace(DEV, backup=good(copies=())), near).reason == "no_remote_copy"


@pytest.mark.parametrize(
    ("facts", "proof", "verdict"),
    [
        (PROD, stories.RESTORED, Verdict(asks=(YES,))),
        (PROD, stories.READ, Verdict(asks=(UNPROVEN, YES))),
        (PROD, ATTESTED, Verdict(asks=(UNPROVEN, YES))),
        (PROD, None, Verdict("backup_not_proven")),
        (on(Level.PRODUCTION, stories.LEGACY), stories.RESTORED, Verdict(asks=(EXECUTE, YES))),
        (on(Level.PRODUCTION, stories.LEGACY), stories.READ, Verdict(asks=(UNPROVEN, EXECUTE, YES))),
        (on(Level.PRODUCTION, GATED), stories.RESTORED, Verdict(asks=(YES,))),
        (STAGING, stories.RESTORED, Verdict()),
        (STAGING, stories.READ, Verdict(asks=(Ask("ask.unproven_yes"),))),
        (STAGING, None, Verdict("backup_not_proven")),
        (on(Level.STAGING, GATED), stories.RESTORED, Verdict(asks=(Ask("ask.findings"),))),
        (on(Level.STAGING, stories.LEGACY), stories.READ,
         Verdict(asks=(Ask("ask.unproven_yes"), Ask("ask.destructive_yes")))),
        (DEV, stories.RESTORED, Verdict()),
        (DEV, stories.READ, Verdict()),
        (DEV, ATTESTED, Verdict("backup_not_proven")),
        (DEV, None, Verdict("backup_not_proven")),
        (on(Level.DEV, stories.LEGACY), stories.READ, Verdict(asks=(Ask("ask.destructive_yes"),))),
        (on(Level.DEV, GATED), stories.READ, Verdict(asks=(Ask("ask.findings"),))),
        (on(Level.DEV, replace(GATED, level="W")), stories.READ, Verdict()),
    ],
)  # fmt: skip
def test_what_is_asked_for_an_apply(facts: ApplyFacts, proof: Proof | None, verdict: Verdict) -> None:
    assert policy.apply(replace(facts, backup=good(proof=proof)), Rules()) == verdict


@pytest.mark.parametrize(
    ("facts", "verdict"),
    [
        (PROD, Verdict(asks=(SKIP, YES))),
        (on(Level.PRODUCTION, stories.LEGACY), Verdict("skip_backup_destructive")),
        (STAGING, Verdict(asks=(Ask("ask.skip_backup_yes"),))),
        (on(Level.STAGING, stories.LEGACY), Verdict(asks=(Ask("ask.skip_backup_yes"), Ask("ask.destructive_yes")))),
        (on(Level.DEV, GATED), Verdict(asks=(Ask("ask.skip_backup_yes"), Ask("ask.findings")))),
    ],
)
@pytest.mark.parametrize("backup", [None, good()])
def test_what_is_asked_to_go_without_a_backup(facts: ApplyFacts, verdict: Verdict, backup: Backup | None) -> None:
    assert policy.apply(replace(facts, skip_backup=True, backup=backup), Rules()) == verdict


@pytest.mark.parametrize(
    ("level", "proof", "verdict"),
    [
        (Level.PRODUCTION, stories.READ, Verdict(asks=(Ask("ask.restore", "RESTORE shop LOSING WRITES SINCE 09:30"),))),
        (Level.STAGING, stories.READ, Verdict(asks=(Ask("ask.restore_yes"),))),
        (Level.DEV, stories.RESTORED, Verdict(asks=(Ask("ask.restore_yes"),))),
        (Level.PRODUCTION, None, Verdict("backup_not_proven")),
        (Level.DEV, None, Verdict("backup_not_proven")),
    ],
)
def test_what_is_asked_to_restore(level: Level, proof: Proof | None, verdict: Verdict) -> None:
    assert policy.restore(level, stories.backup(proof=proof), "shop") == verdict


def test_the_rules_that_block_are_named_once_in_order() -> None:
    other = replace(BLOCKED, rule="AC001")
    assert policy.blocked(stories.plan(findings=(BLOCKED, GATED, other, BLOCKED))) == ("AC001", "AC099")


def test_the_table_s_own_rows() -> None:
    rules = Rules()
    assert [rules.least(level) for level in (Level.DEV, Level.STAGING, Level.PRODUCTION)] == [
        Grade.READ, Grade.RESTORED, Grade.RESTORED,
    ]  # fmt: skip
    assert (rules.remote_copy, rules.max_backup_age) == ((Level.PRODUCTION,), timedelta(hours=1))
    assert rules_of(Settings()) == Rules(
        tuple((level, rules.least(level)) for level in Level), (Level.PRODUCTION,), timedelta(hours=1)
    )
    own = PolicySetting(least_proof=(("production", "read"),), remote_copy=("staging",), max_backup_age_minutes=5)
    said = rules_of(Settings(policy=own))
    assert [said.least(level) for level in (Level.DEV, Level.STAGING, Level.PRODUCTION)] == [
        Grade.READ, Grade.RESTORED, Grade.READ,
    ]  # fmt: skip
    assert (said.remote_copy, said.max_backup_age) == ((Level.STAGING,), timedelta(minutes=5))


@pytest.mark.parametrize(
    ("level", "gates"),
    [(Level.PRODUCTION, "OIWTB"), (Level.STAGING, "OIIWT"), (Level.DEV, "OIWWW")],
)
def test_how_much_a_finding_counts_on_each_level(level: Level, gates: str) -> None:
    assert "".join(gate_of(severity, level) for severity in "OIWTB") == gates
