"""Runs as their journals tell them, for tests of what reads a journal: one shop, three migrations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from diana_agent import events as ev
from diana_agent.journal import Actor, Entry, Journal
from diana_tools.domain import (
    Address,
    Confidence,
    Detection,
    Environment,
    Estimate,
    Evidence,
    Finding,
    History,
    Identity,
    Level,
    Loss,
    Migration,
    Plan,
    Recovery,
    Unread,
)
from diana_tools.measured import (
    Backup,
    CapturedStatement,
    ChangeResult,
    Check,
    Copy,
    Grade,
    Preview,
    Proof,
    RecoveryResult,
    Rehearsal,
    Schema,
    SchemaObject,
    ServerFacts,
    State,
    TableMeasure,
    Verification,
)

START = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
ADDRESS = Address("postgresql", "db.example.org", 5432, "shop", "diana")
IDENTITY = Identity("postgresql", "7300000000000000001", "16384", "db.example.org", "shop")
PRODUCTION = Environment("eu-prod", Level.PRODUCTION, ("user file",))
SHA = "ab" * 32


def migration(number: int, name: str, description: str = "", *, reversible: bool | None = True) -> Migration:
    return Migration(
        f"1a000000000{number}", name, description, f"migrations/versions/{number}_{name}.py", "c" * 64, reversible, True
    )


PENDING = (
    migration(1, "create_tables", "Create the tables"),
    migration(2, "full_name", "Join the names"),
    migration(3, "drop_legacy", "Drop the legacy code"),
)
LEGACY = Finding(
    "DL004", "drop_column", "T", True, "customers.legacy", PENDING[2].path, 12, "op.drop_column('customers', 'legacy')",
    migration=PENDING[2].id, loss=Loss(1200, 1500),
)  # fmt: skip


def plan(**changed: object) -> Plan:
    made = Plan(
        tool="alembic", tool_version="1.18.4", address=ADDRESS, identity=IDENTITY.digest, environment=PRODUCTION,
        direction="up", current=("0f0000000000",), target=(PENDING[2].id,), pending=PENDING, findings=(LEGACY,),
        unread=(), estimate=Estimate(2.5, "measured", "rehearsal"), recovery=Recovery("a", "engine_undoes_the_run"),
        history=History("clean"), tables=("customers",), argv=("{interpreter}", "-m", "alembic", "upgrade"),
        code=(("alembic.ini", "d" * 64),), policy="p", plan_hash="0123456789abcdef" * 4,
    )  # fmt: skip
    return replace(made, **changed)


BEFORE = State(
    Schema((
        SchemaObject("column", "customers.legacy", "text null"),
        SchemaObject("column", "customers.name", "varchar(80) not null"),
        SchemaObject("table", "customers", ""),
    )),
    ("0f0000000000",), (TableMeasure("customers", 1500), TableMeasure("orders", 20)),
)  # fmt: skip
AFTER = State(
    Schema((
        SchemaObject("column", "customers.full_name", "text null"),
        SchemaObject("column", "customers.name", "varchar(120) not null"),
        SchemaObject("table", "customers", ""),
    )),
    (PENDING[2].id,), (TableMeasure("customers", 1500), TableMeasure("orders", 21)),
)  # fmt: skip
REHEARSAL = Rehearsal(
    "full", "127.0.0.1:5499/scratch", True, 2.4,
    (CapturedStatement(PENDING[2].id, "ALTER TABLE customers DROP legacy"),),
    BEFORE, AFTER, backup="backup-1",
)  # fmt: skip


def backup(**changed: object) -> Backup:
    made = Backup(
        id="backup-1", engine="postgresql", path="/home/anna/.local/share/diana/backup-shop-20261124T093000Z-r1.dump",
        manifest="/home/anna/.local/share/diana/backup-1.json", size=12_345_678, sha256=SHA, identity=IDENTITY.digest,
        address=ADDRESS, made_at="2026-11-24T09:30:05+00:00", version=("0f0000000000",), state=BEFORE, server="16.4",
        program="pg_dump 16.4", batch="r1",
    )  # fmt: skip
    return replace(made, **changed)


RESTORED = Proof(Grade.RESTORED, SHA, ("objects:3", "rows:1520", "fingerprint", "digests"), (), 4.2)
READ = Proof(Grade.READ, SHA, ("hash",), (), 0.2)
COPY = Copy("s3-eu", "s3://backups-eu/backup-1.dump", True, True, ("size", "sha256"))


def checks(**passed: bool | None) -> Verification:
    """The four checks; all pass but those named otherwise."""
    made = tuple(
        Check(
            name, passed.get(name, True), name == "connectivity", "expected", "found", "SELECT 1",
            ("missing:table:orders",) if passed.get(name, True) is False else (),
        )
        for name in ("history", "schema", "data", "connectivity")
    )  # fmt: skip
    return Verification(made)


def begin(project: str = "/srv/it's a shop/project", *, ticket: str = "", reason: str = "") -> list[ev.AnyEvent]:
    """Steps 1 to 3."""
    started = ev.RunStarted(
        run="r1", project=project, user="Anna", face="plain", model="embedded", version="0.1.0", host="build-7",
        pid=42, ticket=ticket, reason=reason,
    )  # fmt: skip
    found = Detection(
        "alembic", "", "alembic.ini", "migrations", 3, (Evidence("alembic.ini", "config"),), Confidence.CERTAIN
    )
    return [
        started,
        ev.StepEntered(step=1),
        ev.EnvironmentSettled(environment=PRODUCTION),
        ev.Prerequisite(name="disk", met=True, message="prerequisite.disk"),
        ev.StepLeft(step=1, outcome="done", seconds=0.5),
        ev.StepEntered(step=2),
        ev.Detected(found=(found,), chosen=found, version="1.18.4"),
        ev.StepLeft(step=2, outcome="done", seconds=0.1),
        ev.Trusted(by="question", files=(("alembic.ini", "d" * 64),)),
        ev.Connected(
            address=ADDRESS, identity=IDENTITY, facts=ServerFacts("16.4", 9_000_000, 0.004), version=("0f0000000000",),
            fingerprint="f" * 64,
        ),
    ]  # fmt: skip


def backed_up(proof: Proof = RESTORED, *, copied: bool = True) -> list[ev.AnyEvent]:
    """Step 5."""
    return [
        ev.StepEntered(step=5),
        ev.BackedUp(backup=backup()),
        ev.Proven(backup="backup-1", proof=proof),
        *([ev.Copied(backup="backup-1", copy_=COPY)] if copied else []),
        ev.StepLeft(step=5, outcome="done", seconds=5.0),
    ]


def confirmed(
    question: str = "ask.destructive", asks: str = "phrase", *, tries: int = 1, matched: bool = True
) -> list[ev.AnyEvent]:
    """A question of the guard and its answer."""
    return [
        ev.Asked(question=question, asks=asks, plan_hash=plan().plan_hash),
        ev.Answered(question=question, matched=matched, plan_hash=plan().plan_hash, tries=tries),
    ]


def permitted(
    *, act: str = "apply", grade: str = "restored", made: str | None = "backup-1", permit: str = "p1"
) -> list[ev.AnyEvent]:
    """A permit, its redemption, and the start of the change."""
    return [
        ev.PermitMinted(
            permit=permit, act=act, operation="o" * 64, identity=IDENTITY.digest, plan_hash=plan().plan_hash,
            backup=made, grade=grade, recovery="a", level="production", destructive=True,
            expires_at=START + timedelta(minutes=15),
        ),
        ev.Measured(moment="before", state=BEFORE),
        ev.PermitRedeemed(permit=permit, use="run", digest="u" * 64),
        ev.ChangeStarted(permit=permit, act=act, argv=("alembic", "upgrade"), log="/state/runs/p1-run/output.log"),
    ]  # fmt: skip


ALL = tuple(m.id for m in PENDING)


def finished(
    state: str = "applied", *, done: int = 3, error: str = "", permit: str = "p1", act: str = "apply"
) -> ev.ChangeFinished:
    """How a change ended, with the first `done` migrations applied."""
    return ev.ChangeFinished(
        permit=permit, act=act,
        result=ChangeResult(
            exit_code=0 if state == "applied" else 1, seconds=3.21, state=state, applied=ALL[:done],
            not_applied=ALL[done:], error=error, failed=ALL[done] if done < 3 and state != "applied" else "",
            warnings=("WARNING: relation is big",), log="/state/runs/p1-run/output.log",
        ),
    )  # fmt: skip


def success(*, ticket: str = "", reason: str = "") -> list[ev.AnyEvent]:
    """A whole run in production: typed, proven, applied, verified."""
    return [
        *begin(ticket=ticket, reason=reason), ev.Planned(plan=plan()), *backed_up(), ev.Rehearsed(rehearsal=REHEARSAL),
        *confirmed(), *confirmed("ask.production", "yes_no"), *permitted(), finished(),
        ev.Measured(moment="after", state=AFTER), ev.Verified(verification=checks()),
    ]  # fmt: skip


TAKEN_BACK = Recovery("b", "tool_takes_back_what_was_applied")


def failure(state: str = "partial", *recovered: ev.AnyEvent, recovery: Recovery = TAKEN_BACK) -> list[ev.AnyEvent]:
    """A run whose second migration failed."""
    done = 0 if state == "unchanged" else 1
    return [
        *begin(), ev.Planned(plan=plan(recovery=recovery)), *backed_up(), *confirmed(), *permitted(),
        finished(state, done=done, error="UniqueViolation: duplicate key\nDETAIL: (email)=(a@b.c) ``` # x"),
        *recovered, ev.Halted(reason="migration_failed", exit_code=7), ev.RunEnded(outcome="failed", exit_code=7),
    ]  # fmt: skip


RECOVERED = (ev.Recovered(result=RecoveryResult("b", True)), ev.Measured(moment="recovered", state=BEFORE))
NOT_RECOVERED = (ev.Recovered(result=RecoveryResult("b", False, ("missing:table:orders",))),)
DRY_RUN = (ev.Previewed(preview=Preview("offline_sql", "ALTER TABLE customers DROP legacy;")),)
UNREAD = Unread("migrations/versions/x.py", 3, "dynamic_sql", "op.execute(sql)", PENDING[0].id)
UP_TO_DATE = plan(pending=(), findings=(), target=("0f0000000000",))


def told(folder: Path, events: Sequence[ev.AnyEvent]) -> list[Entry]:
    """The events as a journal's entries, one second apart."""
    seconds = iter(range(10_000))
    journal = Journal(folder / "r1.jsonl", lambda: START + timedelta(seconds=next(seconds)))
    for event in events:
        actor: Actor = "person" if isinstance(event, ev.Answered) else "diana"
        journal.append(event, actor)
    journal.close()
    return journal.entries
