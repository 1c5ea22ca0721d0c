"""The blocking administrator: asks a server about itself, in the text protocol."""

from __future__ import annotations

import os
import time
from types import TracebackType
from typing import Self, TypeVar

from geartrain.errors import ConnectionLost
from geartrain.protocol import admin, control, schedules, watching
from geartrain.protocol.admin import (
    AdminProtocol,
    Connected,
    FunctionQueues,
    FunctionStatus,
    Query,
    QueuedJob,
)
from geartrain.protocol.servers import parse_servers
from geartrain.protocol.watching import EventPage, JobPage
from geartrain.sync.network import AnyLink, Sockets
from geartrain.tls import Speech
from geartrain.tokens import token_of

Answer = TypeVar("Answer")


class Admin:
    """Asks one server; None takes the first of GEARMAN_SERVERS, else localhost:4730.

    ``tls`` and ``token`` are as for Client. Every method raises ConnectError, ConnectionLost, JobTimeout after
    ``timeout`` seconds in total, or ServerError where the server answers ERR.
    """

    def __init__(
        self,
        server: str | None = None,
        *,
        timeout: float | None = 10.0,
        connect_timeout: float = 5.0,
        tls: Speech = None,
        token: str | None = None,
    ) -> None:
        self.server = parse_servers(server, os.environ)[0]
        self.timeout = timeout
        self.connect_timeout = connect_timeout
        self.network = Sockets(tls, token_of(token, os.environ))
        self.link: AnyLink | None = None  # None while there is no connection

    def status(self) -> list[FunctionStatus]:
        """Every function with its jobs and workers."""
        return self.ask(admin.STATUS)

    def priority_status(self) -> list[FunctionQueues]:
        """Every function with its queued jobs by priority."""
        return self.ask(admin.PRIORITY_STATUS)

    def workers(self) -> list[Connected]:
        """Every connection with the functions it offers."""
        return self.ask(admin.WORKERS)

    def show_jobs(self) -> list[QueuedJob]:
        """Every job, queued or running."""
        return self.ask(admin.SHOW_JOBS)

    def show_unique_jobs(self) -> list[str]:
        """The unique of every job."""
        return self.ask(admin.SHOW_UNIQUE_JOBS)

    def version(self) -> str:
        """The server's version."""
        return self.ask(admin.VERSION)

    def getpid(self) -> int:
        """The server's process id."""
        return self.ask(admin.PID)

    def verbose(self) -> str:
        """The server's log level."""
        return self.ask(admin.VERBOSE)

    def max_queue(self, function: str, *limits: int) -> None:
        """Limit a function's queue: no number for no limit, one, or three for high, normal and low priority."""
        self.ask(admin.max_queue(function, limits))

    def create_function(self, function: str) -> None:
        """Have a function listed before it has jobs or workers."""
        self.ask(admin.create_function(function))

    def drop_function(self, function: str) -> None:
        """Forget a function that has no workers and no running job."""
        self.ask(admin.drop_function(function))

    def cancel_job(self, handle: str) -> None:
        """Take a queued job out of its queue; raises ServerError UNKNOWN_JOB."""
        self.ask(admin.cancel_job(handle))

    def functions(self) -> list[dict[str, object]]:
        """Every function with its queues, workers and policy."""
        return self.ask(control.FUNCTIONS)

    def job(self, handle: str) -> dict[str, object] | None:
        """A job that is queued or running; None where the server has none with that handle."""
        return self.ask(watching.job(handle))

    def find_jobs(
        self,
        function: str = "",
        *,
        state: str = "",
        unique: str = "",
        handle: str = "",
        worker: str = "",
        priority: str = "",
        older_than: float = 0.0,
        younger_than: float = 0.0,
        limit: int = 1000,
        cursor: str = "",
    ) -> JobPage:
        """Jobs that are not over, by what is known of them; ``cursor`` is the ``next`` of an earlier page.

        ``handle`` is how it begins, ``worker`` an id or a host, ages are seconds since the submit. A page may be empty
        and not the last one.
        """
        wanted = {
            "function": function,
            "state": state,
            "unique": unique,
            "handle": handle,
            "worker": worker,
            "priority": priority,
            "older_than": older_than,
            "younger_than": younger_than,
            "limit": limit,
            "cursor": cursor,
        }
        return self.ask(watching.find_jobs(wanted))

    def workload(self, handle: str) -> dict[str, object] | None:
        """What a job or a dead letter carries, up to 64 KiB; None where the server has none with that handle."""
        return self.ask(watching.workload(handle))

    def peers(self) -> list[dict[str, object]]:
        """Every connection with what it can do, runs and waits for."""
        return self.ask(watching.PEERS)

    def drain_peer(self, number: int) -> bool:
        """Give a worker no new jobs and let it end what it runs; False where no connection has that number."""
        return self.ask(watching.drain_peer(number))

    def resume_peer(self, number: int) -> bool:
        """Give a worker jobs again; False where no connection has that number."""
        return self.ask(watching.resume_peer(number))

    def events(self, cursor: str = "-", function: str = "*", limit: int = 1000, which: str = "") -> EventPage:
        """What happened to jobs since the ``cursor`` of the last page; "-" is from now on.

        ``which`` is a handle for the events of one job, or "sample" for up to ``limit`` events of each kind, so that a
        failure is among them however much happens. The server remembers events for whoever asks at least every 30
        seconds.
        """
        return self.ask(watching.events(cursor, function, limit, which))

    def stats(self) -> dict[str, object]:
        """The server itself: its age, how much it holds, how it fares."""
        return self.ask(watching.STATS)

    def pool(self) -> list[dict[str, object]]:
        """The servers of the server's pool, then its shards with who leads each; empty where it is in no pool."""
        return self.ask(control.POOL)

    def policy(self, function: str) -> dict[str, object]:
        """The fields of a function's policy that differ from their defaults."""
        return self.ask(control.policy(function))

    def set_policy(self, function: str, **fields: object) -> dict[str, object]:
        """Set fields of a function's policy, and give what holds now; None is the file's or the default again."""
        return self.ask(control.set_policy(function, fields))

    def pause(self, function: str) -> None:
        """Hand out no job of a function; what runs may end, and jobs are still taken."""
        self.ask(control.pause(function))

    def drain(self, function: str) -> None:
        """Refuse new jobs of a function; what is queued is worked off."""
        self.ask(control.drain(function))

    def resume(self, function: str) -> None:
        """End a function's pause or drain."""
        self.ask(control.resume(function))

    def purge(self, function: str, *, older_than: float = 0.0) -> int:
        """Cancel a function's jobs ("*": all) that no worker has, submitted that many seconds ago; says how many."""
        return self.ask(control.purge(function, older_than))

    def cancel_unique(self, function: str, unique: str) -> str | None:
        """Cancel the job with that unique, queued or running, and give its handle; None when there is none."""
        return self.ask(control.cancel_unique(function, unique))

    def dead_letters(self, function: str = "*", limit: int = 1000) -> list[dict[str, object]]:
        """Background jobs that ended badly and are kept, the oldest first."""
        return self.ask(control.dead_letters(function, limit))

    def dead_letter(self, handle: str) -> dict[str, object] | None:
        """A dead letter with its workload; None when there is none with that handle."""
        return self.ask(control.dead_letter(handle))

    def retry_dead(self, target: str) -> int:
        """Queue dead letters again, by handle, by function or all ("*"); says how many."""
        return self.ask(control.retry_dead(target))

    def discard_dead(self, target: str) -> int:
        """Forget dead letters, by handle, by function or all ("*"); says how many."""
        return self.ask(control.discard_dead(target))

    def result(self, handle: str) -> dict[str, object] | None:
        """How a background job ended, and its result; None where nothing is kept of it."""
        return self.ask(control.result(handle))

    def schedules(self) -> list[dict[str, object]]:
        """Every schedule by name, with when it is due next and was due last."""
        return self.ask(schedules.SCHEDULES)

    def add_schedule(
        self,
        name: str,
        function: str,
        workload: bytes | str = b"",
        *,
        cron: str = "",
        every: int | str = 0,
        timezone: str = "",
        priority: str = "normal",
        unique: str = "",
        catch_up: str = "last",
        paused: bool = False,
    ) -> dict[str, object]:
        """Have a job submitted at each tick of a cron line or an interval ("5m"), and give the schedule as it is now.

        Another one of that name is changed, unless it stands in the server's file. What cannot be one raises
        ServerError INVALID_ARGUMENTS, which names the field.
        """
        fields = schedules.schedule_fields(
            function, workload, cron, every, timezone, priority, unique, catch_up, paused
        )
        return self.ask(schedules.add_schedule(name, fields))[0]

    def run_schedule(self, name: str) -> str:
        """Submit a schedule's job now, and give its handle; raises ServerError UNKNOWN_SCHEDULE as the next three."""
        return str(self.ask(schedules.run_schedule(name))[0]["handle"])

    def remove_schedule(self, name: str) -> None:
        """Have a schedule no more; its jobs go on."""
        self.ask(schedules.remove_schedule(name))

    def pause_schedule(self, name: str) -> None:
        """Let a schedule rest, also over a restart where the server has a store."""
        self.ask(schedules.pause_schedule(name))

    def resume_schedule(self, name: str) -> None:
        """Let a schedule go on; what it missed meanwhile is caught up as its ``catch_up`` says."""
        self.ask(schedules.resume_schedule(name))

    def lines(self, command: str) -> list[str]:
        """The lines of a command that answers with a list."""
        return self.ask(Query(command, True, admin.as_lines))

    def command(self, command: str) -> str:
        """What a command that answers with one line says after "OK"."""
        return self.ask(Query(command, False, admin.as_value))

    def json_lines(self, *verb: str) -> list[dict[str, object]]:
        """The objects that a command of Geartrain's own server answers with."""
        return self.ask(admin.json_lines(verb))

    def ask(self, query: Query[Answer]) -> Answer:
        """Send a command and read its answer, on a new connection where the last one has died meanwhile."""
        deadline = None if self.timeout is None else time.monotonic() + self.timeout
        try:
            protocol = self.exchange(query, deadline, self.link is not None)
        except (
            BaseException
        ):  # also what a handler of signals raises: what may still come belongs to no question
            self.close()
            raise
        if protocol.error is not None:
            raise admin.refusal(protocol.error, query)
        return query.read(protocol.lines)

    def exchange(self, query: Query[Answer], deadline: float | None, again: bool) -> AdminProtocol:
        """Write a command and wait until its answer is whole; ``again`` on a new connection."""
        if self.link is None:
            self.link = self.network.connect(self.server, self.connect_timeout)
        protocol = AdminProtocol(self.server.name)
        protocol.ask(query.line, query.listing)
        try:
            self.link.send(protocol.take_outgoing())
            while not protocol.answered:
                protocol.receive(self.link.receive(deadline))
                self.link.arrived.clear()
        except ConnectionLost:
            if not again:
                raise
            self.close()
            return self.exchange(query, deadline, False)
        return protocol

    def close(self) -> None:
        """End the connection; the next question opens a new one."""
        if self.link is not None:
            self.link.close()
            self.link = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
