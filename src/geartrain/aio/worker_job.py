"""The job that a worker's coroutine function runs."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sized
from typing import TypeVar

from geartrain.jobs import REPORT_INTERVAL, RunningJob, nothing
from geartrain.protocol.assignment import Assignment, complete, data, exception, fail, status, warning
from geartrain.protocol.submission import Payload, payload

Item = TypeVar("Item")


class AsyncWorkerJob(RunningJob):
    """The job that a worker's coroutine function runs; what it sends waits while the server does not read.

    Whatever it sends raises JobCancelled where the job is ``cancelled``, and PayloadError where it is over the limit of
    the server.
    """

    def __init__(
        self,
        assignment: Assignment,
        send: Callable[[bytes], Awaitable[None]],
        look: Callable[[], object] = nothing,
    ) -> None:
        super().__init__(assignment, look)
        self.send = send  # writes a packet to the server

    async def send_data(self, chunk: Payload) -> None:
        """Send a piece of the result to the clients that wait."""
        self.raise_if_cancelled()
        await self.send(data(self.assignment, payload(chunk)))

    async def send_warning(self, text: Payload) -> None:
        """Send a warning to the clients that wait."""
        self.raise_if_cancelled()
        await self.send(warning(self.assignment, payload(text)))

    async def send_status(self, numerator: float, denominator: float) -> None:
        """Say how far the job is; the wire has whole numbers from 0 to 4294967295."""
        self.raise_if_cancelled()
        await self.send(status(self.assignment, numerator, denominator))

    async def complete(self, result: Payload = b"") -> None:
        """End the job with its result; what its function returns after that does not count."""
        self.raise_if_cancelled()
        await self.send(complete(self.assignment, payload(result)))

    async def fail(self) -> None:
        """End the job with WORK_FAIL."""
        self.raise_if_cancelled()
        await self.send(fail(self.assignment))

    async def exception(self, text: Payload) -> None:
        """End the job with WORK_EXCEPTION."""
        self.raise_if_cancelled()
        await self.send(exception(self.assignment, payload(text)))

    async def track(self, items: Iterable[Item], total: int | None = None) -> AsyncIterator[Item]:
        """Go through the items and report each as progress, at most twice a second, and the last one."""
        if total is None:
            total = len(items) if isinstance(items, Sized) else 0
        reported = time.monotonic() - REPORT_INTERVAL
        number = 0
        for number, item in enumerate(items, 1):
            yield item
            now = time.monotonic()
            if number < total and now - reported >= REPORT_INTERVAL:
                reported = now
                await self.send_status(number, total)
        await self.send_status(number, total or number)
