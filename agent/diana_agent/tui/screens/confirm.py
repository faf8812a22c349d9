"""The confirmations: a phrase typed letter by letter, and yes or no that starts on no."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import ClassVar

from textual import events, on
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Button, Input

from diana_agent.person import Question, Reply
from diana_agent.tui.screens.question import QuestionScreen
from diana_agent.tui.typeset import BLANK, styled
from diana_agent.tui.widgets.paragraphs import Paragraphs
from diana_agent.tui.words import Words

MAX_WRONG = 3
BURST_KEYS = 12
BURST_SECONDS = 0.006
PAUSE_SECONDS = 0.25


class PhraseField(Input):
    """Takes typed letters only: no paste, no clipboard, and no block of keys that came faster than hands."""

    class PasteRefused(Message):
        """Something was pasted, or came as fast as only a paste does."""

    def __init__(self) -> None:
        super().__init__(placeholder="", select_on_focus=False)
        self._times: deque[float] = deque(maxlen=BURST_KEYS)
        self._closed_until = 0.0

    def _on_paste(self, event: events.Paste) -> None:
        """Take nothing from it."""
        event.stop()
        event.prevent_default()
        self.post_message(self.PasteRefused())

    def action_paste(self) -> None:
        """Take nothing from the clipboard either."""
        self.post_message(self.PasteRefused())

    async def _on_key(self, event: events.Key) -> None:
        """A terminal without bracketed paste sends a paste as keys, all within a few milliseconds."""
        if event.time < self._closed_until:
            self._closed_until = event.time + PAUSE_SECONDS
            event.stop()
            event.prevent_default()
            return
        if event.is_printable:
            self._times.append(event.time)
            if len(self._times) == BURST_KEYS and event.time - self._times[0] < BURST_SECONDS:
                event.stop()
                event.prevent_default()
                self._refuse_block(event.time)
                return
        await super()._on_key(event)

    def _refuse_block(self, now: float) -> None:
        self._closed_until = now + PAUSE_SECONDS
        self._times.clear()
        self.value = ""
        self.post_message(self.PasteRefused())


class PhraseScreen(QuestionScreen):
    """The phrase is shown, echoed with what matches so far, and the button stays off until it is exact."""

    CSS_PATH = "confirm.tcss"

    def __init__(self, question: Question, words: Words, badge: Content = BLANK) -> None:
        super().__init__(question, words, badge)
        self._wrong = 0

    def field(self) -> Iterable[Widget]:
        """What to type, the empty field, the echo, and the buttons."""
        yield Paragraphs([self._to_type()], id="phrase")
        yield PhraseField()
        yield Paragraphs([self._echo("")], id="echo")
        yield Paragraphs([styled(self.words("phrase.hint"), "$quiet")], id="hint")
        cancel = Button(self.words("cancel"), id="no")
        go = Button(
            self.words("confirm"), id="yes", variant="error" if self.question.danger else "primary", disabled=True
        )
        yield Horizontal(cancel, go, id="buttons")

    def on_mount(self) -> None:
        """Typing goes to the field."""
        super().on_mount()
        self.query_one(PhraseField).focus()

    @property
    def exact(self) -> bool:
        """Whether what stands in the field is the phrase; outer spaces do not count, case does."""
        return self.query_one(PhraseField).value.strip(" ") == self.question.phrase

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        self.query_one("#echo", Paragraphs).show([self._echo(event.value)])
        self.query_one("#yes", Button).disabled = not self.exact
        self._hint("phrase.ready" if self.exact else "phrase.hint", "$good" if self.exact else "$quiet")

    @on(Input.Submitted)
    async def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        if self.exact:
            self.dismiss(Reply(given=True, text=event.value, wrong=self._wrong))
        elif not event.value.strip():
            self.dismiss(Reply(given=False, wrong=self._wrong))
        else:
            await self._beep()

    async def _beep(self) -> None:
        self._wrong += 1
        await self.run_action("app.bell")
        if self._wrong >= MAX_WRONG:
            self.dismiss(Reply(given=False, wrong=self._wrong))
        else:
            self._hint("phrase.wrong", "$bad", left=MAX_WRONG - self._wrong)

    @on(PhraseField.PasteRefused)
    async def _pasted(self) -> None:
        await self.run_action("app.bell")
        self._hint("phrase.pasted", "$bad")

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        yes = event.button.id == "yes" and self.exact
        text = self.query_one(PhraseField).value if yes else ""
        self.dismiss(Reply(given=yes, text=text, wrong=self._wrong))

    def _hint(self, message: str, style: str, **fields: int) -> None:
        self.query_one("#hint", Paragraphs).show([styled(self.words(message, **fields), style)])

    def _to_type(self) -> Content:
        return styled(f"{self.words('phrase.type')}  ", "$quiet") + styled(self.question.phrase, "bold")

    def _echo(self, typed: str) -> Content:
        phrase, typed = self.question.phrase, typed.lstrip(" ")
        good = 0
        while good < min(len(phrase), len(typed)) and phrase[good] == typed[good]:
            good += 1
        wrong = len(typed.rstrip(" ")) > good
        parts = styled(phrase[:good], "bold $good")
        parts += styled(phrase[good : good + 1], "bold $bad underline" if wrong else "$quiet")
        parts += styled(phrase[good + 1 :], "$quiet")
        return parts + styled(
            f"   {good}/{len(phrase)}", "$bad" if wrong else "$good" if self._full(good) else "$quiet"
        )

    def _full(self, good: int) -> bool:
        return good == len(self.question.phrase)


class YesNoScreen(QuestionScreen):
    """Starts on No. `y` moves to Yes and Enter answers, so that one slip of a finger never does."""

    CSS_PATH = "confirm.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y,Y", "aim('yes')", show=False),
        Binding("n,N", "aim('no')", show=False),
        Binding("left,right,up,down", "other", show=False),
    ]

    def field(self) -> Iterable[Widget]:
        """The two buttons."""
        yield Paragraphs([styled(self.words("yes_no.hint"), "$quiet")], id="hint")
        no = Button(self.words("no"), id="no")
        yes = Button(self.words("yes"), id="yes", variant="error" if self.question.danger else "primary")
        yield Horizontal(no, yes, id="buttons")

    def on_mount(self) -> None:
        """No is the answer until the person moves."""
        super().on_mount()
        self.query_one("#no", Button).focus()

    @on(events.DescendantFocus)
    def _moved(self) -> None:
        """Mark the answer that Enter gives, not by colour alone."""
        for button in self.query(Button):
            label = self.words(button.id or "no")
            button.label = Content(f"▸ {label}" if button.has_focus else label)

    def action_aim(self, which: str) -> None:
        """Move to a button."""
        self.set_focus(self.query_one(f"#{which}", Button))

    def action_other(self) -> None:
        """Move to the other button."""
        self.action_aim("no" if self.query_one("#yes", Button).has_focus else "yes")

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        self.dismiss(Reply(given=True, text="y" if event.button.id == "yes" else "n"))
