"""The asyncio worker: several jobs at a time; coroutine functions are awaited, plain ones run in threads."""

from __future__ import annotations

import asyncio
import inspect
import os
import random
import socket
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from types import TracebackType
from typing import Self, TypeVar, cast

from geartrain.aio.cancelling import until_cancelled
from geartrain.aio.network import AsyncSockets
from geartrain.aio.worker_connections import WorkerConnections, WorkerLink
from geartrain.aio.worker_job import AsyncWorkerJob
from geartrain.errors import Reject, Retry, SettingsError
from geartrain.failures import is_from_outside, judged, log_failure, log_taken_away
from geartrain.jobs import Board, WorkerJob
from geartrain.protocol.assignment import Assignment, raised, returned
from geartrain.protocol.servers import ServerList, Servers, parse_servers
from geartrain.protocol.submission import Payload, name
from geartrain.protocol.worker import Offer
from geartrain.signals import stopped_by_signals
from geartrain.tls import Speech
from geartrain.tokens import token_of
from geartrain.tracing import carried, running

CoroutineFunction = Callable[[AsyncWorkerJob], Awaitable[Payload | None]]
PlainFunction = Callable[[WorkerJob], Payload | None]
AnyFunction = TypeVar("AnyFunction", CoroutineFunction, PlainFunction)


def outcome_of(code: PlainFunction, job: WorkerJob) -> tuple[Payload | None, BaseException | None]:
    """What a function returns or raises; a future does not carry everything that can be raised, as it is."""
    try:
        return code(job), None
    except BaseException as error:  # whatever a function raises is the end of its job alone
        return None, error


class AsyncWorker:
    """Runs functions for clients, ``concurrency`` jobs at a time, for all its servers in turn.

    Coroutine functions get an AsyncWorkerJob and are awaited; plain functions get a WorkerJob and run in threads.
    The other arguments are those of Worker.
    """

    def __init__(
        self,
        servers: Servers = None,
        *,
        id: str | None = None,
        grab: str = "all",
        concurrency: int = 1,
        timeout: float | None = None,
        max_jobs: int | None = None,
        connect_timeout: float = 5.0,
        prefix: str = "",
        tls: Speech = None,
        token: str | None = None,
    ) -> None:
        if concurrency < 1:
            raise SettingsError(f"concurrency {concurrency}: expected at least 1")
        self.concurrency = concurrency
        self.timeout = timeout
        self.max_jobs = max_jobs
        self.started = 0  # jobs that ``run`` has waited for
        self.prefix = name(prefix, "prefix")
        self.functions: dict[bytes, Callable[[WorkerLink, Assignment], Awaitable[Payload | None]]] = {}
        self.stopping = False
        self.board: Board | None = None  # None where nobody watches over this worker
        self.host: asyncio.Task[object] | None = None  # who runs ``run``
        self.threads = ThreadPoolExecutor(concurrency, "geartrain-job")
        known = ServerList(parse_servers(servers, os.environ), "first", random.random)
        self.offer = Offer(id or f"{socket.gethostname()}:{os.getpid()}", grab)
        self.connections = WorkerConnections(
            known, self.offer, connect_timeout, AsyncSockets(tls, token_of(token, os.environ))
        )

    def function(
        self, function: str, *, timeout: float | None = None
    ) -> Callable[[AnyFunction], AnyFunction]:
        """Decorate what runs the jobs of a function; ``timeout`` as in ``register``."""

        def add(code: AnyFunction) -> AnyFunction:
            self.add_function(function, code, timeout=timeout)
            return code

        return add

    def add_function(
        self, function: str, code: CoroutineFunction | PlainFunction, *, timeout: float | None = None
    ) -> None:
        """Run the jobs of a function with ``code``.

        What it returns is the result. It may raise Fail, Retry or Reject (which gives all jobs of the same
        connection back); whatever else it raises goes to the clients as "Type: message".
        """

        async def awaited(link: WorkerLink, assignment: Assignment) -> Payload | None:
            job = AsyncWorkerJob(assignment, link.send_when_writable)
            return await until_cancelled(assignment, cast(CoroutineFunction, code)(job))

        async def threaded(link: WorkerLink, assignment: Assignment) -> Payload | None:
            job = WorkerJob(assignment, link.send_from_thread)
            plain = carried(partial(outcome_of, cast(PlainFunction, code), job))
            result, error = await link.loop.run_in_executor(self.threads, plain)
            if error is not None:
                raise error
            return result

        is_coroutine = inspect.iscoroutinefunction(code)
        self.functions[self.prefix + name(function, "function")] = awaited if is_coroutine else threaded
        self.register(function, timeout=timeout)

    def register(self, function: str, *, timeout: float | None = None) -> None:
        """Offer a function whose jobs are taken by ``grab``.

        A job that takes longer than ``timeout`` seconds is queued again by the server.
        """
        function_name = self.prefix + name(function, "function")
        self.offer.abilities[function_name] = timeout or 0
        for link in self.connections.open:
            link.machine.can_do(function_name, timeout or 0)
            link.flush_soon()

    def unregister(self, function: str) -> None:
        """Do not offer the function any more; the servers hear of it at once."""
        function_name = self.prefix + name(function, "function")
        self.functions.pop(function_name, None)
        if self.offer.abilities.pop(function_name, None) is not None:
            for link in self.connections.open:
                link.machine.cant_do(function_name)
                link.flush_soon()

    async def grab(self, timeout: float | None = None) -> AsyncWorkerJob | None:
        """Wait for a job that the caller ends by ``complete``, ``fail`` or ``exception``; None after ``timeout``."""
        grabbed = await self.next_job(timeout)
        if grabbed is None:
            return None
        link, assignment = grabbed
        return AsyncWorkerJob(assignment, link.send_when_writable)

    async def ping(self) -> dict[str, float]:
        """Seconds that each connected server takes to answer."""
        return await self.connections.ping()

    async def work(self, timeout: float | None = None) -> bool:
        """Wait for one job and run it; False when none came in ``timeout`` seconds, or after ``stop``."""
        grabbed = await self.next_job(timeout)
        if grabbed is None:
            return False
        await self.run_job(*grabbed)
        return True

    async def run(self, *, handle_signals: bool | None = None) -> None:
        """Work until ``stop``, ``max_jobs`` or ``timeout``, then take leave.

        SIGTERM and SIGINT stop it, too; running jobs are finished first. The same signal a second time ends the
        process, or does what it did before. ``handle_signals`` is that of ``Worker.run``.
        """
        loop = asyncio.get_running_loop()
        self.host = asyncio.current_task()
        try:
            with stopped_by_signals(lambda: loop.call_soon_threadsafe(self.stop), handle_signals):
                async with asyncio.TaskGroup() as hands:
                    for _ in range(self.concurrency):
                        hands.create_task(self.work_on())
        finally:
            self.host = None
            await self.close()

    def stop(self) -> None:
        """Let ``run``, ``work`` and ``grab`` end after the jobs at hand; to be called in the worker's loop."""
        self.stopping = True
        self.connections.release()

    async def work_on(self) -> None:
        """Run one job after the other."""
        while not self.stopping and (self.max_jobs is None or self.started < self.max_jobs):
            self.started += 1
            if not await self.work():
                return

    async def next_job(self, timeout: float | None) -> tuple[WorkerLink, Assignment] | None:
        """Wait for a job; None after ``timeout``, or ``stop``."""
        if self.stopping:
            return None
        try:
            async with asyncio.timeout(self.timeout if timeout is None else timeout):
                return await self.connections.next_job()
        except TimeoutError:
            return None

    async def run_job(self, link: WorkerLink, assignment: Assignment) -> None:
        """Run a job and have its outcome sent."""
        if assignment.cancelled:  # on its way here
            return None
        assignment.began = time.monotonic()
        if self.board is None and not assignment.limit:
            return await self.run_function(link, assignment)
        timer = self.time_limit(link, assignment)
        if self.board is not None:
            self.board.begin(assignment)
        try:
            return await self.run_function(link, assignment)
        finally:
            if timer is not None:
                timer.cancel()
            if self.board is not None:
                self.board.end(assignment)

    def time_limit(self, link: WorkerLink, assignment: Assignment) -> asyncio.TimerHandle | None:
        """What takes a job away when its time is over; None where it has any time."""
        if not assignment.limit:
            return None
        return link.loop.call_later(assignment.limit, assignment.cancel, "timeout")

    async def run_function(self, link: WorkerLink, assignment: Assignment) -> None:
        """Run a job's function and have sent what came of it."""
        task = cast("asyncio.Task[object]", asyncio.current_task())
        before = task.cancelling()
        try:
            with running(assignment):
                result = await self.functions[assignment.function](link, assignment)
            if task.cancelling() > before:  # it was cancelled at the very end
                await asyncio.sleep(0)
            outcome = returned(assignment, result)
            if assignment.cancelled:
                log_taken_away(assignment)
        except BaseException as error:  # whatever a function raises is the end of its job alone
            if self.is_from_outside(error, task, before):
                raise
            while task.cancelling() > before:
                task.uncancel()
            return await self.end_badly(link, assignment, error)
        link.machine.send(outcome)
        link.flush_soon()

    def is_from_outside(self, error: BaseException, task: asyncio.Task[object], before: int) -> bool:
        """Whether a function raised what others want this worker to end with."""
        if not isinstance(error, asyncio.CancelledError):
            return is_from_outside(error)
        return self.host.cancelling() > 0 if self.host else task.cancelling() > before

    async def end_badly(self, link: WorkerLink, assignment: Assignment, error: BaseException) -> None:
        """Have it sent that a job's function raised."""
        error = judged(error)
        if isinstance(error, Reject):
            return self.reject(link, assignment)
        log_failure(assignment, error)
        if isinstance(error, Retry):
            return await self.retry(link, assignment, error)
        link.machine.send(raised(assignment, error))
        link.flush_soon()

    async def retry(self, link: WorkerLink, assignment: Assignment, retry: Retry) -> None:
        """Have a job run again, and wait until the server has it."""
        link.machine.retry(assignment, retry, time.time())
        await self.connections.settled(link, assignment)

    def reject(self, link: WorkerLink, assignment: Assignment) -> None:
        """Give a job back, if it is still ours."""
        if not assignment.cancelled:
            link.abort("a job was rejected")

    async def close(self) -> None:
        """Take leave of every server."""
        await self.connections.close()
        self.threads.shutdown(wait=False)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
