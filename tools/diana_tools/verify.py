"""Step 8: history, schema, data and connectivity, each with what was expected, found, and the query behind it."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from diana_tools.backup import differences
from diana_tools.domain import Plan
from diana_tools.errors import DianaError
from diana_tools.measured import Backup, Check, Rehearsal, State, Verification
from diana_tools.migrate import measure
from diana_tools.workbench import Workbench, look


async def verify(
    bench: Workbench, plan: Plan, rehearsal: Rehearsal | None, before: State | None, version_table: str
) -> Verification:
    """The four checks of the document; what could not be compared is listed, not passed (S8)."""
    try:
        after = await asyncio.to_thread(measure, bench, version_table, digests=False)
        probe = await look(bench.adapter, bench.project, bench.doors)
    except DianaError as error:
        lost = Check("connectivity", passed=False, critical=True, expected="a reply", found=error.code)
        return Verification((lost,), ("history", "schema", "data"))
    expected = rehearsal.after if rehearsal is not None and rehearsal.passed else None
    applied = {m.id for m in probe.applied}
    missing = [m.id for m in plan.pending if (m.id in applied) == (plan.direction == "down")]
    history = Check(
        "history", passed=not missing, critical=False, expected=", ".join(plan.target) or "base",
        found=", ".join(probe.current) or "base", query=f"the rows of {version_table}", problems=tuple(missing),
    )  # fmt: skip
    full = expected if rehearsal is not None and rehearsal.kind == "full" else None
    rows = _rows(plan, full, before, rehearsal, after) if full is not None else _kept(plan, before, after)
    rows = _with_constraints(rows, before, after)
    checks = (history, _schema(expected, after), rows, _connectivity(after))
    missing = (
        *(() if expected is not None else ("schema_without_rehearsal",)),
        *(() if full is not None else ("rows_of_touched_tables",)),
        *(() if before is not None else ("foreign_keys",)),
    )
    return Verification(checks, missing)


async def verify_restored(bench: Workbench, backup: Backup, version_table: str) -> Verification:
    """After a restore: history and schema against what the backup holds; rows belong to other sessions again."""
    try:
        after = await asyncio.to_thread(measure, bench, version_table, digests=False)
    except DianaError as error:
        lost = Check("connectivity", passed=False, critical=True, expected="a reply", found=error.code)
        return Verification((lost,), ("history", "schema", "data"))
    same = sorted(after.version) == sorted(backup.version)
    history = Check(
        "history", passed=same, critical=False, expected=", ".join(backup.version) or "base",
        found=", ".join(after.version) or "base", query=f"the rows of {version_table}",
    )  # fmt: skip
    rows = Check("data", passed=None, critical=False, expected="", found="")
    return Verification((history, _schema(backup.state, after), rows, _connectivity(after)), ("rows_after_restore",))


def _connectivity(after: State) -> Check:
    return Check(
        "connectivity", passed=True, critical=True, expected="a reply",
        found=f"{len(after.tables)} tables read", query="SELECT count(*) of every table",
    )  # fmt: skip


def _schema(expected: State | None, after: State) -> Check:
    if expected is None:
        return Check("schema", passed=None, critical=False, expected="", found=after.schema.fingerprint[:12])
    problems = tuple(w for w in differences(expected, after) if not w.startswith(("rows:", "content:", "version:")))
    return Check(
        "schema", passed=not problems, critical=False, expected=expected.schema.fingerprint[:12],
        found=after.schema.fingerprint[:12], query="catalog", problems=problems,
    )  # fmt: skip


def _with_constraints(rows: Check, before: State | None, after: State) -> Check:
    """The data check with what breaks a constraint now and did not before; old violations are not the run's."""
    if before is None:
        return rows
    fresh = tuple(f"constraint:{name}" for name in after.violations if name not in before.violations)
    if not fresh:
        return rows
    return replace(rows, passed=False, problems=(*rows.problems, *fresh))


def _kept(plan: Plan, before: State | None, after: State) -> Check:
    """Without a rehearsal on rows: a table that the plan names, and no finding empties, has at least its rows.

    Tables that the plan does not name belong to other sessions, which may delete what they like.
    """
    if before is None or plan.unread:
        return Check("data", passed=None, critical=False, expected="", found="")
    now, start = after.rows(), before.rows()
    losing = [finding.object for finding in plan.findings if finding.data_loss]
    kept = [
        table
        for table in start
        if table in plan.tables and not any(lost == table or lost.startswith(f"{table}.") for lost in losing)
    ]
    lost = [f"rows:{table}:{start[table]}:{now.get(table, 0)}" for table in kept if now.get(table, 0) < start[table]]
    return Check(
        "data", passed=not lost, critical=False, expected=str(sum(start[table] for table in kept)),
        found=str(sum(now.get(table, 0) for table in kept)), query="SELECT count(*) of every table of the plan",
        problems=tuple(lost),
    )  # fmt: skip


def _rows(plan: Plan, expected: State, before: State | None, rehearsal: Rehearsal | None, after: State) -> Check:
    """Rows now against those before, moved by what the rehearsal moved; only fewer rows is a loss.

    Only in a table that the run can have changed: other sessions may delete what they like in theirs.
    """
    if before is None or rehearsal is None:
        return Check("data", passed=None, critical=False, expected="", found="")
    was, rehearsed, now = rehearsal.before.rows(), expected.rows(), after.rows()
    start = before.rows()
    lost: list[str] = []
    for table, rows in rehearsed.items():
        wanted = start.get(table, 0) + rows - was.get(table, 0)
        theirs = table in start and table not in plan.tables
        if table not in now or (now[table] < wanted and not theirs):
            lost.append(f"rows:{table}:{wanted}:{now.get(table, 0)}")
    total = sum(rows for table, rows in now.items() if table in rehearsed)
    return Check(
        "data", passed=not lost, critical=False, expected=str(sum(rehearsed.values())), found=str(total),
        query="SELECT count(*) of every table", problems=tuple(lost),
    )  # fmt: skip
