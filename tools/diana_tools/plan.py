"""Step 4: what is pending, what it would destroy, how long, which way back; nothing is written (S4)."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from diana_tools import probes, traffic
from diana_tools.adapters.base import Probe, Shape
from diana_tools.analyze import MigrationText, analyze
from diana_tools.domain import Environment, Estimate, Finding, Level, Migration, Plan, Recovery, Unread
from diana_tools.errors import ConnectionFailed, ToolError
from diana_tools.files import Sources, bounded_text, content_of, digest_of_sources, name_in_plan
from diana_tools.losses import measured
from diana_tools.measured import Rehearsal, Schema
from diana_tools.own_modules import own_modules
from diana_tools.third_party_adapter import ThirdPartyAdapter
from diana_tools.workbench import Workbench, same_database

_RUN_FILES = (".env", "uv.lock", "poetry.lock", "Pipfile.lock", "requirements.txt")
_ROWS_PER_SECOND = 200_000
_LONGEST_CODE = 1_000_000
_BUDGETED, _BUDGET, _BUDGET_SHARE = "update_rows", 10_000, 0.05
_TAKEN_BACK = Recovery("b", "tool_takes_back_what_was_applied")
_VALUES_LOST = Recovery("e", "values_would_not_come_back")


@dataclass(frozen=True, slots=True)
class Aim:
    """Which way and how far: `up` to everything, a version or the next `count`; `down` by `count` or to a version."""

    direction: str = "up"
    version: str = ""
    count: int = 0


@dataclass(frozen=True, slots=True)
class Gate:
    """The person's policy as a plan sees it: its digest, and the gate of a rule's finding from its own level."""

    digest: str
    level: Callable[[str, str], str]


def make_plan(bench: Workbench, probe: Probe, environment: Environment, aim: Aim, gate: Gate) -> Plan:
    """Choose, analyse and count from a fresh look; the hash is over all that must not change before the run.

    Raises:
        ConnectionFailed: `identity_mismatch` when the tool reaches another database than Diana did.
        ToolError: `history_inconsistent`, `version_unknown`.
    """
    if not same_database(probe, bench.identity):
        there = probe.url.address.place if probe.url else ""
        raise ConnectionFailed(
            "identity_mismatch", {"place": bench.url.address.place, "tool_place": there, "error": ""}
        )
    if probe.history.problems:
        raise ToolError("history_inconsistent", {"problem": probe.history.problems[0]})
    chosen, target = _choose(probe, aim)
    texts, live = _texts(bench.project.root, chosen), _live(bench)
    before, own = _texts(bench.project.root, _earlier(probe, chosen)), own_modules(bench.project, probe)
    analysis = analyze(texts, _dialect(bench), before, live, aim.direction, own)
    findings = tuple(_gated(f, environment, gate) for f in _count(bench, analysis.findings))
    plan = Plan(
        tool=bench.adapter.tool, tool_version=probe.version, address=bench.url.address,
        identity=bench.identity.digest, environment=environment, direction=aim.direction, current=probe.current,
        target=target, pending=chosen, findings=findings, unread=analysis.unread,
        estimate=_estimate(chosen, findings),
        recovery=_recovery(probe.shape, chosen, bench.database.transactional_ddl), history=probe.history,
        tables=traffic.tables_of(live) if analysis.unread else traffic.touched(live, (one.text for one in texts)),
        argv=_argv(bench, probe, aim, target), code=_code(bench, probe, chosen, sources=bool(analysis.unread)),
        policy=gate.digest,
    )  # fmt: skip
    plan = replace(plan, recovery=_kept_back(plan))
    return replace(plan, plan_hash=plan_hash(plan))


def plan_hash(plan: Plan) -> str:
    """SHA-256 of canonical JSON (guard's design, 4): no absolute path, clock, temporary name or live count."""
    body = {
        "tool": [plan.tool, plan.tool_version],
        "argv": list(plan.argv),
        "migrations": [[m.id, m.path, m.checksum] for m in plan.pending],
        "findings": sorted([f.rule, f.object, f.migration, f.level] for f in plan.findings),
        "unread": sorted([u.file, u.why, re.sub(r"\s+", " ", u.statement)] for u in plan.unread),
        "code": [list(pair) for pair in plan.code],
        "identity": plan.identity,
        "environment": [plan.environment.name, plan.environment.level],
        "direction": plan.direction,
        "from_to": [list(plan.current), list(plan.target)],
        "policy": plan.policy,
        "recovery": plan.recovery.rung,
        "opened": sorted(_opened(plan)),
        "captured": plan.captured,
    }
    return hashlib.sha256(json.dumps(body, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def cleared(plan: Plan, rehearsal: Rehearsal, dialect: str, live: Schema | None, gate: Gate) -> Plan:
    """The plan with what a rehearsal showed: findings on all SQL that ran, and on what was measured to be less.

    What nobody could read (AC002) is replaced by them, but only by a rehearsal with rows, for without them a loop over
    rows ran no statement. A migration of which nothing was captured, and a captured statement that cannot be read, stay
    unread. The estimate becomes the measured time. The hash is taken again.
    """
    if not rehearsal.passed or rehearsal.after is None:
        return _timed(plan, rehearsal)
    captured = {statement.migration for statement in rehearsal.statements}
    texts = [MigrationText(m.id, m.path, _sql(rehearsal, m.id), "sql") for m in plan.pending if m.id in captured]
    unread = {one.migration for one in plan.unread}
    blind = [text for text in texts if text.id in unread]
    seen = analyze(texts, dialect, [], live, plan.direction)
    known = {(f.rule, f.object) for f in plan.findings}
    fresh = [replace(f, confidence="captured") for f in seen.findings if (f.rule, f.object) not in known]
    fresh += measured(rehearsal, (*plan.findings, *fresh), plan.pending)
    done = {text.id for text in blind} if rehearsal.kind == "full" else set[str]()
    left = tuple(u for u in plan.unread if u.migration not in done) + seen.unread
    better = replace(
        plan, findings=plan.findings + tuple(_gated(f, plan.environment, gate) for f in fresh), unread=left,
        tables=_ran(plan, rehearsal, left), captured=_captured(blind) if blind else plan.captured,
    )  # fmt: skip
    return _timed(replace(better, recovery=_kept_back(better)), rehearsal)


def _ran(plan: Plan, rehearsal: Rehearsal, unread: Sequence[Unread]) -> tuple[str, ...]:
    """The tables whose rows the run can change, now that a rehearsal showed what runs; all while some is unread."""
    schema = rehearsal.before.schema
    ran = (*traffic.touched(schema, (one.sql for one in rehearsal.statements)), *traffic.moved(rehearsal))
    if unread:
        return _joined(plan.tables, ran, traffic.tables_of(schema))
    return _joined(ran) if plan.unread else _joined(plan.tables, ran)


def _sql(rehearsal: Rehearsal, migration: str) -> str:
    """What ran in one migration; the line breaks keep a trailing comment from swallowing the semicolon."""
    return "\n;\n".join(s.sql for s in rehearsal.statements if s.migration == migration) + "\n;"


def _captured(texts: Sequence[MigrationText]) -> str:
    """SHA-256 over captured SQL with literals and numbers (times among them) taken out (guard's design, 4)."""
    plain = [re.sub(r"'(?:[^']|'')*'|\b\d[\w.:+-]*", "?", re.sub(r"\s+", " ", text.text)) for text in texts]
    return hashlib.sha256("\n".join(plain).encode()).hexdigest()


def pinned(plan: Plan, root: Path) -> Plan:
    """The plan with the files that only a run opens hashed as they are now, and its own hash taken again."""
    now = tuple((name, content_of(root / name)) for name, _ in plan.opened)
    changed = replace(plan, opened=now)
    return replace(changed, plan_hash=plan_hash(changed))


def _opened(plan: Plan) -> list[tuple[str, str]]:
    """What only a run opens, by the names that two checkouts agree on; `opened` itself says where it lies here."""
    return [(name_in_plan(Path(name), Path()) if Path(name).is_absolute() else name, sha) for name, sha in plan.opened]


def _joined(*groups: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted({name for group in groups for name in group}))


def _timed(plan: Plan, rehearsal: Rehearsal) -> Plan:
    if rehearsal.passed and rehearsal.kind == "full":
        plan = replace(plan, estimate=Estimate(round(rehearsal.seconds, 2), "measured", "rehearsal"))
    plan = replace(plan, opened=rehearsal.opened)
    known = set(plan.code)
    only = (pair for pair, named in zip(plan.opened, _opened(plan), strict=True) if named not in known)
    plan = replace(plan, opened=tuple(only))
    return replace(plan, plan_hash=plan_hash(plan))


def _choose(probe: Probe, aim: Aim) -> tuple[tuple[Migration, ...], tuple[str, ...]]:
    # A flat list cannot say what one version of several branches takes along: only "everything" is sure there.
    branched = len(probe.heads) > 1 or len(probe.current) > 1
    if branched and (aim.direction == "down" or aim.version or aim.count):
        raise ToolError("history_branched", {"heads": ", ".join(probe.heads)})
    if aim.direction == "down":
        return _choose_down(probe, aim)
    if aim.version:
        ids = [m.id for m in probe.pending]
        if aim.version not in ids:
            raise ToolError("version_unknown", {"version": aim.version})
        return probe.pending[: ids.index(aim.version) + 1], (aim.version,)
    if aim.count:
        some = probe.pending[: aim.count]
        return some, ((some[-1].id,) if some else probe.current)
    return probe.pending, probe.heads if probe.pending else probe.current


def _choose_down(probe: Probe, aim: Aim) -> tuple[tuple[Migration, ...], tuple[str, ...]]:
    newest_first = tuple(reversed(probe.applied))
    if aim.version:
        ids = [m.id for m in newest_first]
        if aim.version not in ids:
            raise ToolError("version_unknown", {"version": aim.version})
        down = newest_first[: ids.index(aim.version)]
    else:
        down = newest_first[: aim.count or 1]
    left = newest_first[len(down) :]
    return down, ((left[0].id,) if left else ())


def _earlier(probe: Probe, chosen: Sequence[Migration]) -> tuple[Migration, ...]:
    ids = {m.id for m in chosen}
    return tuple(m for m in probe.applied if m.id not in ids)


def _texts(root: Path, migrations: Sequence[Migration]) -> list[MigrationText]:
    found: list[MigrationText] = []
    for migration in migrations:
        path = root / migration.path
        text = path.read_text("utf-8", "replace") if path.is_file() else ""
        language = "sql" if path.suffix == ".sql" else "alembic-python"
        found.append(MigrationText(migration.id, migration.path, text, language))
    return found


def _dialect(bench: Workbench) -> str:
    return bench.url.engine


def _live(bench: Workbench) -> Schema:
    with bench.doors.sessions.read(bench.url) as session:
        return bench.database.schema(session)


def _count(bench: Workbench, findings: Sequence[Finding]) -> list[Finding]:
    counted: list[Finding] = []
    with bench.doors.sessions.read(bench.url) as session:
        for finding in findings:
            counts = finding.data_loss or finding.kind == _BUDGETED
            loss = bench.database.loss(session, finding) if counts else None
            counted.append(replace(finding, loss=loss))
    return counted


def _budgeted(finding: Finding) -> Finding:
    """A restricted UPDATE loses data where it overwrites more than the row budget, or nobody could count it (DL010)."""
    loss = finding.loss
    if finding.kind != _BUDGETED or loss is None:
        return finding
    over = loss.rows is None or loss.rows > _BUDGET or loss.rows > (loss.total or 0) * _BUDGET_SHARE
    return replace(finding, data_loss=over)


def _gated(finding: Finding, environment: Environment, gate: Gate) -> Finding:
    """The policy's level for a finding; what holds nothing is said so, and lowers it outside production only."""
    finding = replace(_budgeted(finding), level=gate.level(finding.rule, finding.level))
    nothing = finding.loss is not None and finding.loss.rows == 0
    if not nothing or environment.level is Level.PRODUCTION or finding.level == "B":
        return finding
    return replace(finding, level=min(finding.level, "W", key="OIWTB".index), data_loss=False)


def _estimate(pending: Sequence[Migration], findings: Sequence[Finding]) -> Estimate:
    rows = sum(f.loss.total or 0 for f in findings if f.loss is not None)
    return Estimate(round(0.3 + 0.2 * len(pending) + rows / _ROWS_PER_SECOND, 1), "low", "estimate")


def _recovery(shape: Shape, pending: Sequence[Migration], transactional: bool) -> Recovery:
    if shape is Shape.WHOLE_RUN and transactional and all(m.transactional for m in pending):
        return Recovery("a", "engine_undoes_the_run")
    if shape is Shape.PER_MIGRATION and transactional and all(m.reversible for m in pending):
        return _TAKEN_BACK
    return Recovery("e", "restore_of_the_backup")


def _kept_back(plan: Plan) -> Recovery:
    """The way back, where the tool's own is one only while no migration before the last can lose what it held.

    The last one, when it fails, is undone by the engine; a down of the others brings columns back, not their values.
    """
    if plan.recovery not in (_TAKEN_BACK, _VALUES_LOST):
        return plan.recovery
    earlier = {m.id for m in plan.pending[:-1]}
    lossy = {f.migration for f in plan.findings if f.data_loss} | {u.migration for u in plan.unread}
    somewhere = bool(earlier) and "" in lossy
    return _VALUES_LOST if somewhere or earlier & lossy else _TAKEN_BACK


def _argv(bench: Workbench, probe: Probe, aim: Aim, target: tuple[str, ...]) -> tuple[str, ...]:
    """The command as a template: folders replaced by words, so that two checkouts agree."""
    if aim.direction == "down":
        command = bench.adapter.rollback(bench.project, probe, target, bench.timeout)
    else:
        command = bench.adapter.apply(bench.project, target, bench.timeout)
    words = (
        (str(bench.project.interpreter), "{interpreter}"), (str(bench.project.root), "{project}"),
        (str(Path(probes.__file__).parent), "{diana}"),
    )  # fmt: skip
    shown: list[str] = []
    for word in command.argv:
        for long, short in words:
            word = word.replace(long, short)
        shown.append(word)
    return tuple(shown)


def _code(
    bench: Workbench, probe: Probe, pending: Sequence[Migration], *, sources: bool
) -> tuple[tuple[str, str], ...]:
    """What the run is made of, by hash. With `sources` also every file that a migration nobody could read may open."""
    root = bench.project.root
    paths = {
        *probe.loaded,
        bench.project.config,
        *(root / m.path for m in pending),
        *(root / name for name in _RUN_FILES),
    }
    own = bench.adapter.code if isinstance(bench.adapter, ThirdPartyAdapter) else ()
    every = (("*", digest_of_sources(_sources(bench, probe))),) if sources else ()
    return (*sorted(_hashes(root, paths)), *own, *every)


def _sources(bench: Workbench, probe: Probe) -> Sources:
    root = bench.project.root
    folders = {*probe.scripts, *((root / m.path).parent for m in (*probe.pending, *probe.applied))}
    data = ("", "-wal", "-shm", "-journal") if bench.url.engine == "sqlite" else ()
    besides = frozenset(os.path.realpath(bench.url.database + end) for end in data)
    scripts = tuple(sorted(folders, key=lambda folder: name_in_plan(folder, root)))
    code = {*probe.loaded, *(root / m.path for m in (*probe.pending, *probe.applied))}
    said = (re.findall(r"[^\s/\\'\"]+\.\w+", bounded_text(path, _LONGEST_CODE)) for path in code)
    return Sources(root, scripts, probe.searched, besides, frozenset(name for names in said for name in names))


def _hashes(root: Path, paths: set[Path]) -> list[tuple[str, str]]:
    """Name and hash of each file; of two elsewhere that are called the same, both."""
    return [(name_in_plan(path, root), content_of(path)) for path in paths if path.is_file()]
