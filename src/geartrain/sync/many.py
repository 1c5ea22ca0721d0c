"""Many jobs at once, for the blocking client."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED
from types import TracebackType
from typing import Self

from geartrain.callbacks import Callbacks
from geartrain.errors import JobTimeout
from geartrain.jobs import JobHandle
from geartrain.protocol.events import JobState
from geartrain.protocol.standing import job_timeout
from geartrain.protocol.submission import Payload, Priority, Unique
from geartrain.protocol.task import Task, batches
from geartrain.sync.connections import Connection, Connections
from geartrain.sync.job import Job
from geartrain.tracing import TracedFactory


def submit_many(connections: Connections, tasks: Iterable[Task], timeout: float | None) -> list[JobHandle]:
    """Submit background jobs in batches; their handles."""
    deadline = connections.deadline(timeout)
    handles: list[JobHandle] = []
    under_way: list[tuple[Task, Connection]] = []
    for batch in batches(tasks):
        sent = list(zip(batch, connections.submit_all(batch, deadline), strict=True))
        handles += created(connections, under_way, deadline)
        under_way = sent
    return handles + created(connections, under_way, deadline)


def created(
    connections: Connections, batch: list[tuple[Task, Connection]], deadline: float | None
) -> list[JobHandle]:
    """Wait until the servers have acknowledged a batch; its handles."""
    handles = []
    for task, connection in batch:
        if not task.handle:
            try:
                connection = connections.wait_created(task, connection, deadline)
            except JobTimeout as error:
                raise job_timeout(task, connection.server.name) from error
        handles.append(JobHandle(task.handle.decode("utf-8", "replace"), connection.server.name))
    return handles


def begin(connections: Connections, task: Task, deadline: float | None, context: object = None) -> Job:
    """Submit a task without waiting for anything."""
    return Job(connections, task, connections.submit(task, deadline), context)


def results_in_order(
    connections: Connections, tasks: Iterable[Task], limit: int, timeout: float | None
) -> Iterator[bytes]:
    """The results of jobs of which ``limit`` are under way at a time."""
    deadline = connections.deadline(timeout)
    under_way: deque[Job] = deque()
    try:
        for task in tasks:
            if len(under_way) >= limit:
                yield next_result(connections, under_way, deadline)
            under_way.append(begin(connections, task, deadline))
        while under_way:
            yield next_result(connections, under_way, deadline)
    finally:
        for job in under_way:
            job.abandon()


def next_result(connections: Connections, under_way: deque[Job], deadline: float | None) -> bytes:
    """Wait for the result of the first job; where its server goes, the others go on with it."""
    first = under_way[0]
    while True:
        told = connections.told
        if first.ended(deadline):
            break
        first.pump(told, deadline)
        if first.state is JobState.LOST:
            for job in under_way:
                job.ended(deadline)
    return under_way.popleft().task.take_result()


def as_completed(connections: Connections, jobs: Iterable[Job], timeout: float | None) -> Iterator[Job]:
    """The jobs as they end."""
    deadline = connections.deadline(timeout)
    pending = list(jobs)
    while pending:
        for job in wait_for_any(connections, pending, deadline):
            pending.remove(job)
            yield job


def wait(
    connections: Connections, jobs: Iterable[Job], timeout: float | None, return_when: str
) -> tuple[set[Job], set[Job]]:
    """Wait until all the jobs have ended, or one, or until the time is over; which have, and which have not."""
    deadline = connections.deadline(timeout)
    pending = set(jobs)
    done: set[Job] = set()
    try:
        while pending and not (done and return_when == FIRST_COMPLETED):
            ended = wait_for_any(connections, list(pending), deadline)
            done.update(ended)
            pending.difference_update(ended)
    except JobTimeout:
        pass  # the caller sees it by the jobs that are left
    return done, pending


def wait_for_any(connections: Connections, jobs: list[Job], deadline: float | None) -> list[Job]:
    """Wait until at least one of the jobs has ended; all that have. Raises JobTimeout."""
    while True:
        told = connections.told
        ended = [job for job in jobs if job.ended(deadline)]
        if ended:
            return ended
        connections.pump_any([job.connection for job in jobs], told, deadline)


class TaskSet:
    """Jobs that run together: collected by ``add``, run by ``run`` or at the end of a ``with`` block."""

    def __init__(self, connections: Connections, factory: TracedFactory, callbacks: Callbacks[Job]) -> None:
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
        self.waiting.append(
            (self.factory.task(function, workload, unique, priority, background, None), context)
        )

    def run(self, timeout: float | None = None) -> list[Job]:
        """Run what was added and call back until all is done; the jobs, in the order of adding.

        A background job is done when the server has it. Raises JobTimeout, NoServers and what a callback raises;
        jobs that are under way then are given up.
        """
        deadline = self.connections.deadline(timeout)
        tasks, self.waiting = self.waiting, []
        jobs = [begin(self.connections, task, deadline, context) for task, context in tasks]
        pending = jobs
        try:
            while pending := [job for job in pending if not self.tell(job, deadline)]:
                told = self.connections.told
                if not any(job.task.done or job.task.events for job in pending):
                    self.connections.pump_any([job.connection for job in pending], told, deadline)
        finally:
            for job in pending:
                job.abandon()
        return jobs

    def tell(self, job: Job, deadline: float | None) -> bool:
        """Call back for what has happened to a job; whether that was all."""
        ended = job.ended(deadline)
        while job.task.events:
            self.callbacks.event(job, job.task.events.popleft())
        if ended and job.task.error is not None:
            self.callbacks.error(job, job.task.error)
        return ended

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.run()
