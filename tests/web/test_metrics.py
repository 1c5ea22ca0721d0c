"""Metrics, of readings that the tests make up."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence

from prometheus_client.parser import text_string_to_metric_families

from geartrain.web.metrics import TOTALS, exposition
from geartrain.web.readings import FunctionReading, Histogram, ServerReading

FEW = Histogram((0.1, 1.0), (3, 2, 1), 7.5)
SERVER = ServerReading(
    version="1.2.3",
    started_at=1000.0,
    connections=5,
    received_bytes=600,
    sent_bytes=700,
    schedules=1,
    results=2,
    workload_bytes=3,
    loop_lag=FEW,
    commits=FEW,
    commit_failures=4,
    ready=True,
    store_bytes=None,
    round_trips=None,
    round_trip_failures=None,
    fenced=None,
    shards=None,
)


def function(name: str, queued: int = 0, **totals: int) -> FunctionReading:
    return FunctionReading(
        name=name,
        queued={"high": 0, "normal": queued, "low": 0},
        delayed=0,
        running=0,
        idle=1,
        busy=2,
        oldest=float(queued),
        dead=0,
        paused=False,
        totals=dict.fromkeys(TOTALS, 0) | totals,
        wait=FEW,
        run=FEW,
    )


class Made:
    """Readings that were made up."""

    def __init__(self, server: ServerReading, functions: Sequence[FunctionReading]) -> None:
        self.one = server
        self.many = functions

    def functions(self) -> Iterator[FunctionReading]:
        return iter(self.many)

    def server(self) -> ServerReading:
        return self.one

    def faults(self) -> list[str]:
        return []

    def warnings(self) -> list[str]:
        return []

    def loop_lag(self) -> float:
        return 0.0


def samples(
    *functions: FunctionReading, server: ServerReading = SERVER, most: int = 100
) -> dict[tuple[str, ...], float]:
    """What the text says, by a sample's name and the values of its labels."""
    text = asyncio.run(exposition(Made(server, functions), most)).decode()
    found: dict[tuple[str, ...], float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            key = (sample.name, *sample.labels.values())
            assert key not in found, f"{key} is there twice"
            found[key] = sample.value
    return found


def test_a_function_has_its_name_and_its_figures() -> None:
    found = samples(function("resize", queued=7, submitted=9, timed_out=2))
    assert found["geartrain_jobs_queued", "resize", "normal"] == 7
    assert found["geartrain_jobs_queued", "resize", "high"] == 0
    assert found["geartrain_workers", "resize", "idle"] == 1
    assert found["geartrain_workers", "resize", "busy"] == 2
    assert found["geartrain_oldest_job_age_seconds", "resize"] == 7.0
    assert found["geartrain_jobs_submitted_total", "resize"] == 9
    assert found["geartrain_jobs_timed_out_total", "resize"] == 2


def test_buckets_have_all_that_took_at_most_so_long() -> None:
    found = samples(function("resize"))
    assert found["geartrain_job_wait_seconds_bucket", "resize", "0.1"] == 3
    assert found["geartrain_job_wait_seconds_bucket", "resize", "1.0"] == 5
    assert found["geartrain_job_wait_seconds_bucket", "resize", "+Inf"] == 6
    assert found["geartrain_job_wait_seconds_count", "resize"] == 6
    assert found["geartrain_job_wait_seconds_sum", "resize"] == 7.5


def test_names_of_functions_may_have_any_characters() -> None:
    name = 'größe "x"\\n\n{}'
    assert samples(function(name, queued=1))["geartrain_jobs_queued", name, "normal"] == 1


def test_functions_beyond_the_most_are_other() -> None:
    many = [function(f"f{number}", queued=number, submitted=1) for number in range(1, 201)]
    found = samples(*many, most=3)
    names = {key[1] for key in found if key[0] == "geartrain_jobs_submitted_total"}
    assert names == {"f1", "f2", "f3", "other"}
    assert found["geartrain_jobs_submitted_total", "other"] == 197
    assert found["geartrain_jobs_queued", "other", "normal"] == sum(range(4, 201))
    assert found["geartrain_oldest_job_age_seconds", "other"] == 200.0
    assert found["geartrain_job_wait_seconds_bucket", "other", "0.1"] == 3 * 197


def test_a_function_of_the_name_other_is_one_of_the_others() -> None:
    found = samples(function("other", queued=1), function("a", queued=2), function("b", queued=3), most=2)
    assert found["geartrain_jobs_queued", "other", "normal"] == 4


def test_what_a_server_does_not_have_it_does_not_show() -> None:
    alone = samples()
    assert ("geartrain_store_bytes",) not in alone
    assert ("geartrain_results_fenced_total",) not in alone
    pooled = samples(server=SERVER._replace(round_trips=FEW, round_trip_failures=1, fenced=2, shards=3))
    assert pooled[("geartrain_results_fenced_total",)] == 2
    assert pooled[("geartrain_shards_led",)] == 3
    assert pooled["geartrain_engine_round_trip_seconds_bucket", "0.1"] == 3


def test_the_server_says_its_version_and_its_own_figures() -> None:
    found = samples()
    assert found["geartrain_build_info", "1.2.3"] == 1
    assert found[("geartrain_ready",)] == 1
    assert found[("geartrain_received_bytes_total",)] == 600
    assert found[("geartrain_store_commit_failures_total",)] == 4
    assert found[("process_open_fds",)] > 0
