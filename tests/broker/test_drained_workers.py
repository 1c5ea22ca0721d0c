"""Workers that get no new jobs: ``peer-drain`` and ``peer-resume``."""

from __future__ import annotations

import pytest

from geartrain.broker.sleepers import PATIENCE
from geartrain.protocol.commands import (
    CAN_DO,
    GRAB_JOB,
    JOB_ASSIGN,
    NO_JOB,
    NOOP,
    PRE_SLEEP,
    SUBMIT_JOB,
    SUBMIT_JOB_BG,
    WORK_COMPLETE,
)
from tests.wire import MemoryServer, Peer


def drain(server: MemoryServer, peer: Peer) -> None:
    """Drain the peer that can do something; the only one."""
    operator = server.connect()
    (row,) = [row for row in operator.lists(b"peers") if row["functions"]]
    (drained,) = operator.lists(b"peer-drain %d" % row["number"])
    assert (drained["number"], drained["draining"]) == (row["number"], True)


def resume(server: MemoryServer, peer: Peer) -> None:
    operator = server.connect()
    (row,) = [row for row in operator.lists(b"peers") if row["draining"]]
    (resumed,) = operator.lists(b"peer-resume %d" % row["number"])
    assert resumed["draining"] is False


def test_a_drained_worker_ends_what_it_runs_and_gets_no_more() -> None:
    server = MemoryServer()
    client = server.connect()
    client.asks(SUBMIT_JOB, b"f", b"", b"1")
    worker = server.running(b"f")
    client.asks(SUBMIT_JOB, b"f", b"", b"2")
    drain(server, worker)
    worker.says(WORK_COMPLETE, b"H:test:1", b"done")
    assert client.heard() == [(WORK_COMPLETE, b"H:test:1", b"done")]
    assert worker.asks(GRAB_JOB) == [(NO_JOB,)]
    resume(server, worker)
    assert worker.asks(GRAB_JOB) == [(JOB_ASSIGN, b"H:test:2", b"f", b"2")]


def test_a_drained_worker_is_not_woken_and_sleeps_beside_work() -> None:
    server = MemoryServer()
    worker = server.worker(b"f")
    worker.asks(PRE_SLEEP)
    drain(server, worker)
    server.connect().asks(SUBMIT_JOB_BG, b"f", b"", b"")
    server.passes(PATIENCE * 2)
    assert worker.heard() == []
    assert worker.asks(GRAB_JOB) == [(NO_JOB,)]
    assert worker.asks(PRE_SLEEP) == []
    worker.says(CAN_DO, b"g")
    server.connect().asks(SUBMIT_JOB_BG, b"g", b"", b"")
    assert worker.heard() == []


def test_a_sleeping_worker_is_woken_when_it_may_work_again() -> None:
    server = MemoryServer()
    worker = server.worker(b"f")
    worker.asks(PRE_SLEEP)
    drain(server, worker)
    server.connect().asks(SUBMIT_JOB_BG, b"f", b"", b"x")
    resume(server, worker)
    assert worker.heard() == [(NOOP,)]
    assert worker.asks(GRAB_JOB) == [(JOB_ASSIGN, b"H:test:1", b"f", b"x")]


def test_a_worker_that_may_work_again_is_woken_by_the_next_job() -> None:
    server = MemoryServer()
    worker = server.worker(b"f")
    worker.asks(PRE_SLEEP)
    drain(server, worker)
    resume(server, worker)
    assert worker.heard() == []
    server.connect().asks(SUBMIT_JOB_BG, b"f", b"", b"x")
    assert worker.heard() == [(NOOP,)]


def test_the_job_that_a_drained_worker_was_woken_for_wakes_another_one() -> None:
    server = MemoryServer()
    other = server.worker(b"f")
    other.asks(PRE_SLEEP)
    woken = server.worker(b"f")
    woken.asks(PRE_SLEEP)
    server.connect().asks(SUBMIT_JOB_BG, b"f", b"", b"x")
    assert (woken.heard(), other.heard()) == ([(NOOP,)], [])
    operator = server.connect()
    number = max(row["number"] for row in operator.lists(b"peers") if row["functions"])
    operator.lists(b"peer-drain %d" % number)
    server.passes(PATIENCE * 1.01)
    assert other.heard() == [(NOOP,)]


def test_a_function_of_another_shard_that_a_drained_worker_learns_gives_it_nothing_either() -> None:
    server = MemoryServer()
    worker = server.worker(b"f")
    drain(server, worker)
    client = server.connect()
    for function in (b"g", b"h", b"i", b"j"):
        worker.says(CAN_DO, function)
        client.asks(SUBMIT_JOB_BG, function, b"", b"")
    assert worker.asks(GRAB_JOB) == [(NO_JOB,)]


@pytest.mark.parametrize("verb", [b"peer-drain", b"peer-resume"])
def test_only_a_connection_has_a_number(verb: bytes) -> None:
    operator = MemoryServer().connect()
    assert operator.lists(verb + b" 99") == []
    assert operator.lists(verb + b" me") == []
    assert operator.types(verb).startswith(b"ERR INVALID_ARGUMENTS")
