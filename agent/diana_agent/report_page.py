"""A log as it grows: lines of Markdown from the catalogue, with the words that several sections share."""

from __future__ import annotations

from dataclasses import dataclass, field

from diana_agent import report_text as text
from diana_agent.report_story import CHECKS, Status, Story, status_of
from diana_prompts.catalogue import Catalogue
from diana_tools.domain import Address


@dataclass(slots=True)
class Page:
    """Lines so far. Fields that are handed in are already safe for Markdown."""

    catalogue: Catalogue
    lines: list[str] = field(default_factory=list[str])

    def say(self, message: str, /, **fields: str | int) -> str:
        """A sentence of the catalogue."""
        return self.catalogue.say(message, **fields)

    def choice(self, prefix: str, word: str) -> str:
        """The catalogue's words for one of a set; a word of no set is shown as it is."""
        message = f"{prefix}.{word}"
        return self.say(message) if self.catalogue.has(message) else text.code(word)

    def heading(self, message: str, depth: int = 2) -> None:
        """A heading, with the empty line that Markdown wants before it."""
        self.lines += ["", f"{'#' * depth} {self.say(message)}", ""]

    def item(self, message: str, /, **fields: str | int) -> None:
        """One line of a list."""
        self.lines.append(f"- {self.say(message, **fields)}")

    def under(self, words: str) -> None:
        """A line of a list below the last one."""
        self.lines.append(f"  - {words}")

    def numbered(self, number: int, words: str) -> None:
        """A numbered line below the last one."""
        self.lines.append(f"  {number}. {words}")

    def block(self, words: str, language: str = "") -> None:
        """A fenced block that belongs to the line of the list above it."""
        self.lines += ["", *(f"  {row}" for row in text.block(words, language).splitlines()), ""]

    def paragraph(self, words: str) -> None:
        """A paragraph of its own."""
        self.lines += ["", words]


def head_line(catalogue: Catalogue, story: Story) -> str:
    """What is true of the run, in one line."""
    status = status_of(story)
    if story.change is None:
        return catalogue.say(f"report.head.{status.value}")
    return catalogue.say(f"report.head.{story.change.act}.{status.value}", passed=story.passed, total=len(CHECKS))


def state_lines(catalogue: Catalogue, story: Story) -> list[str]:
    """What the head line leaves open about the database: measured state, failed and open checks."""
    status, lines = status_of(story), list[str]()
    if status in (Status.RECOVERED, Status.FAILED, Status.UNKNOWN, Status.INTERRUPTED):
        lines.append(catalogue.say(f"report.state.{status.value}"))
    if status is Status.SUCCESS and story.change is not None and story.change.act == "restore":
        lines.append(catalogue.say("report.state.restored"))
    if status is Status.INCOMPLETE:
        failed = sum(found is not None and found.passed is False for found in map(story.check, CHECKS))
        left = len(CHECKS) - story.passed - failed
        lines.append(catalogue.say("report.state.open_checks", failed=failed, open=left))
    if story.verification is not None and story.verification.critical:
        lines += [catalogue.say("report.state.critical"), catalogue.say("report.state.critical_advice")]
    return lines


def named(catalogue: Catalogue, name: str) -> str:
    """A tool or an engine as it writes itself."""
    return catalogue.say(f"report.name.{name}") if catalogue.has(f"report.name.{name}") else text.line(name)


def database_of(catalogue: Catalogue, address: Address | None) -> tuple[str, str]:
    """Engine and bare name of the database, unescaped; dashes before anything was reached."""
    return (named(catalogue, address.engine), text.line(address.name)) if address else ("–", "–")


def tool_of(catalogue: Catalogue, story: Story) -> str:
    """The migration tool with its version, unescaped."""
    chosen = story.detected.chosen if story.detected else None
    name = story.plan.tool if story.plan else (chosen.tool if chosen else "")
    version = story.plan.tool_version if story.plan else (story.detected.version if story.detected else "")
    return text.line(f"{named(catalogue, name)} {version}") if name else "–"


def version_words(catalogue: Catalogue, version: tuple[str, ...] | None) -> str:
    """A schema version, unescaped: several heads joined, none, or not known."""
    if version is None:
        return catalogue.say("report.unknown")
    return text.line(", ".join(version)) or catalogue.say("report.base")


def halt_words(catalogue: Catalogue, story: Story) -> str:
    """Why the run stopped, as the sentence a person saw, escaped; empty when it did not."""
    halted = story.halted
    if halted is None:
        return ""
    inner = text.sentence(catalogue, ("refused", "error"), halted.reason, halted.fields)
    if halted.umbrella and catalogue.has(halted.umbrella):
        try:
            fields = {name: text.inline(value) for name, value in halted.fields.items()}
            return catalogue.say(halted.umbrella, **(fields | {"error": inner}))
        except KeyError:
            return inner
    return inner


def question_words(catalogue: Catalogue, question: str) -> str:
    """A question by its title."""
    title = f"{question}.title"
    return catalogue.say(title) if catalogue.has(title) else text.code(question)


def loss_planned(story: Story) -> bool:
    """Whether the plan that was run removes something on purpose."""
    return story.plan is not None and story.plan.destructive


def user_of(story: Story) -> str:
    """Who ran it, unescaped."""
    return text.line(story.run.user) if story.run else "–"


def rollback_command(story: Story) -> str:
    """The command that takes the applied migrations back; empty when there is nothing of that kind."""
    plan = story.plan
    if plan is None or story.run is None or story.change is None:
        return ""
    if story.change.act == "rollback":
        target = plan.current[0] if len(plan.current) == 1 else ""
        return text.command("diana", "migrate", *(("--to", target) if target else ()), *_where(story))
    result = story.result
    done = len(result.applied) if result else 0
    whole = done == len(plan.pending) and len(plan.current) == 1
    how = ("--to", plan.current[0]) if whole else ("--count", str(done))
    return text.command("diana", "rollback", *how, *_where(story))


def restore_command(story: Story) -> str:
    """The command that gives the backup's state back; empty when there is no backup."""
    permit = story.permit
    made = story.backup.id if story.backup else (permit.backup if permit and permit.grade != "none" else None)
    return text.command("diana", "restore", "--backup", made, *_where(story)) if made else ""


def verify_command(story: Story) -> str:
    """The command that looks and changes nothing."""
    return text.command("diana", "verify", *_where(story))


def _where(story: Story) -> tuple[str, ...]:
    where = story.environment or (story.plan.environment if story.plan else None)
    project = story.run.project if story.run else "."
    return ("--project", project, *(("--environment", where.name) if where else ()))
