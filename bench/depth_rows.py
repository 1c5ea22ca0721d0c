"""What a deep queue and a crowd of connections cost."""

from __future__ import annotations

import resource
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from typing import Final

from bench.load import load
from bench.row import Contestants, Group, NotMeasured, Row, scaled
from bench.sample import Sample
from bench.servers import Server, installed_servers

SHALLOW: Final = 10_000  # jobs in a queue
DEEP: Final = 1_000_000
MOVED: Final = 10_000  # jobs that are queued and done again for a measurement

FEW: Final = 10  # connections, half of which sleep on the function that is called
MANY: Final = 10_000
SPARE: Final = 200  # descriptors that a process needs beside those


def fill(server: Server, jobs: int) -> Sample:
    """Queue jobs."""
    return load(server, "submit", jobs=jobs, clients=8, window=100)


def empty(server: Server, jobs: int) -> Sample:
    """Do queued jobs."""
    return load(server, "work", jobs=jobs, workers=8)


def submit_at_depth(server: Server, jobs: int) -> Sample:
    """Measure how fast jobs are queued, and leave the queue as it was."""
    sample = fill(server, jobs)
    empty(server, jobs)
    return sample


def work_at_depth(server: Server, jobs: int) -> Sample:
    """Measure how fast jobs are done, and leave the queue as it was."""
    fill(server, jobs)
    return empty(server, jobs)


def row(name: str, what: str, measure: Callable[[Server, int], Sample]) -> Row:
    """A row that measures on two servers of ours, one with a short queue and one with a long one."""

    def contestants(scale: float, stack: ExitStack) -> Contestants:
        measured: Contestants = {}
        for queued in (scaled(SHALLOW, scale), scaled(DEEP, scale)):
            server = stack.enter_context(Server("geartrain"))
            fill(server, queued)
            measured[f"{queued:,} queued"] = partial(measure, server, scaled(MOVED, scale))
        return measured

    return Row(name, what, contestants, turns=10)


def memories(scale: float, stack: ExitStack) -> Contestants:
    """What a queued job takes of each server's memory."""
    return {name: partial(memory, name, scaled(DEEP, scale)) for name in installed_servers()}


def memory(name: str, jobs: int) -> Sample:
    """Fill a queue and see by how much the server grew."""
    with Server(name) as server:
        before = server.memory()
        fill(server, jobs)
        return Sample(memory=(server.memory() - before) / jobs)


def crowds(scale: float, stack: ExitStack) -> Contestants:
    """A caller alone with few other connections, and in a crowd. Raises NotMeasured."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most < MANY + SPARE:
        raise NotMeasured(
            f"a process may have {most} open files here, and it takes {MANY + SPARE}: see ulimit -Hn"
        )
    return {
        f"{connections:,} connections": partial(call_in_crowd, connections, scaled(20_000, scale))
        for connections in (FEW, max(FEW, round(MANY * scale)))
    }


def call_in_crowd(connections: int, calls: int) -> Sample:
    """Measure calls that one of many sleeping workers answers, while as many connections do nothing."""
    with Server("geartrain") as server:
        return load(server, "call", jobs=calls, clients=1, workers=connections // 2, idle=connections // 2)


DEPTH: Final = Group(
    "Depth",
    (
        row("depth-submit", "8 clients queue jobs behind others", submit_at_depth),
        row("depth-work", "8 workers do jobs of a long queue", work_at_depth),
    ),
)

MEMORY: Final = Group("Memory", (Row("memory", "a queued job of 32 bytes", memories),))

CROWD: Final = Group(
    "Crowd",
    (
        Row(
            "crowd", "1 client waits for 1 of the workers, half of all connections", crowds, step_by_step=True
        ),
    ),
)
