"""The asyncio client."""

from __future__ import annotations

import asyncio
import os
import random
import time
import warnings
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from concurrent.futures import ALL_COMPLETED
from datetime import datetime, timedelta
from functools import partial
from types import TracebackType
from typing import Self

from geartrain.aio.connections import ClientLink, Connections
from geartrain.aio.history import cancel, not_over, outcome, result
from geartrain.aio.job import AsyncJob
from geartrain.aio.many import AsyncTaskSet, as_completed, results_in_order, submit_many, wait
from geartrain.aio.network import AsyncSockets
from geartrain.aio.question import ask, inquire, insist, late
from geartrain.callbacks import Callbacks
from geartrain.errors import GearmanError, JobException, JobTimeout
from geartrain.jobs import JobHandle, JobStatus, job_status_of
from geartrain.protocol.commands import ECHO_REQ, GET_STATUS, GET_STATUS_UNIQUE
from geartrain.protocol.events import Progress
from geartrain.protocol.history import JobHistory
from geartrain.protocol.servers import ServerList, Servers, parse_server, parse_servers
from geartrain.protocol.settings import PING_TIMEOUT
from geartrain.protocol.submission import Payload, Priority, Unique, UniqueSource, due_time, name
from geartrain.protocol.task import Task, TaskFactory
from geartrain.tls import Speech
from geartrain.tokens import token_of
from geartrain.tracing import TracedFactory


class AsyncClient:
    """Submits jobs and asks about them; any number of coroutines of one event loop may use a client at once.

    ``servers`` is "host:port", a comma string or a list of them; None takes GEARMAN_SERVERS, else localhost:4730.
    ``timeout`` (seconds; None is for ever) is the total time of every call that names none itself. ``prefix`` stands
    before each function's name. Connections come about when they are needed, and again when they break.

    ``tls`` is how TLS is spoken, with every server (but at a Unix socket): a ``TLS`` or an ssl.SSLContext. Servers
    written as "tls://host:port" are spoken to in TLS without it, too. ``token`` is said to servers with access rules;
    None takes GEARTRAIN_TOKEN or the first line of the file that GEARTRAIN_TOKEN_FILE names. What the rules do not
    allow raises PermissionDenied.

    When a server stops or is lost, its jobs go to another one, or to itself if only that can be reached again. A job
    that was not acknowledged is submitted there (after lost connections ``submit_retries`` times at most), and so is,
    with its unique, a foreground job that was: in a pool it joins the job, which goes on; elsewhere it runs again,
    perhaps beside its first run, as the job of a lost worker does. ConnectionLost is raised instead with
    ``resubmit=False``, for a job that nobody can join (``Unique.NONE``), and where a piece of the result was taken
    already, or may be missing.
    """

    def __init__(
        self,
        servers: Servers = None,
        *,
        routing: str = "unique",
        timeout: float | None = None,
        connect_timeout: float = 5.0,
        exceptions: bool = True,
        prefix: str = "",
        submit_retries: int = 2,
        resubmit: bool = True,
        tls: Speech = None,
        token: str | None = None,
    ) -> None:
        known = ServerList(parse_servers(servers, os.environ), routing, random.random)
        self.connections = Connections(
            known, timeout, connect_timeout, exceptions, AsyncSockets(tls, token_of(token, os.environ))
        )
        uniques = UniqueSource(time.time_ns(), os.urandom(8))
        self.factory = TracedFactory(TaskFactory(prefix, uniques, submit_retries, resubmit))

    def add_server(self, server: str) -> None:
        """Ask this server, too; nothing is sent before it is needed."""
        self.connections.servers.add(parse_server(server))

    async def do(
        self,
        function: str,
        workload: Payload = b"",
        *,
        unique: str | bytes | Unique | None = None,
        priority: Priority = Priority.NORMAL,
        metadata: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> bytes:
        """Run a function and wait for its result.

        Raises JobFailed, JobException, JobTimeout (the job goes on), NoServers, ConnectionLost or ServerError.
        """
        task = self.factory.task(function, workload, unique, priority, False, None, metadata)
        link: ClientLink | None = None
        try:
            async with self.connections.within(timeout, lambda: late(self.connections, task, link)):
                link = await self.connections.submit(task)
                job = AsyncJob(self.connections, task, link)
                await job.wait_done()
        except (JobTimeout, asyncio.CancelledError):
            give_up(task, link)
            raise
        return task.take_result()

    async def do_background(
        self,
        function: str,
        workload: Payload = b"",
        *,
        unique: str | bytes | Unique | None = None,
        priority: Priority = Priority.NORMAL,
        at: datetime | None = None,
        delay: float | timedelta | None = None,
        metadata: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> JobHandle:
        """Queue a job and return its handle as soon as the server has it.

        With ``at`` or ``delay`` (seconds) the job runs then, not earlier. Geartrain's server counts the delay by its
        own clock; for another one this machine's clock says when it is over. Raises JobTimeout, NoServers,
        ConnectionLost or ServerError; and ExtensionMissing where the server is no Geartrain, and the job has
        ``metadata``, or a time and another priority than normal.
        """
        due = None if at is None and delay is None else due_time(at, delay, self.connections.network.time())
        task = self.factory.task(function, workload, unique, priority, True, due, metadata)
        link = await self.submit_task(task, timeout)
        return JobHandle(task.handle.decode("utf-8", "replace"), link.server.name)

    async def submit(
        self,
        function: str,
        workload: Payload = b"",
        *,
        unique: str | bytes | Unique | None = None,
        priority: Priority = Priority.NORMAL,
        metadata: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> AsyncJob:
        """Start a foreground job and return as soon as the server has it; raises like ``do_background``."""
        task = self.factory.task(function, workload, unique, priority, False, None, metadata)
        return AsyncJob(self.connections, task, await self.submit_task(task, timeout))

    async def submit_task(self, task: Task, timeout: float | None) -> ClientLink:
        """Submit a task and wait until a server has acknowledged it; which one did."""
        link: ClientLink | None = None
        try:
            async with self.connections.within(timeout, lambda: late(self.connections, task, link)):
                link = await self.connections.submit(task)
                return await self.connections.wait_created(task, link)
        except (JobTimeout, asyncio.CancelledError):
            give_up(task, link)
            raise

    async def submit_many(
        self,
        function: str,
        workloads: Iterable[Payload],
        *,
        unique: Unique | None = None,
        priority: Priority = Priority.NORMAL,
        timeout: float | None = None,
    ) -> list[JobHandle]:
        """Queue many background jobs, far faster than one by one; their handles, in order.

        Raises like ``do_background``; jobs before the one that was refused are queued.
        """
        tasks = (
            self.factory.task(function, workload, unique, priority, True, None) for workload in workloads
        )
        async with self.connections.within(timeout):
            return await submit_many(self.connections, tasks)

    def map(
        self,
        function: str,
        workloads: Iterable[Payload],
        *,
        limit: int = 100,
        priority: Priority = Priority.NORMAL,
        timeout: float | None = None,
    ) -> AsyncGenerator[bytes, None]:
        """The results of a function for many workloads, in order, with at most ``limit`` jobs under way.

        Raises like ``do`` at the first job that fails; the jobs that are under way then are given up.
        """
        calls = (
            partial(self.do, function, workload, priority=priority, timeout=timeout) for workload in workloads
        )
        return results_in_order(calls, limit)

    def as_completed(
        self, jobs: Iterable[AsyncJob], *, timeout: float | None = None
    ) -> AsyncGenerator[AsyncJob, None]:
        """The jobs as they end, well or badly; raises JobTimeout."""
        return as_completed(self.connections, jobs, timeout)

    async def wait(
        self, jobs: Iterable[AsyncJob], *, timeout: float | None = None, return_when: str = ALL_COMPLETED
    ) -> tuple[set[AsyncJob], set[AsyncJob]]:
        """Wait until the jobs have ended, or ``timeout`` seconds; which have, and which have not.

        ``return_when`` is one of concurrent.futures' constants.
        """
        return await wait(self.connections, jobs, timeout, return_when)

    def task_set(
        self,
        *,
        on_created: Callable[[AsyncJob], object] | None = None,
        on_data: Callable[[AsyncJob, bytes], object] | None = None,
        on_warning: Callable[[AsyncJob, bytes], object] | None = None,
        on_status: Callable[[AsyncJob, Progress], object] | None = None,
        on_complete: Callable[[AsyncJob, bytes], object] | None = None,
        on_exception: Callable[[AsyncJob, JobException], object] | None = None,
        on_fail: Callable[[AsyncJob, GearmanError], object] | None = None,
    ) -> AsyncTaskSet:
        """Jobs to be collected, and run together when the block ends; what happens to them is called back."""
        callbacks = Callbacks(on_created, on_data, on_warning, on_status, on_complete, on_exception, on_fail)
        return AsyncTaskSet(self.connections, self.factory, callbacks)

    async def job_status(
        self, handle: str, *, timeout: float | None = None, strict: bool = False
    ) -> JobStatus:
        """How far a job is.

        A handle that knows its server is asked there, or of the others while that cannot be reached: in a pool they
        know it. A bare one is asked of every server that can be reached. Where one that may know the job could not be
        asked, ``complete_view`` is False, or ``strict`` raises its ConnectError.
        """
        statuses = await self.job_statuses([handle], timeout=timeout, strict=strict)
        return statuses[JobHandle.parse(handle)]

    async def job_statuses(
        self, handles: Iterable[str], *, timeout: float | None = None, strict: bool = False
    ) -> dict[JobHandle, JobStatus]:
        """How far each of many jobs is, asked all at once."""
        parsed = [JobHandle.parse(handle) for handle in handles]
        async with self.connections.within(timeout):
            inquiries = await inquire(self.connections, GET_STATUS, parsed)
            if strict:
                await insist(self.connections, GET_STATUS, inquiries)
        return {
            handle: job_status_of(inquiry.answers) for handle, inquiry in zip(parsed, inquiries, strict=True)
        }

    async def job_status_by_unique(
        self, unique: str | bytes, *, timeout: float | None = None, strict: bool = False
    ) -> JobStatus:
        """How far the job with this unique is, of whatever function; ``waiting`` says how many clients wait for it."""
        asked = [(self.connections.servers.servers, name(unique, "unique"))]
        async with self.connections.within(timeout):
            return job_status_of((await ask(self.connections, GET_STATUS_UNIQUE, asked, strict))[0])

    async def result(self, handle: str, *, timeout: float | None = None) -> bytes:
        """Wait until a background job is over, and give its result, where its function's policy has it kept.

        Raises JobFailed, JobException, JobCancelled, ResultNotKept, JobTimeout (the job goes on), or like ``outcome``.
        """
        known = JobHandle.parse(handle)
        async with self.connections.within(timeout, lambda: not_over(self.connections, known)):
            return await result(self.connections, known)

    async def outcome(self, handle: str, *, timeout: float | None = None) -> JobHistory | None:
        """What a server has of a job, also of one that is over; None where it has nothing.

        Asks as ``job_status`` does. Raises ExtensionMissing where the server is no Geartrain, ConnectError where it
        cannot be reached and no other knows the job.
        """
        known = JobHandle.parse(handle)
        async with self.connections.within(timeout):
            return await outcome(self.connections, known)

    async def cancel(self, handle: str, *, timeout: float | None = None) -> bool:
        """Cancel a job, queued or running, for everybody who waits for it; False where no server knows it.

        A running job's worker is told, if it is one of Geartrain's. Raises like ``outcome``.
        """
        known = JobHandle.parse(handle)
        async with self.connections.within(timeout):
            return await cancel(self.connections, known)

    async def ping(self, *, timeout: float | None = None) -> dict[str, float]:
        """Seconds that each server takes to answer; raises ConnectError naming a server that cannot be reached.

        Raises JobTimeout where one does not answer in ``timeout`` seconds, or the client's own; in 10 without both.
        """
        if timeout is None and self.connections.timeout is None:
            timeout = PING_TIMEOUT
        seconds = {}
        for server in list(self.connections.servers.servers):
            begin = time.perf_counter()
            async with self.connections.within(timeout):
                await ask(self.connections, ECHO_REQ, [([server], b"ping")], True)
            seconds[server.name] = time.perf_counter() - begin
        return seconds

    async def close(self) -> None:
        """End the connections; foreground jobs that are still waited for are given up, with a warning."""
        unfinished = await self.connections.close()
        if unfinished:
            warnings.warn(
                f"{unfinished} foreground jobs were still waited for", ResourceWarning, stacklevel=2
            )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


def give_up(task: Task, link: ClientLink | None) -> None:
    """Nobody waits for a task any more; ``link`` has it where it was submitted."""
    if link is None:
        task.abandon()
    else:
        link.machine.abandon(task)
