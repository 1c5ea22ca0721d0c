"""Process 1 of a container: it becomes the parent of every orphan, and has to take notice of their ends."""

from __future__ import annotations

import contextlib
import os
import signal
from typing import Final

FIRST: Final = 1
FAILED: Final = 128  # and a signal's number: the exit status of a process that a signal ended


def reap_as_first_process() -> None:
    """In process 1: go on in a child. The parent passes signals on to it, reaps all children, and ends as it ends."""
    if os.getpid() != FIRST:
        return
    signals = signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    child = os.fork()
    if child:
        os._exit(status_of(child, signals))
    signal.pthread_sigmask(signal.SIG_SETMASK, before)


def status_of(child: int, signals: set[signal.Signals]) -> int:
    """Pass signals on to a child until it ends; its exit status."""
    while True:
        number = signal.sigwait(signals)
        if number != signal.SIGCHLD:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, number)
            continue
        status = reap(child)
        if status is not None:
            return status if status >= 0 else FAILED - status


def reap(child: int) -> int | None:
    """Take notice of every child that has ended; how the one did, None while it runs."""
    ended = None
    with contextlib.suppress(ChildProcessError):  # there is none any more
        while (found := os.waitpid(-1, os.WNOHANG))[0]:
            if found[0] == child:
                ended = os.waitstatus_to_exitcode(found[1])
    return ended
