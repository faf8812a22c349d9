"""The base of all that is drawn: a widget that builds literal lines for a width, and can be selected and copied."""

from __future__ import annotations

from collections.abc import Sequence

from rich.segment import Segment
from textual.content import Content
from textual.geometry import Size
from textual.selection import Selection
from textual.strip import Strip
from textual.style import Style
from textual.widget import Widget


class Lines(Widget):
    """Draws what `build` returns, one `Content` a line; builds again only when its content or width changes."""

    DEFAULT_CSS = "Lines { width: 1fr; height: auto; }"

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._built: Sequence[Content] = ()
        self._built_for = -1

    def build(self, width: int) -> Sequence[Content]:
        """The lines at `width` cells; each must fit."""
        raise NotImplementedError

    def lines(self, width: int) -> Sequence[Content]:
        """The lines at `width` cells, built once."""
        if width != self._built_for:
            self._built = self.build(width)
            self._built_for = width
        return self._built

    @property
    def text(self) -> str:
        """What stands on the screen, as plain text."""
        return "\n".join(line.plain for line in self.lines(self.size.width or 80))

    def changed(self) -> None:
        """Draw again: the content is another one. Lays out anew only when the height differs."""
        height = len(self._built)
        self._built_for = -1
        width = self.size.width
        self.refresh(layout=not width or len(self.lines(width)) != height)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """The number of lines at `width`."""
        return len(self.lines(width)) if width else 0

    def render_line(self, y: int) -> Strip:
        """Line `y` of the content, with the selection in it."""
        width = self.size.width
        lines = self.lines(width)
        base = self.visual_style
        if y >= len(lines):
            return Strip.blank(width, base.rich_style)
        line = lines[y]
        if (selection := self.text_selection) is not None and (span := selection.get_span(y)) is not None:
            start, end = span
            line = line.stylize(self._selected, start, len(line.plain) if end == -1 else end)
        segments = [
            Segment(text, (base + style).rich_style) for text, style in line.render(base, "", parse_style=_style)
        ]
        strip = Strip(segments, line.cell_length).adjust_cell_length(width, base.rich_style)
        return strip.apply_offsets(0, y)

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """The selected text of this widget, for the clipboard."""
        return selection.extract(self.text), "\n"

    def selection_updated(self, selection: Selection | None) -> None:
        """Draw again with the new selection."""
        self.refresh()

    @property
    def _selected(self) -> Style:
        return Style.from_styles(self.screen.get_component_styles("screen--selection"))


def _style(style: str | Style) -> Style:
    """A style by name, with the colours of the theme; Textual keeps what it has parsed."""
    return Style.parse(style) if isinstance(style, str) else style
