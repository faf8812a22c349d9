"""TERM and HUP end a face as Ctrl-C does: what runs is cancelled and cleaned up, and only then the process ends."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable

_SIGNALS = (signal.SIGTERM, signal.SIGHUP)


def on_leaving(leave: Callable[[], object]) -> None:
    """Call `leave` on the running loop at the first TERM or HUP, and no more; who starts Diana may ignore them."""
    loop = asyncio.get_running_loop()
    left = False

    def once() -> None:
        nonlocal left
        if not left:
            left = True
            leave()

    for sign in _SIGNALS:
        if signal.getsignal(sign) is signal.SIG_DFL:
            loop.add_signal_handler(sign, once)
