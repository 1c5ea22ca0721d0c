"""What became of a background job, as the client reads RESULT_RES."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from geartrain.errors import JobCancelled, JobException, JobFailed, ResultNotKept
from geartrain.protocol.documents import read_object

FIRST_PAUSE: Final = 0.02  # seconds between two questions for a result
LONGEST_PAUSE: Final = 0.25
UNKNOWN: Final = b"unknown"
LIVE: Final = ("queued", "delayed", "running")


class JobHistory(NamedTuple):
    """What a server has of a job while it lives, and after its end where its function's policy keeps it.

    Times are Unix seconds, None where something has not happened.
    """

    handle: str
    state: str  # queued, delayed, running; complete, failed, exception, cancelled; dead is a dead letter
    result: bytes  # of a complete job; what the worker said of another one
    error: str  # the same as text, or why it is a dead letter; empty where there is nothing to say
    attempts: int  # executions that were begun
    worker: str  # the id of the last worker, empty where there was none
    submitted_at: float | None
    started_at: float | None  # the last execution
    finished_at: float | None
    workers: int | None = None  # connected workers that can do its function; None once it is over

    @property
    def over(self) -> bool:
        """Whether the job has ended, well or badly."""
        return self.state not in LIVE

    def take_result(self, server: str = "") -> bytes:
        """The result of a job that is over; raises JobFailed, JobException or JobCancelled where it has none."""
        if self.state == "complete":
            return self.result
        raise self.failure(server)

    def failure(self, server: str) -> JobFailed:
        """How a job ended that has no result."""
        if self.state == "exception":
            return JobException(self.result, server=server, handle=self.handle)
        if self.state == "cancelled":
            return JobCancelled(f"job {self.handle} was cancelled", server=server, handle=self.handle)
        if self.state == "dead":
            attempts = f"{self.attempts} attempt{'' if self.attempts == 1 else 's'}"
            told = f"job {self.handle} is a dead letter after {attempts}: {self.error}"
            return JobFailed(told, server=server, handle=self.handle)
        return JobFailed(f"job {self.handle} failed", server=server, handle=self.handle)


def knows(answer: list[bytes]) -> bool:
    """Whether the server of a STATUS_RES, RESULT_RES or CANCEL_RES knows the job."""
    return answer[1] not in (b"0", UNKNOWN)


def of_holder(answers: Sequence[list[bytes] | None]) -> list[bytes] | None:
    """The one RESULT_RES or CANCEL_RES that knows the job; None where none of those that came does."""
    for answer in answers:
        if answer is not None and knows(answer):
            return answer
    return None


def history_of(answer: list[bytes]) -> JobHistory:
    """The history in the arguments of RESULT_RES."""
    details = read_object(answer[2])
    attempts, workers = details.get("attempts"), details.get("workers")
    return JobHistory(
        answer[0].decode("utf-8", "replace"),
        answer[1].decode("utf-8", "replace"),
        answer[3],
        str(details.get("error") or ""),
        attempts if isinstance(attempts, int) else 0,
        str(details.get("worker") or ""),
        time_of(details, "submitted_at"),
        time_of(details, "started_at"),
        time_of(details, "finished_at"),
        workers if isinstance(workers, int) else None,
    )


def time_of(details: Mapping[str, object], name: str) -> float | None:
    """Unix seconds that a server told; None where it told none."""
    value = details.get(name)
    return float(value) if isinstance(value, (int, float)) else None


def result_not_kept(handle: str) -> ResultNotKept:
    """The exception for a job of which nothing is known."""
    return ResultNotKept(
        f"job {handle} is over, or was never known, and its result was not kept: "
        "set keep_result in its function's policy",
        handle=handle,
    )


def longer(pause: float) -> float:
    """The pause between two questions for a result that follows another one."""
    return min(LONGEST_PAUSE, pause * 1.5)
