"""What a pool does on this machine, and what a job costs its leader, its followers and its engine."""

from __future__ import annotations

from contextlib import ExitStack, nullcontext
from functools import partial
from typing import Final

from bench.load import Target, load
from bench.pools import Layout, engine_program, pool
from bench.process import folder_on_disk
from bench.row import Contestants, Group, Row, scaled
from bench.sample import Sample
from bench.server_rows import EXERCISES, Exercise, Load
from bench.servers import Server

ONE: Final = "1 server"
TWO: Final = "2 servers"
THREE: Final = "3 servers"
AT_FOLLOWER: Final = "at a follower"
AT_FOLLOWERS: Final = "at 2 followers"
AT_LEADER: Final = "at the leader"
IN_SQLITE: Final = "no pool, SQLite"
IN_MEMORY: Final = "no pool, memory"

SPREAD: Final = {
    ONE: Layout(1, (0,)),
    TWO: Layout(2, (0, 1)),
    THREE: Layout(3, (0, 1, 2)),
    AT_FOLLOWER: Layout(2, (1,)),
}
"""The same load on one server, and split over several; the last one is for the costs: its leader has no peers."""

DISTANCE: Final = {AT_LEADER: Layout(3, (0,)), AT_FOLLOWERS: Layout(3, (1, 2))}
"""Connections take turns: with one client and one worker, each is at a follower of its own."""

ACKS: Final = {f"--ack {ack}": Layout(1, (0,), ("--ack", ack), replicas=1) for ack in ("memory", "replica")}

WARM_UP: Final = Load("both", 10_000, clients=4, window=50, workers=8)


def row(name: str, layouts: dict[str, Layout], *, alone: tuple[str, ...] = (), prefix: str = "pool") -> Row:
    """A row that puts pools through an exercise of the single server, and servers that are ``alone``."""
    exercise = next(exercise for exercise in EXERCISES if exercise.name == name)

    def contestants(scale: float, stack: ExitStack) -> Contestants:
        engine_program()
        return {
            **{name: partial(measure, layout, exercise, scale) for name, layout in layouts.items()},
            **{name: partial(measure_alone, name, exercise, scale) for name in alone},
        }

    return Row(f"{prefix}-{name}", exercise.what, contestants, step_by_step=exercise.step_by_step)


def measure(layout: Layout, exercise: Exercise, scale: float) -> Sample:
    """Set up a pool, warm it up, and put the load of an exercise on it."""
    with pool(layout) as servers:
        warm_up(servers, scale)
        before = servers.use()
        sample = put_on(servers, exercise, scale)
        after = servers.use()
    jobs = scaled(exercise.loads[-1].jobs, scale)
    leader, followers, engine = ((late - early) / jobs for early, late in zip(before, after, strict=True))
    return sample._replace(leader=leader, followers=followers if layout.servers > 1 else None, engine=engine)


def measure_alone(name: str, exercise: Exercise, scale: float) -> Sample:
    """The same with a server that is in no pool."""
    with (
        folder_on_disk() if name == IN_SQLITE else nullcontext("") as folder,
        Server("geartrain", folder) as server,
    ):
        warm_up(server, scale)
        return put_on(server, exercise, scale)


def warm_up(servers: Target, scale: float) -> None:
    """Queue and do some jobs."""
    load(servers, **WARM_UP._replace(jobs=scaled(WARM_UP.jobs, scale))._asdict())


def put_on(servers: Target, exercise: Exercise, scale: float) -> Sample:
    """Put the load of an exercise on servers."""
    (one,) = exercise.loads
    return load(servers, **one._replace(jobs=scaled(one.jobs, scale))._asdict())


ALONE: Final = (IN_SQLITE, IN_MEMORY)

POOL: Final = Group(
    "Pool",
    (
        row("submit", SPREAD, alone=ALONE),
        row("both", SPREAD, alone=ALONE),
        row("call-1", DISTANCE, alone=(IN_MEMORY,)),
        row("call-16", DISTANCE, alone=(IN_MEMORY,)),
        row("submit-one", ACKS, prefix="ack"),
        row("both", ACKS, prefix="ack"),
    ),
)
