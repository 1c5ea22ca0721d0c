"""The server under load, with gearmand beside it where that is installed."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from typing import Final, NamedTuple

from bench.load import load
from bench.row import Contestants, Group, Row, scaled
from bench.sample import Sample
from bench.servers import Server, installed_servers


class Load(NamedTuple):
    """What load.c does, with how many jobs."""

    scenario: str
    jobs: int
    clients: int = 0
    window: int = 1
    workers: int = 0
    unique: int = 0


class Exercise(NamedTuple):
    """What a server is put through: one load after the other, of which the last one counts."""

    name: str
    what: str
    loads: tuple[Load, ...]
    step_by_step: bool = False


def row(exercise: Exercise) -> Row:
    """A row that puts fresh servers through an exercise."""

    def contestants(scale: float, stack: ExitStack) -> Contestants:
        return {server: partial(measure, server, exercise, scale) for server in installed_servers()}

    return Row(exercise.name, exercise.what, contestants, step_by_step=exercise.step_by_step)


def measure(name: str, exercise: Exercise, scale: float, folder: str = "") -> Sample:
    """Start a server, with its jobs in ``folder`` if there is one, and put the loads on it."""
    with Server(name, folder) as server:
        for one in exercise.loads:
            sample = load(server, **one._replace(jobs=scaled(one.jobs, scale))._asdict())
    return sample


QUEUED: Final = Load("submit", 100_000, clients=8, window=100)

EXERCISES: Final = (
    Exercise("submit", "8 clients queue jobs, 100 under way each", (Load("submit", 200_000, 8, 100),)),
    Exercise("submit-one", "50 clients queue jobs, one by one", (Load("submit", 100_000, 50),)),
    Exercise(
        "submit-unique", "8 clients queue jobs with uniques", (Load("submit", 200_000, 8, 50, unique=1),)
    ),
    Exercise("work-8", "8 workers do queued jobs", (QUEUED, Load("work", 100_000, workers=8))),
    Exercise("work-50", "50 workers do queued jobs", (QUEUED, Load("work", 100_000, workers=50))),
    Exercise("both", "4 clients queue jobs, 8 workers do them", (Load("both", 100_000, 4, 50, 8),)),
    Exercise("call-1", "1 client waits for 1 worker", (Load("call", 10_000, 1, 1, 1),), step_by_step=True),
    Exercise("call-16", "16 clients wait for 8 workers", (Load("call", 50_000, 16, 1, 8),)),
    Exercise("call-200", "200 clients wait for 100 workers", (Load("call", 50_000, 200, 1, 100),)),
    Exercise("call-many", "4 clients with 50 calls each, 8 workers", (Load("call", 100_000, 4, 50, 8),)),
)

SERVER: Final = Group("Server", tuple(row(exercise) for exercise in EXERCISES))
