"""What one turn asks of a store, and what the store says back.

The broker defines both, stores implement them: so the core never imports a store.
"""

from __future__ import annotations

from typing import NamedTuple

from geartrain.broker.model import NOT_ASKED, Job


class JobRecord(NamedTuple):
    """All of a background job that outlives the process."""

    handle: bytes
    function: bytes
    unique: bytes
    reducer: bytes
    workload: bytes
    priority: int
    run_at: float  # Unix time; 0 is at once
    submitted_at: float  # Unix time
    attempts: int


class Outcome(NamedTuple):
    """What became of a batch: all of it is kept, or none."""

    error: str = ""  # why nothing is kept; empty when all is


class Batch:
    """The jobs a turn must make durable and those that are over, each in the order of the turn.

    A job that came and went within one batch is in neither.
    """

    def __init__(self) -> None:
        self.added: dict[bytes, JobRecord] = {}  # by handle
        self.removed: list[bytes] = []  # handles

    def __len__(self) -> int:
        return len(self.added) + len(self.removed)

    def add(self, job: Job) -> None:
        """Keep a job from now on."""
        self.added[job.handle] = record_of(job)

    def remove(self, job: Job) -> None:
        """The job is over."""
        self.added.pop(job.handle, None)
        if job.kept != NOT_ASKED:
            self.removed.append(job.handle)


def record_of(job: Job) -> JobRecord:
    """A job as a store sees it."""
    return JobRecord(
        job.handle,
        job.function.name,
        job.unique,
        job.reducer,
        job.workload,
        job.priority,
        job.run_at,
        job.submitted_at,
        job.attempts,
    )
