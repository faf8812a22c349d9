"""The top line: who, which database, which project and engine, and the environment, unmistakable in production."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content

from diana_agent.tui.typeset import BLANK, cut, joined, styled
from diana_agent.tui.widgets.lines import Lines
from diana_agent.tui.words import Words, clean


class TopBar(Lines):
    """Drops what is least important first: the host, the engine, the project; never database and environment."""

    def __init__(self, project: str, words: Words) -> None:
        super().__init__()
        self._words = words
        self._project = clean(project, 80)
        self._database = ""
        self._place = ""
        self._environment = ""

    def settle(self, name: str, level: str) -> None:
        """Show the environment; level production tints the bar."""
        self._environment = clean(name, 40)
        if level == "production":
            own = (
                self._environment.removeprefix(level)
                if self._environment.startswith(level)
                else f" {self._environment}"
            )
            self._environment = f"PRODUCTION{own}".replace("-demo", " (demo)")
        self.set_class(level == "production", "-production")
        self.changed()

    def connect(self, database: str, engine: str, place: str) -> None:
        """Show which database is at the other end."""
        self._database, self._place = clean(database, 80), clean(f"{engine} {place}".strip(), 200)
        self.changed()

    @property
    def badge(self) -> Content:
        """The environment as it stands at the right, also used on the confirmation."""
        if not self._environment:
            return BLANK
        production = self.has_class("-production")
        return styled(
            f" {self._environment} ", "bold $danger-text on $danger" if production else "bold $foreground on $panel"
        )

    def build(self, width: int) -> Sequence[Content]:
        """One line."""
        badge = self.badge
        brand = styled(" ◆ ", "bold $running") + styled(self._words("brand"), "bold")
        database = styled(self._database, "bold $foreground")
        project = styled(self._project, "$quiet")
        place = styled(f"› {self._place}" if self._place else "", "$quiet")
        room = width - badge.cell_length - 1
        parts = [brand, database, project, place]
        left = joined(parts, "  ")
        while left.cell_length > room and len(parts) > 2:
            parts = parts[:-1]
            left = joined(parts, "  ")
        left = cut(left, room)
        return [left + Content(" " * max(width - left.cell_length - badge.cell_length, 0)) + badge]
