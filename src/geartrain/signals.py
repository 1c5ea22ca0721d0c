"""Signals that stop a worker: its jobs are finished first."""

from __future__ import annotations

import asyncio
import functools
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from geartrain.errors import SettingsError


@contextmanager
def stopped_by_signals(stop: Callable[[], object], handle: bool | None) -> Iterator[None]:
    """Let the first SIGTERM or SIGINT call ``stop``, and then the handler that the program had set before.

    The same signal a second time does what it did before. None for ``handle`` is True in the main thread, and False
    elsewhere, where Python takes no handlers: True raises SettingsError there.
    """
    in_main_thread = threading.current_thread() is threading.main_thread()
    if handle and not in_main_thread:
        raise SettingsError("handle_signals True: expected False or None outside the main thread")
    if handle is False or not in_main_thread:
        yield
        return
    before = {
        number: signal.getsignal(number) or signal.SIG_DFL for number in (signal.SIGTERM, signal.SIGINT)
    }
    over = False

    def restore() -> None:
        for number, handler in before.items():
            if signal.getsignal(number) is on_signal:  # else the program has set another one meanwhile
                signal.signal(number, handler)

    def on_signal(number: int, frame: FrameType | None) -> None:
        restore()
        if over:  # another worker ended later, and has put this handler back
            return signal.raise_signal(number)
        stop()
        handler = before[signal.Signals(number)]
        if callable(handler) and not is_default(handler):
            handler(number, frame)

    for number in before:
        signal.signal(number, on_signal)
    try:
        yield
    finally:
        over = True
        restore()


def is_default(handler: object) -> bool:
    """Whether Python or asyncio has set a handler, to end the program at once."""
    if isinstance(handler, functools.partial):
        return isinstance(getattr(handler.func, "__self__", None), asyncio.Runner)
    return handler is signal.default_int_handler
