"""Our own text commands: JSON lines and a dot."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from geartrain.broker.admin import COMMANDS
from geartrain.broker.rules import Rules
from geartrain.protocol.commands import (
    GRAB_JOB,
    PRE_SLEEP,
    SET_CLIENT_ID,
    SUBMIT_JOB,
    SUBMIT_JOB_BG,
    SUBMIT_JOB_EPOCH,
    SUBMIT_JOB_EXTENDED,
    SUBMIT_JOB_HIGH,
    WORK_FAIL,
    WORK_STATUS,
)
from tests.wire import START, MemoryServer, Peer

GEARMANDS = {
    *("status", "prioritystatus", "workers", "maxqueue", "getpid", "verbose", "version"),
    *("show", "cancel", "create", "drop"),
}


NOTHING_YET = dict.fromkeys(
    (
        *("submitted", "joined", "started", "completed", "failed", "retried", "lost", "timed_out"),
        *("dead", "revived", "cancelled", "abandoned"),
    ),
    0,
)


def handles(peer: Peer, line: bytes) -> list[str]:
    return [row["handle"] for row in peer.lists(line)]


def test_a_running_job_tells_everything_about_itself() -> None:
    server = MemoryServer()
    client = server.connect()
    client.asks(SUBMIT_JOB_HIGH, b"resize", b"cat", b"cat.png")
    worker = server.running(b"resize")
    worker.says(SET_CLIENT_ID, b"me")
    worker.says(WORK_STATUS, b"H:test:1", b"3", b"14")
    client.read()
    assert client.lists(b"job H:test:1") == [
        {
            "handle": "H:test:1",
            "function": "resize",
            "unique": "cat",
            "state": "running",
            "priority": "high",
            "background": False,
            "waiting": 1,
            "attempts": 0,
            "numerator": 3,
            "denominator": 14,
            "workload_bytes": 7,
            "submitted_at": START,
            "run_at": None,
            "worker": "me",
            "worker_host": "127.0.0.1",
            "started_at": START,
            "clients": [{"id": "-", "host": "127.0.0.1"}],
            "metadata": None,
            "reducer": None,
        }
    ]


def test_a_job_is_delayed_or_queued_before_it_runs() -> None:
    server = MemoryServer()
    client = server.connect()
    client.asks(SUBMIT_JOB_EPOCH, b"f", b"", b"%d" % (START + 60), b"")
    (job,) = client.lists(b"job H:test:1")
    assert (job["state"], job["run_at"], job["background"]) == ("delayed", START + 60, True)
    server.passes(60)
    (job,) = client.lists(b"job H:test:1")
    assert (job["state"], job["worker"]) == ("queued", None)


def test_a_job_tells_who_waits_for_it_and_what_came_with_it() -> None:
    server = MemoryServer()
    client = server.extended()
    client.says(SET_CLIENT_ID, b"shop")
    options = b'{"reducer":"sum","metadata":{"trace":"00-1"}}'
    client.asks(SUBMIT_JOB_EXTENDED, b"f", b"u", options, b"")
    for _ in range(150):
        client.asks(SUBMIT_JOB, b"f", b"u", b"")
    (job,) = client.lists(b"job H:test:1")
    assert (job["reducer"], job["metadata"], job["started_at"]) == ("sum", {"trace": "00-1"}, None)
    assert job["clients"] == [{"id": "shop", "host": "127.0.0.1"}] * 100
    assert job["waiting"] == 151


def test_lists_of_a_connection_end_after_a_hundred_and_counts_do_not() -> None:
    server = MemoryServer()
    client = server.connect()
    worker = server.worker(b"f")
    for _ in range(120):
        client.asks(SUBMIT_JOB, b"f", b"", b"")
        worker.asks(GRAB_JOB)
    rows = client.lists(b"peers")
    assert [(row["running_count"], row["waiting_count"]) for row in rows] == [(0, 120), (120, 0)]
    assert [len(row["waiting"]) for row in rows] == [100, 0]
    assert [len(row["running"]) for row in rows] == [len(row["jobs"]) for row in rows] == [0, 100]


def test_what_took_how_long_is_counted_by_powers_of_two() -> None:
    server = MemoryServer()
    client = server.connect()
    for wait, run in ((0.0, 0.0), (0.0015, 0.0035), (1.0, 4000.0)):
        client.asks(SUBMIT_JOB_BG, b"f", b"", b"")
        server.passes(wait)
        worker = server.running(b"f")
        server.passes(run)
        worker.leaves()
        client.types(b"purge f")
    (row,) = client.lists(b"functions")
    waits, runs = row["wait"]["counts"], row["run"]["counts"]
    assert {place: count for place, count in enumerate(waits) if count} == {0: 1, 1: 1, 10: 1}
    assert {place: count for place, count in enumerate(runs) if count} == {0: 1, 2: 1, 22: 1}
    assert row["wait"]["sum"] == pytest.approx(1.0015, abs=1e-5)
    assert row["run"]["sum"] == pytest.approx(4000.0035, abs=1e-5)


@pytest.mark.one_server("in a pool it is about the server that is asked, which has no jobs itself")
def test_stats_tell_what_the_server_holds() -> None:
    server = MemoryServer(Rules(prefix=b"H:test", version=b"1.2", pid=7))
    client = server.connect()
    client.asks(SUBMIT_JOB_BG, b"f", b"", b"cat.png")
    client.asks(SUBMIT_JOB_EPOCH, b"f", b"", b"%d" % (START + 60), b"")
    server.broker.about = uptime
    assert client.lists(b"stats") == [
        {
            "version": "1.2",
            "pid": 7,
            "connections": 1,
            "functions": 1,
            "jobs": 2,
            "running": 0,
            "delayed": 1,
            "schedules": 0,
            "dead": 0,
            "results": 0,
            "workload_bytes": 7,
            "result_bytes": 0,
            "set_aside": 0,
            "uptime": 5,
        }
    ]


def uptime() -> dict[str, object]:
    return {"uptime": 5}


@pytest.mark.parametrize("line", [b"job H:test:9", b"job"])
def test_an_unknown_job_is_no_line(line: bytes) -> None:
    assert MemoryServer().connect().lists(line) == []


@pytest.mark.one_shard("lists are in the order of the shards where their order says nothing else")
def test_jobs_are_listed_the_oldest_first_by_function_and_up_to_a_limit() -> None:
    client = MemoryServer().connect()
    for function in (b"f", b"g", b"f"):
        client.asks(SUBMIT_JOB_BG, function, b"", b"")
    assert handles(client, b"jobs") == ["H:test:1", "H:test:2", "H:test:3"]
    assert handles(client, b"jobs f") == ["H:test:1", "H:test:3"]
    assert handles(client, b"JOBS * 2") == ["H:test:1", "H:test:2"]
    assert handles(client, b"jobs f 1") == ["H:test:1"]
    assert handles(client, b"jobs h") == []


@pytest.mark.parametrize("line", [b"jobs", b"jobs *", b"jobs * 0", b"jobs * many"])
def test_without_a_limit_a_thousand_jobs_are_listed(line: bytes) -> None:
    client = MemoryServer().connect()
    for _ in range(1001):
        client.asks(SUBMIT_JOB_BG, b"f", b"", b"")
    assert len(handles(client, line)) == 1000


def test_functions_tell_what_is_queued_and_who_works() -> None:
    server = MemoryServer()
    client = server.connect()
    client.types(b"maxqueue f 9 8")
    client.asks(SUBMIT_JOB_BG, b"f", b"", b"")
    client.asks(SUBMIT_JOB_HIGH, b"f", b"", b"")
    client.asks(SUBMIT_JOB_EPOCH, b"f", b"", b"%d" % (START + 60), b"")
    server.running(b"f").says(GRAB_JOB)
    server.worker(b"f").says(PRE_SLEEP)
    assert client.lists(b"functions") == [
        {
            "function": "f",
            "queued": {"high": 0, "normal": 1, "low": 0},
            "delayed": 1,
            "running": 2,
            "workers": 2,
            "sleeping": 1,
            "max_queue": {"high": 9, "normal": 8, "low": 0},
            "oldest_at": None,
            "dead": 0,
            "lost_at": None,
            "paused": False,
            "draining": False,
            "policy": {"max_queue": {"high": 9, "normal": 8}},
            "idle": 1,
            "busy": 1,
            "totals": NOTHING_YET | {"submitted": 3, "started": 2},
            "wait": {"counts": [2] + 22 * [0], "sum": 0.0},
            "run": {"counts": 23 * [0], "sum": 0.0},
        }
    ]


def test_peers_tell_what_they_can_do_run_and_wait_for() -> None:
    server = MemoryServer()
    client = server.connect()
    client.asks(SUBMIT_JOB, b"f", b"", b"")
    worker = server.running(b"f")
    worker.says(SET_CLIENT_ID, b"me")
    worker.says(PRE_SLEEP)
    assert client.lists(b"peers") == [
        {
            "number": 1,
            "host": "127.0.0.1",
            "id": "-",
            "functions": [],
            "running": [],
            "waiting": ["H:test:1"],
            "asleep": False,
            "draining": False,
            "jobs": [],
            "running_count": 0,
            "waiting_count": 1,
        },
        {
            "number": 2,
            "host": "127.0.0.1",
            "id": "me",
            "functions": ["f"],
            "running": ["H:test:1"],
            "waiting": [],
            "asleep": True,
            "draining": False,
            "jobs": [{"handle": "H:test:1", "function": "f", "started_at": START}],
            "running_count": 1,
            "waiting_count": 0,
        },
    ]


def test_a_name_that_is_no_text_is_shown_with_its_odd_bytes_escaped() -> None:
    client = MemoryServer().connect()
    client.asks(SUBMIT_JOB_BG, b"caf\xe9", b"", b"")
    (job,) = client.lists(b"jobs")
    assert job["function"] == "caf\\xe9"


def test_the_oldest_job_is_sought_among_those_whose_turn_it_is() -> None:
    server = MemoryServer()
    client = server.connect()
    client.types(b"create function f")
    assert client.lists(b"functions")[0]["oldest_at"] is None
    client.asks(SUBMIT_JOB_EPOCH, b"f", b"", b"%d" % (START + 5), b"")
    assert client.lists(b"functions")[0]["oldest_at"] is None
    server.passes(2)
    client.asks(SUBMIT_JOB_HIGH, b"f", b"", b"")
    assert client.lists(b"functions")[0]["oldest_at"] == START + 2
    server.passes(3)
    assert client.lists(b"functions")[0]["oldest_at"] == START


def test_the_protocol_document_names_every_command_and_field() -> None:
    document = (Path(__file__).parents[2] / "docs" / "protocol.md").read_text()
    told = dict(re.findall(r"^\| `([a-z-]+)[^`]*` \| (.*) \|$", document, re.MULTILINE))
    assert told.keys() == {command.decode() for command in COMMANDS} - GEARMANDS
    server = MemoryServer()
    client = server.connect()
    client.types(b'policy f {"keep_result":60,"dead_letter":true}')
    for unique in (b"u", b"v", b"w"):
        client.asks(SUBMIT_JOB_BG, b"f", unique, b"")
    server.running(b"f").says(WORK_FAIL, b"H:test:1")
    for line in (
        b"job H:test:2",
        b"workload H:test:2",
        b"functions",
        b"peers",
        b"policy f",
        b"pause f",
        b"drain f",
        b"resume f",
        b"dead",
        b"dead-show H:test:1",
        b"result H:test:1",
        b"cancel-unique f v",
        b"purge f",
        b"dead-retry *",
        b"dead-discard *",
    ):
        assert told[line.split()[0].decode()].split(", ") == list(client.lists(line)[0]), line
