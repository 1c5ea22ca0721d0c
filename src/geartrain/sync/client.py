"""The blocking client."""

from __future__ import annotations

import os
import random
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ALL_COMPLETED
from datetime import datetime, timedelta
from types import TracebackType
from typing import Self
from weakref import WeakSet

from geartrain.callbacks import Callbacks
from geartrain.errors import GearmanError, JobException, JobTimeout
from geartrain.jobs import JobHandle, JobStatus, job_status_of
from geartrain.protocol.commands import ECHO_REQ, GET_STATUS, GET_STATUS_UNIQUE
from geartrain.protocol.events import Progress
from geartrain.protocol.history import JobHistory
from geartrain.protocol.servers import ServerList, Servers, parse_server, parse_servers
from geartrain.protocol.settings import PING_TIMEOUT
from geartrain.protocol.standing import job_timeout
from geartrain.protocol.submission import Payload, Priority, Unique, UniqueSource, due_time, name
from geartrain.protocol.task import Task, TaskFactory
from geartrain.sync.connections import Connection, Connections
from geartrain.sync.history import cancel, outcome, result
from geartrain.sync.job import Job
from geartrain.sync.many import TaskSet, as_completed, results_in_order, submit_many, wait
from geartrain.sync.network import Sockets
from geartrain.sync.question import ask, inquire, insist
from geartrain.tls import Speech
from geartrain.tokens import token_of
from geartrain.tracing import TracedFactory

CLIENTS: WeakSet[Client] = WeakSet()


def new_uniques() -> UniqueSource:
    """Uniques that no other process gives."""
    return UniqueSource(time.time_ns(), os.urandom(8))


class Client:
    """Submits jobs and asks about them; any number of threads may use one client at once.

    ``servers`` is "host:port", a comma string or a list of them; None takes GEARMAN_SERVERS, else localhost:4730.
    ``timeout`` (seconds; None is for ever) is the total time of every call that names none itself. ``prefix`` stands
    before each function's name. Connections come about when they are needed, and again when they break; a
    forked process gets its own.

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
            known, timeout, connect_timeout, exceptions, Sockets(tls, token_of(token, os.environ))
        )
        self.factory = TracedFactory(TaskFactory(prefix, new_uniques(), submit_retries, resubmit))
        CLIENTS.add(self)

    def add_server(self, server: str) -> None:
        """Ask this server, too; nothing is sent before it is needed."""
        with self.connections.lock:
            self.connections.servers.add(parse_server(server))

    def do(
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
        deadline = self.connections.deadline(timeout)
        connections = self.connections
        job = Job(connections, task, connections.submit(task, deadline))
        try:
            job.wait_until(deadline)
        except BaseException:
            job.abandon()
            raise
        return task.take_result()

    def do_background(
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
        connection = self.submit_task(task, self.connections.deadline(timeout))
        return JobHandle(task.handle.decode("utf-8", "replace"), connection.server.name)

    def submit(
        self,
        function: str,
        workload: Payload = b"",
        *,
        unique: str | bytes | Unique | None = None,
        priority: Priority = Priority.NORMAL,
        metadata: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> Job:
        """Start a foreground job and return as soon as the server has it; raises like ``do_background``."""
        task = self.factory.task(function, workload, unique, priority, False, None, metadata)
        return Job(self.connections, task, self.submit_task(task, self.connections.deadline(timeout)))

    def submit_task(self, task: Task, deadline: float | None) -> Connection:
        """Submit a task and wait until a server has acknowledged it; which one did."""
        connections = self.connections
        connection = connections.submit(task, deadline)
        try:
            return connections.wait_created(task, connection, deadline)
        except BaseException as error:
            connections.give_up(task, connection)
            if isinstance(error, JobTimeout):
                raise job_timeout(task, connection.server.name) from error
            raise

    def submit_many(
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
        return submit_many(self.connections, tasks, timeout)

    def map(
        self,
        function: str,
        workloads: Iterable[Payload],
        *,
        limit: int = 100,
        priority: Priority = Priority.NORMAL,
        timeout: float | None = None,
    ) -> Iterator[bytes]:
        """The results of a function for many workloads, in order, with at most ``limit`` jobs under way.

        Raises like ``do`` at the first job that fails; the jobs that are under way then are given up.
        """
        tasks = (self.factory.task(function, workload, None, priority, False, None) for workload in workloads)
        return results_in_order(self.connections, tasks, limit, timeout)

    def as_completed(self, jobs: Iterable[Job], *, timeout: float | None = None) -> Iterator[Job]:
        """The jobs as they end, well or badly; raises JobTimeout."""
        return as_completed(self.connections, jobs, timeout)

    def wait(
        self, jobs: Iterable[Job], *, timeout: float | None = None, return_when: str = ALL_COMPLETED
    ) -> tuple[set[Job], set[Job]]:
        """Wait until the jobs have ended, or ``timeout`` seconds; which have, and which have not.

        ``return_when`` is one of concurrent.futures' constants.
        """
        return wait(self.connections, jobs, timeout, return_when)

    def task_set(
        self,
        *,
        on_created: Callable[[Job], object] | None = None,
        on_data: Callable[[Job, bytes], object] | None = None,
        on_warning: Callable[[Job, bytes], object] | None = None,
        on_status: Callable[[Job, Progress], object] | None = None,
        on_complete: Callable[[Job, bytes], object] | None = None,
        on_exception: Callable[[Job, JobException], object] | None = None,
        on_fail: Callable[[Job, GearmanError], object] | None = None,
    ) -> TaskSet:
        """Jobs to be collected, and run together when the ``with`` block ends; what happens to them is called back."""
        callbacks = Callbacks(on_created, on_data, on_warning, on_status, on_complete, on_exception, on_fail)
        return TaskSet(self.connections, self.factory, callbacks)

    def job_status(self, handle: str, *, timeout: float | None = None, strict: bool = False) -> JobStatus:
        """How far a job is.

        A handle that knows its server is asked there, or of the others while that cannot be reached: in a pool they
        know it. A bare one is asked of every server that can be reached. Where one that may know the job could not be
        asked, ``complete_view`` is False, or ``strict`` raises its ConnectError.
        """
        return self.job_statuses([handle], timeout=timeout, strict=strict)[JobHandle.parse(handle)]

    def job_statuses(
        self, handles: Iterable[str], *, timeout: float | None = None, strict: bool = False
    ) -> dict[JobHandle, JobStatus]:
        """How far each of many jobs is, asked all at once."""
        parsed = [JobHandle.parse(handle) for handle in handles]
        deadline = self.connections.deadline(timeout)
        inquiries = inquire(self.connections, GET_STATUS, parsed, deadline)
        if strict:
            insist(self.connections, GET_STATUS, inquiries, deadline)
        return {
            handle: job_status_of(inquiry.answers) for handle, inquiry in zip(parsed, inquiries, strict=True)
        }

    def job_status_by_unique(
        self, unique: str | bytes, *, timeout: float | None = None, strict: bool = False
    ) -> JobStatus:
        """How far the job with this unique is, of whatever function; ``waiting`` says how many clients wait for it."""
        deadline = self.connections.deadline(timeout)
        asked = [(self.connections.servers.servers, name(unique, "unique"))]
        return job_status_of(ask(self.connections, GET_STATUS_UNIQUE, asked, deadline, strict)[0])

    def result(self, handle: str, *, timeout: float | None = None) -> bytes:
        """Wait until a background job is over, and give its result, where its function's policy has it kept.

        Raises JobFailed, JobException, JobCancelled, ResultNotKept, JobTimeout (the job goes on), or like ``outcome``.
        """
        known = JobHandle.parse(handle)
        return result(self.connections, known, self.connections.deadline(timeout))

    def outcome(self, handle: str, *, timeout: float | None = None) -> JobHistory | None:
        """What a server has of a job, also of one that is over; None where it has nothing.

        Asks as ``job_status`` does. Raises ExtensionMissing where the server is no Geartrain, ConnectError where it
        cannot be reached and no other knows the job.
        """
        known = JobHandle.parse(handle)
        return outcome(self.connections, known, self.connections.deadline(timeout))

    def cancel(self, handle: str, *, timeout: float | None = None) -> bool:
        """Cancel a job, queued or running, for everybody who waits for it; False where no server knows it.

        A running job's worker is told, if it is one of Geartrain's. Raises like ``outcome``.
        """
        known = JobHandle.parse(handle)
        return cancel(self.connections, known, self.connections.deadline(timeout))

    def ping(self, *, timeout: float | None = None) -> dict[str, float]:
        """Seconds that each server takes to answer; raises ConnectError naming a server that cannot be reached.

        Raises JobTimeout where one does not answer in ``timeout`` seconds, or the client's own; in 10 without both.
        """
        if timeout is None and self.connections.timeout is None:
            timeout = PING_TIMEOUT
        deadline = self.connections.deadline(timeout)
        seconds = {}
        for server in list(self.connections.servers.servers):
            begin = time.perf_counter()
            ask(self.connections, ECHO_REQ, [([server], b"ping")], deadline, True)
            seconds[server.name] = time.perf_counter() - begin
        return seconds

    def close(self) -> None:
        """End the connections; foreground jobs that are still waited for are given up, with a warning."""
        unfinished = self.connections.close()
        if unfinished:
            warnings.warn(
                f"{unfinished} foreground jobs were still waited for", ResourceWarning, stacklevel=2
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def start_over() -> None:
    """In a child process: give every client uniques and, when it needs them, connections of its own."""
    for client in CLIENTS:
        client.factory.factory.uniques = new_uniques()
        client.connections.start_over()


if hasattr(os, "register_at_fork"):  # Windows does not fork
    os.register_at_fork(after_in_child=start_over)
