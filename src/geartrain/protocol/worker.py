"""A worker's side of one connection, without I/O: abilities go in, jobs come out, and their outcomes go back."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from hashlib import blake2b
from typing import Final

from geartrain.errors import Fail, ProtocolError, Retry, SettingsError
from geartrain.protocol.commands import (
    CAN_DO,
    CAN_DO_TIMEOUT,
    CANT_DO,
    ECHO_REQ,
    ECHO_RES,
    ERROR,
    GET_STATUS_UNIQUE,
    GRAB_JOB,
    GRAB_JOB_ALL,
    GRAB_JOB_UNIQ,
    JOB_ASSIGN,
    JOB_ASSIGN_ALL,
    JOB_ASSIGN_UNIQ,
    JOB_CREATED,
    NO_JOB,
    NOOP,
    PRE_SLEEP,
    RESET_ABILITIES,
    SEPARATORS,
    SET_CLIENT_ID,
    STATUS_RES_UNIQUE,
    WORK_COMPLETE,
    WORK_DATA,
    WORK_EXCEPTION,
    WORK_FAIL,
    WORK_STATUS,
    WORK_WARNING,
)
from geartrain.protocol.numbers import count
from geartrain.protocol.packet import LARGEST_PAYLOAD, RESPONSE, PacketStream, completed, request
from geartrain.protocol.submission import UNIQUE_LENGTH, Payload, Priority, Unique, payload, submission

GRABS: Final = {"all": GRAB_JOB_ALL, "unique": GRAB_JOB_UNIQ, "plain": GRAB_JOB}
MOST_GRABS: Final = 32  # under way at once
MOST: Final = 0xFFFFFFFF  # of a status number
ATTEMPT: Final = b"~"  # parts a unique from the number of its attempt
REGRAB_AFTER: Final = 30.0  # seconds asleep after which a worker asks by itself, should a NOOP have been lost


class Offer:
    """What a worker tells every server of itself; raises SettingsError."""

    def __init__(self, client_id: str, grab: str) -> None:
        if grab not in GRABS:
            raise SettingsError(f"grab {grab!r}: expected one of {', '.join(GRABS)}")
        self.client_id = client_id.encode()
        self.grab_packet = request(GRABS[grab])
        self.abilities: dict[bytes, float] = {}  # by function: seconds a job may take, 0 for any


class Assignment:
    """A job that the server gave to this worker."""

    __slots__ = ("function", "handle", "settled", "unique", "workload")

    def __init__(self, handle: bytes, function: bytes, unique: bytes, workload: bytes) -> None:
        self.handle = handle
        self.function = function
        self.unique = unique  # empty where the job has none, or GRAB_JOB does not tell
        self.workload = workload
        self.settled = False  # its last packet is on the way


def data(job: Assignment, chunk: bytes) -> bytes:
    """A piece of the result."""
    return request(WORK_DATA, job.handle, chunk)


def warning(job: Assignment, text: bytes) -> bytes:
    """A warning for the clients."""
    return request(WORK_WARNING, job.handle, text)


def status(job: Assignment, numerator: float, denominator: float) -> bytes:
    """How far the job is: whole numbers between 0 and 4294967295."""
    return request(
        WORK_STATUS,
        job.handle,
        b"%d" % min(MOST, max(0, round(numerator))),
        b"%d" % min(MOST, max(0, round(denominator))),
    )


def complete(job: Assignment, result: bytes) -> bytes:
    """The job's end with a result."""
    job.settled = True
    return request(WORK_COMPLETE, job.handle, result)


def fail(job: Assignment) -> bytes:
    """The job's end without a result."""
    job.settled = True
    return request(WORK_FAIL, job.handle)


def exception(job: Assignment, text: bytes) -> bytes:
    """The job's end by an exception; no WORK_FAIL may follow it."""
    job.settled = True
    return request(WORK_EXCEPTION, job.handle, text)


def returned(job: Assignment, result: Payload | None) -> bytes:
    """The job's end by what its function returned; nothing to send where the function has ended it itself."""
    if job.settled:
        return b""
    return complete(job, b"" if result is None else payload(result))


def raised(job: Assignment, error: BaseException) -> bytes:
    """The job's end by what its function raised, other than Retry and Reject; nothing to send where it has ended."""
    if job.settled:
        return b""
    if isinstance(error, Fail):
        return fail(job)
    return exception(job, f"{type(error).__name__}: {error}".encode("utf-8", "replace"))


def attempt_number(unique: bytes) -> int:
    """1, or what "~2", "~3" at the end of a unique say."""
    digits = unique.rpartition(ATTEMPT)[2] if ATTEMPT in unique else b""
    return int(digits) if digits.isdigit() and digits != b"0" else 1


def next_unique(unique: bytes, handle: bytes) -> bytes:
    """The unique of a job's next attempt: the same one would join the attempt that still runs."""
    number = attempt_number(unique)
    base = unique if number == 1 else unique.rpartition(ATTEMPT)[0]
    if base in (Unique.NONE.value, Unique.CONTENT.value):
        base = handle
    end = ATTEMPT + b"%d" % (number + 1)
    if len(base) + len(end) > UNIQUE_LENGTH:
        base = blake2b(base, digest_size=16).hexdigest().encode()
    return base + end


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
        self.outgoing: list[bytes] = [request(SET_CLIENT_ID, offer.client_id)]
        self.grab_packet = offer.grab_packet
        self.assigned: deque[Assignment] = deque()
        self.grabbing = 0
        self.asleep = False
        self.eagerness = 1  # grabs under way at most
        self.retrials: deque[Retrial] = deque()  # in the order of their questions to the server
        self.echoes = 0  # answers to ECHO_REQ so far
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

        The next attempt is a background job. Clients that wait for this one hear the Retry as an exception instead,
        and submit again if they like (``Retry.told``): only they can wait for another job.
        """
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

    def assign(self, job: Assignment) -> None:
        """Have a job wait for its function."""
        self.grabbing -= 1
        self.eagerness = min(MOST_GRABS, self.eagerness * 2)
        self.assigned.append(job)

    def echo_res(self, arguments: list[bytes]) -> None:
        """The answer to an echo."""
        self.echoes += 1

    def error(self, arguments: list[bytes]) -> None:
        """The server refused the next attempt of a job, or complains of a late result, which is nothing to us."""
        if self.retrials and arguments[0].upper() != b"JOB_NOT_FOUND":
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
HANDLERS[ECHO_RES] = WorkerProtocol.echo_res
HANDLERS[ERROR] = WorkerProtocol.error
HANDLERS[STATUS_RES_UNIQUE] = WorkerProtocol.status_res_unique
