"""A foreground job as the asyncio client's user holds it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from geartrain.aio.connections import ClientLink, Connections, Deadline
from geartrain.aio.question import late
from geartrain.errors import GearmanError, JobTimeout
from geartrain.jobs import JobHandle, JobStatus
from geartrain.protocol.events import Complete, Data, Event, JobState, Progress
from geartrain.protocol.task import Task


class AsyncJob:
    """A submitted foreground job: wait for its ``result()``, or take its pieces and events as they come."""

    def __init__(
        self, connections: Connections, task: Task, link: ClientLink, context: object = None
    ) -> None:
        self.connections = connections
        self.task = task
        self.link = link
        self.news = asyncio.Event()
        task.wake = self.news.set
        self.moving = asyncio.Lock()  # one coroutine submits it to another server
        self.context = context  # whatever the program wants to find again here

    @property
    def handle(self) -> JobHandle:
        """The handle; empty before the server has acknowledged the job."""
        return JobHandle(self.task.handle.decode("utf-8", "replace"), self.link.server.name)

    @property
    def function(self) -> str:
        """The function's name as the server knows it."""
        return self.task.function.decode("utf-8", "replace")

    @property
    def unique(self) -> str:
        """The unique that was sent."""
        return self.task.unique.decode("utf-8", "replace")

    @property
    def state(self) -> JobState:
        """Where the job is, as far as this client has read."""
        return self.task.state

    @property
    def done(self) -> bool:
        """Whether nothing more will come, as far as this client has read."""
        return self.task.done

    @property
    def progress(self) -> Progress:
        """The last report of the worker that this client has read."""
        return self.task.progress

    @property
    def status(self) -> JobStatus:
        """What this client has read, in the form of the server's answer to ``job_status``."""
        task = self.task
        running = task.state is JobState.RUNNING
        return JobStatus(not task.done, running, task.progress.numerator, task.progress.denominator)

    async def result(self, timeout: float | None = None) -> bytes:
        """Wait for the result: the pieces that were not taken by iterating, joined.

        Raises JobFailed, JobException, ConnectionLost, or JobTimeout after ``timeout`` seconds in total, after
        which it may be asked again.
        """
        await self.wait(timeout)
        return self.task.take_result()

    async def exception(self, timeout: float | None = None) -> GearmanError | None:
        """Wait for the end of the job: its error, None where it has a result. Raises JobTimeout."""
        await self.wait(timeout)
        return self.task.error

    async def wait(self, timeout: float | None = None) -> None:
        """Wait until nothing more will come; raises JobTimeout."""
        async with self.connections.within(timeout, self.timed_out):
            await self.wait_done()

    async def wait_done(self) -> None:
        """The same, however long it takes."""
        while not await self.ended():
            await self.happens()

    async def events(self, timeout: float | None = None) -> AsyncIterator[Event]:
        """Created, Data, Warning, Progress and Complete as they come; raises like ``result``."""
        deadline = self.connections.deadline(timeout)
        while True:
            async with Deadline(deadline, self.timed_out):
                event = await self.next_event()
            if event is None:
                return
            yield event

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """The pieces of the result as they come; the last one only where it is not empty."""
        async for event in self.events():
            if isinstance(event, Data) or (isinstance(event, Complete) and event.data):
                yield event.data

    def abandon(self) -> None:
        """Do not wait for the job any more; it goes on."""
        self.link.machine.abandon(self.task)

    async def next_event(self) -> Event | None:
        """Wait for the next event; None at the end."""
        task = self.task
        while not task.events:
            if await self.ended():
                if task.error is not None:
                    raise task.error
                return None
            await self.happens()
        return task.events.popleft()

    async def happens(self) -> None:
        """Wait until there is news of the job."""
        self.news.clear()
        await self.news.wait()

    async def ended(self) -> bool:
        """Whether nothing more will come; a job whose server went is submitted to another one first."""
        if self.task.error is not None:
            async with self.moving:
                while self.task.error is not None and self.connections.again(self.task):
                    self.link = await self.connections.resubmit(self.task, self.link)
        return self.task.done

    async def timed_out(self) -> JobTimeout:
        """The exception for a deadline that passed."""
        return await late(self.connections, self.task, self.link)
