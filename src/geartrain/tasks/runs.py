"""Runs: the jobs that a worker process runs, in memory that its supervisor reads, also when the process is dead."""

from __future__ import annotations

import math
import mmap
import os
import struct
import tempfile
import threading
import time
from typing import Final, NamedTuple

from geartrain.jobs import TAKEN_AWAY
from geartrain.printable import printable
from geartrain.protocol.assignment import Assignment, attempt

SLOT: Final = struct.Struct("<QdddBI")  # number, began, deadline, taken away, why, attempt
NUMBER: Final = struct.Struct("<Q")  # at the beginning of a slot, 0 where it is free
TAKEN: Final = struct.Struct("<dB")  # when and why the job was taken away
TAKEN_AT: Final = 24  # where that begins in a slot
NAMES_AT: Final = SLOT.size
HANDLE_SIZE: Final = 128  # bytes of a handle that are kept
FUNCTION_SIZE: Final = 256  # bytes of a function's name that are kept
SLOT_SIZE: Final = 512
LEAVING: Final = b"\x01"  # the byte behind the slots: the process ends as it should
REASONS: Final = ("", *TAKEN_AWAY)
MOST_NAMED: Final = 5  # runs in a line of the log


class Run(NamedTuple):
    """A job that a process runs; times by the monotonic clock, which all processes share."""

    number: int  # of the run in its process
    began: float
    deadline: float  # infinite where the job may take any time
    taken: float  # when it was taken away from the process; infinite where it was not
    why: int  # into REASONS
    attempt: int
    handle: str
    function: str

    @property
    def lost_at(self) -> float:
        """When the job was not the process's own any more; infinite where it still is."""
        return min(self.deadline, self.taken)

    @property
    def reason(self) -> str:
        """Why it is not, as a sentence goes on after the job's name."""
        return TAKEN_AWAY[REASONS[self.why] or "timeout"]

    def named(self, now: float) -> str:
        """The run as the log names it."""
        return f"job {self.handle} of {self.function} (attempt {self.attempt}, {now - self.began:.1f} s)"


class Runs:
    """The runs of one process: so many at a time."""

    def __init__(self, descriptor: int, slots: int) -> None:
        self.slots = slots
        self.memory = mmap.mmap(descriptor, slots * SLOT_SIZE + 1)
        self.free = list(range(slots))
        self.places: dict[Assignment, int] = {}  # the slot of each job that runs
        self.marked: set[Assignment] = set()  # jobs that were taken away
        self.last = 0  # number of a run
        self.lock = threading.Lock()

    # The process

    def begin(self, job: Assignment) -> None:
        """A job's function is called."""
        with self.lock:
            self.last += 1
            slot = self.free.pop() * SLOT_SIZE
            deadline = job.began + job.limit if job.limit else math.inf
            SLOT.pack_into(self.memory, slot, 0, job.began, deadline, math.inf, 0, attempt(job))
            names = slot + NAMES_AT
            self.memory[names : names + HANDLE_SIZE] = job.handle[:HANDLE_SIZE].ljust(HANDLE_SIZE, b"\0")
            names += HANDLE_SIZE
            self.memory[names : names + FUNCTION_SIZE] = job.function[:FUNCTION_SIZE].ljust(
                FUNCTION_SIZE, b"\0"
            )
            NUMBER.pack_into(self.memory, slot, self.last)
            self.places[job] = slot

    def end(self, job: Assignment) -> None:
        """Its function has ended."""
        with self.lock:
            slot = self.places.pop(job)
            self.marked.discard(job)
            NUMBER.pack_into(self.memory, slot, 0)
            self.free.append(slot // SLOT_SIZE)

    def mark(self) -> None:
        """Note which of the jobs were taken away; may be called in any thread."""
        with self.lock:
            for job, slot in self.places.items():
                if job.cancelled and job not in self.marked:
                    self.marked.add(job)
                    why = REASONS.index(job.cancelled) if job.cancelled in REASONS else 0
                    TAKEN.pack_into(self.memory, slot + TAKEN_AT, time.monotonic(), why)

    def leave(self) -> None:
        """The process ends now, as it should."""
        self.memory[-1:] = LEAVING

    # Its supervisor

    def read(self) -> list[Run]:
        """The jobs that run now, or ran at the end of the process, in the order of their beginnings."""
        return sorted(run for run in map(self.read_slot, range(self.slots)) if run is not None)

    def read_slot(self, number: int) -> Run | None:
        """The run in a slot; None where it is free, or just changes."""
        slot = slice(number * SLOT_SIZE, (number + 1) * SLOT_SIZE)
        octets = self.memory[slot]
        if octets != self.memory[slot]:
            return None
        run, began, deadline, taken, why, number_of_attempt = SLOT.unpack_from(octets)
        if not run or why >= len(REASONS):
            return None
        names = octets[NAMES_AT : NAMES_AT + HANDLE_SIZE + FUNCTION_SIZE]
        handle, function = names[:HANDLE_SIZE].rstrip(b"\0"), names[HANDLE_SIZE:].rstrip(b"\0")
        return Run(
            run, began, deadline, taken, why, number_of_attempt, printable(handle), printable(function)
        )

    def is_leaving(self) -> bool:
        """Whether the process has said that it ends as it should."""
        return self.memory[-1:] == LEAVING


def new_memory(slots: int) -> int:
    """A descriptor of empty memory for the runs of a process."""
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("geartrain-runs")
    else:
        with tempfile.TemporaryFile() as file:
            descriptor = os.dup(file.fileno())
    os.ftruncate(descriptor, slots * SLOT_SIZE + 1)
    return descriptor


def named(runs: list[Run], now: float) -> str:
    """Some runs as the log names them."""
    shown = ", ".join(run.named(now) for run in runs[:MOST_NAMED])
    return shown if len(runs) <= MOST_NAMED else f"{shown} and {len(runs) - MOST_NAMED} others"
