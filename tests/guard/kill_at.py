"""Diana's own command in a process that kills itself with SIGKILL the moment a chosen event is on disk. A program."""

from __future__ import annotations

import os
import signal
import sys

from diana_agent.cli import main
from diana_agent.events import AnyEvent
from diana_agent.journal import Actor, Entry, Journal


def arm(kind: str) -> None:
    """Let the first event of that kind be the last thing that this process does."""
    append = Journal.append

    def last(self: Journal, event: AnyEvent, actor: Actor) -> Entry:
        entry = append(self, event, actor)
        if event.kind == kind:
            os.kill(os.getpid(), signal.SIGKILL)
        return entry

    Journal.append = last


if __name__ == "__main__":
    arm(sys.argv[1])
    sys.exit(main(sys.argv[2:]))
