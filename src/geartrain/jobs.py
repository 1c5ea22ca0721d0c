"""What a program holds of its jobs: handles and statuses at the client, the running job at the worker."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence, Sized
from typing import Final, NamedTuple, Protocol, Self, TypeVar

from geartrain.errors import JobCancelled
from geartrain.protocol.assignment import (
    Assignment,
    attempt,
    complete,
    data,
    exception,
    fail,
    metadata,
    status,
    warning,
)
from geartrain.protocol.numbers import count
from geartrain.protocol.servers import TLS_SCHEME
from geartrain.protocol.submission import Payload, payload

Item = TypeVar("Item")

REPORT_INTERVAL = 0.5  # seconds between two status packets of ``track``


class JobHandle(str):
    """A job's handle: equal to the bare text ("H:host:1"), and it knows which server gave it."""

    server: str  # "host:port", as its address was given; empty where that is not known

    __slots__ = ("server",)

    def __new__(cls, handle: str, server: str = "") -> Self:
        self = super().__new__(cls, handle)
        self.server = server
        return self

    @property
    def qualified(self) -> str:
        """The handle with its server, "host:port//H:host:1", to be stored and asked for later."""
        return f"{self.server}//{self}" if self.server else str(self)

    @classmethod
    def parse(cls, text: str) -> Self:
        """A handle from its bare or its qualified text."""
        if isinstance(text, cls):
            return text
        scheme = TLS_SCHEME if text.startswith(TLS_SCHEME) else ""
        server, separator, handle = text.removeprefix(scheme).partition("//")
        return cls(handle, scheme + server) if separator else cls(text)


class StatusFields(NamedTuple):
    """The four values that a Gearman server has for a job, in PHP's order."""

    known: bool
    running: bool
    numerator: int
    denominator: int


class JobStatus(StatusFields):
    """How far a job is; it unpacks into ``known, running, numerator, denominator``."""

    complete_view: bool  # False where a server that may know the job could not be asked
    waiting: int  # clients that wait for the job; 0 where only its handle was asked for

    def __new__(
        cls,
        known: bool,
        running: bool,
        numerator: int,
        denominator: int,
        *,
        complete_view: bool = True,
        waiting: int = 0,
    ) -> Self:
        self = super().__new__(cls, known, running, numerator, denominator)
        self.complete_view = complete_view
        self.waiting = waiting
        return self

    @property
    def fraction(self) -> float:
        """The progress in 0..1; 0.0 while the worker has not said of how much."""
        return min(1.0, self.numerator / self.denominator) if self.denominator else 0.0

    @property
    def done(self) -> bool:
        """Whether every server was asked and none knows the job any more."""
        return self.complete_view and not self.known


def job_status_of(answers: Sequence[list[bytes] | None]) -> JobStatus:
    """What several servers' STATUS_RES or STATUS_RES_UNIQUE say together; None is a server that was not reached."""
    told = [answer for answer in answers if answer is not None]
    best = max(
        told, key=lambda answer: (answer[1] != b"0", answer[2] != b"0"), default=[b"", b"0", b"0", b"0", b"0"]
    )
    return JobStatus(
        best[1] != b"0",
        best[2] != b"0",
        count(best[3]),
        count(best[4]),
        complete_view=len(told) == len(answers),
        waiting=count(best[5]) if len(best) > 5 else 0,
    )


TAKEN_AWAY: Final = {
    "cancelled": "was cancelled",
    "timeout": "is over its time limit",
    "lost": "was lost with its connection",
}
"""Why a job is not its worker's any more, as a sentence goes on after the job's name."""


def cancelled(assignment: Assignment) -> JobCancelled:
    """The exception for a job that was taken away."""
    handle = assignment.handle.decode("utf-8", "replace")
    why = TAKEN_AWAY.get(assignment.cancelled, assignment.cancelled)
    return JobCancelled(f"job {handle} {why}", handle=handle)


def nothing() -> None:
    """There is nowhere to look for news."""


class Board(Protocol):
    """Where a worker notes what it runs, for whoever watches over it."""

    def begin(self, assignment: Assignment) -> None:
        """A job's function is called."""
        ...

    def end(self, assignment: Assignment) -> None:
        """The function has ended."""
        ...


class RunningJob:
    """A job that a worker runs: what the server said of it."""

    def __init__(self, assignment: Assignment, look: Callable[[], object] = nothing) -> None:
        self.assignment = assignment
        self.look = look  # takes what the server has said meanwhile, where nobody else does
        self.handle = assignment.handle.decode("utf-8", "replace")
        self.function = assignment.function.decode("utf-8", "replace")
        self.unique = assignment.unique.decode("utf-8", "replace")
        self.workload = assignment.workload

    @property
    def attempt(self) -> int:
        """1 for a job's first run, 2 for the run after the first ``Retry``, and so on.

        A Geartrain server counts executions that were lost, too; with another one the unique tells.
        """
        return attempt(self.assignment)

    @property
    def metadata(self) -> dict[str, str]:
        """What the client gave as metadata."""
        return metadata(self.assignment)

    @property
    def cancelled(self) -> bool:
        """Whether the job was taken away: it was cancelled, is over its time limit, or its connection ended.

        Nothing more is sent of such a job. Only a Geartrain server says that a job was cancelled.
        """
        if not self.assignment.cancelled and not self.assignment.settled:
            self.look()
        return bool(self.assignment.cancelled)

    @property
    def deadline(self) -> float | None:
        """When the job's time is over, in Unix seconds; None where it has no time limit."""
        assignment = self.assignment
        if not assignment.limit:
            return None
        return time.time() - time.monotonic() + assignment.began + assignment.limit

    def raise_if_cancelled(self) -> None:
        """Raise JobCancelled where the job is ``cancelled``."""
        if self.cancelled:
            raise cancelled(self.assignment)


class WorkerJob(RunningJob):
    """The job that a worker's plain function runs.

    Whatever it sends raises JobCancelled where the job is ``cancelled``, and PayloadError where it is over the limit of
    the server.
    """

    def __init__(
        self,
        assignment: Assignment,
        send: Callable[[bytes], None],
        look: Callable[[], object] = nothing,
    ) -> None:
        super().__init__(assignment, look)
        self.send = send  # writes a packet to the server

    def send_data(self, chunk: Payload) -> None:
        """Send a piece of the result to the clients that wait."""
        self.raise_if_cancelled()
        self.send(data(self.assignment, payload(chunk)))

    def send_warning(self, text: Payload) -> None:
        """Send a warning to the clients that wait."""
        self.raise_if_cancelled()
        self.send(warning(self.assignment, payload(text)))

    def send_status(self, numerator: float, denominator: float) -> None:
        """Say how far the job is; the wire has whole numbers from 0 to 4294967295."""
        self.raise_if_cancelled()
        self.send(status(self.assignment, numerator, denominator))

    def complete(self, result: Payload = b"") -> None:
        """End the job with its result; what its function returns after that does not count."""
        self.raise_if_cancelled()
        self.send(complete(self.assignment, payload(result)))

    def fail(self) -> None:
        """End the job with WORK_FAIL."""
        self.raise_if_cancelled()
        self.send(fail(self.assignment))

    def exception(self, text: Payload) -> None:
        """End the job with WORK_EXCEPTION."""
        self.raise_if_cancelled()
        self.send(exception(self.assignment, payload(text)))

    def track(self, items: Iterable[Item], total: int | None = None) -> Iterator[Item]:
        """Go through the items and report each as progress, at most twice a second, and the last one."""
        if total is None:
            total = len(items) if isinstance(items, Sized) else 0
        reported = time.monotonic() - REPORT_INTERVAL
        number = 0
        for number, item in enumerate(items, 1):
            yield item
            now = time.monotonic()
            if number < total and now - reported >= REPORT_INTERVAL:
                reported = now
                self.send_status(number, total)
        self.send_status(number, total or number)
