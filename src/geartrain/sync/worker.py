"""The blocking worker: one job at a time."""

from __future__ import annotations

import os
import random
import socket
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self, TypeVar

from geartrain.errors import Reject, Retry
from geartrain.failures import is_from_outside, judged, log_failure, log_taken_away
from geartrain.jobs import Board, WorkerJob
from geartrain.protocol.assignment import Assignment, raised, returned
from geartrain.protocol.servers import ServerList, Servers, parse_servers
from geartrain.protocol.submission import Payload, name
from geartrain.protocol.worker import Offer
from geartrain.signals import stopped_by_signals
from geartrain.sync.network import Sockets
from geartrain.sync.worker_connections import WorkerConnection, WorkerConnections
from geartrain.tls import Speech
from geartrain.tokens import token_of
from geartrain.tracing import running

JobFunction = Callable[[WorkerJob], Payload | None]
AnyJobFunction = TypeVar("AnyJobFunction", bound=JobFunction)


class Worker:
    """Runs functions for clients, one job at a time, for all its servers in turn.

    ``servers``, ``tls`` and ``token`` as for Client. ``grab`` is "all", "unique" (the same without reducers) or
    "plain" (jobs come without their uniques, for servers of old). ``timeout`` is how many seconds without a job end
    ``work``, ``grab`` and ``run`` (None: never), ``max_jobs`` how many jobs end ``run``. Servers that are away
    are tried again by and by.
    """

    def __init__(
        self,
        servers: Servers = None,
        *,
        id: str | None = None,
        grab: str = "all",
        timeout: float | None = None,
        max_jobs: int | None = None,
        connect_timeout: float = 5.0,
        prefix: str = "",
        tls: Speech = None,
        token: str | None = None,
    ) -> None:
        self.timeout = timeout
        self.max_jobs = max_jobs
        self.prefix = name(prefix, "prefix")
        self.functions: dict[bytes, JobFunction] = {}
        self.stopping = False
        self.board: Board | None = None  # None where nobody watches over this worker
        self.working_for: WorkerConnection | None = None  # whose job ran last, where somebody does
        known = ServerList(parse_servers(servers, os.environ), "first", random.random)
        self.offer = Offer(id or f"{socket.gethostname()}:{os.getpid()}", grab)
        self.connections = WorkerConnections(
            known, self.offer, connect_timeout, Sockets(tls, token_of(token, os.environ))
        )

    def function(
        self, function: str, *, timeout: float | None = None
    ) -> Callable[[AnyJobFunction], AnyJobFunction]:
        """Decorate what runs the jobs of a function; ``timeout`` as in ``register``."""

        def add(code: AnyJobFunction) -> AnyJobFunction:
            self.add_function(function, code, timeout=timeout)
            return code

        return add

    def add_function(self, function: str, code: JobFunction, *, timeout: float | None = None) -> None:
        """Run the jobs of a function with ``code``.

        What it returns is the result. It may raise Fail, Retry or Reject; whatever else it raises goes to the
        clients as "Type: message".
        """
        self.functions[self.prefix + name(function, "function")] = code
        self.register(function, timeout=timeout)

    def register(self, function: str, *, timeout: float | None = None) -> None:
        """Offer a function whose jobs are taken by ``grab``.

        A job that takes longer than ``timeout`` seconds is queued again by the server.
        """
        function_name = self.prefix + name(function, "function")
        self.offer.abilities[function_name] = timeout or 0
        for connection in self.connections.open:
            connection.protocol.can_do(function_name, timeout or 0)

    def unregister(self, function: str) -> None:
        """Do not offer the function any more; the servers hear of it at once."""
        function_name = self.prefix + name(function, "function")
        self.functions.pop(function_name, None)
        if self.offer.abilities.pop(function_name, None) is not None:
            for connection in self.connections.open:
                connection.protocol.cant_do(function_name)
            self.connections.flush()

    def grab(self, timeout: float | None = None) -> WorkerJob | None:
        """Wait for a job that the caller ends by ``complete``, ``fail`` or ``exception``; None after ``timeout``."""
        grabbed = self.connections.next_job(self.deadline(timeout))
        if grabbed is None:
            return None
        connection, assignment = grabbed
        return WorkerJob(assignment, connection.send, connection.look)

    def ping(self) -> dict[str, float]:
        """Seconds that each server takes to answer; those that cannot be reached are missing."""
        return self.connections.ping()

    def work(self, timeout: float | None = None) -> bool:
        """Wait for one job and run it; False when none came in ``timeout`` seconds, or after ``stop``."""
        worked = self.work_once(timeout)
        self.connections.flush()
        return worked

    def run(self, *, handle_signals: bool | None = None) -> None:
        """Work until ``stop``, ``max_jobs`` or ``timeout``, then take leave.

        SIGTERM and SIGINT stop it, too; the running job is finished first. The same signal a second time does what
        it did before. A handler that the program had set before is called as well. ``handle_signals=False`` leaves
        signals alone, as in every other than the main thread; True raises SettingsError there.
        """
        jobs = 0
        try:
            with stopped_by_signals(self.stop, handle_signals):
                while not self.stopping and (self.max_jobs is None or jobs < self.max_jobs):
                    if not self.work_once(None):
                        break
                    jobs += 1
        finally:
            self.close()

    def stop(self) -> None:
        """Let ``run``, ``work`` and ``grab`` end after the job at hand; for other threads and signal handlers."""
        self.stopping = True
        self.connections.wake()

    def work_once(self, timeout: float | None) -> bool:
        """Wait for one job and run it; its outcome leaves with the next packet."""
        grabbed = self.connections.next_job(self.deadline(timeout))
        if grabbed is None:
            return False
        self.run_job(*grabbed)
        return True

    def run_job(self, connection: WorkerConnection, assignment: Assignment) -> None:
        """Run a job and note its outcome."""
        assignment.began = time.monotonic()
        if self.board is None:
            return self.run_function(connection, assignment)
        self.board.begin(assignment)
        self.working_for = connection
        connection.set_watched(True)
        try:
            self.run_function(connection, assignment)
        finally:
            connection.set_watched(False)
            self.board.end(assignment)

    def look(self) -> None:
        """Find out whether the job that runs was taken away, for the thread that watches over a worker with a board."""
        connection = self.working_for
        if connection is not None:
            connection.watch()

    def run_function(self, connection: WorkerConnection, assignment: Assignment) -> None:
        """Run a job's function and note what came of it."""
        try:
            job = WorkerJob(assignment, connection.send, connection.look)
            with running(assignment):
                result = self.functions[assignment.function](job)
            outcome = returned(assignment, result)
            if assignment.cancelled:
                log_taken_away(assignment)
        except BaseException as error:  # whatever a function raises is the end of its job alone
            if is_from_outside(error):
                raise
            return self.end_badly(connection, assignment, error)
        connection.protocol.send(outcome)

    def end_badly(self, connection: WorkerConnection, assignment: Assignment, error: BaseException) -> None:
        """Note that a job's function raised."""
        error = judged(error)
        if isinstance(error, Reject):
            return self.reject(connection, assignment)
        log_failure(assignment, error)
        if isinstance(error, Retry):
            return self.retry(connection, assignment, error)
        connection.protocol.send(raised(assignment, error))

    def retry(self, connection: WorkerConnection, assignment: Assignment, retry: Retry) -> None:
        """Have a job run again, and wait until the server has it."""
        connection.set_watched(False)  # this thread receives again
        connection.protocol.retry(assignment, retry, self.connections.network.time())
        self.connections.flush()
        while connection in self.connections.open and not assignment.settled:
            self.connections.receive(connection)
            self.connections.flush()

    def reject(self, connection: WorkerConnection, assignment: Assignment) -> None:
        """Give a job back, if it is still ours."""
        if not assignment.cancelled:
            self.connections.drop(connection, "the job was rejected")

    def deadline(self, timeout: float | None) -> float | None:
        """When to give up waiting for a job, by the monotonic clock."""
        if timeout is None:
            timeout = self.timeout
        return None if timeout is None else time.monotonic() + timeout

    def close(self) -> None:
        """Take leave of every server, for good."""
        self.connections.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
