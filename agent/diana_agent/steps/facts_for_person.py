"""What a person sees above a question: the facts that were measured, as finished sentences (S7.1)."""

from __future__ import annotations

from diana_agent.run import Run
from diana_agent.sentences import differences_said, kind_word
from diana_agent.steps.prerequisites import megabytes
from diana_tools.backup import differences
from diana_tools.domain import Finding, Plan
from diana_tools.measured import Backup, State


def execution_facts(run: Run, plan: Plan) -> tuple[str, ...]:
    """The execution plan: tool, database, environment, what is lost, backup, proof, estimate, way back."""
    say = run.catalogue.say
    lines = [
        say("fact.tool", tool=plan.tool, version=plan.tool_version),
        say("fact.database", engine=plan.address.engine, place=plan.address.place),
        say("fact.environment", environment=plan.environment.name, level=plan.environment.level.value),
        say("fact.count", count=len(plan.pending), direction=plan.direction, code=plan.code_word),
        *(loss_sentence(run, finding) for finding in plan.findings if finding.data_loss),
        *(say("fact.unread", file=one.file, line=one.line) for one in plan.unread),
        _backup(run, None if run.settings.skip_backup else run.standing.backup),
        _rehearsal(run),
        say("fact.estimate", seconds=f"{plan.estimate.seconds:g}", basis=say(f"basis.{plan.estimate.basis}")),
        say(f"fact.recovery.{plan.recovery.rung}"),
    ]
    return tuple(lines)


def loss_sentence(run: Run, finding: Finding) -> str:
    """One destructive finding with its live count, or why there is none."""
    say = run.catalogue.say
    kind = kind_word(finding.kind, run.catalogue)
    loss = finding.loss
    if loss is None or loss.rows is None:
        return say("fact.loss_unknown", kind=kind, object=finding.object, file=finding.file, line=finding.line)
    return say("fact.loss", kind=kind, object=finding.object, rows=loss.rows, file=finding.file, line=finding.line)


def _backup(run: Run, made: Backup | None) -> str:
    say = run.catalogue.say
    if made is None:
        return say("fact.no_backup")
    copies = ", ".join(copy.store for copy in made.copies if copy.verified)
    return say(
        f"fact.backup.{made.grade.value}",
        path=made.path,
        size=megabytes(made.size),
        copies=copies or say("fact.no_copy"),
    )


def _rehearsal(run: Run) -> str:
    say = run.catalogue.say
    done, standing = run.standing.rehearsal, run.standing
    if done is not None:
        return say(f"fact.rehearsed.{done.kind}", seconds=f"{done.seconds:.1f}")
    return say("fact.not_rehearsed", reason=standing.unrehearsed or "-")


def restore_facts(run: Run, made: Backup, now: State) -> tuple[str, ...]:
    """What a restore would take away: when the backup was made, how it was proven, what was measured to differ."""
    say, bench = run.catalogue.say, run.need_bench()
    differing = differences(made.state, now)
    return (
        say("fact.database", engine=bench.url.engine, place=bench.url.address.place),
        say("fact.restore_from", backup=made.id, made_at=made.made_at, version=", ".join(made.version) or "-"),
        say(f"fact.backup.{made.grade.value}", path=made.path, size=megabytes(made.size), copies=str(len(made.copies))),
        say("fact.restore_differs", count=len(differing), what=differences_said(differing, run.catalogue) or "-"),
        say("fact.restore_writes_unknown"),
    )
