"""Clients and workers against our server, with those of others beside them where they are installed."""

from __future__ import annotations

import shutil
import subprocess
import sys
from contextlib import ExitStack
from functools import cache, partial
from importlib.util import find_spec
from typing import Final, TypeAlias

from bench.load import finish, load, start, start_load
from bench.row import Contestants, Group, Row, scaled
from bench.sample import Sample
from bench.servers import Server

Programs: TypeAlias = dict[str, tuple[str, ...]]
"""The commands that are measured, by the contestant's name."""

PYTHON: Final = (sys.executable, "-m")
BLOCKING: Final[Programs] = {"blocking": (*PYTHON, "bench.programs.blocking")}
ASYNCIO: Final[Programs] = {"asyncio": (*PYTHON, "bench.programs.with_asyncio")}
OURS: Final[Programs] = BLOCKING | ASYNCIO


@cache
def others() -> Programs:
    """The programs of other libraries, where those are installed."""
    programs: Programs = {}
    if find_spec("gear"):
        programs["gear"] = (*PYTHON, "bench.programs.with_gear")
    php = shutil.which("php")
    if php and subprocess.run([php, "-r", "exit((int) !extension_loaded('gearman'));"]).returncode == 0:
        programs["PHP"] = (php, "bench/programs/extension.php")
    return programs


def row(
    name: str,
    what: str,
    jobs: int,
    *,
    ours: Programs = OURS,
    beside: bool = False,
    workers: int = 0,
    queued: bool = False,
    step_by_step: bool = False,
) -> Row:
    """A row that runs the operation ``name`` of our programs on a fresh server, and of others' with ``beside``.

    That many ``workers`` of the load generator answer calls; with ``queued`` the jobs are queued before.
    """

    def contestants(scale: float, stack: ExitStack) -> Contestants:
        programs = ours | others() if beside else ours
        number = scaled(jobs, scale)
        return {
            contestant: partial(measure, (*program, name), number, workers, queued)
            for contestant, program in programs.items()
        }

    return Row(name, what, contestants, step_by_step=step_by_step)


def measure(command: tuple[str, ...], jobs: int, workers: int, queued: bool) -> Sample:
    """Run a program on a server of its own; ``cpu_rate`` is the program's."""
    with Server("geartrain") as server:
        if queued:
            load(server, "submit", jobs=jobs, clients=8, window=100)
        answering = start_load(server, "work", jobs=jobs, workers=workers) if workers else None
        sample = finish(start(*command, str(server.port), str(jobs)), " ".join(command[-2:]))
        if answering:
            finish(answering, "the workers")
    return sample


CLIENTS: Final = Group(
    "Clients",
    (
        row("background", "queue jobs, one by one", 20_000, beside=True, step_by_step=True),
        row("call", "wait for results, one by one", 10_000, beside=True, workers=1, step_by_step=True),
        row("submit-many", "queue jobs by submit_many", 200_000),
        row("map", "wait for results by map, 100 under way", 20_000, workers=8),
    ),
)

WORKERS: Final = Group(
    "Workers",
    (
        row("work", "do queued jobs, one by one", 20_000, beside=True, queued=True, step_by_step=True),
        row("work-10", "do queued jobs, 10 at a time", 20_000, ours=ASYNCIO, queued=True),
    ),
)
