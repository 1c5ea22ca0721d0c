"""What the project promises of its speed, and whether a run of the benchmark kept it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from bench.durable_rows import ALONE, BESIDE_JOBS, GEARMAND_ON_DISK, IN_MEMORY, ON_DISK
from bench.pool_rows import ONE, TWO
from bench.sample import Sample
from bench.web_rows import CLOSED, OPEN

Medians = Mapping[str, Mapping[str, Sample]]
"""By row, then by contestant."""


class Promise(NamedTuple):
    """A figure of one contestant, or its ratio to that of another, is at least (or at most) so much."""

    text: str
    row: str
    figure: str  # a field of Sample
    contestant: str
    other: str | None  # None where the figure itself counts
    bar: float
    at_most: bool = False

    def measured(self, medians: Medians) -> float | None:
        """The figure or the ratio; None where this run did not measure it."""
        figures = medians.get(self.row, {})
        value = figure_of(figures, self.contestant, self.figure)
        if self.other is None or value is None:
            return value
        other = figure_of(figures, self.other, self.figure)
        return value / other if other else None

    def is_kept(self, measured: float) -> bool:
        """Whether this is enough."""
        return measured <= self.bar if self.at_most else measured >= self.bar


def figure_of(figures: Mapping[str, Sample], contestant: str, name: str) -> float | None:
    sample = figures.get(contestant)
    value: float | None = None if sample is None else getattr(sample, name)
    return value


def durable(text: str, name: str, bar: float, other: str = IN_MEMORY) -> Promise:
    """A ratio of rates: ours on disk, to another contestant's."""
    return Promise(text, f"durable-{name}", "rate", ON_DISK, other, bar)


PROMISES: Final = (
    Promise("do_background of the blocking client, to gear's", "background", "rate", "blocking", "gear", 1.0),
    Promise("the same for each CPU second, to PHP's", "background", "cpu_rate", "blocking", "PHP", 0.5),
    Promise("the blocking worker, to gear's", "work", "rate", "blocking", "gear", 1.0),
    Promise("the same for each CPU second, to PHP's", "work", "cpu_rate", "blocking", "PHP", 0.5),
    Promise("submit_many, jobs a second", "submit-many", "rate", "blocking", None, 100_000),
    Promise(
        "queueing behind 1,000,000 jobs, to 10,000",
        "depth-submit", "rate", "1,000,000 queued", "10,000 queued", 0.8,
    ),
    Promise(
        "working on 1,000,000 jobs, to 10,000",
        "depth-work", "rate", "1,000,000 queued", "10,000 queued", 0.8,
    ),
    Promise("bytes a queued job", "memory", "memory", "geartrain", None, 450, at_most=True),
    Promise(
        "p99 of a call among 10,000 connections, to 10",
        "crowd", "p99", "10,000 connections", "10 connections", 2.0, at_most=True,
    ),
    durable("queueing jobs on disk, to in memory", "submit", 0.2),
    durable("the same, to gearmand's on disk", "submit", 100, GEARMAND_ON_DISK),
    durable("queueing jobs on disk one by one, to in memory", "submit-one", 0.25),
    durable("doing jobs that are on disk, to in memory", "work-8", 0.5),
    durable("queueing and doing jobs on disk, to in memory", "both", 0.5),
    durable("1 call at a time with a store on disk, to without", "call-1", 0.9),
    durable("16 calls", "call-16", 0.9),
    durable("200 calls", "call-200", 0.9),
    durable("200 calls, 50 a client", "call-many", 0.9),
    Promise(
        "p50 of a call beside jobs for a slow disk, to without them",
        "slow-disk", "p50", BESIDE_JOBS, ALONE, 2.0, at_most=True,
    ),
    Promise(
        "seconds until a killed server with 1,000,000 jobs answers again",
        "restart", "start", "1,000,000 queued", None, 10.0, at_most=True,
    ),
    Promise(
        "bytes a job after that, beside its workload",
        "restart", "memory", "1,000,000 queued", None, 450, at_most=True,
    ),
    Promise("queueing jobs in a pool of one server, jobs a second", "pool-submit", "rate", ONE, None, 50_000),
    Promise(
        "queueing and doing jobs in a pool of one server, jobs a second", "pool-both", "rate", ONE, None, 18_000,
    ),
    Promise("the same on two servers of a pool together, to one", "pool-both", "rate", TWO, ONE, 0.95),
    Promise(
        "queueing and doing jobs with the page open in 5 browsers, to closed", "web-both", "rate", OPEN, CLOSED, 0.95,
    ),
    Promise("calls with the page open in 5 browsers, to closed", "web-call", "rate", OPEN, CLOSED, 0.95),
)  # fmt: skip
