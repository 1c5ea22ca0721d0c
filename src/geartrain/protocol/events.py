"""What a client hears of a job."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple


class Created(NamedTuple):
    """The server has the job: its handle."""

    handle: str


class Data(NamedTuple):
    """A piece of the result, as it came."""

    data: bytes


class Warning(NamedTuple):
    """A warning of the worker; the job goes on."""

    data: bytes


class Progress(NamedTuple):
    """How far the worker is: ``numerator`` of ``denominator``."""

    numerator: int
    denominator: int

    @property
    def fraction(self) -> float:
        """The progress in 0..1; 0.0 while the worker has not said of how much."""
        return min(1.0, self.numerator / self.denominator) if self.denominator else 0.0


class Complete(NamedTuple):
    """The job is done: the last piece of its result."""

    data: bytes


Event = Created | Data | Warning | Progress | Complete


class JobState(Enum):
    """Where a submitted job is, as far as its client has heard."""

    PENDING = "pending"  # not acknowledged by the server yet
    CREATED = "created"
    RUNNING = "running"  # a worker has said something about it
    COMPLETE = "complete"
    FAILED = "failed"
    EXCEPTION = "exception"
    LOST = "lost"  # the connection ended
    TIMED_OUT = "timed out"  # this client does not wait any more
