"""Abilities, and which job a GRAB_JOB gets."""

from __future__ import annotations

import pytest

from geartrain.protocol.commands import (
    CAN_DO,
    CAN_DO_TIMEOUT,
    CANT_DO,
    ECHO_REQ,
    ECHO_RES,
    GRAB_JOB,
    JOB_ASSIGN,
    NO_JOB,
    RESET_ABILITIES,
    SET_CLIENT_ID,
    SUBMIT_JOB,
    SUBMIT_JOB_BG,
    SUBMIT_JOB_HIGH_BG,
    SUBMIT_JOB_LOW_BG,
    WORK_COMPLETE,
)
from geartrain.protocol.packet import request
from tests.wire import MemoryServer, Peer

HANDLE = b"H:test:1"


def workloads(worker: Peer, count: int) -> list[int | bytes]:
    """The workloads of the next jobs the worker gets."""
    worker.sends(request(GRAB_JOB) * count)
    return [packet[-1] for packet in worker.heard()]


def test_a_worker_without_abilities_gets_no_job() -> None:
    assert MemoryServer().connect().asks(GRAB_JOB) == [(NO_JOB,)]


def test_jobs_of_one_function_come_in_the_order_of_their_submits() -> None:
    server = MemoryServer()
    for workload in (b"1", b"2", b"3"):
        server.connect().says(SUBMIT_JOB_BG, b"f", b"", workload)
    assert workloads(server.worker(b"f"), 3) == [b"1", b"2", b"3"]


def test_a_worker_may_run_several_jobs_at_once() -> None:
    server = MemoryServer()
    client = server.connect()
    for workload in (b"1", b"2"):
        client.asks(SUBMIT_JOB, b"f", b"", workload)
    worker = server.worker(b"f")
    assert workloads(worker, 2) == [b"1", b"2"]
    worker.says(WORK_COMPLETE, b"H:test:2", b"b")
    worker.says(WORK_COMPLETE, HANDLE, b"a")
    assert client.heard() == [(WORK_COMPLETE, b"H:test:2", b"b"), (WORK_COMPLETE, HANDLE, b"a")]


@pytest.mark.one_shard("the functions of each shard take turns, and the shards do")
def test_the_function_registered_last_is_looked_at_first_and_then_they_take_turns() -> None:
    server = MemoryServer()
    for function in (b"f", b"g", b"h") * 2:
        server.connect().says(SUBMIT_JOB_BG, function, b"", function)
    assert workloads(server.worker(b"h", b"g", b"f"), 6) == [b"f", b"g", b"h"] * 2


@pytest.mark.one_shard("the functions of each shard take turns, and the shards do")
def test_a_function_without_jobs_keeps_its_turn() -> None:
    server = MemoryServer()
    client = server.connect()
    worker = server.worker(b"g", b"f")
    client.says(SUBMIT_JOB_BG, b"g", b"", b"g")
    assert workloads(worker, 1) == [b"g"]
    for function in (b"g", b"f"):
        client.says(SUBMIT_JOB_BG, function, b"", function)
    assert workloads(worker, 2) == [b"f", b"g"]


def test_priority_goes_before_the_turn_of_the_functions() -> None:
    server = MemoryServer()
    client = server.connect()
    for command, name in (
        (SUBMIT_JOB_LOW_BG, b"low"),
        (SUBMIT_JOB_BG, b"normal"),
        (SUBMIT_JOB_HIGH_BG, b"high"),
    ):
        for function in (b"f", b"g"):
            client.says(command, function, b"", name + b" " + function)
    assert workloads(server.worker(b"g", b"f"), 6) == [
        b"high f",
        b"high g",
        b"normal f",
        b"normal g",
        b"low f",
        b"low g",
    ]


def test_saying_can_do_twice_is_one_ability() -> None:
    """gearmand counts the worker twice (B5)."""
    server = MemoryServer()
    worker = server.worker(b"f", b"f")
    worker.says(CAN_DO_TIMEOUT, b"f", b"5000")
    assert worker.types(b"status") == b"f\t0\t0\t1\n.\n"
    assert worker.types(b"workers") == b"1 127.0.0.1 - : f\n.\n"
    worker.says(CANT_DO, b"f")
    assert worker.types(b"status") == b"f\t0\t0\t0\n.\n"


def test_after_cant_do_no_job_of_that_function_comes() -> None:
    server = MemoryServer()
    worker = server.worker(b"f", b"g")
    for function in (b"f", b"g"):
        server.connect().says(SUBMIT_JOB_BG, function, b"", function)
    worker.says(CANT_DO, b"f")
    assert workloads(worker, 1) == [b"g"]
    assert worker.asks(GRAB_JOB) == [(NO_JOB,)]


@pytest.mark.one_shard("lists are in the order of the shards where their order says nothing else")
def test_cant_do_of_what_it_never_could_is_ignored() -> None:
    server = MemoryServer()
    worker = server.worker(b"f")
    assert worker.asks(CANT_DO, b"unknown") == []
    server.worker(b"g")
    assert worker.asks(CANT_DO, b"g") == []
    assert worker.types(b"status") == b"f\t0\t0\t1\ng\t0\t0\t1\n.\n"


def test_after_reset_abilities_a_worker_gets_nothing_until_it_says_can_do_again() -> None:
    server = MemoryServer()
    worker = server.worker(b"f", b"g")
    server.connect().says(SUBMIT_JOB_BG, b"g", b"", b"g")
    worker.says(RESET_ABILITIES)
    assert worker.asks(GRAB_JOB) == [(NO_JOB,)]
    worker.says(CAN_DO, b"g")
    assert workloads(worker, 1) == [b"g"]


def test_a_worker_that_gives_up_an_ability_finishes_the_job_it_has() -> None:
    """gearmand runs the job a second time (B6)."""
    for packet in (request(CANT_DO, b"f"), request(RESET_ABILITIES)):
        server = MemoryServer()
        client = server.connect()
        client.asks(SUBMIT_JOB, b"f", b"", b"")
        worker = server.running(b"f")
        worker.sends(packet)
        assert server.worker(b"f").asks(GRAB_JOB) == [(NO_JOB,)]
        assert worker.asks(WORK_COMPLETE, HANDLE, b"done") == []
        assert client.heard() == [(WORK_COMPLETE, HANDLE, b"done")]


def test_a_worker_that_says_can_do_again_during_its_job_finishes_it_once() -> None:
    """python-gearman sends RESET_ABILITIES and every CAN_DO whenever a function is registered."""
    server = MemoryServer()
    client = server.connect()
    client.asks(SUBMIT_JOB, b"f", b"", b"")
    worker = server.running(b"f")
    worker.sends(request(RESET_ABILITIES) + request(CAN_DO, b"f") + request(GRAB_JOB))
    assert worker.heard() == [(NO_JOB,)]
    worker.says(WORK_COMPLETE, HANDLE, b"done")
    assert client.heard() == [(WORK_COMPLETE, HANDLE, b"done")]
    assert worker.types(b"status") == b"f\t0\t0\t1\n.\n"


def test_a_worker_that_leaves_takes_its_abilities_along() -> None:
    server = MemoryServer()
    worker = server.worker(b"f")
    worker.leaves()
    assert server.connect().types(b"status") == b"f\t0\t0\t0\n.\n"


def test_a_client_id_is_cut_at_127_bytes_and_may_change() -> None:
    server = MemoryServer()
    worker = server.connect()
    worker.says(SET_CLIENT_ID, b"i" * 200)
    assert worker.types(b"workers") == b"1 127.0.0.1 " + b"i" * 127 + b" :\n.\n"
    worker.says(SET_CLIENT_ID, b"me")
    assert worker.types(b"workers") == b"1 127.0.0.1 me :\n.\n"


def test_a_job_that_comes_in_the_turn_of_a_grab_is_its_answer() -> None:
    """The NO_JOB is not written yet, so it becomes the job: nobody has to sleep and be woken."""
    server = MemoryServer()
    worker, client = server.worker(b"f"), server.connect()
    server.hears_at_once((worker, request(GRAB_JOB)), (client, request(SUBMIT_JOB_BG, b"f", b"", b"a")))
    assert worker.heard() == [(JOB_ASSIGN, HANDLE, b"f", b"a")]


@pytest.mark.one_server("a front answers the echo itself, so the grab is the last that the leader hears of")
def test_an_answer_that_is_followed_by_another_stays_as_it_is() -> None:
    server = MemoryServer()
    worker, client = server.worker(b"f"), server.connect()
    server.hears_at_once(
        (worker, request(GRAB_JOB) + request(ECHO_REQ, b"later")),
        (client, request(SUBMIT_JOB_BG, b"f", b"", b"a")),
    )
    assert worker.heard() == [(NO_JOB,), (ECHO_RES, b"later")]
    assert worker.asks(GRAB_JOB) == [(JOB_ASSIGN, HANDLE, b"f", b"a")]
