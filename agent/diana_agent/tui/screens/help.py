"""F1: the keys, and what Diana never does."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen

from diana_agent.tui.typeset import BLANK, styled
from diana_agent.tui.widgets.paragraphs import Paragraphs
from diana_agent.tui.words import Words

KEYS = ("enter", "ctrl_j", "arrows", "page", "esc", "ctrl_c", "ctrl_o", "f2", "ctrl_p", "ctrl_q")
WIDTH = 18


class HelpScreen(ModalScreen[None]):
    """A page of keys; any of Esc, F1, Enter and q closes it."""

    CSS_PATH = "help.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,f1,enter,q", "dismiss", show=False)]

    def __init__(self, words: Words) -> None:
        super().__init__()
        self._words = words

    def compose(self) -> ComposeResult:
        """The keys in two columns, then the rules."""
        words = self._words
        with VerticalScroll(id="help"):
            yield Paragraphs([styled(words("help.title"), "bold $human"), BLANK])
            for key in KEYS:
                name = styled(f"{words(f'help.{key}.keys'):<{WIDTH}}", "bold")
                yield Paragraphs([styled(words(f"help.{key}"))], name)
            yield Paragraphs([BLANK, styled(words("help.rule"), "$quiet")])
