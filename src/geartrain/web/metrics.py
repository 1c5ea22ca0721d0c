"""Metrics: the readings of a server as Prometheus reads them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import accumulate
from typing import Final, NamedTuple, cast

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from geartrain.web.readings import FunctionReading, Histogram, Readings, ServerReading

OTHERS: Final = "other"  # the functions that have no lines of their own
AT_ONCE: Final = 10  # functions that are looked at before the loop does other things: some milliseconds
SUFFIX: Final = "_total"  # of the names of counters

Value = float | Histogram
Labelled = tuple[tuple[str, ...], Value]


class FunctionFamily(NamedTuple):
    """A metric of functions; the label of the function stands before ``labels``."""

    name: str
    kind: str  # gauge, counter or histogram
    help: str
    read: Callable[[FunctionReading], Iterable[Labelled]]
    labels: tuple[str, ...] = ()


class ServerFamily(NamedTuple):
    """A metric of the server; None where it has none."""

    name: str
    kind: str
    help: str
    read: Callable[[ServerReading], Value | None]


def plain(read: Callable[[FunctionReading], Value]) -> Callable[[FunctionReading], list[Labelled]]:
    """One value of a function."""
    return lambda reading: [((), read(reading))]


def total(name: str) -> Callable[[FunctionReading], list[Labelled]]:
    """One of a function's totals."""
    return lambda reading: [((), reading.totals[name])]


def by_priority(reading: FunctionReading) -> list[Labelled]:
    return [((priority,), count) for priority, count in reading.queued.items()]


def by_state(reading: FunctionReading) -> list[Labelled]:
    return [(("idle",), reading.idle), (("busy",), reading.busy)]


TOTALS: Final = {
    "submitted": "New jobs",
    "joined": "Submits that joined a job with the same unique",
    "started": "Executions that began",
    "completed": "Jobs that brought a result",
    "failed": "Jobs that ended badly and for good",
    "retried": "Executions without a result after which the job went back to its queue",
    "lost": "Executions whose worker went away",
    "timed_out": "Executions over their time limit",
    "dead": "Jobs that failed and became dead letters",
    "revived": "Dead letters that became jobs again",
    "cancelled": "Jobs that somebody ended",
    "abandoned": "Jobs that ended because nobody wanted them any more",
}

FUNCTIONS: Final = (
    FunctionFamily(
        "geartrain_jobs_queued", "gauge", "Jobs that wait for a worker", by_priority, ("priority",)
    ),
    FunctionFamily(
        "geartrain_jobs_delayed", "gauge", "Jobs that wait for their time", plain(lambda row: row.delayed)
    ),
    FunctionFamily(
        "geartrain_jobs_running", "gauge", "Jobs that workers have", plain(lambda row: row.running)
    ),
    FunctionFamily(
        "geartrain_oldest_job_age_seconds",
        "gauge",
        "Age of the oldest of the jobs that are first in their queues",
        plain(lambda row: row.oldest),
    ),
    FunctionFamily("geartrain_workers", "gauge", "Workers that can do the function", by_state, ("state",)),
    FunctionFamily("geartrain_dead_letters", "gauge", "Dead letters", plain(lambda row: row.dead)),
    FunctionFamily(
        "geartrain_function_paused",
        "gauge",
        "1 while no jobs of the function are handed out",
        plain(lambda row: float(row.paused)),
    ),
    *(
        FunctionFamily(f"geartrain_jobs_{name}{SUFFIX}", "counter", help, total(name))
        for name, help in TOTALS.items()
    ),
    FunctionFamily(
        "geartrain_job_wait_seconds",
        "histogram",
        "From when a job could run to its first execution",
        plain(lambda row: row.wait),
    ),
    FunctionFamily(
        "geartrain_job_run_seconds",
        "histogram",
        "How long executions took, however they ended",
        plain(lambda row: row.run),
    ),
)

SERVER: Final = (
    ServerFamily(
        "geartrain_start_time_seconds", "gauge", "When the server began", lambda row: row.started_at
    ),
    ServerFamily("geartrain_ready", "gauge", "1 while /readyz says so", lambda row: float(row.ready)),
    ServerFamily("geartrain_connections", "gauge", "Connections of peers", lambda row: row.connections),
    ServerFamily(
        "geartrain_received_bytes_total", "counter", "Bytes that peers said", lambda row: row.received_bytes
    ),
    ServerFamily(
        "geartrain_sent_bytes_total", "counter", "Bytes that peers heard", lambda row: row.sent_bytes
    ),
    ServerFamily("geartrain_schedules", "gauge", "Schedules", lambda row: row.schedules),
    ServerFamily("geartrain_results_kept", "gauge", "Results that are kept", lambda row: row.results),
    ServerFamily(
        "geartrain_workload_memory_bytes", "gauge", "Workloads in memory", lambda row: row.workload_bytes
    ),
    ServerFamily(
        "geartrain_loop_lag_seconds", "histogram", "By how much the loop was late", lambda row: row.loop_lag
    ),
    ServerFamily(
        "geartrain_store_commit_seconds",
        "histogram",
        "From when a batch is handed to the store until it is kept",
        lambda row: row.commits,
    ),
    ServerFamily(
        "geartrain_store_commit_failures_total",
        "counter",
        "Batches that the store did not keep",
        lambda row: row.commit_failures,
    ),
    ServerFamily(
        "geartrain_store_rows_set_aside_total",
        "counter",
        "Damaged rows that the store has set aside",
        lambda row: row.set_aside,
    ),
    ServerFamily(
        "geartrain_http_connections",
        "gauge",
        "Connections of HTTP callers",
        lambda row: row.http_connections,
    ),
    ServerFamily(
        "geartrain_unfinished_bytes",
        "gauge",
        "Bytes of packets and HTTP bodies that are not whole",
        lambda row: row.unfinished_bytes,
    ),
    ServerFamily(
        "geartrain_accidents_total",
        "counter",
        "Exceptions that nobody expected, each the end of one peer or timer",
        lambda row: row.accidents,
    ),
    ServerFamily("geartrain_store_bytes", "gauge", "Bytes of the store's files", lambda row: row.store_bytes),
    ServerFamily(
        "geartrain_engine_round_trip_seconds",
        "histogram",
        "From a call to the pool's engine to its answer",
        lambda row: row.round_trips,
    ),
    ServerFamily(
        "geartrain_engine_failures_total",
        "counter",
        "Calls to the pool's engine that have to be made again",
        lambda row: row.round_trip_failures,
    ),
    ServerFamily(
        "geartrain_results_fenced_total",
        "counter",
        "Results that came when their jobs had been taken from the worker",
        lambda row: row.fenced,
    ),
    ServerFamily("geartrain_shards_led", "gauge", "Shards of the pool that it leads", lambda row: row.shards),
)


class Figures(Collector):
    """The families of one moment; one of many functions comes in parts."""

    def __init__(self, functions: Iterable[FunctionReading], server: ServerReading) -> None:
        self.functions = list(functions)
        self.server = server

    def collect(self) -> Iterator[Metric]:
        info = GaugeMetricFamily("geartrain_build_info", "1, with the version as a label", labels=["version"])
        info.add_metric([self.server.version], 1)
        yield info
        for family in SERVER:
            value = family.read(self.server)
            if value is not None:
                metric = metric_for(family.kind, family.name, family.help, ())
                add(metric, (), value)
                yield metric
        for each in FUNCTIONS:
            for first in range(0, max(len(self.functions), 1), AT_ONCE):
                yield part_of(each, self.functions[first : first + AT_ONCE])


def part_of(family: FunctionFamily, functions: Iterable[FunctionReading]) -> Metric:
    """A metric of some functions."""
    metric = metric_for(family.kind, family.name, family.help, ("function", *family.labels))
    for reading in functions:
        for labels, value in family.read(reading):
            add(metric, (reading.name, *labels), value)
    return metric


KINDS: Final[Mapping[str, Callable[..., Metric]]] = {
    "gauge": GaugeMetricFamily,
    "counter": CounterMetricFamily,
    "histogram": HistogramMetricFamily,
}


def metric_for(kind: str, name: str, help: str, labels: tuple[str, ...]) -> Metric:
    return KINDS[kind](name.removesuffix(SUFFIX), help, labels=labels)


def add(metric: Metric, labels: tuple[str, ...], value: Value) -> None:
    """One more value of a metric, by its labels."""
    if isinstance(metric, HistogramMetricFamily):
        assert isinstance(value, Histogram)
        bounds = [*map(floatToGoString, value.bounds), "+Inf"]
        metric.add_metric(labels, list(zip(bounds, accumulate(value.counts), strict=True)), value.seconds)
    elif isinstance(metric, GaugeMetricFamily | CounterMetricFamily):
        assert not isinstance(value, Histogram)
        metric.add_metric(labels, value)


async def exposition(readings: Readings, most: int, sees: Callable[[str], bool] | None = None) -> bytes:
    """The metrics as text. The loop does other things in between, as they may be many.

    ``most`` functions have lines of their own, the others are ``other`` together. Without ``sees`` all are seen.
    """
    own: dict[str, FunctionReading] = {}
    for number, reading in enumerate(readings.functions()):
        if sees is not None and not sees(reading.name):
            continue
        name = reading.name if reading.name in own or len(own) < most else OTHERS
        own[name] = reading._replace(name=name) if name not in own else sum_of(own[name], reading)
        if number % AT_ONCE == AT_ONCE - 1:
            await asyncio.sleep(0)
    registry = CollectorRegistry()
    registry.register(Figures(own.values(), readings.server()))
    ProcessCollector(registry=registry)
    text: list[bytes] = []
    name = ""  # of the family before
    for metric in registry.collect():
        part = generate_latest(cast(CollectorRegistry, Alone(metric)))
        # What it is stands before a family, and not in its midst.
        text.append(part.split(b"\n", 2)[2] if metric.name == name else part)
        name = metric.name
        await asyncio.sleep(0)
    return b"".join(text)


class Alone:
    """A registry of one metric."""

    def __init__(self, metric: Metric) -> None:
        self.metric = metric

    def collect(self) -> list[Metric]:
        return [self.metric]


def sum_of(one: FunctionReading, other: FunctionReading) -> FunctionReading:
    """Two functions as one: what is counted is added up, and the oldest job is the oldest of both."""
    return FunctionReading(
        one.name,
        added(one.queued, other.queued),
        one.delayed + other.delayed,
        one.running + other.running,
        one.idle + other.idle,
        one.busy + other.busy,
        max(one.oldest, other.oldest),
        one.dead + other.dead,
        one.paused and other.paused,
        added(one.totals, other.totals),
        both(one.wait, other.wait),
        both(one.run, other.run),
    )


def added(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    return {name: count + other[name] for name, count in one.items()}


def both(one: Histogram, other: Histogram) -> Histogram:
    counts = [first + second for first, second in zip(one.counts, other.counts, strict=True)]
    return Histogram(one.bounds, counts, one.seconds + other.seconds)
