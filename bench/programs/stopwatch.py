"""What the measured Python programs share: their jobs, and the clock beside them."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

FUNCTION: Final = "bench"  # as in load.c
WORKLOAD: Final = b"x" * 32
RESULT: Final = b"done"


class Stopwatch:
    """Times its ``with`` block, in which a program does ``jobs`` jobs, and prints what it saw."""

    def __init__(self, jobs: int) -> None:
        self.jobs = jobs
        self.latencies: list[float] = []  # seconds, where the program does one job after the other
        self.began = self.cpu_before = 0.0

    def __enter__(self) -> Self:
        self.began = time.perf_counter()
        self.cpu_before = time.process_time()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        seconds = time.perf_counter() - self.began
        cpu = time.process_time() - self.cpu_before
        if kind is None:
            outcome = {"jobs": self.jobs, "seconds": seconds, "cpu": cpu, **self.percentiles()}
            print(json.dumps(outcome), flush=True)

    def percentiles(self) -> dict[str, float]:
        """The latency that half of the jobs kept, and the one that 99 of 100 did."""
        if not self.latencies:
            return {}
        ordered = sorted(self.latencies)
        return {"p50": ordered[len(ordered) // 2], "p99": ordered[len(ordered) * 99 // 100]}


def one_after_the_other(jobs: int, do: Callable[[], object]) -> None:
    """Time ``do`` so many times."""
    with Stopwatch(jobs) as stopwatch:
        for _ in range(jobs):
            before = time.perf_counter()
            do()
            stopwatch.latencies.append(time.perf_counter() - before)


def arguments() -> tuple[str, int, int]:
    """OPERATION PORT JOBS of the command line."""
    operation, port, jobs = sys.argv[1:]
    return operation, int(port), int(jobs)
