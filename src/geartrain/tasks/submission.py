"""A call on its way: how it is submitted, perhaps again, and how its result is read."""

from __future__ import annotations

import time
from typing import Any, Final

from geartrain.aio.job import AsyncJob
from geartrain.errors import GearmanError, JobTimeout, PayloadError, SettingsError
from geartrain.jobs import JobHandle
from geartrain.protocol.assignment import next_unique
from geartrain.sync.job import Job
from geartrain.tasks.codec import SHOWN
from geartrain.tasks.definition import Call, Definition
from geartrain.tasks.options import CallOptions
from geartrain.tasks.pool import Pool
from geartrain.tasks.retry import delay_at_client

FIRST_ATTEMPT: Final = 1


class Submission:
    """One call of a task, with its options, to a pool."""

    def __init__(self, definition: Definition, options: CallOptions, pool: Pool, call: Call) -> None:
        self.definition = definition
        self.options = options
        self.pool = pool
        self.workload = call.workload
        self.unique = call.unique if options.unique is None else options.unique
        self.priority = definition.priority if options.priority is None else options.priority
        self.deadline = None if options.timeout is None else time.monotonic() + options.timeout
        self.attempt = FIRST_ATTEMPT

    def remaining(self, timeout: float | None = None) -> float | None:
        """Seconds that are left of ``timeout``, or of the call's own; None is for ever."""
        if timeout is not None or self.deadline is None:
            return timeout
        return max(0.0, self.deadline - time.monotonic())

    def start(self) -> Job:
        """Submit in the foreground."""
        self.must_start_now()
        return self.pool.client().submit(
            self.definition.name,
            self.workload,
            unique=self.unique,
            priority=self.priority,
            timeout=self.remaining(),
        )

    async def async_start(self) -> AsyncJob:
        """The same on a loop."""
        self.must_start_now()
        return await self.pool.async_client().submit(
            self.definition.name,
            self.workload,
            unique=self.unique,
            priority=self.priority,
            timeout=self.remaining(),
        )

    def queue(self) -> JobHandle:
        """Submit in the background."""
        return self.pool.client().do_background(
            self.definition.name,
            self.workload,
            unique=self.unique,
            priority=self.priority,
            at=self.options.at,
            delay=self.options.delay,
            timeout=self.remaining(),
        )

    async def async_queue(self) -> JobHandle:
        """The same on a loop."""
        return await self.pool.async_client().do_background(
            self.definition.name,
            self.workload,
            unique=self.unique,
            priority=self.priority,
            at=self.options.at,
            delay=self.options.delay,
            timeout=self.remaining(),
        )

    def must_start_now(self) -> None:
        """Refuse what only a background job can do."""
        if self.options.at is not None or self.options.delay is not None:
            raise SettingsError(f"{self.definition.name}: at and delay are for enqueue: who waits, waits now")

    def next_attempt(self, error: GearmanError, job: Job | AsyncJob) -> float:
        """Prepare the next attempt after ``job`` ended by ``error``, and say in how many seconds it is due.

        Raises ``error`` where there is none, and JobTimeout where the caller will not wait so long.
        """
        delay = delay_at_client(self.definition.retry, self.attempt, error)
        if delay is None:
            raise error
        remaining = self.remaining()
        if remaining is not None and delay >= remaining:
            raise JobTimeout(
                f"{self.definition.name}: its next attempt would be in {delay:.1f} s", handle=job.handle
            ) from error
        self.attempt += 1
        self.unique = next_unique(job.unique.encode(), job.handle.encode()).decode()
        return delay

    def decode(self, content: bytes) -> Any:
        """The value of a result or of an item; raises PayloadError."""
        try:
            return self.definition.result.decode(content)
        except ValueError as error:
            raise PayloadError(
                f"{self.definition.name}: cannot read the result {content[:SHOWN]!r}: {error}"
            ) from error
