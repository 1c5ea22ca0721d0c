"""Policies that hold jobs back: how many at a time, how many a second, paused, draining, and full queues."""

from __future__ import annotations

import pytest

from geartrain.broker.agenda import tick, wait
from geartrain.broker.bucket import Bucket
from geartrain.broker.deadlines import NEVER
from geartrain.broker.gates import apply_policies, set_policy
from geartrain.broker.rules import Rules
from geartrain.broker.session import end_turn
from geartrain.protocol.commands import (
    ERROR,
    GRAB_JOB,
    JOB_ASSIGN,
    JOB_CREATED,
    NO_JOB,
    NOOP,
    PRE_SLEEP,
    SUBMIT_JOB,
    SUBMIT_JOB_BG,
    WORK_COMPLETE,
    WORK_FAIL,
)
from geartrain.protocol.packet import request
from tests.wire import MemoryServer, Peer

HANDLE = b"H:test:1"


def submits(server: MemoryServer, jobs: int, function: bytes = b"f") -> None:
    """Background jobs, in one turn."""
    server.connect().sends(request(SUBMIT_JOB_BG, function, b"", b"") * jobs)


def sleeping(server: MemoryServer, workers: int) -> list[Peer]:
    """Workers that found nothing to do and sleep."""
    peers = [server.worker(b"f") for _ in range(workers)]
    for peer in peers:
        assert peer.asks(GRAB_JOB) == [(NO_JOB,)]
        assert peer.asks(PRE_SLEEP) == []
    return peers


def woken(workers: list[Peer]) -> list[Peer]:
    """Those of the workers that have just heard a NOOP."""
    return [worker for worker in workers if worker.heard() == [(NOOP,)]]


def taken(worker: Peer) -> int:
    """How many jobs a worker gets until there is none."""
    for jobs in range(100):
        if worker.asks(GRAB_JOB) == [(NO_JOB,)]:
            return jobs
    return 100


# At a time


def test_no_more_jobs_run_at_a_time_than_the_policy_lets() -> None:
    server = MemoryServer()
    server.sets_policy("f", max_running=2)
    submits(server, 4)
    first, second = server.worker(b"f"), server.worker(b"f")
    assert taken(first) == 2
    assert second.asks(GRAB_JOB) == [(NO_JOB,)]
    assert second.asks(PRE_SLEEP) == []
    first.says(WORK_COMPLETE, HANDLE, b"")
    assert second.heard() == [(NOOP,)]
    assert taken(second) == 1


@pytest.mark.parametrize("end", ["complete", "fail", "lost", "cancelled"])
def test_the_end_of_an_execution_makes_room_however_it_ends(end: str) -> None:
    server = MemoryServer()
    server.sets_policy("f", max_running=1)
    submits(server, 2)
    worker = server.running(b"f")
    (sleeper,) = sleeping(server, 1)
    if end == "lost":
        worker.leaves()
    elif end == "cancelled":
        server.connect().types(b"cancel job H:test:1")
    else:
        worker.says(*(WORK_COMPLETE, HANDLE, b"") if end == "complete" else (WORK_FAIL, HANDLE))
    assert sleeper.heard() == [(NOOP,)]
    assert taken(sleeper) == 1


def test_a_job_beyond_the_room_wakes_nobody() -> None:
    server = MemoryServer()
    server.sets_policy("f", max_running=1)
    workers = sleeping(server, 3)
    submits(server, 3)
    assert len(woken(workers)) == 1


def test_a_worker_that_grabs_where_there_is_no_room_gets_another_functions_job() -> None:
    server = MemoryServer()
    server.sets_policy("f", max_running=1)
    submits(server, 2)
    server.running(b"f")
    submits(server, 1, b"g")
    assert server.worker(b"g", b"f").asks(GRAB_JOB) == [(JOB_ASSIGN, b"H:test:3", b"g", b"")]


def test_the_room_is_for_a_function_and_not_for_a_wildcard() -> None:
    server = MemoryServer()
    server.sets_policy("*", max_running=1)
    submits(server, 1, b"f")
    submits(server, 1, b"g")
    assert taken(server.worker(b"f", b"g")) == 2


@pytest.mark.parametrize("most", [3, 0])
def test_more_room_wakes_as_many_as_it_has_jobs_for(most: int) -> None:
    server = MemoryServer()
    server.sets_policy("f", max_running=1)
    submits(server, 5)
    server.running(b"f")
    workers = sleeping(server, 5)
    server.sets_policy("f", max_running=most or None)
    assert len(woken(workers)) == (most - 1 if most else 4)


# A second


def test_no_more_jobs_are_handed_out_in_a_second_than_the_policy_lets() -> None:
    server = MemoryServer()
    server.sets_policy("f", rate="4/s")
    submits(server, 10)
    worker = server.worker(b"f")
    assert taken(worker) == 1
    assert wait(server.broker) == pytest.approx(0.25, rel=1e-5)
    server.passes(0.2)
    assert taken(worker) == 0
    server.passes(0.05)
    assert taken(worker) == 1


@pytest.mark.parametrize(("rate", "burst"), [("1/h", 1), ("10/s", 1), ("100/s", 10), ("950/s", 95)])
def test_what_was_not_used_can_be_made_up_for_a_tenth_of_a_second(rate: str, burst: int) -> None:
    server = MemoryServer()
    server.sets_policy("f", rate=rate)
    for _ in range(2):
        submits(server, 100)
        assert taken(server.worker(b"f")) == burst
        server.passes(100_000)


def test_a_function_that_is_out_of_its_rate_wakes_a_sleeper_when_it_may_go_on() -> None:
    server = MemoryServer()
    server.sets_policy("f", rate="2/s")
    (sleeper,) = sleeping(server, 1)
    submits(server, 3)
    for _ in range(3):
        assert sleeper.heard() == [(NOOP,)]
        assert sleeper.asks(GRAB_JOB)[0][0] == JOB_ASSIGN
        assert sleeper.asks(GRAB_JOB) == [(NO_JOB,)]
        assert sleeper.asks(PRE_SLEEP) == []
        assert wait(server.broker) == pytest.approx(0.5, rel=1e-5)
        server.passes(0.5)
    assert sleeper.heard() == []


def test_a_job_that_comes_while_the_function_is_out_of_its_rate_waits_for_its_turn() -> None:
    server = MemoryServer()
    server.sets_policy("f", rate="1/s")
    submits(server, 1)
    server.running(b"f")
    (sleeper,) = sleeping(server, 1)
    submits(server, 1)
    assert sleeper.heard() == []
    server.passes(1)
    assert sleeper.heard() == [(NOOP,)]


def test_when_the_turn_is_taken_at_the_moment_it_comes_the_next_one_is_waited_for() -> None:
    server = MemoryServer()
    server.sets_policy("f", rate="1/s")
    submits(server, 3)
    worker = server.running(b"f")
    (sleeper,) = sleeping(server, 1)
    server.now += 1
    server.broker.set_time(server.now, server.clock)
    assert worker.asks(GRAB_JOB)[0][0] == JOB_ASSIGN
    assert sleeper.heard() == []
    assert wait(server.broker) == pytest.approx(1, rel=1e-5)
    server.passes(1)
    assert sleeper.heard() == [(NOOP,)]


def test_another_rate_holds_at_once() -> None:
    server = MemoryServer()
    server.sets_policy("f", rate="1/h")
    submits(server, 100)
    server.running(b"f")
    workers = sleeping(server, 20)
    server.sets_policy("f", rate="100/s")
    assert len(woken(workers)) == 10
    assert taken(workers[0]) == 10
    assert taken(workers[0]) == 0
    server.passes(0.01)
    assert taken(workers[0]) == 1


def test_a_policy_that_leaves_the_rate_alone_leaves_its_turns_alone() -> None:
    server = MemoryServer()
    server.sets_policy("f", rate="1/s")
    submits(server, 2)
    server.running(b"f")
    server.sets_policy("f", ttl=100)
    assert server.worker(b"f").asks(GRAB_JOB) == [(NO_JOB,)]


def test_a_bucket_never_has_less_than_a_job_when_it_opens() -> None:
    """However the numbers are rounded: else its worker would be woken for nothing."""
    for rate in (0.3, 3.0, 7.0, 49.0, 1e3 / 3, 1e5):
        bucket = Bucket(rate)
        now = 123456.789
        for _ in range(1000):
            now = max(now, bucket.opens_at())
            assert bucket.tokens(now) >= 1
            bucket.take(now)


# Paused


def test_a_paused_function_takes_jobs_and_hands_out_none() -> None:
    server = MemoryServer()
    server.sets_policy("f", paused=True)
    workers = sleeping(server, 2)
    submits(server, 1)
    assert woken(workers) == []
    assert workers[0].asks(GRAB_JOB) == [(NO_JOB,)]
    assert workers[0].asks(PRE_SLEEP) == []
    assert server.connect().types(b"status") == b"f\t1\t0\t2\n.\n"
    assert wait(server.broker) == NEVER


@pytest.mark.parametrize(("jobs", "awake"), [(1, 1), (2, 2), (9, 3)])
def test_when_it_goes_on_as_many_sleepers_wake_as_there_are_jobs(jobs: int, awake: int) -> None:
    server = MemoryServer()
    server.sets_policy("f", paused=True)
    submits(server, jobs)
    workers = sleeping(server, 3)
    server.sets_policy("f", paused=None)
    assert len(woken(workers)) == awake


def test_also_where_the_operator_chose_how_many_a_job_wakes() -> None:
    server = MemoryServer(Rules(prefix=b"H:test", wakes_more=False))
    server.sets_policy("f", paused=True)
    submits(server, 2)
    workers = sleeping(server, 3)
    server.sets_policy("f", paused=False)
    assert len(woken(workers)) == 2


def test_what_runs_when_a_function_is_paused_may_end() -> None:
    server = MemoryServer()
    client = server.connect()
    client.asks(SUBMIT_JOB, b"f", b"", b"")
    worker = server.running(b"f")
    server.sets_policy("f", paused=True)
    worker.says(WORK_COMPLETE, HANDLE, b"done")
    assert client.heard() == [(WORK_COMPLETE, HANDLE, b"done")]


def test_a_worker_is_not_woken_for_a_function_that_was_paused_meanwhile() -> None:
    server = MemoryServer()
    workers = sleeping(server, 2)
    submits(server, 2)
    (first, second) = woken(workers)
    server.sets_policy("f", paused=True)
    assert first.asks(PRE_SLEEP) == []
    second.leaves()
    server.passes(1)
    assert first.heard() == []


# Draining


def test_a_draining_function_refuses_new_jobs_and_works_off_the_others() -> None:
    server = MemoryServer()
    submits(server, 1)
    server.sets_policy("f", draining=True)
    client = server.connect()
    refusal = [(ERROR, b"QUEUE_ERROR", b"The function takes no more jobs")]
    assert client.asks(SUBMIT_JOB_BG, b"f", b"", b"") == refusal
    assert client.asks(SUBMIT_JOB, b"f", b"", b"") == refusal
    assert client.asks(SUBMIT_JOB, b"g", b"", b"") != refusal
    assert taken(server.worker(b"f")) == 1
    server.sets_policy("f", draining=None)
    assert client.asks(SUBMIT_JOB_BG, b"f", b"", b"") != refusal


def test_a_submit_may_join_a_job_that_is_worked_off() -> None:
    server = MemoryServer()
    server.connect().says(SUBMIT_JOB_BG, b"f", b"u", b"")
    server.sets_policy("f", draining=True)
    assert server.connect().asks(SUBMIT_JOB, b"f", b"u", b"") == [(JOB_CREATED, HANDLE)]


# Full queues: what maxqueue sets is in test_limits.py


def test_maxqueue_sets_the_policy_and_a_policy_sets_what_maxqueue_sets() -> None:
    server = MemoryServer()
    operator = server.connect()
    operator.types(b"maxqueue f 1 2")
    assert server.broker.policies.fields(b"f") == {"max_queue": {"high": 1, "normal": 2}}
    server.sets_policy("f", max_queue=0)
    assert server.broker.policies.of(b"f") is None


def test_maxqueue_without_a_number_lifts_the_limit_of_the_file_too() -> None:
    server = MemoryServer()
    server.broker.policies.configure({"f": {"max_queue": 1}})
    apply_policies(server.broker)
    server.connect().types(b"maxqueue f")
    assert server.broker.policies.of(b"f") is None
    server.connect().types(b"maxqueue g")
    assert server.broker.policies.at_run_time("g") == {}


def test_maxqueue_takes_a_name_as_it_is_and_not_for_a_wildcard() -> None:
    server = MemoryServer()
    operator = server.connect()
    for name in (b"*", b"[f]", b"caf\xe9"):
        assert operator.types(b"maxqueue %b 1" % name) == b"OK\r\n"
        assert server.broker.policies.fields(name) != {}
    assert server.broker.policies.of(b"f") is None
    assert operator.types(b"maxqueue  1") == b"OK\r\n"


# All of it


def test_the_files_policies_hold_for_functions_that_come_later_and_once_applied_for_the_others() -> None:
    server = MemoryServer()
    submits(server, 1, b"f")
    server.broker.policies.configure({"?": {"paused": True}})
    submits(server, 1, b"g")
    worker = server.worker(b"f", b"g")
    assert taken(worker) == 1
    submits(server, 1, b"f")
    apply_policies(server.broker)
    assert taken(worker) == 0
    worker.says(PRE_SLEEP)
    server.broker.policies.configure({})
    apply_policies(server.broker)
    end_turn(server.broker)
    assert worker.heard() == [(NOOP,)]


def test_a_dropped_functions_turn_may_come() -> None:
    server = MemoryServer()
    server.sets_policy("f", rate="1/s")
    submits(server, 2)
    worker = server.running(b"f")
    worker.says(WORK_COMPLETE, HANDLE, b"")
    worker.leaves()
    assert server.connect().types(b"drop function f") == b"OK\r\n"
    server.passes(1)
    tick(server.broker)
    assert not server.broker.jobs


@pytest.mark.parametrize(
    ("name", "function"),
    [
        ("f", b"f"),
        ("größer", "größer".encode()),
        ("\\xff", b"\xff"),
        ("a\\b", b"a\\b"),
        ("a[*]b", b"a*b"),
        ("r*", b"resize"),
        ("r?[s]ize", b"resize"),
    ],
)
def test_a_policy_holds_at_once_for_the_known_functions_that_its_name_stands_for(
    name: str, function: bytes
) -> None:
    server = MemoryServer()
    for known in (function, b"other", b"axb"):
        submits(server, 1, known)
    set_policy(server.broker, name, {"max_running": 1})
    held = [known.name for known in server.broker.functions.values() if known.policy is not None]
    assert held == [function]
