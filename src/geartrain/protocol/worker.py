"""A worker's side of one connection, without I/O: abilities go in, jobs come out, and their outcomes go back."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

from geartrain.errors import ProtocolError, Retry, SettingsError
from geartrain.protocol.assignment import Assignment, complete, exception, next_unique, raised, retry_later
from geartrain.protocol.commands import (
    CAN_DO,
    CAN_DO_TIMEOUT,
    CANT_DO,
    ECHO_REQ,
    ECHO_RES,
    ERROR,
    EXTENSION_OPTION,
    GET_STATUS_UNIQUE,
    GRAB_JOB,
    GRAB_JOB_ALL,
    GRAB_JOB_EXTENDED,
    GRAB_JOB_UNIQ,
    JOB_ASSIGN,
    JOB_ASSIGN_ALL,
    JOB_ASSIGN_EXTENDED,
    JOB_ASSIGN_UNIQ,
    JOB_CANCELLED,
    JOB_CREATED,
    NO_JOB,
    NOOP,
    OPTION_REQ,
    OPTION_RES,
    PRE_SLEEP,
    RESET_ABILITIES,
    SEPARATORS,
    SET_CLIENT_ID,
    STATUS_RES_UNIQUE,
)
from geartrain.protocol.numbers import count
from geartrain.protocol.packet import (
    LARGEST_PAYLOAD,
    PAYLOAD_LIMIT,
    RESPONSE,
    PacketStream,
    completed,
    request,
)
from geartrain.protocol.submission import Priority, Unique, octets, submission

GRABS: Final = {"all": GRAB_JOB_ALL, "unique": GRAB_JOB_UNIQ, "plain": GRAB_JOB}
SHORTEST_TIME_LIMIT: Final = 1.0  # seconds: servers raise what is shorter
MOST_GRABS: Final = 32  # under way at once
REGRAB_AFTER: Final = 30.0  # seconds asleep after which a worker asks by itself, should a NOOP have been lost


class Offer:
    """What a worker tells every server of itself; raises SettingsError."""

    def __init__(self, client_id: str, grab: str) -> None:
        if grab not in GRABS:
            raise SettingsError(f"grab {grab!r}: expected one of {', '.join(GRABS)}")
        self.client_id = octets(client_id, "client id")
        self.grab_packet = request(GRABS[grab])
        self.extended = grab == "all"  # the other grabs are for servers of old
        self.abilities: dict[bytes, float] = {}  # by function: seconds a job may take, 0 for any


class Retrial:
    """A job on its way to its next attempt; it ends when the server has that attempt, or does not want it."""

    def __init__(self, job: Assignment, retry: Retry, now: float) -> None:
        self.job = job
        self.retry = retry
        self.run_at = now + retry.delay if retry.delay > 0 else None  # Unix time; None is at once


class WorkerProtocol:
    """The worker's end of one connection.

    After every call, ``take_outgoing()`` gives the bytes to write. ``grabbing`` is how many grabs the server has not
    answered, ``asleep`` is True from NO_JOB to NOOP. Jobs wait in ``assigned``.
    """

    def __init__(self, name: str, offer: Offer) -> None:
        self.name = name  # the server's, for error messages
        self.stream = PacketStream(RESPONSE, HANDLERS, misdirected, short, text_line, LARGEST_PAYLOAD)
        self.outgoing: list[bytes] = [EXTEND] if offer.extended else []
        self.outgoing.append(request(SET_CLIENT_ID, offer.client_id))
        self.grab_packet = offer.grab_packet
        self.abilities = (
            offer.abilities
        )  # with their time limits, which a server without the extension does not tell
        self.assigned: deque[Assignment] = deque()
        self.running: dict[bytes, Assignment] = {}  # jobs that are not settled, by handle
        self.grabbing = 0
        self.asleep = False
        self.eagerness = 1  # grabs under way at most
        self.retrials: deque[Retrial] = deque()  # in the order of their questions to the server
        self.echoes = 0  # answers to ECHO_REQ so far
        self.denied: list[str] = []  # what the server does not allow, until somebody has told it
        for function, timeout in offer.abilities.items():
            self.can_do(function, timeout)

    def can_do(self, function: bytes, timeout: float) -> None:
        """Offer a function; ``timeout`` in seconds, 0 for none."""
        if timeout:
            self.outgoing.append(request(CAN_DO_TIMEOUT, function, b"%d" % max(1, round(timeout * 1000))))
        else:
            self.outgoing.append(request(CAN_DO, function))
        self.asleep = False  # gearmand does not wake a worker for what it can do only now

    def cant_do(self, function: bytes) -> None:
        """Do not offer a function any more."""
        self.outgoing.append(request(CANT_DO, function))

    def reset_abilities(self) -> None:
        """Offer nothing any more."""
        self.outgoing.append(request(RESET_ABILITIES))

    def seek(self, wanted: int) -> int:
        """Ask for up to ``wanted`` jobs, one at first, more at once while they come; how many were asked for."""
        more = 0 if self.asleep else max(0, min(wanted, self.eagerness - self.grabbing))
        self.outgoing += [self.grab_packet] * more
        self.grabbing += more
        return more

    def echo(self, echo: bytes) -> None:
        """Ask for the same bytes back: ``echoes`` counts the answers."""
        self.outgoing.append(request(ECHO_REQ, echo))

    def send(self, packet: bytes) -> None:
        """Send a packet about a job."""
        if packet:
            self.outgoing.append(packet)

    def retry(self, job: Assignment, retry: Retry, now: float) -> None:
        """Run the job again: it is ``settled`` when the server has its next attempt. ``now`` is Unix time.

        A server without the extension gets the next attempt as another job, in the background. Clients that wait
        for this one hear the Retry as an exception instead, and submit again if they like (``Retry.told``): only
        they can wait for another job.
        """
        if job.settled:
            return None
        if self.stream.extended:
            return self.outgoing.append(retry_later(job, retry))
        retrial = Retrial(job, retry, now)
        if job.unique in (Unique.NONE.value, Unique.CONTENT.value):
            return self.submit_next(retrial)
        self.outgoing.append(request(GET_STATUS_UNIQUE, job.unique))
        self.retrials.append(retrial)

    def submit_next(self, retrial: Retrial) -> None:
        """Submit the next attempt."""
        job = retrial.job
        self.outgoing.append(
            submission(
                job.function,
                next_unique(job.unique, job.handle),
                job.workload,
                Priority.NORMAL,
                True,
                retrial.run_at,
            )
        )
        self.retrials.append(retrial)

    def take_denied(self) -> list[str]:
        """What the server does not allow, since the last look."""
        denied = self.denied
        self.denied = []
        return denied

    def take_outgoing(self) -> bytes:
        """The bytes to write now, all packets joined."""
        outgoing = self.outgoing
        self.outgoing = []
        return outgoing[0] if len(outgoing) == 1 else b"".join(outgoing)

    def receive(self, chunk: bytes) -> None:
        """Take bytes of the server; raises ProtocolError, after which the connection must end."""
        self.stream.receive(self, chunk)

    # One method for each packet, called with the packet's arguments.

    def noop(self, arguments: list[bytes]) -> None:
        """There may be work."""
        self.asleep = False

    def job_created(self, arguments: list[bytes]) -> None:
        """The server has the next attempt: this one may end."""
        if self.retrials:
            self.outgoing.append(complete(self.retrials.popleft().job, b""))

    def no_job(self, arguments: list[bytes]) -> None:
        """There is no work: sleep until there is."""
        self.grabbing -= 1
        self.eagerness = 1
        if self.grabbing == 0:  # a grab after PRE_SLEEP would wake us at the server
            self.asleep = True
            self.outgoing.append(SLEEP)

    def job_assign(self, arguments: list[bytes]) -> None:
        """A job, without its unique."""
        self.assign(Assignment(arguments[0], arguments[1], b"", arguments[2]))

    def job_assign_uniq(self, arguments: list[bytes]) -> None:
        """A job."""
        self.assign(Assignment(arguments[0], arguments[1], arguments[2], arguments[3]))

    def job_assign_all(self, arguments: list[bytes]) -> None:
        """A job with a reducer, which is the business of whoever aggregates."""
        self.assign(Assignment(arguments[0], arguments[1], arguments[2], arguments[4]))

    def job_assign_extended(self, arguments: list[bytes]) -> None:
        """A job with all that is known of it."""
        self.assign(Assignment(arguments[0], arguments[1], arguments[2], arguments[4], arguments[3]))

    def assign(self, job: Assignment) -> None:
        """Have a job wait for its function."""
        if self.stream.extended:
            job.most = PAYLOAD_LIMIT
            if b'"timeout"' in job.details or b'"max_payload"' in job.details:
                job.take_limits()
        else:
            limit = self.abilities.get(job.function, 0.0)
            job.limit = max(limit, SHORTEST_TIME_LIMIT) if limit else 0.0
        job.running = self.running
        self.running[job.handle] = job
        self.grabbing -= 1
        self.eagerness = min(MOST_GRABS, self.eagerness * 2)
        self.assigned.append(job)

    def lost(self) -> None:
        """The connection ended: the server gives its jobs to others."""
        self.assigned.clear()
        for job in list(self.running.values()):
            job.cancel("lost")

    def job_cancelled(self, arguments: list[bytes]) -> None:
        """The server took a job away."""
        job = self.running.get(arguments[0])
        if job is None:
            return
        if job in self.assigned:
            self.assigned.remove(job)
        job.cancel(arguments[1].decode("utf-8", "replace"))

    def option_res(self, arguments: list[bytes]) -> None:
        """The server has the extension."""
        if arguments[0].lower() != EXTENSION_OPTION:
            return
        self.stream.extended = True
        self.grab_packet = GRAB_EXTENDED

    def echo_res(self, arguments: list[bytes]) -> None:
        """The answer to an echo."""
        self.echoes += 1

    def error(self, arguments: list[bytes]) -> None:
        """The server refused the next attempt of a job, or complains of a late result, which is nothing to us."""
        if self.stream.extended and arguments[0] == b"PERMISSION_DENIED":
            self.denied.append(arguments[1].decode("utf-8", "replace"))
        elif self.retrials and arguments[0].upper() != b"JOB_NOT_FOUND":
            refused = b": ".join(arguments)
            self.outgoing.append(
                exception(self.retrials.popleft().job, b"Retry: refused by the server: " + refused)
            )

    def status_res_unique(self, arguments: list[bytes]) -> None:
        """How many clients wait for a job that wants to be tried again."""
        if not self.retrials:
            raise ProtocolError(
                f"{self.name} sent STATUS_RES_UNIQUE, which nothing asked for", server=self.name
            )
        retrial = self.retrials.popleft()
        if count(arguments[5]) == 0:
            return self.submit_next(retrial)
        self.outgoing.append(raised(retrial.job, retrial.retry))

    def other(self, arguments: list[bytes]) -> None:
        """A packet that asks nothing of a worker."""


def misdirected(worker: WorkerProtocol, arguments: list[bytes]) -> None:
    """A request came from the server."""
    raise ProtocolError(f"{worker.name} sent a request, expected a response", server=worker.name)


def short(worker: WorkerProtocol, command: int, arguments: list[bytes]) -> None:
    """Arguments that are missing at the end are empty."""
    HANDLERS[command](worker, completed(command, arguments))


def text_line(worker: WorkerProtocol, line: bytes) -> None:
    """A line of text came where packets are expected."""
    raise ProtocolError(f"{worker.name} sent {line[:80]!r}, expected a packet", server=worker.name)


EXTEND: Final = request(OPTION_REQ, EXTENSION_OPTION)
GRAB_EXTENDED: Final = request(GRAB_JOB_EXTENDED)
SLEEP: Final = request(PRE_SLEEP)

HANDLERS: Final[list[Callable[[WorkerProtocol, list[bytes]], None]]] = [
    WorkerProtocol.other for _ in SEPARATORS
]
HANDLERS[NOOP] = WorkerProtocol.noop
HANDLERS[JOB_CREATED] = WorkerProtocol.job_created
HANDLERS[NO_JOB] = WorkerProtocol.no_job
HANDLERS[JOB_ASSIGN] = WorkerProtocol.job_assign
HANDLERS[JOB_ASSIGN_UNIQ] = WorkerProtocol.job_assign_uniq
HANDLERS[JOB_ASSIGN_ALL] = WorkerProtocol.job_assign_all
HANDLERS[JOB_ASSIGN_EXTENDED] = WorkerProtocol.job_assign_extended
HANDLERS[JOB_CANCELLED] = WorkerProtocol.job_cancelled
HANDLERS[OPTION_RES] = WorkerProtocol.option_res
HANDLERS[ECHO_RES] = WorkerProtocol.echo_res
HANDLERS[ERROR] = WorkerProtocol.error
HANDLERS[STATUS_RES_UNIQUE] = WorkerProtocol.status_res_unique
