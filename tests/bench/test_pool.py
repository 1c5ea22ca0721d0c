"""The rows of the pool measure what they say, on a few jobs of real servers on a real engine."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from bench import process
from bench.load import load
from bench.pool_rows import ONE, POOL
from bench.pools import PROGRAMS, Layout, engine_program, pool
from bench.process import Process, program
from bench.results import measure
from bench.row import NotMeasured
from bench.servers import Server
from geartrain.sync.admin import Admin
from tests.support.machine import missing, wait_until

JOBS = 100
TINY = 0.002
ROWS = {row.name: row for row in POOL.rows}


@pytest.fixture
def engine() -> None:
    """Tests with this need an engine."""
    if program(*PROGRAMS) is None:
        missing("an engine for a pool")


class Servers(NamedTuple):
    """Servers that know nothing of each other."""

    name: str
    ports: list[int]

    def processes(self) -> list[int]:
        return []


def status_of(server: Process) -> list[tuple[str, int, int]]:
    """The server's functions, each with its jobs and its workers."""
    with Admin(f"127.0.0.1:{server.port}") as admin:
        return [(row.function, row.total, row.workers) for row in admin.status()]


def shard_of(server: Process) -> dict[str, object]:
    """What the server says of the pool's one shard."""
    with Admin(f"127.0.0.1:{server.port}") as admin:
        (shard,) = (line for line in admin.pool() if "shard" in line)
    return shard


def test_the_connections_of_a_load_take_turns_on_servers() -> None:
    with Server("geartrain") as one, Server("geartrain") as other:
        load(Servers("two servers", [one.port, other.port]), "submit", jobs=JOBS, clients=2, window=JOBS // 2)
        assert status_of(one) == status_of(other) == [("bench", JOBS // 2, 0)]


@pytest.mark.usefixtures("engine")
def test_the_first_server_of_a_pool_leads_and_the_load_goes_where_the_layout_says() -> None:
    with pool(Layout(2, loaded=(1,), options=("--ack", "replica"), replicas=1)) as servers:
        leader, follower = servers.servers
        wait_until(lambda: shard_of(leader).get("replicas") == 1, "the leader has seen the engine's replica")
        assert shard_of(leader)["here"]
        assert shard_of(leader)["ack"] == "replica"
        assert servers.ports == [follower.port]
        assert servers.processes() == [one.process.pid for one in (leader, follower, *servers.engines)]
        before = servers.use()
        load(servers, "submit", jobs=JOBS, clients=1)
        after = servers.use()
        assert status_of(leader) == status_of(follower) == [("bench", JOBS, 0)]
    assert all(late > early for early, late in zip(before, after, strict=True))


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("name", ["pool-both", "pool-call-1", "ack-submit-one"])  # one of each kind
def test_a_row_measures_pools_and_what_a_job_costs_each_part(name: str) -> None:
    result = measure(ROWS[name], 1, TINY)
    assert result.samples
    for contestant, sample in result.medians().items():
        assert sample.rate, contestant
        if contestant.startswith("no pool"):
            assert sample[-3:] == (None, None, None), contestant
            continue
        assert sample.leader, contestant
        # Nothing, where it had nothing to do in so short a time.
        assert sample.engine is not None, contestant
        has_followers = contestant != ONE and name != "ack-submit-one"
        assert (sample.followers is not None) == has_followers, contestant


def test_a_pool_is_not_measured_where_no_engine_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(process, "ELSEWHERE", "")
    with pytest.raises(NotMeasured, match="one of valkey-server and redis-server"):
        engine_program()
