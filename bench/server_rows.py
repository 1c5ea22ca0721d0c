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


def row(name: str, what: str, *loads: Load, step_by_step: bool = False) -> Row:
    """A row that puts one load after the other on a fresh server; the last one counts."""

    def contestants(scale: float, stack: ExitStack) -> Contestants:
        return {server: partial(measure, server, loads, scale) for server in installed_servers()}

    return Row(name, what, contestants, step_by_step=step_by_step)


def measure(name: str, loads: tuple[Load, ...], scale: float) -> Sample:
    """Start a server and put the loads on it."""
    with Server(name) as server:
        for one in loads:
            sample = load(server, **one._replace(jobs=scaled(one.jobs, scale))._asdict())
    return sample


QUEUED: Final = Load("submit", 100_000, clients=8, window=100)

SERVER: Final = Group(
    "Server",
    (
        row("submit", "8 clients queue jobs, 100 under way each", Load("submit", 200_000, 8, 100)),
        row("submit-one", "50 clients queue jobs, one by one", Load("submit", 100_000, 50)),
        row("submit-unique", "8 clients queue jobs with uniques", Load("submit", 200_000, 8, 50, unique=1)),
        row("work-8", "8 workers do queued jobs", QUEUED, Load("work", 100_000, workers=8)),
        row("work-50", "50 workers do queued jobs", QUEUED, Load("work", 100_000, workers=50)),
        row("both", "4 clients queue jobs, 8 workers do them", Load("both", 100_000, 4, 50, 8)),
        row("call-1", "1 client waits for 1 worker", Load("call", 10_000, 1, 1, 1), step_by_step=True),
        row("call-16", "16 clients wait for 8 workers", Load("call", 50_000, 16, 1, 8)),
        row("call-200", "200 clients wait for 100 workers", Load("call", 50_000, 200, 1, 100)),
        row("call-many", "4 clients with 50 calls each, 8 workers", Load("call", 100_000, 4, 50, 8)),
    ),
)
