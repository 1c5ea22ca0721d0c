"""PRE_SLEEP and NOOP: no worker sleeps beside its work, and no more are woken than needed."""

from __future__ import annotations

import pytest

from geartrain.broker.agenda import wait
from geartrain.broker.rules import Rules
from geartrain.broker.sleepers import PATIENCE
from geartrain.protocol.commands import (
    CAN_DO,
    CANT_DO,
    GRAB_JOB,
    JOB_ASSIGN,
    JOB_CREATED,
    NO_JOB,
    NOOP,
    PRE_SLEEP,
    RESET_ABILITIES,
    SUBMIT_JOB,
    SUBMIT_JOB_BG,
    WORK_COMPLETE,
)
from geartrain.protocol.packet import request
from tests.wire import MemoryServer, Peer

SOON = PATIENCE * 1.2


def sleeper(server: MemoryServer, *functions: bytes) -> Peer:
    """A worker that found nothing to do and sleeps."""
    worker = server.worker(*functions)
    assert worker.asks(GRAB_JOB) == [(NO_JOB,)]
    assert worker.asks(PRE_SLEEP) == []
    return worker


def woken(workers: list[Peer]) -> int:
    """How many of the workers have just heard a NOOP."""
    heard = [worker.heard() for worker in workers]
    assert all(packets in ([], [(NOOP,)]) for packets in heard)
    return heard.count([(NOOP,)])


def test_a_job_wakes_a_sleeping_worker_and_its_result_reaches_the_client() -> None:
    server = MemoryServer()
    client, worker = server.connect(), sleeper(server, b"reverse")
    assert client.asks(SUBMIT_JOB, b"reverse", b"", b"abc") == [(JOB_CREATED, b"H:test:1")]
    assert worker.heard() == [(NOOP,)]
    assert worker.asks(GRAB_JOB) == [(JOB_ASSIGN, b"H:test:1", b"reverse", b"abc")]
    worker.says(WORK_COMPLETE, b"H:test:1", b"cba")
    assert client.heard() == [(WORK_COMPLETE, b"H:test:1", b"cba")]
    assert not server.broker.jobs


def test_pre_sleep_with_work_waiting_is_answered_with_noop_at_once() -> None:
    server = MemoryServer()
    server.connect().says(SUBMIT_JOB_BG, b"f", b"", b"")
    assert server.worker(b"f").asks(PRE_SLEEP) == [(NOOP,)]


def test_a_job_that_comes_between_no_job_and_pre_sleep_is_not_missed() -> None:
    server = MemoryServer()
    worker = server.worker(b"f")
    assert worker.asks(GRAB_JOB) == [(NO_JOB,)]
    server.connect().says(SUBMIT_JOB_BG, b"f", b"", b"")
    assert worker.heard() == []
    assert worker.asks(PRE_SLEEP) == [(NOOP,)]


def test_a_worker_that_is_awake_hears_no_noop() -> None:
    server = MemoryServer()
    worker = server.worker(b"f")
    server.connect().says(SUBMIT_JOB_BG, b"f", b"", b"")
    assert worker.heard() == []


def test_a_sleeper_of_another_function_is_left_alone() -> None:
    server = MemoryServer()
    worker = sleeper(server, b"g")
    server.connect().says(SUBMIT_JOB_BG, b"f", b"", b"")
    server.passes(SOON)
    assert worker.heard() == []


def test_pre_sleep_twice_is_one_sleep() -> None:
    server = MemoryServer()
    worker = sleeper(server, b"f")
    worker.says(PRE_SLEEP)
    server.connect().says(SUBMIT_JOB_BG, b"f", b"", b"")
    assert worker.heard() == [(NOOP,)]


def test_two_jobs_wake_one_sleeper_once() -> None:
    server = MemoryServer()
    worker = sleeper(server, b"f", b"g")
    server.connect().says(SUBMIT_JOB_BG, b"f", b"", b"")
    server.connect().says(SUBMIT_JOB_BG, b"g", b"", b"")
    server.passes(SOON)
    assert worker.heard() == [(NOOP,)]


def test_a_sleeper_that_learns_a_function_with_work_waiting_is_woken() -> None:
    """gearmand lets it sleep beside its work."""
    server = MemoryServer()
    server.connect().says(SUBMIT_JOB_BG, b"f", b"", b"")
    worker = server.connect()
    assert worker.asks(PRE_SLEEP) == []
    assert worker.asks(CAN_DO, b"g") == []
    assert worker.asks(CAN_DO, b"f") == [(NOOP,)]


@pytest.mark.parametrize("end", [request(CANT_DO, b"f"), request(RESET_ABILITIES)])
def test_a_worker_that_woke_when_it_could_do_nothing_is_told_of_a_job_when_it_sleeps_again(
    end: bytes,
) -> None:
    server = MemoryServer()
    worker = sleeper(server, b"f")
    worker.sends(end)
    assert worker.asks(GRAB_JOB) == [(NO_JOB,)]
    worker.says(CAN_DO, b"f")
    server.connect().says(SUBMIT_JOB_BG, b"f", b"", b"")
    assert worker.asks(PRE_SLEEP) == [(NOOP,)]


def test_a_sleeper_that_learns_a_function_after_a_reset_is_woken_once() -> None:
    server = MemoryServer()
    worker = sleeper(server, b"g")
    worker.says(RESET_ABILITIES)
    server.connect().says(SUBMIT_JOB_BG, b"f", b"", b"")
    assert worker.asks(CAN_DO, b"f") == [(NOOP,)]
    assert worker.asks(PRE_SLEEP) == []


def test_a_sleeper_that_gave_a_function_up_is_not_woken_for_it() -> None:
    server = MemoryServer()
    worker, forgetful = sleeper(server, b"f", b"g"), sleeper(server, b"f")
    worker.says(CANT_DO, b"f")
    forgetful.says(RESET_ABILITIES)
    server.connect().says(SUBMIT_JOB_BG, b"f", b"", b"")
    assert woken([worker, forgetful]) == 0
    server.connect().says(SUBMIT_JOB_BG, b"g", b"", b"")
    assert worker.heard() == [(NOOP,)]


def test_a_grab_ends_the_sleep() -> None:
    server = MemoryServer()
    worker = sleeper(server, b"f")
    assert worker.asks(GRAB_JOB) == [(NO_JOB,)]
    server.connect().says(SUBMIT_JOB_BG, b"f", b"", b"")
    assert worker.heard() == []


def test_a_worker_may_sleep_while_it_runs_jobs() -> None:
    server = MemoryServer()
    client = server.connect()
    client.says(SUBMIT_JOB_BG, b"f", b"", b"1")
    worker = server.running(b"f")
    assert worker.asks(PRE_SLEEP) == []
    client.says(SUBMIT_JOB_BG, b"f", b"", b"2")
    assert worker.heard() == [(NOOP,)]
    assert worker.asks(GRAB_JOB) == [(JOB_ASSIGN, b"H:test:2", b"f", b"2")]


# How many are woken


def test_a_job_wakes_the_sleeper_that_was_awake_last_and_the_next_job_the_next_one() -> None:
    server = MemoryServer()
    workers = [sleeper(server, b"f") for _ in range(3)]
    server.connect().says(SUBMIT_JOB_BG, b"f", b"", b"")
    assert [worker.heard() for worker in workers] == [[], [], [(NOOP,)]]
    server.connect().says(SUBMIT_JOB_BG, b"f", b"", b"")
    assert [worker.heard() for worker in workers] == [[], [(NOOP,)], []]


@pytest.mark.parametrize(("worker_wakeup", "expected"), [(0, 5), (1, 1), (2, 2), (9, 5)])
def test_the_operator_may_choose_how_many_a_job_wakes_in_all(worker_wakeup: int, expected: int) -> None:
    server = MemoryServer(Rules(prefix=b"H:test", worker_wakeup=worker_wakeup, wakes_more=False))
    workers = [sleeper(server, b"f") for _ in range(5)]
    server.connect().says(SUBMIT_JOB_BG, b"f", b"", b"")
    assert woken(workers) == expected
    server.passes(SOON)
    assert woken(workers) == 0


def test_with_a_number_of_the_operator_each_job_wakes_whoever_comes_after_those_woken_last() -> None:
    server = MemoryServer(Rules(prefix=b"H:test", worker_wakeup=2, wakes_more=False))
    first, second, _ = workers = [sleeper(server, b"f") for _ in range(3)]
    client = server.connect()
    client.says(SUBMIT_JOB_BG, b"f", b"", b"")
    assert [worker.heard() for worker in workers] == [[(NOOP,)], [(NOOP,)], []]
    for worker in (second, first):
        worker.sends(request(GRAB_JOB) + request(GRAB_JOB) + request(PRE_SLEEP))
        worker.heard()
    last = sleeper(server, b"f")  # it comes behind all others
    client.says(SUBMIT_JOB_BG, b"f", b"", b"")
    assert [worker.heard() for worker in (*workers, last)] == [[(NOOP,)], [], [(NOOP,)], []]
    client.says(SUBMIT_JOB_BG, b"f", b"", b"")
    assert [worker.heard() for worker in (*workers, last)] == [[], [(NOOP,)], [], [(NOOP,)]]


def test_as_many_jobs_as_come_in_one_turn_wake_as_many_sleepers() -> None:
    server = MemoryServer()
    workers = [sleeper(server, b"f") for _ in range(5)]
    server.connect().sends(request(SUBMIT_JOB_BG, b"f", b"", b"") * 3)
    assert woken(workers) == 3


def test_a_job_that_a_waking_worker_takes_in_its_turn_wakes_nobody() -> None:
    server = MemoryServer()
    lazy, busy = sleeper(server, b"f"), server.worker(b"f")
    busy.sends(request(SUBMIT_JOB_BG, b"f", b"", b"") + request(GRAB_JOB))
    assert busy.heard()[-1] == (JOB_ASSIGN, b"H:test:1", b"f", b"")
    server.passes(SOON)
    assert lazy.heard() == []


def test_another_sleeper_is_woken_when_the_first_does_not_come_soon() -> None:
    server = MemoryServer()
    other, stuck = sleeper(server, b"f"), sleeper(server, b"f")
    server.connect().says(SUBMIT_JOB_BG, b"f", b"", b"")
    assert woken([stuck]) == 1
    assert wait(server.broker) <= PATIENCE
    server.passes(SOON)
    assert woken([stuck]) == 0
    assert woken([other]) == 1


def test_nobody_else_is_woken_when_the_first_comes() -> None:
    server = MemoryServer()
    other, prompt = sleeper(server, b"f"), sleeper(server, b"f")
    server.connect().says(SUBMIT_JOB_BG, b"f", b"", b"")
    prompt.says(GRAB_JOB)
    server.passes(SOON)
    assert woken([other]) == 0


@pytest.mark.parametrize("wakes_more", [True, False])
def test_another_sleeper_is_woken_when_the_first_leaves(wakes_more: bool) -> None:
    server = MemoryServer(Rules(prefix=b"H:test", wakes_more=wakes_more))
    other, first = sleeper(server, b"f"), sleeper(server, b"f")
    server.connect().says(SUBMIT_JOB_BG, b"f", b"", b"")
    first.leaves()
    server.passes(SOON)
    assert woken([other]) == 1


# A worker that answers NOOP with PRE_SLEEP: it is busy for another server, or was too late


def test_a_worker_that_was_woken_too_late_and_sleeps_again_is_woken_by_the_next_job() -> None:
    """gearmand never wakes it again (B4)."""
    server = MemoryServer()
    worker, faster = sleeper(server, b"f"), server.worker(b"f")
    server.connect().says(SUBMIT_JOB_BG, b"f", b"", b"")
    assert worker.heard() == [(NOOP,)]
    faster.says(GRAB_JOB)
    assert worker.asks(PRE_SLEEP) == []
    server.connect().says(SUBMIT_JOB_BG, b"f", b"", b"")
    assert worker.heard() == [(NOOP,)]


def test_a_worker_that_declines_is_asked_again_a_little_later_and_not_at_once() -> None:
    """gearmand answers each PRE_SLEEP with a NOOP, and the two spin."""
    server = MemoryServer()
    worker = sleeper(server, b"f")
    server.connect().says(SUBMIT_JOB_BG, b"f", b"", b"")
    assert worker.heard() == [(NOOP,)]
    for _ in range(3):
        assert worker.asks(PRE_SLEEP) == []
        server.passes(SOON)
        assert worker.heard() == [(NOOP,)]


def test_a_worker_that_declines_leaves_the_job_to_another_sleeper() -> None:
    server = MemoryServer()
    free, busy = sleeper(server, b"f"), sleeper(server, b"f")
    server.connect().says(SUBMIT_JOB_BG, b"f", b"", b"")
    assert busy.heard() == [(NOOP,)]
    busy.says(PRE_SLEEP)
    server.passes(SOON)
    assert free.heard() == [(NOOP,)]


def test_pre_sleep_leaves_the_jobs_of_other_functions_alone() -> None:
    """gearmand may throw away a healthy job when it meets an abandoned one (B3)."""
    server = MemoryServer()
    client = server.connect()
    client.says(SUBMIT_JOB, b"f", b"", b"abandoned")
    server.connect().says(SUBMIT_JOB_BG, b"g", b"", b"healthy")
    client.leaves()
    worker = server.worker(b"g", b"f")
    assert worker.asks(PRE_SLEEP) == [(NOOP,)]
    assert worker.asks(GRAB_JOB) == [(JOB_ASSIGN, b"H:test:2", b"g", b"healthy")]
