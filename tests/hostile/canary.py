"""Who minds its own business, and measures how long it waits."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from geartrain.protocol.commands import (
    CAN_DO,
    ECHO_REQ,
    ECHO_RES,
    SUBMIT_JOB,
    SUBMIT_JOB_BG,
    WORK_COMPLETE,
)
from tests.server.links import Link
from tests.support.processes import ServerProgram

FUNCTION: Final = b"canary"
PAUSE: Final = 0.02  # seconds between two songs
SORTS: Final = ("echo", "job", "background")


class Canary(threading.Thread):
    """A client and a worker on connections of their own; each answer must be the right one."""

    def __init__(self, server: ServerProgram, until: float) -> None:
        super().__init__(name="canary")
        self.client = prompt(server)
        self.worker = prompt(server)
        self.until = until
        self.waits: dict[str, list[float]] = {sort: [] for sort in SORTS}  # seconds
        self.failure: Exception | None = None

    def run(self) -> None:
        try:
            self.worker.says(CAN_DO, FUNCTION)
            number = 0
            while time.monotonic() < self.until:
                self.sing(b"%d" % number)
                number += 1
                time.sleep(PAUSE)
        except (OSError, AssertionError) as error:
            self.failure = error
        finally:
            self.client.leaves()
            self.worker.leaves()

    def sing(self, song: bytes) -> None:
        """An echo, a job from its client to its worker and back, and one in the background."""
        with self.measured("echo"):
            assert self.client.asks(ECHO_REQ, song) == (ECHO_RES, song)
        with self.measured("job"):
            handle = self.client.submits(SUBMIT_JOB, FUNCTION, song)
            self.work(handle, song)
            assert self.client.hears() == (WORK_COMPLETE, handle, song)
        with self.measured("background"):
            handle = self.client.submits(SUBMIT_JOB_BG, FUNCTION, song)
        self.work(handle, song)

    def work(self, handle: bytes, song: bytes) -> None:
        assert self.worker.waits_for_a_job() == [handle, FUNCTION, song]
        self.worker.says(WORK_COMPLETE, handle, song)

    @contextmanager
    def measured(self, sort: str) -> Iterator[None]:
        begun = time.perf_counter()
        yield
        self.waits[sort].append(time.perf_counter() - begun)


def prompt(server: ServerProgram) -> Link:
    """A connection that sends at once: our own system's delays are not the server's."""
    link = server.connect()
    link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return Link(link)
