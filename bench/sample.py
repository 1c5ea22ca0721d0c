"""What is measured, and what many measurements of it come to."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import NamedTuple


class Sample(NamedTuple):
    """One measurement; None where it does not say."""

    rate: float | None = None  # jobs a second
    cpu_rate: float | None = None  # jobs for each second of a processor that the measured process used
    p50: float | None = None  # seconds that half of the jobs kept
    p99: float | None = None  # seconds that 99 of 100 did
    memory: float | None = None  # bytes a queued job
    start: float | None = None  # seconds from a server's start to its first answer
    leader: float | None = None  # seconds of a processor that a pool's leader used for a job
    followers: float | None = None  # ... that the other servers of the pool used, together
    engine: float | None = None  # ... that the pool's engine used: its primary


def median(samples: Sequence[Sample]) -> Sample:
    """The median of each value."""
    return Sample(*(median_of_known(values) for values in zip(*samples, strict=True)))


def median_of_known(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None


def timed(
    jobs: int, seconds: float, cpu: float, p50: float | None = None, p99: float | None = None
) -> Sample:
    """The sample of a run of so many jobs; ``cpu`` is what the measured process used, in seconds."""
    return Sample(jobs / seconds, jobs / cpu if cpu else None, p50, p99)
