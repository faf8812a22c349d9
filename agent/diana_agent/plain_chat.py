"""The chat line by line, for screen readers, logs, dumb terminals and pipes: the same loop, guard and sentences."""

from __future__ import annotations

import asyncio
import sys
import threading
from contextlib import suppress

from diana_agent import exits
from diana_agent.call import Call
from diana_agent.chat import Chat
from diana_agent.conversation import leaves
from diana_agent.events import AnyEvent, ModelSaid, ToolAnswered, ToolRequested, UserSaid
from diana_agent.guard.phrases import spoken
from diana_agent.headless import print_line, tell
from diana_agent.leaving import on_leaving
from diana_agent.plain_person import open_person
from diana_agent.sentences import lines_of
from diana_prompts.catalogue import Catalogue


def run_plain_chat(call: Call) -> int:
    """Talk until the person leaves or the input ends; returns the session's exit code."""
    return asyncio.run(_talk(call))


async def _talk(call: Call) -> int:
    catalogue = Catalogue(str(call.flags.get("language", "en")))
    working, interrupted = asyncio.current_task(), False
    if working is not None:
        on_leaving(working.cancel)
    chat = Chat(call, open_person(call.flags), "plain")
    chat.watch(lambda event: _draw(event, catalogue), lambda _delta: None, lambda line: print_line(f"    {line}"))
    try:
        await chat.greet()
        while True:
            await asyncio.sleep(0)  # what the thread has sent is drawn before the prompt
            sys.stdout.write(catalogue.say("plain.prompt"))
            sys.stdout.flush()
            line = await _typed()
            if not line or leaves(line):
                break
            await chat.say(line)
    except asyncio.CancelledError:
        interrupted = True
    await chat.close()
    tell(catalogue.say("plain.record", path=chat.journal_path))
    return chat.exit_code or (exits.CANCELLED if interrupted else 0)


async def _typed() -> str:
    """The next line of standard input; nobody waits for it when the chat is left meanwhile."""
    loop = asyncio.get_running_loop()
    coming: asyncio.Future[str] = loop.create_future()

    def arrived(line: str) -> None:
        if not coming.done():
            coming.set_result(line)

    def read() -> None:
        with open(0, "rb", buffering=0, closefd=False) as stream:  # unbuffered: a thread left in it holds no lock
            line = stream.readline().decode("utf-8", "replace")
        with suppress(RuntimeError):  # the chat was left
            loop.call_soon_threadsafe(arrived, line)

    threading.Thread(target=read, name="typed", daemon=True).start()
    return await coming


def _draw(event: AnyEvent, catalogue: Catalogue) -> None:
    match event:
        case ModelSaid():
            # Each line says who speaks: what a model writes must not pass for what the program measured.
            for line in event.text.splitlines():
                print_line(f"diana: {line}")
            _warn_of_phrase(event.text, catalogue)
        case ToolRequested():
            print_line(f"tool: {event.verb}")
        case ToolAnswered():
            print_line(f"tool: {event.verb} {'✓' if event.ok else '✗'} {event.seconds:.1f} s")
        case UserSaid():
            _warn_of_phrase(event.text, catalogue)
        case _:
            for line in lines_of(event, catalogue):
                print_line(line)


def _warn_of_phrase(text: str, catalogue: Catalogue) -> None:
    """A phrase in the conversation confirms nothing, whoever wrote it (the guard's design, 7)."""
    if spoken(text):
        print_line(catalogue.say("plain.phrase_in_chat"))
