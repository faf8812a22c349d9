"""The conversation behind a chat face: loop, verbs and journal on a thread of their own, so that no face ever waits."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from contextlib import suppress

from diana_agent.call import Call
from diana_agent.closing import close_run
from diana_agent.conversation import EventSink, TextSink
from diana_agent.dispatch import verbs
from diana_agent.events import GaveBack, Noted, UserSaid
from diana_agent.journal import Entry
from diana_agent.loop import Loop
from diana_agent.models.base import START
from diana_agent.person import Person, Question, Reply
from diana_agent.run import Run
from diana_agent.runtime import open_run, settings_of
from diana_agent.talker import KINDS, Talker
from diana_prompts.system import system_prompt, verb_description
from diana_tools.errors import DianaError
from diana_tools.redaction import plain

LONGEST_MESSAGE = 20_000


class FarPerson:
    """The person, asked from Diana's thread and answering on the face's own event loop."""

    def __init__(self, person: Person) -> None:
        self._person = person
        self.face_loop: asyncio.AbstractEventLoop | None = None

    @property
    def present(self) -> bool:
        """Whether somebody can be asked."""
        return self._person.present and self.face_loop is not None

    async def ask(self, question: Question) -> Reply:
        """Ask on the face's loop and wait here."""
        if self.face_loop is None:
            return Reply(given=False)
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self._person.ask(question), self.face_loop))


class Chat:
    """One session; implements `conversation.Talk`. Build it anywhere, then use it from the face's event loop."""

    def __init__(self, call: Call, person: Person, face: str) -> None:
        settings = settings_of(call)
        self._far = FarPerson(person)
        self._run: Run = open_run(call, settings, self._far, face)
        try:
            self._talker = Talker(self._run)
        except DianaError:
            self._run.journal.close()
            raise
        self._stopping = False
        system = system_prompt(settings.language, settings.skill)
        self._turns = Loop(self._run, self._talker.model, system, verbs(verb_description), lambda: self._stopping)
        self._on_delta: TextSink = lambda _text: None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="diana", daemon=True)
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._talker.model.warm(), self._loop)
        self._turn: Future[None] | None = None
        self._working: asyncio.Task[None] | None = None
        self.project = call.project.name
        self.exit_code = 0

    @property
    def model_name(self) -> str:
        """Who talks, and what a remote model may see."""
        return self._talker.title

    @property
    def journal_path(self) -> str:
        """Where the record of this session lies."""
        return str(self._run.journal.path)

    @property
    def busy(self) -> bool:
        """Whether a turn is under way."""
        return self._turn is not None and not self._turn.done()

    @property
    def changing(self) -> bool:
        """Whether a change is in flight."""
        return self._run.standing.in_flight is not None

    def watch(self, on_event: EventSink, on_delta: TextSink, on_line: TextSink) -> None:
        """Send everything to a face, on the event loop that calls this."""
        face = asyncio.get_running_loop()
        self._far.face_loop = face

        def on_face(sink: Callable[[str], None]) -> TextSink:
            def send(text: str) -> None:
                with suppress(RuntimeError):  # the face has closed its loop
                    face.call_soon_threadsafe(sink, text)

            return send

        def entry(one: Entry) -> None:
            with suppress(RuntimeError):
                face.call_soon_threadsafe(on_event, one.event)

        self._run.journal.subscribe(entry)
        self._on_delta = on_face(on_delta)
        self._run.on_line.append(on_face(on_line))

    async def greet(self) -> None:
        """The greeting waits for no model; then the first look."""
        await self._do(self._greeted())

    async def _greeted(self) -> None:
        self._run.note("greeting.first")
        await self._talked(START)

    async def _talked(self, text: str) -> None:
        """One turn, with whoever talks now."""
        self._turns.model = await self._talker.ready()
        await self._turns.turn(text, self._delta)

    async def say(self, text: str) -> None:
        """A message, or one of the commands that start with a slash and never reach a model."""
        words = self._run.redactor.fact(plain(text, LONGEST_MESSAGE)).strip()
        if not words:
            return
        await self._do(self._said(words))

    async def _said(self, typed: str) -> None:
        self._run.write(UserSaid(text=typed), "person")
        if typed.startswith("/again"):
            verb = typed.removeprefix("/again").strip() or "migrate"
            self._run.write(GaveBack(verb=verb), "person")
            self._run.note("chat.gave_back", verb=verb)
        elif typed.startswith("/model"):
            await self._model(typed.removeprefix("/model").strip())
        else:
            await self._talked(typed)

    async def _model(self, kind: str) -> None:
        """`/model` says who talks and what may be seen; with a name it changes."""
        if kind not in ("", *KINDS):
            self._run.note("chat.models", "warn")
            return
        try:
            if kind:
                await self._talker.change(kind)
        except DianaError as error:
            self._run.note(f"error.{error.code}", "warn", **error.fields)
            return
        self._talker.say_who()

    def _delta(self, text: str) -> None:
        self._on_delta(text)

    async def _do(self, work: Coroutine[None, None, None]) -> None:
        if self.busy:
            work.close()
            self._run.note("chat.busy", "warn")
            return
        self._stopping = False
        self._turn = asyncio.run_coroutine_threadsafe(self._guarded(work), self._loop)
        with suppress(asyncio.CancelledError):
            await asyncio.wrap_future(self._turn)

    async def _guarded(self, work: Coroutine[None, None, None]) -> None:
        """A failure that no verb caught is said in a sentence; the session goes on."""
        self._working = asyncio.current_task()
        try:
            await work
        except DianaError as error:
            self._run.write(Noted(message=f"error.{error.code}", fields=error.fields, tone="bad"))
        except asyncio.CancelledError:
            self._run.note("chat.stopped", "warn")

    async def _ended(self) -> int:
        await self._talker.model.close()
        return await close_run(self._run)

    async def stop(self) -> None:
        """Stop the talk; a change in flight is waited for, never cut."""
        self._stopping = True
        self._loop.call_soon_threadsafe(self._stop_between)

    def _stop_between(self) -> None:
        """Decided where the work is done, so that no change begins between the look and the stop."""
        if self.changing:
            self._run.note("chat.change_goes_on", "warn")
        elif self._working is not None and self.busy:
            self._working.cancel()

    async def close(self) -> None:
        """Write the log where something was left to tell, end the record, and stop the thread."""
        await self.stop()
        if self._turn is not None:
            with suppress(asyncio.CancelledError):
                await asyncio.wrap_future(self._turn)
        ended = asyncio.run_coroutine_threadsafe(self._ended(), self._loop)
        self.exit_code = await asyncio.wrap_future(ended)
        self._loop.call_soon_threadsafe(self._loop.stop)
        await asyncio.to_thread(self._thread.join, 5)
        self._loop.close()
