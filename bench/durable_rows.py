"""What it costs to keep jobs on disk, with gearmand's way of it where that is installed."""

from __future__ import annotations

import time
from contextlib import ExitStack, nullcontext
from functools import partial
from typing import Final

from bench.depth_rows import DEEP, fill
from bench.load import lasting_load, load
from bench.process import folder_on_disk
from bench.row import Contestants, Group, Row, scaled
from bench.sample import Sample
from bench.server_rows import EXERCISES, Exercise, measure
from bench.servers import Server, gearmand

ON_DISK: Final = "geartrain"
IN_MEMORY: Final = "geartrain in memory"
GEARMAND_ON_DISK: Final = "gearmand on disk"
SHARED: Final = frozenset(
    {"submit", "submit-one", "work-8", "both", "call-1", "call-16", "call-200", "call-many"}
)
BESIDE_GEARMAND: Final = "submit"
PART_FOR_GEARMAND: Final = 0.01  # of the jobs: it does a thousand a second

WORKLOAD: Final = 32  # bytes of each job's, as load.c has it
CALLS: Final = 10_000
ALONE: Final = "alone"
BESIDE_JOBS: Final = "beside jobs"


def row(exercise: Exercise) -> Row:
    """A row that puts servers through an exercise with a store on disk, and without."""

    def contestants(scale: float, stack: ExitStack) -> Contestants:
        measured: Contestants = {
            ON_DISK: partial(measure_on_disk, "geartrain", exercise, scale),
            IN_MEMORY: partial(measure, "geartrain", exercise, scale),
        }
        if exercise.name == BESIDE_GEARMAND and gearmand():
            measured[GEARMAND_ON_DISK] = partial(
                measure_on_disk, "gearmand", exercise, scale * PART_FOR_GEARMAND
            )
        return measured

    return Row(f"durable-{exercise.name}", exercise.what, contestants, step_by_step=exercise.step_by_step)


def measure_on_disk(name: str, exercise: Exercise, scale: float) -> Sample:
    """Start a server that keeps its jobs in a fresh folder, and put the loads on it."""
    with folder_on_disk() as folder:
        return measure(name, exercise, scale, folder)


def slow_disk(scale: float, stack: ExitStack) -> Contestants:
    """A caller while others queue and do jobs that a slow disk keeps, and while they do not."""
    return {
        name: partial(call_on_slow_disk, beside_jobs, scaled(CALLS, scale))
        for name, beside_jobs in ((BESIDE_JOBS, True), (ALONE, False))
    }


def call_on_slow_disk(beside_jobs: bool, calls: int) -> Sample:
    """Measure calls that one worker answers."""
    with folder_on_disk() as folder, Server("geartrain", folder, slow_disk=True) as server:
        jobs = lasting_load(server, "both", clients=4, window=50, workers=8, function=1)
        with jobs if beside_jobs else nullcontext():
            calling = load(server, "call", jobs=calls, clients=1, workers=1)
    # What the server used was not for the calls alone.
    return calling._replace(cpu_rate=None)


def restarts(scale: float, stack: ExitStack) -> Contestants:
    """A server that is killed with a long queue."""
    queued = scaled(DEEP, scale)
    return {f"{queued:,} queued": partial(restart, queued)}


def restart(jobs: int) -> Sample:
    """Kill a server, and see how soon its successor answers, and what each job takes of that one's memory."""
    with folder_on_disk() as folder:
        with Server("geartrain", folder) as server:
            before = server.memory()
            fill(server, jobs)
            server.kill()
        killed = time.monotonic()
        with Server("geartrain", folder) as server:
            seconds = time.monotonic() - killed
            return Sample(memory=(server.memory() - before) / jobs - WORKLOAD, start=seconds)


DURABILITY: Final = Group(
    "Durability",
    (
        *(row(exercise) for exercise in EXERCISES if exercise.name in SHARED),
        # On one processor, or the time that waking another one takes would hide what the jobs beside it cost.
        Row("slow-disk", "1 client waits for 1 worker, fsync takes 10 ms", slow_disk, step_by_step=True),
        Row("restart", "a server starts again after SIGKILL", restarts),
    ),
)
