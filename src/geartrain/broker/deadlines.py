"""Deadlines: jobs by the moment at which something must happen to them."""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from typing import Final

from geartrain.broker.model import Job

NEVER: Final = float("inf")
MOST: Final = 4  # Deadlines of a broker


class Deadlines:
    """A heap of jobs by time, in which a cancelled job costs nothing for long.

    A job is in one Deadlines at most; ``job.alarm`` names its entry. No two Deadlines of a broker give the same
    name, so a cancelled entry of one is never taken for the job's alarm in another: ``number`` is from 1 to ``MOST``,
    and no other's.
    """

    def __init__(self, number: int) -> None:
        self.heap: list[tuple[float, int, Job]] = []
        self.last = number  # the newest alarm
        self.cancelled = 0  # entries in the heap whose job has another alarm by now

    def set(self, job: Job, when: float) -> None:
        """Let ``take`` give the job once ``when`` is reached."""
        self.last += MOST
        job.alarm = self.last
        heappush(self.heap, (when, self.last, job))

    def cancel(self, job: Job) -> None:
        """Forget a job that was set."""
        job.alarm = 0
        self.cancelled += 1
        self.compact()

    def compact(self) -> None:
        """Keep no more cancelled entries than others."""
        if self.cancelled * 2 > len(self.heap):
            self.heap = [entry for entry in self.heap if entry[2].alarm == entry[1]]
            heapify(self.heap)
            self.cancelled = 0

    def next(self) -> float:
        """The earliest time that is set, if the heap is not empty; it may be that of a cancelled job."""
        return self.heap[0][0]

    def take(self, now: float) -> list[Job]:
        """The jobs whose time has come, in the order of their times; each is forgotten."""
        due: list[Job] = []
        while self.heap and self.heap[0][0] <= now:
            entry = heappop(self.heap)
            job = entry[2]
            if job.alarm != entry[1]:
                self.cancelled -= 1
                continue
            job.alarm = 0
            due.append(job)
        if self.cancelled:
            self.compact()
        return due
