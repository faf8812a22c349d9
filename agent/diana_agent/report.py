"""The migration log, its summary and its JSON, rendered from a run's journal and from nothing else (S9, S10)."""

from __future__ import annotations

from collections.abc import Sequence

from diana_agent import report_text as text
from diana_agent.journal import Entry
from diana_agent.report_file import write
from diana_agent.report_json import document
from diana_agent.report_page import (
    Page,
    database_of,
    head_line,
    state_lines,
    tool_of,
    version_words,
)
from diana_agent.report_rest import (
    anchor_section,
    course_section,
    failure_section,
    first_line,
    open_section,
    plan_section,
)
from diana_agent.report_sections import (
    backup_section,
    migrations_section,
    rollback_section,
    summary_section,
    verification_section,
)
from diana_agent.report_story import CHECKS, Status, Story, status_of, tell
from diana_prompts.catalogue import Catalogue

__all__ = ["document", "render", "summary", "write"]

_SECTIONS = (
    summary_section, migrations_section, backup_section, verification_section, rollback_section,
    failure_section, plan_section, open_section, course_section, anchor_section,
)  # fmt: skip
_REACHED_THE_END = (Status.SUCCESS, Status.INCOMPLETE, Status.DRY_RUN, Status.UP_TO_DATE)


def render(entries: Sequence[Entry], catalogue: Catalogue) -> str:
    """The migration log as Markdown: the document's five sections, then what else a reader must know.

    True for every ending; where the proof is below a restore test, the first line says so.
    """
    story, page = tell(entries), Page(catalogue)
    warning = first_line(page, story)
    if warning:
        page.lines += [f"> **{warning}**", ""]
    page.lines.append(f"# {page.say('report.title')}")
    page.paragraph(f"**{head_line(catalogue, story)}**")
    for section in _SECTIONS:
        section(page, story)
    return "\n".join(page.lines) + "\n"


def summary(entries: Sequence[Entry], catalogue: Catalogue) -> str:
    """The closing block of step 10 as plain text, under the head line that is true of the run (S10.1)."""
    story, say = tell(entries), catalogue.say
    where = story.environment or (story.plan.environment if story.plan else None)
    engine, name = database_of(catalogue, story.address)
    lines = [
        head_line(catalogue, story),
        *state_lines(catalogue, story),
        "",
        say("summary.environment", environment=text.line(where.name) if where else "–"),
        say("summary.database", type=engine, name=name),
        say("summary.tool", tool=tool_of(catalogue, story)),
        "",
        *_done(catalogue, story),
        "",
        _backup_line(catalogue, story),
        _verified_line(catalogue, story),
        "",
        say("summary.log", path=text.line(story.reported)) if story.reported else say("summary.no_log"),
        *_closing(catalogue, story),
    ]
    return "\n".join(lines) + "\n"


def _done(catalogue: Catalogue, story: Story) -> list[str]:
    say, plan, result = catalogue.say, story.plan, story.result
    count = len(plan.pending) if plan else 0
    if story.change is None:
        return [say("summary.pending", count=count), *_versions(catalogue, story)]
    applied = 0 if result is None or status_of(story) is Status.RECOVERED else len(result.applied)
    if story.change.act == "restore":
        lines = [say("summary.restored", id=text.line(story.permit.backup or "–" if story.permit else "–"))]
    elif story.change.act == "rollback":
        lines = [say("summary.rolled_back", count=applied)]
    elif status_of(story) is Status.SUCCESS:
        lines = [say("summary.applied_all", count=applied)]
    else:
        lines = [say("summary.applied_some", count=applied, planned=count)]
    took = text.duration(catalogue, result.seconds) if result else say("report.unknown")
    return [*lines, say("summary.duration", duration=took), *_versions(catalogue, story)]


def _versions(catalogue: Catalogue, story: Story) -> list[str]:
    before, after = (version_words(catalogue, version) for version in story.versions)
    return [catalogue.say("summary.version", before=before, after=after)]


def _backup_line(catalogue: Catalogue, story: Story) -> str:
    made = story.backup
    if made is None:
        return catalogue.say("summary.no_backup")
    path, size = text.line(made.path), text.size(catalogue, made.size, exact=False)
    if made.grade.value == "restored":
        return catalogue.say("summary.backup", path=path, size=size)
    return catalogue.say("summary.backup_grade", path=path, size=size, grade=made.grade.value)


def _verified_line(catalogue: Catalogue, story: Story) -> str:
    if story.verification is None:
        return catalogue.say("summary.not_verified")
    if story.passed == len(CHECKS):
        return catalogue.say("summary.verified")
    return catalogue.say("summary.verified_some", passed=story.passed, total=len(CHECKS))


def _closing(catalogue: Catalogue, story: Story) -> list[str]:
    """Next steps after a success; the reason after anything that stopped; the end only where it was reached."""
    say, status, lines = catalogue.say, status_of(story), list[str]()
    if status is Status.SUCCESS and story.change is not None and story.change.act != "restore":
        steps = [f"- {say(f'summary.next.{step}')}" for step in ("test", "monitor", "verify", "keep")]
        lines += ["", say("summary.next"), *steps, ""]
        if story.change.act == "apply":
            lines.append(say("summary.success"))
    elif story.result is not None and story.result.error:
        lines += ["", say("summary.error", error=text.line(text.why_failed(catalogue, story.result.error)))]
        if story.change is not None and story.change.act == "apply" and status is not Status.INCOMPLETE:
            lines.append(say("summary.halted"))
    if status in _REACHED_THE_END:
        lines.append(say("summary.complete"))
    return lines
