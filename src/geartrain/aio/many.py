"""Many jobs at once, for the asyncio client."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterable
from types import TracebackType
from typing import Self

from geartrain.aio.connections import ClientLink, Connections, Deadline
from geartrain.aio.job import AsyncJob
from geartrain.callbacks import Callbacks
from geartrain.jobs import JobHandle
from geartrain.protocol.submission import Payload, Priority, Unique
from geartrain.protocol.task import Task, batches
from geartrain.tracing import TracedFactory


async def submit_many(connections: Connections, tasks: Iterable[Task]) -> list[JobHandle]:
    """Submit background jobs in batches; their handles."""
    handles: list[JobHandle] = []
    under_way: list[tuple[Task, ClientLink]] = []
    for batch in batches(tasks):
        sent = list(zip(batch, await connections.submit_all(batch), strict=True))
        handles += await created(connections, under_way)
        under_way = sent
    return handles + await created(connections, under_way)


async def created(connections: Connections, batch: list[tuple[Task, ClientLink]]) -> list[JobHandle]:
    """Wait until the servers have acknowledged a batch; its handles."""
    handles = []
    for task, link in batch:
        if not task.handle:
            link = await connections.wait_created(task, link)
        handles.append(JobHandle(task.handle.decode("utf-8", "replace"), link.server.name))
    return handles


async def results_in_order(
    calls: Iterable[Callable[[], Coroutine[None, None, bytes]]], limit: int
) -> AsyncGenerator[bytes, None]:
    """The results of calls of which ``limit`` are under way at a time."""
    under_way: deque[asyncio.Task[bytes]] = deque()
    try:
        for call in calls:
            if len(under_way) >= limit:
                yield await under_way[0]
                under_way.popleft()
            under_way.append(asyncio.create_task(call()))
        while under_way:
            yield await under_way[0]
            under_way.popleft()
    finally:
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)


async def as_completed(
    connections: Connections, jobs: Iterable[AsyncJob], timeout: float | None
) -> AsyncGenerator[AsyncJob, None]:
    """The jobs as they end."""
    deadline = connections.deadline(timeout)
    pending = {asyncio.create_task(job.wait_done()): job for job in jobs}
    try:
        while pending:
            async with Deadline(deadline):
                ended, _ = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
            for waiter in ended:
                yield pending.pop(waiter)
    finally:
        for waiter in pending:
            waiter.cancel()


async def wait(
    connections: Connections, jobs: Iterable[AsyncJob], timeout: float | None, return_when: str
) -> tuple[set[AsyncJob], set[AsyncJob]]:
    """Wait until all the jobs have ended, or one, or until the time is over; which have, and which have not."""
    waiters = {asyncio.create_task(job.wait_done()): job for job in jobs}
    if not waiters:
        return set(), set()
    seconds = connections.timeout if timeout is None else timeout
    ended, pending = await asyncio.wait(waiters, timeout=seconds, return_when=return_when)
    for waiter in pending:
        waiter.cancel()
    return {waiters[waiter] for waiter in ended}, {waiters[waiter] for waiter in pending}


class AsyncTaskSet:
    """Jobs that run together: collected by ``add``, run by ``run`` or at the end of an ``async with`` block."""

    def __init__(
        self, connections: Connections, factory: TracedFactory, callbacks: Callbacks[AsyncJob]
    ) -> None:
        self.connections = connections
        self.factory = factory
        self.callbacks = callbacks
        self.waiting: list[tuple[Task, object]] = []  # with what the caller wants to find again in the job

    def add(
        self,
        function: str,
        workload: Payload = b"",
        *,
        unique: str | bytes | Unique | None = None,
        priority: Priority = Priority.NORMAL,
        background: bool = False,
        context: object = None,
    ) -> None:
        """Add a job; ``context`` becomes the job's attribute of that name."""
        task = self.factory.task(function, workload, unique, priority, background, None)
        self.waiting.append((task, context))

    async def run(self, timeout: float | None = None) -> list[AsyncJob]:
        """Run what was added and call back until all is done; the jobs, in the order of adding.

        A background job is done when the server has it. Raises JobTimeout, NoServers and what a callback raises;
        jobs that are under way then are given up.
        """
        tasks, self.waiting = self.waiting, []
        jobs: list[AsyncJob] = []
        try:
            async with self.connections.within(timeout):
                for task, context in tasks:
                    jobs.append(
                        AsyncJob(self.connections, task, await self.connections.submit(task), context)
                    )
                await together([self.tell(job) for job in jobs])
        finally:
            for job in jobs:
                if not job.done:
                    job.abandon()
        return jobs

    async def tell(self, job: AsyncJob) -> None:
        """Call back for all that happens to a job."""
        while True:
            ended = await job.ended()
            while job.task.events:
                self.callbacks.event(job, job.task.events.popleft())
            if ended:
                break
            await job.happens()
        if job.task.error is not None:
            self.callbacks.error(job, job.task.error)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            await self.run()


async def together(calls: list[Coroutine[None, None, None]]) -> None:
    """Run all; the first that raises ends the others, and its error is raised."""
    running = [asyncio.create_task(call) for call in calls]
    try:
        await asyncio.gather(*running)
    finally:
        for task in running:
            task.cancel()
