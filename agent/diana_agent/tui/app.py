"""The Textual chat: paints first, then wakes Diana in a thread, then draws what the journal says."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual import events, on
from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.worker import WorkerFailed

from diana_agent.conversation import leaves
from diana_agent.leaving import on_leaving
from diana_agent.tui.feed import Feed, Happened
from diana_agent.tui.messages import Asking, Sent, Withdrawn
from diana_agent.tui.screens.chat import ChatScreen
from diana_agent.tui.screens.question import QuestionScreen
from diana_agent.tui.theme import THEMES, fallbacks
from diana_agent.tui.words import Words
from diana_prompts.catalogue import Catalogue

if TYPE_CHECKING:
    from diana_agent.conversation import Talk
    from diana_agent.events import AnyEvent
    from diana_agent.person import Person, Question, Reply
    from diana_agent.tui.board import Board
    from diana_agent.tui.story import Story
    from diana_config.errors import DianaError

COMMANDS = ("plan", "dry_run", "backup", "migrate", "verify", "rollback", "report", "menu")
FRAME = 1 / 25
"""Seconds between two frames while things come in."""


class ChatApp(App[int]):
    """One session. `exit_code` follows the journal: what the last halt or the end of the run said."""

    TITLE = "Diana"
    CSS_PATH = "screens/chat.tcss"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (90, "-wide")]  # noqa: RUF012 - Textual's own declaration
    VERTICAL_BREAKPOINTS = [(0, "-short"), (30, "-tall")]  # noqa: RUF012 - Textual's own declaration
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "stop_talk", show=False),
        Binding("ctrl+q", "leave", show=False, priority=True, system=True),
        Binding("f1", "help", show=False),
    ]

    def __init__(self, open_talk: Callable[[Person], Talk], catalogue: Catalogue, project: str) -> None:
        super().__init__()
        self.words = Words(catalogue)
        for theme in THEMES:
            self.register_theme(theme)
        if self.theme == "textual-dark":
            self.theme = "diana-16" if self.console.color_system == "standard" else "diana"
        self.chat = ChatScreen(project, self.words)
        self.talk: Talk | None = None
        self.exit_code = 0
        self.log_path = ""
        self.crash: BaseException | None = None
        self._open_talk = open_talk
        self._board: Board | None = None
        self._feed: Feed | None = None
        self._turns = 0
        self._leaving = False

    def get_default_screen(self) -> Screen[None]:
        """The chat."""
        return self.chat

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Diana's own colours, for themes that do not bring them."""
        return fallbacks(self.current_theme)

    def on_mount(self) -> None:
        """Nothing blinks where moving things are unwanted."""
        self.chat.prompt.cursor_blink = self.animation_level != "none"
        on_leaving(self._hang_up)

    def _hang_up(self) -> None:
        """TERM or a closed terminal: clean up and go, without a question; a running change goes on by itself."""
        self.run_worker(self._hung_up(), name="leave", group="leave")

    async def _hung_up(self) -> None:
        if self.talk is not None and not self.talk.changing:
            await self.talk.close()
        self.exit(self.exit_code or 130)

    def on_ready(self) -> None:
        """The first frame is on its way; nothing heavy was loaded for it."""
        self.call_after_refresh(self._wake)
        self.set_interval(1, self._tick)

    def _wake(self) -> None:
        self.run_worker(self._session(), name="session", group="session")

    async def _session(self) -> None:
        """Build the runtime in a thread, then watch and greet on this loop."""
        from diana_agent.tui.person import ChatPerson
        from diana_config.errors import DianaError

        person = ChatPerson(self)
        try:
            self.talk, story, board = await asyncio.to_thread(self._opened, person)
        except DianaError as error:
            await self._cannot_start(error)
            return
        self._board = board
        feed = self._feed = Feed(asyncio.get_running_loop())
        self.talk.watch(partial(self._hear, feed), feed.text, feed.line)
        self.chat.status.tell("model", self.talk.model_name)
        self.run_worker(self._draw(feed, story, board), name="draw", group="draw")
        await self._turn(self.talk.greet)

    def _opened(self, person: Person) -> tuple[Talk, Story, Board]:
        """Load what draws, and open the talk; runs in a thread."""
        from diana_agent.tui import prose
        from diana_agent.tui.board import Board, Instruments
        from diana_agent.tui.story import Story

        prose.load()
        chat = self.chat
        instruments = Instruments(chat.top, chat.rail, chat.stepper, chat.status)
        board = Board(instruments, chat.standing, self.words)
        return self._open_talk(person), Story(self.words), board

    async def _cannot_start(self, error: DianaError) -> None:
        """Nothing can be done in this session: say why, and keep the exit code."""
        from diana_agent.exits import exit_code

        self.exit_code = exit_code(error)
        await self._tell(self.words.code(error.code, "error", fields=error.fields), "bad")
        await self._tell(self.words("cannot_start"), "info")
        self.chat.prompt.disabled = True
        self.chat.status.doing("", "idle")

    async def _tell(self, sentence: str, tone: str) -> None:
        """A sentence of the face itself, which the journal does not hold."""
        from diana_agent.tui.widgets.sentence import Sentence

        await self.chat.add([Sentence(sentence, tone)])

    def _hear(self, feed: Feed, event: AnyEvent) -> None:
        """Keep what must outlive the screen, and queue the event to be drawn."""
        if event.kind == "halted" or event.kind == "run_ended":
            self.exit_code = event.exit_code
        elif event.kind == "reported":
            self.log_path = event.path
        feed.event(event)

    async def _draw(self, feed: Feed, story: Story, board: Board) -> None:
        """Draw what came in, a frame at a time."""
        while True:
            pieces = await feed.take()
            blocks = story.draw(pieces)
            events_drawn = [piece.event for piece in pieces if isinstance(piece, Happened)]
            for event in events_drawn:
                board.read(event)
            if events_drawn:
                board.refresh()
                self.chat.set_class(self.chat.top.has_class("-production"), "-production")
                self._show_status()
            await self.chat.add(blocks)
            await asyncio.sleep(FRAME)

    async def _turn(self, work: Callable[[], Awaitable[None]]) -> None:
        """One turn of the conversation; what a person can act on is said, the session goes on."""
        from diana_config.errors import DianaError

        self._turns += 1
        self._show_status()
        try:
            await work()
        except DianaError as error:
            await self._tell(self.words.code(error.code, "error", fields=error.fields), "bad")
        finally:
            self._turns -= 1
            self._show_status()

    def _show_status(self) -> None:
        talk, words = self.talk, self.words
        if talk is None:
            return
        self.chat.status.tell("model", talk.model_name)
        if talk.changing:
            self.chat.status.doing(words("status.changing"), "changing")
        elif talk.busy or self._turns:
            self.chat.status.doing(words("status.busy"), "busy")
        else:
            self.chat.status.doing("", "idle")

    def _tick(self) -> None:
        """Once a second: how long the running step takes. Not where moving things are unwanted."""
        if self._board is not None and self.animation_level != "none":
            self._board.tick()
        self._show_status()

    @on(Sent)
    def _send(self, message: Sent) -> None:
        if self.talk is None or self.talk.busy or self._turns:
            self.notify(self.words("not_yet" if self.talk is None else "still_busy"), markup=False, timeout=4)
            return
        self.chat.prompt.accepted(message.text)
        if leaves(message.text):
            self.action_leave()
            return
        self.chat.transcript.to_end()
        self.run_worker(self._turn(partial(self.talk.say, message.text)), name="turn", group="turn")

    async def on_event(self, event: events.Event) -> None:
        """Keep keys, clicks and pastes from a question that has only just appeared."""
        made_by_hand = isinstance(event, events.InputEvent | events.Paste) and not event.is_forwarded
        if made_by_hand and self._question is not None and self._question.deaf_to(event):
            return
        await super().on_event(event)

    @property
    def _question(self) -> QuestionScreen | None:
        """The question that is on top."""
        top = self.screen_stack[-1] if self.is_running and self.screen_stack else None
        return top if isinstance(top, QuestionScreen) else None

    @on(Asking)
    def _ask(self, message: Asking) -> None:
        self.run_worker(self._show_question(message.question, message.answer), name="question", group="question")

    async def _show_question(self, question: Question, answer: asyncio.Future[Reply]) -> None:
        """Facts before questions: what happened earlier is drawn before the question can be seen."""
        from diana_agent.tui.screens import screen_for

        if self._feed is not None:
            await self._feed.drawn()
        if answer.done():
            return
        self.bell()
        self._wait(True)
        screen = screen_for(question, self.words, self.chat.top.badge)
        screen.answer = answer
        await self.push_screen(screen, partial(self._answered, answer))

    def _answered(self, answer: asyncio.Future[Reply], reply: Reply | None) -> None:
        from diana_agent.person import Reply

        self._wait(False)
        if not answer.done():
            answer.set_result(reply or Reply(given=False))

    def _wait(self, waiting: bool) -> None:
        if self._board is not None:
            self._board.wait(waiting)

    @on(Withdrawn)
    def _withdraw(self, message: Withdrawn) -> None:
        for screen in self.screen_stack:
            if isinstance(screen, QuestionScreen) and screen.answer is message.answer:
                screen.withdraw()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """No palette and no help above a question."""
        return not (self._question is not None and action in ("command_palette", "help"))

    async def action_stop_talk(self) -> None:
        """Esc: Diana stops talking; a running change goes on, and the talk says so."""
        if self.talk is not None and self.talk.busy:
            self.run_worker(self.talk.stop(), name="stop", group="stop")
        else:
            self.chat.transcript.to_end()

    def action_help_quit(self) -> None:
        """Ctrl+C with nothing selected: say what it does and how to leave."""
        self.notify(self.words("ctrl_c"), markup=False, timeout=4)

    async def action_help(self) -> None:
        """F1."""
        from diana_agent.tui.screens.help import HelpScreen

        await self.push_screen(HelpScreen(self.words))

    async def action_quit(self) -> None:
        """The palette's own way out is the same as Ctrl+Q."""
        self.action_leave()

    def action_leave(self) -> None:
        """Ctrl+Q: leave; while a change is in flight only after a yes."""
        if not self._leaving:
            self._leaving = True
            self.run_worker(self._leave(), name="leave", group="leave")

    async def _leave(self) -> None:
        talk, words = self.talk, self.words
        if talk is None:
            self.exit(self.exit_code)
            return
        if talk.changing:
            if not await self._leave_a_change():
                self._leaving = False
                return
            self.exit(self.exit_code)
            return
        self.chat.status.doing(words("status.closing"), "idle")
        await talk.close()
        self.exit(self.exit_code)

    async def _leave_a_change(self) -> bool:
        """The supervisor finishes what runs; what Diana would do after it does not happen without her."""
        from diana_agent.person import Question

        words = self.words
        question = Question(
            "tui.leave", "yes_no", words("leave"), facts=(words("leave.supervisor"), words("leave.recovery")),
            danger=True, title=words("leave.title"),
        )  # fmt: skip
        answer: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        await self._show_question(question, answer)
        return (await answer).text == "y"

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """What the palette offers: things to ask of Diana, then things of the chat itself."""
        words = self.words
        for verb in COMMANDS:
            said = words(f"command.{verb}.say")
            yield SystemCommand(words(f"command.{verb}"), words("command.says", text=said), partial(self._say, said))
        yield SystemCommand(words("command.unfold"), words("command.unfold.help"), self.chat.action_unfold)
        yield SystemCommand(words("command.steps"), words("command.steps.help"), self.chat.action_steps)
        yield SystemCommand(words("command.theme"), words("command.theme.help"), self.action_change_theme)
        yield SystemCommand(words("command.help"), words("command.help.help"), self.action_help)
        yield SystemCommand(words("command.leave"), words("command.leave.help"), self.action_leave)

    def _say(self, text: str) -> None:
        self.post_message(Sent(text))

    def _handle_exception(self, error: Exception) -> None:
        """A bug: close the screen and let `run_chat` raise it, without a traceback full of local values."""
        self.crash = error.error if isinstance(error, WorkerFailed) else error
        super()._handle_exception(error)

    def _fatal_error(self) -> None:
        self._close_messages_no_wait()

    def farewell(self) -> list[str]:
        """The lines left in the scrollback: where the record and the log are."""
        journal = self.talk.journal_path if self.talk is not None else ""
        known = (("bye.journal", journal), ("bye.log", self.log_path))
        return [self.words(message, path=path) for message, path in known if path]


def run_chat(open_talk: Callable[[Person], Talk], catalogue: Catalogue, project: str) -> int:
    """Run the chat until the person leaves; returns the exit code of the run.

    `open_talk` is called in a thread, after the first frame. `project` is the folder's name.

    Raises:
        Exception: whatever was a bug, after the terminal is itself again.
    """
    app = ChatApp(open_talk, catalogue, project)
    app.run()
    for line in app.farewell():
        sys.stderr.write(f"{line}\n")
    if app.crash is not None:
        raise app.crash
    return app.exit_code
