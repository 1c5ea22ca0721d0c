"""Readings: the figures of a job server at a moment, as monitors want them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol


class Histogram(NamedTuple):
    """How often something took how long."""

    bounds: Sequence[float]  # seconds: the most that each bucket has, but for the last one
    counts: Sequence[int]  # of each bucket alone
    seconds: float  # all of them together


class FunctionReading(NamedTuple):
    """A function, as far as this server hands out its jobs."""

    name: str
    queued: Mapping[str, int]  # by priority: jobs that wait for a worker
    delayed: int  # jobs that wait for their time
    running: int
    idle: int  # workers that run none of its jobs or of other functions'
    busy: int
    oldest: float  # age in seconds of the oldest of the jobs that are first in their queues; 0 without jobs
    dead: int  # dead letters
    paused: bool
    totals: Mapping[str, int]  # what happened since the server began
    wait: Histogram
    run: Histogram


class ServerReading(NamedTuple):
    """A server; what it does not have is None."""

    version: str
    started_at: float  # Unix time
    connections: int
    received_bytes: int
    sent_bytes: int
    schedules: int
    results: int  # that are kept
    workload_bytes: int  # in memory
    loop_lag: Histogram
    commits: Histogram
    commit_failures: int
    ready: bool
    store_bytes: int | None
    round_trips: Histogram | None
    round_trip_failures: int | None
    fenced: int | None
    shards: int | None  # that it leads
    set_aside: int = 0  # damaged rows of the store, since the server began
    accidents: int = 0  # exceptions that nobody expected, since the server began
    http_connections: int = 0
    unfinished_bytes: int = 0  # of packets and bodies that are not whole


class Readings(Protocol):
    """Where the figures come from."""

    def functions(self) -> Iterator[FunctionReading]:
        """The functions whose jobs this server hands out, in the order in which they became known."""

    def server(self) -> ServerReading:
        """The server itself."""

    def warnings(self) -> list[str]:
        """What happened that somebody should look into, though jobs are taken."""

    def faults(self) -> list[str]:
        """Why nobody should send jobs here for now; nothing where all is well."""

    def loop_lag(self) -> float:
        """By how many seconds the loop was late when it was looked at last."""
