"""Scenes for the fake talk: a billing database in production whose plan loses data."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from diana_agent import events as ev
from diana_agent.person import Question
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
)
from diana_tools.measured import (
    Backup,
    CapturedStatement,
    ChangeResult,
    Check,
    Copy,
    Grade,
    Proof,
    RecoveryResult,
    Rehearsal,
    Schema,
    ServerFacts,
    State,
    TableMeasure,
    Verification,
)
from tui.fake_talk import Act, Delta, Line, Scene

PHRASE = "EXECUTE DESTRUCTIVE MIGRATIONS"
SHA = "5f3c" * 16
ADDRESS = Address("postgresql", "db.internal", 5432, "billing", "diana")
IDENTITY = Identity("postgresql", "7300000000000000001", "16384", "db.internal", "billing")
PRODUCTION = Environment("eu-prod", Level.PRODUCTION, ("user file",))
DEV = Environment("dev", Level.DEV)
FOUND = Detection(
    "alembic", ".", "alembic.ini", "migrations", 12,
    (Evidence("alembic.ini", "config"), Evidence("migrations/env.py", "environment")), Confidence.CERTAIN,
)  # fmt: skip
PENDING = (
    Migration("b7c1d0e4a211", "add_invoice_status", "", "migrations/versions/b7c1_status.py", "1" * 64, True, True),
    Migration("c3aa91f0b7d2", "drop_legacy_tokens", "", "migrations/versions/c3aa_tokens.py", "2" * 64, False, True),
    Migration("d902e1aa55c3", "narrow_amount", "", "migrations/versions/d902_amount.py", "3" * 64, True, True),
)
FINDINGS = (
    Finding(
        "DL003", "drop_table", "T", True, "legacy_tokens", PENDING[1].path, 14, "DROP TABLE legacy_tokens",
        migration=PENDING[1].id, loss=Loss(48_211, 48_211),
    ),
    Finding(
        "DL011", "type_change_lossy", "T", True, "invoices.amount", PENDING[2].path, 22,
        "ALTER TABLE invoices ALTER COLUMN amount TYPE integer", migration=PENDING[2].id, loss=Loss(1_204, 90_412),
    ),
)  # fmt: skip
PLAN = Plan(
    tool="alembic", tool_version="1.18.4", address=ADDRESS, identity=IDENTITY.digest, environment=PRODUCTION,
    direction="up", current=("a41f77c0de01",), target=(PENDING[2].id,), pending=PENDING, findings=FINDINGS, unread=(),
    estimate=Estimate(40, "low", "estimate"), recovery=Recovery("a", "engine_undoes_the_run"), history=History("clean"),
    tables=("invoices", "legacy_tokens"), argv=("{interpreter}", "-m", "alembic", "upgrade", "head"), code=(),
    policy="p", plan_hash="52f5" * 16,
)  # fmt: skip
SAFE_PLAN = replace(PLAN, findings=(), pending=PENDING[:1], environment=DEV, plan_hash="77aa" * 16)
STATE = State(Schema(()), ("a41f77c0de01",), (TableMeasure("invoices", 90_412), TableMeasure("legacy_tokens", 48_211)))
AFTER = State(Schema(()), (PENDING[2].id,), (TableMeasure("invoices", 90_412), TableMeasure("legacy_tokens", 0)))
BACKUP = Backup(
    id="b1", engine="postgresql", path="/home/anna/.local/share/diana/backups/backup-billing-20261124T093005Z-r1.dump",
    manifest="/home/anna/.local/share/diana/backups/b1.json", size=412_345_678, sha256=SHA, identity=IDENTITY.digest,
    address=ADDRESS, made_at="2026-11-24T09:30:05+00:00", version=("a41f77c0de01",), state=STATE, server="16.4",
    program="pg_dump 16.4", batch="r1",
)  # fmt: skip
PROOF = Proof(Grade.RESTORED, SHA, ("objects", "rows"), (), 31.0)
COPY = Copy("s3-eu", "s3://backups-eu/billing/backup-billing-20261124T093005Z-r1.dump", True, True, ("size", "sha256"))
REHEARSAL = Rehearsal(
    "full", "127.0.0.1:54321/scratch_5f3c", True, 38.4,
    tuple(CapturedStatement(one.id, f"-- {one.name}") for one in PENDING), STATE, AFTER, backup="b1",
)  # fmt: skip


def asked(call: str, verb: str, arguments: str = "{}") -> ev.ToolRequested:
    return ev.ToolRequested(call=call, verb=verb, arguments=arguments, actor="model")


def answered(call: str, verb: str, seconds: float = 0.3, *, ok: bool = True, result: str = "{}") -> ev.ToolAnswered:
    return ev.ToolAnswered(call=call, verb=verb, ok=ok, result=result, seconds=seconds)


def begin(environment: Environment = PRODUCTION) -> list[Act]:
    """Steps 1 to 3."""
    return [
        ev.RunStarted(
            run="r1", project="/srv/billing-api", user="Anna", face="chat", model="embedded", version="0.1.0",
            host="laptop", pid=42,
        ),
        ev.StepEntered(step=1),
        ev.EnvironmentSettled(environment=environment),
        ev.StepLeft(step=1, outcome="done", seconds=0.4),
        ev.ModelSaid(
            text=f"I'm Diana, your DevOps Engineer. I'll help you safely execute database migrations for "
            f"**{environment.name}**.", model="embedded",
        ),
        asked("c1", "detect"),
        ev.StepEntered(step=2),
        ev.Detected(found=(FOUND,), chosen=FOUND, version="1.18.4"),
        ev.StepLeft(step=2, outcome="done", seconds=0.1),
        answered("c1", "detect"),
        asked("c2", "connect"),
        ev.StepEntered(step=3),
        ev.Connected(
            address=ADDRESS, identity=IDENTITY, facts=ServerFacts("PostgreSQL 16.4", 9_412_000_000, 0.038),
            version=("a41f77c0de01",), fingerprint="f" * 64,
        ),
        ev.StepLeft(step=3, outcome="done", seconds=0.2),
        answered("c2", "connect", 0.2),
    ]  # fmt: skip


def planned(plan: Plan = PLAN) -> list[Act]:
    """Step 4, and what Diana says of it, streamed."""
    return [
        asked("c3", "plan"),
        ev.StepEntered(step=4),
        ev.Planned(plan=plan),
        ev.StepLeft(step=4, outcome="done", seconds=1.1),
        answered("c3", "plan", 1.1),
        Delta("Three migrations are pending, "),
        Delta("`a41f → d902`. **Two of them "),
        Delta("lose data.**\n\nI take and prove a backup first, then rehearse them."),
        ev.ModelSaid(
            text="Three migrations are pending, `a41f → d902`. **Two of them lose data.**\n\n"
            "I take and prove a backup first, then rehearse them.", model="claude-opus-5-5", input_tokens=12_000,
            output_tokens=412, cost=0.08,
        ),
    ]  # fmt: skip


def backing_up() -> list[Act]:
    """Step 5, under way."""
    tables = ("customers", "invoices", "invoice_lines", "legacy_tokens", "payments", "refunds", "users", "webhooks")
    return [
        asked("c4", "backup"),
        ev.StepEntered(step=5),
        *(Line(f"pg_dump: dumping contents of table public.{table}") for table in tables),
    ]


def backed_up() -> list[Act]:
    """Step 5, done."""
    return [
        ev.BackedUp(backup=BACKUP),
        ev.Proven(backup="b1", proof=PROOF),
        ev.Copied(backup="b1", copy_=COPY),
        ev.StepLeft(step=5, outcome="done", seconds=72),
        answered("c4", "backup", 72),
        asked("c5", "rehearse"),
        ev.StepEntered(step=6),
        ev.Rehearsed(rehearsal=REHEARSAL),
        ev.StepLeft(step=6, outcome="done", seconds=39),
        answered("c5", "rehearse", 39),
    ]


def phrase_question(*, facts: int = 0) -> Question:
    """What the guard asks before it mints a permit for a destructive plan in production."""
    told = (
        "alembic 1.18.4 on postgresql db.internal:5432/billing, eu-prod (production)",
        "DROP TABLE legacy_tokens: 48,211 rows, no undo in the migration",
        "ALTER amount TYPE integer: 1,204 of 90,412 values have a fraction",
        "Backup backup-billing-20261124T093005Z-r1.dump, 412.3 MB, restored and compared; copy s3-eu verified",
        "Way back: the engine undoes the whole run by itself",
    )
    return Question(
        id="ask.destructive", kind="phrase", title="Two migrations will destroy data",
        text="⚠️ CRITICAL: Destructive operations on PRODUCTION database. "
        "Type 'EXECUTE DESTRUCTIVE MIGRATIONS' to confirm:",
        facts=(*told, *(f"Fact number {number}" for number in range(facts))), phrase=PHRASE, danger=True,
    )  # fmt: skip


YES_NO = Question(
    id="ask.production", kind="yes_no", title="Execute", danger=True, facts=("3 migrations on billing",),
    text="⚠️ EXECUTE 3 PRODUCTION DATABASE MIGRATIONS? This will modify the production database. Continue? [y/N]",
)  # fmt: skip
TRUST = Question(
    id="ask.trust", kind="yes_no", title="Trust this project's code?", text="Run this project's code to look at it?",
    facts=tuple(f"migrations/versions/{number:04}_step.py" for number in range(40)),
)  # fmt: skip
CHOICE = Question(
    id="ask.environment", kind="choice", title="Environment", text="Which environment is this database?",
    options=("dev", "staging", "production"),
)  # fmt: skip
TEXT = Question(id="ask.expected_db", kind="text", title="Database", text="Which database do you expect?")


def migrating() -> list[Act]:
    """Step 7, from the permit to the running change."""
    return [
        ev.PermitMinted(
            permit="p1", act="apply", operation="o" * 64, identity=IDENTITY.digest, plan_hash=PLAN.plan_hash,
            backup="b1", grade="restored", recovery="a", level="production", destructive=True,
            expires_at=datetime(2026, 11, 24, 9, 47, tzinfo=UTC),
        ),
        ev.ChangeStarted(
            permit="p1", act="apply", argv=("/srv/billing-api/.venv/bin/python", "-m", "alembic", "upgrade", "head"),
            log="/state/runs/p1/output.log",
        ),
        Line("INFO  [alembic.runtime.migration] Running upgrade a41f77c0de01 -> b7c1d0e4a211, add_invoice_status"),
        Line("INFO  [alembic.runtime.migration] Running upgrade b7c1d0e4a211 -> c3aa91f0b7d2, drop_legacy_tokens"),
    ]  # fmt: skip


def migrated() -> list[Act]:
    """Step 7 and 8, done."""
    checks = tuple(
        Check(name, passed=True, critical=name == "connectivity", expected="", found=found)
        for name, found in (
            ("history", "d902e1aa55c3"), ("schema", "as rehearsed"), ("data", "138,623 rows"),
            ("connectivity", "9 tables"),
        )
    )  # fmt: skip
    return [
        ev.ChangeFinished(
            permit="p1", act="apply",
            result=ChangeResult(
                0, 36.2, "applied", tuple(one.name for one in PENDING), (), log="/state/runs/p1/output.log"
            ),
        ),
        ev.StepLeft(step=7, outcome="done", seconds=37),
        ev.StepEntered(step=8),
        ev.Verified(verification=Verification(checks)),
        ev.StepLeft(step=8, outcome="done", seconds=1.2),
        answered("c6", "migrate", 38),
    ]  # fmt: skip


def failed() -> list[Act]:
    """Step 7, failed and rolled back."""
    return [
        Line("Traceback (most recent call last):"),
        Line("sqlalchemy.exc.DataError: (psycopg.errors.NumericValueOutOfRange) integer out of range"),
        Line("[SQL: ALTER TABLE invoices ALTER COLUMN amount TYPE integer]"),
        ev.ChangeFinished(
            permit="p1", act="apply",
            result=ChangeResult(
                1, 12.9, "unchanged", (), tuple(one.name for one in PENDING), "integer out of range", "narrow_amount",
                log="/state/runs/p1/output.log",
            ),
        ),
        ev.Recovered(result=RecoveryResult("a", recovered=True)),
        ev.StepLeft(step=7, outcome="failed", seconds=13.4),
        answered("c6", "migrate", 14, ok=False, result='{"status": "failed"}'),
        ev.Halted(reason="migration_failed", exit_code=7, fields={"error": "integer out of range"}),
    ]  # fmt: skip


def whole_run() -> Scene:
    """Everything to the running change, without the questions."""
    return [
        *begin(), *planned(), *backing_up(), *backed_up(), asked("c6", "migrate"), ev.StepEntered(step=7), *migrating(),
    ]  # fmt: skip
