"""An engine that loses its data while servers live: they write back what they have, and no handle is given twice."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from geartrain.broker.model import number_of
from geartrain.protocol.commands import CAN_DO, JOB_CREATED, SUBMIT_JOB, SUBMIT_JOB_BG, WORK_COMPLETE
from tests.pool.peers import gets
from tests.server.links import Link
from tests.support.engines import EngineSet, standalone
from tests.support.machine import wait_until
from tests.support.pools import Pool, pool
from tests.support.processes import ServerProgram

QUICK = ("--heartbeat", "2")


@contextmanager
def pool_of(servers: int) -> Iterator[tuple[EngineSet, Pool]]:
    """A pool in an engine of its own, which a test may empty."""
    with standalone() as engine, pool(engine.url, servers, *QUICK) as members:
        yield engine, members


def flush(engine: EngineSet) -> None:
    """Another program empties the engine."""
    engine.primary.ask("FLUSHALL")


def come_back_empty(engine: EngineSet) -> None:
    """The engine ends, and begins again without its files."""
    port = engine.kill_primary().port
    options = engine.nodes[0].options
    engine.nodes[0] = engine.stack.enter_context(type(engine.nodes[0])(*options, port=port))
    engine.nodes[0].wait_until_ready()


def submitted(server: ServerProgram, function: bytes, workload: bytes = b"") -> bytes:
    """The handle of a background job."""
    with Link(server.connect()) as client:
        command, *arguments = client.asks(SUBMIT_JOB_BG, function, b"", workload)
    assert command == JOB_CREATED, arguments
    return arguments[0]


def said_by(server: ServerProgram) -> dict[str, list[str]]:
    """What a server says of itself."""
    found: dict[str, list[str]] = json.loads(server.ask("stats").splitlines()[0])
    return found


def done_by_worker(server: ServerProgram, function: bytes, jobs: int) -> list[bytes]:
    """The workloads of the next jobs, which are done."""
    workloads = []
    with Link(server.connect()) as worker:
        worker.says(CAN_DO, function)
        for _ in range(jobs):
            handle, _, _, workload = gets(worker)
            worker.says(WORK_COMPLETE, handle, b"")
            workloads.append(workload)
    return workloads


@pytest.mark.parametrize("lose", [flush, come_back_empty])
def test_what_the_leader_has_is_written_back_and_numbers_go_on(lose: Callable[[EngineSet], None]) -> None:
    with pool_of(2) as (engine, members):
        leader, (follower,) = members.leader(), members.followers()
        before = [submitted(follower, b"f", b"%d" % number) for number in range(3)]
        lose(engine)
        after = [submitted(follower, b"f", b"%d" % number) for number in range(3, 5)]
        assert len({*before, *after}) == 5
        leader.wait_for_output("the engine has lost the data of shard 0: ")
        wait_until(lambda: engine.primary.ask("HLEN", key_of_jobs(engine)) == "5", "the engine has all jobs")
        assert said_by(leader)["faults"] == []
        (warning,) = said_by(leader)["warnings"]
        assert re.search(r"the data of shard 0: [34] jobs are written back from memory$", warning)
        leader.kill()  # the next leader reads them from the engine
        assert done_by_worker(follower, b"f", 5) == [b"0", b"1", b"2", b"3", b"4"]
        assert number_of(submitted(follower, b"f")) > max(map(number_of, after))


def key_of_jobs(engine: EngineSet) -> str:
    """The one key with jobs; empty while there is none."""
    keys = [key for key in engine.primary.ask("KEYS", "*").split() if key.endswith("jobs")]
    return keys[0] if keys else ""


def test_numbers_go_on_behind_what_a_follower_knows_where_the_leader_is_gone_too() -> None:
    with pool_of(2) as (engine, members):
        leader, (follower,) = members.leader(), members.followers()
        before = [submitted(leader, b"f") for _ in range(3)]
        wait_until(lambda: known_number(follower) >= 3, "the follower has heard of the numbers")
        leader.process.send_signal(signal.SIGSTOP)
        flush(engine)
        leader.kill()
        assert number_of(submitted(follower, b"f")) > max(map(number_of, before))
        follower.wait_for_output("the engine has lost the data of shard 0: no server has its queued jobs")


def known_number(server: ServerProgram) -> int:
    """The highest number of the first shard that a server knows of."""
    rows = [json.loads(line) for line in server.ask("pool").splitlines() if line != "."]
    return max(int(row.get("number", 0)) for row in rows if "shard" in row)


def test_what_runs_and_who_waits_do_not_notice() -> None:
    with pool_of(2) as (engine, members):
        leader, (follower,) = members.leader(), members.followers()
        with Link(leader.connect()) as client, Link(follower.connect()) as worker:
            worker.says(CAN_DO, b"f")
            handle = client.submits(SUBMIT_JOB, b"f")
            assert gets(worker)[0] == handle
            flush(engine)
            leader.wait_for_output("the engine has lost the data of shard 0")
            worker.says(WORK_COMPLETE, handle, b"done")
            assert client.hears() == (WORK_COMPLETE, handle, b"done")


def test_a_server_that_joins_after_the_loss_is_let_in() -> None:
    with pool_of(1) as (engine, members):
        leader = members.servers[0]
        submitted(leader, b"f")
        flush(engine)
        leader.wait_for_output("the engine has lost")
        joining = members.add()
        assert submitted(joining, b"f") != b""
        assert "secret" not in leader.output() + joining.output()
