"""The ten steps: as a rail at the left, or as one line on a narrow terminal. Never by colour alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from textual.content import Content

from diana_agent.tui.typeset import BLANK, cut, padded, styled, wrapped
from diana_agent.tui.widgets.lines import Lines
from diana_agent.tui.words import Words

COUNT = 10
GLYPHS = {
    "open": ("○", "$quiet"),
    "running": ("●", "$running"),
    "waiting": ("▲", "$running"),
    "done": ("✓", "$good"),
    "skipped": ("–", "$quiet"),
    "failed": ("✗", "$bad"),
}


@dataclass(slots=True)
class Step:
    """How far a step is: open, running, waiting (for the person), done, skipped or failed; and its seconds."""

    state: str = "open"
    seconds: float = 0.0


@dataclass(slots=True)
class Standing:
    """What is true now: the steps, and a few facts as (label, value, style) for the foot of the rail."""

    steps: list[Step] = field(default_factory=lambda: [Step() for _ in range(COUNT)])
    facts: dict[str, tuple[str, str]] = field(default_factory=dict[str, tuple[str, str]])

    def current(self) -> int:
        """The number of the step that runs, else of the last one that ended; 0 before the first."""
        last = 0
        for number, step in enumerate(self.steps, 1):
            if step.state in ("running", "waiting"):
                return number
            if step.state != "open":
                last = number
        return last


def duration(seconds: float) -> str:
    """Seconds as people read them: 0.3s, 12s, 4m 02s, 1h 05m."""
    if seconds < 10:
        return f"{seconds:.1f}s"
    if seconds < 60:
        return f"{seconds:.0f}s"
    if seconds < 3600:
        return f"{int(seconds) // 60}m {int(seconds) % 60:02d}s"
    return f"{int(seconds) // 3600}h {int(seconds) % 3600 // 60:02d}m"


class StepRail(Lines):
    """The steps under each other, and what is true now below them."""

    def __init__(self, standing: Standing, words: Words) -> None:
        super().__init__()
        self._standing = standing
        self._words = words

    def on_resize(self) -> None:
        """The height decides how close the steps stand."""
        self.changed()

    def build(self, width: int) -> Sequence[Content]:
        """Two lines a step where there is room for them, else one; then the facts."""
        steps, facts = self._standing.steps, self._facts(width)
        airy = self.size.height >= 2 * COUNT - 1 + len(facts)
        found: list[Content] = []
        for number, step in enumerate(steps, 1):
            found.append(self._step(number, step, width))
            if airy and number < COUNT:
                found.append(styled("│", "$faint"))
        return [*found, *facts]

    def _step(self, number: int, step: Step, width: int) -> Content:
        glyph, colour = GLYPHS[step.state]
        late = self._late(step)
        name = self._words(f"step.{number}")
        style = {"running": "bold", "waiting": "bold", "open": "$quiet", "skipped": "$quiet", "failed": "$bad"}
        left = styled(f"{glyph} ", colour) + styled(f"{number:>2}  ", "$quiet")
        left += styled(name, style.get(step.state, ""))
        right = styled(late, colour if step.state in ("failed", "waiting", "running") else "$quiet")
        return padded(cut(left, width - right.cell_length - 1), width - right.cell_length) + right

    def _late(self, step: Step) -> str:
        """The word or the time at the right of a step."""
        if step.state in ("skipped", "failed", "waiting"):
            return self._words(f"step.{step.state}")
        if step.state == "running" and not step.seconds:
            return self._words("step.running")
        return "" if step.state == "open" else duration(step.seconds)

    def _facts(self, width: int) -> list[Content]:
        facts = self._standing.facts
        if not facts:
            return []
        found = [BLANK, styled("─" * width, "$faint")]
        label = max(len(name) for name in facts) + 2
        for name, (value, style) in facts.items():
            found += wrapped(styled(value, style), width, styled(f"{name:<{label}}", "$quiet"))
        return found


class Stepper(Lines):
    """The same in one line."""

    def __init__(self, standing: Standing, words: Words) -> None:
        super().__init__()
        self._standing = standing
        self._words = words

    def build(self, width: int) -> Sequence[Content]:
        """The ten marks, and the name of the step that counts now."""
        marks = BLANK
        for step in self._standing.steps:
            glyph, colour = GLYPHS[step.state]
            marks += styled(f"{glyph} ", colour)
        current = self._standing.current()
        if not current:
            return [cut(styled(" ") + marks, width)]
        step = self._standing.steps[current - 1]
        word = self._words(f"step.{step.state}")
        name = styled(f"  {current}/{COUNT} {self._words(f'step.{current}')}", "bold") + styled(f"  {word}", "$quiet")
        return [cut(styled(" ") + marks + name, width)]
