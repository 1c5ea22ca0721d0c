"""Equal submits share one job: which are equal, who hears the result, and when the job is given up."""

from __future__ import annotations

import pytest

from geartrain.protocol.commands import (
    GET_STATUS_UNIQUE,
    GRAB_JOB,
    GRAB_JOB_UNIQ,
    JOB_ASSIGN,
    JOB_ASSIGN_UNIQ,
    JOB_CREATED,
    NO_JOB,
    STATUS_RES_UNIQUE,
    SUBMIT_JOB,
    SUBMIT_JOB_BG,
    SUBMIT_JOB_EPOCH,
    SUBMIT_JOB_HIGH,
    SUBMIT_JOB_LOW,
    WORK_COMPLETE,
    WORK_DATA,
)
from geartrain.protocol.packet import request
from tests.wire import START, MemoryServer

FIRST = b"H:test:1"
SECOND = b"H:test:2"


def test_a_second_submit_with_the_same_unique_joins_the_first_job() -> None:
    server = MemoryServer()
    one, other = server.connect(), server.connect()
    assert one.asks(SUBMIT_JOB, b"f", b"u", b"first") == [(JOB_CREATED, FIRST)]
    assert other.asks(SUBMIT_JOB, b"f", b"u", b"second") == [(JOB_CREATED, FIRST)]
    worker = server.worker(b"f")
    assert worker.asks(GRAB_JOB) == [(JOB_ASSIGN, FIRST, b"f", b"first")]
    assert worker.asks(GRAB_JOB) == [(NO_JOB,)]
    worker.says(WORK_COMPLETE, FIRST, b"done")
    assert one.heard() == other.heard() == [(WORK_COMPLETE, FIRST, b"done")]


def test_the_same_unique_in_another_function_is_another_job() -> None:
    client = MemoryServer().connect()
    assert client.asks(SUBMIT_JOB, b"f", b"u", b"") == [(JOB_CREATED, FIRST)]
    assert client.asks(SUBMIT_JOB, b"g", b"u", b"") == [(JOB_CREATED, SECOND)]


def test_without_a_unique_every_submit_is_its_own_job() -> None:
    client = MemoryServer().connect()
    assert client.asks(SUBMIT_JOB, b"f", b"", b"a") == [(JOB_CREATED, FIRST)]
    assert client.asks(SUBMIT_JOB, b"f", b"", b"a") == [(JOB_CREATED, SECOND)]


@pytest.mark.parametrize(
    ("workloads", "last_handle"), [((b"a", b"a"), FIRST), ((b"a", b"b"), SECOND), ((b"", b""), SECOND)]
)
def test_a_dash_stands_for_the_same_workload_unless_it_is_empty(
    workloads: tuple[bytes, bytes], last_handle: bytes
) -> None:
    client = MemoryServer().connect()
    assert client.asks(SUBMIT_JOB, b"f", b"-", workloads[0]) == [(JOB_CREATED, FIRST)]
    assert client.asks(SUBMIT_JOB, b"f", b"-", workloads[1]) == [(JOB_CREATED, last_handle)]


def test_a_worker_sees_the_dash_as_it_was_sent() -> None:
    server = MemoryServer()
    server.connect().says(SUBMIT_JOB_BG, b"f", b"-", b"a")
    assert server.worker(b"f").asks(GRAB_JOB_UNIQ) == [(JOB_ASSIGN_UNIQ, FIRST, b"f", b"-", b"a")]


@pytest.mark.parametrize("unique", [b"u", b"-"])
def test_a_unique_is_free_again_once_its_job_is_done(unique: bytes) -> None:
    server = MemoryServer()
    client = server.connect()
    assert client.asks(SUBMIT_JOB_BG, b"f", unique, b"a") == [(JOB_CREATED, FIRST)]
    server.running(b"f").says(WORK_COMPLETE, FIRST, b"")
    assert client.asks(SUBMIT_JOB_BG, b"f", unique, b"a") == [(JOB_CREATED, SECOND)]


def test_joining_a_running_job_hears_what_comes_from_now_on() -> None:
    server = MemoryServer()
    one, late = server.connect(), server.connect()
    one.asks(SUBMIT_JOB, b"f", b"u", b"")
    worker = server.running(b"f")
    worker.says(WORK_DATA, FIRST, b"early")
    assert late.asks(SUBMIT_JOB, b"f", b"u", b"") == [(JOB_CREATED, FIRST)]
    worker.says(WORK_COMPLETE, FIRST, b"done")
    assert one.heard() == [(WORK_DATA, FIRST, b"early"), (WORK_COMPLETE, FIRST, b"done")]
    assert late.heard() == [(WORK_COMPLETE, FIRST, b"done")]


def test_a_connection_that_submits_twice_hears_every_packet_twice() -> None:
    server = MemoryServer()
    client = server.connect()
    client.sends(request(SUBMIT_JOB, b"f", b"u", b"") * 2)
    assert client.heard() == [(JOB_CREATED, FIRST)] * 2
    worker = server.running(b"f")
    worker.says(WORK_DATA, FIRST, b"a")
    worker.says(WORK_COMPLETE, FIRST, b"b")
    assert client.heard() == [(WORK_DATA, FIRST, b"a")] * 2 + [(WORK_COMPLETE, FIRST, b"b")] * 2


def test_a_submit_of_a_higher_priority_does_not_lift_the_job_it_joins() -> None:
    server = MemoryServer()
    client = server.connect()
    client.asks(SUBMIT_JOB_LOW, b"f", b"u", b"low")
    client.asks(SUBMIT_JOB, b"f", b"", b"normal")
    assert client.asks(SUBMIT_JOB_HIGH, b"f", b"u", b"high") == [(JOB_CREATED, FIRST)]
    assert server.worker(b"f").asks(GRAB_JOB) == [(JOB_ASSIGN, SECOND, b"f", b"normal")]


def test_joining_needs_no_room_in_the_queue() -> None:
    client = MemoryServer().connect()
    client.types(b"maxqueue f 1")
    assert client.asks(SUBMIT_JOB, b"f", b"u", b"") == [(JOB_CREATED, FIRST)]
    assert client.asks(SUBMIT_JOB, b"f", b"u", b"") == [(JOB_CREATED, FIRST)]


def test_a_submit_that_joins_an_epoch_job_waits_for_its_time() -> None:
    server = MemoryServer()
    client = server.connect()
    client.asks(SUBMIT_JOB_EPOCH, b"f", b"u", b"%d" % (START + 60), b"")
    assert client.asks(SUBMIT_JOB_BG, b"f", b"u", b"") == [(JOB_CREATED, FIRST)]
    worker = server.worker(b"f")
    assert worker.asks(GRAB_JOB) == [(NO_JOB,)]
    server.passes(60)
    assert worker.asks(GRAB_JOB) == [(JOB_ASSIGN, FIRST, b"f", b"")]


# Background and foreground


def test_a_client_that_joins_a_background_job_hears_its_result() -> None:
    server = MemoryServer()
    client = server.connect()
    server.connect().says(SUBMIT_JOB_BG, b"f", b"u", b"")
    assert client.asks(SUBMIT_JOB, b"f", b"u", b"") == [(JOB_CREATED, FIRST)]
    known = (STATUS_RES_UNIQUE, b"u", b"1", b"0", b"0", b"0", b"1")
    assert client.asks(GET_STATUS_UNIQUE, b"u") == [known]
    server.running(b"f").says(WORK_COMPLETE, FIRST, b"done")
    assert client.heard() == [(WORK_COMPLETE, FIRST, b"done")]


def test_a_background_job_stays_when_a_client_that_joined_it_leaves() -> None:
    """gearmand loses the job (B1)."""
    server = MemoryServer()
    server.connect().says(SUBMIT_JOB_BG, b"f", b"u", b"a")
    client = server.connect()
    client.says(SUBMIT_JOB, b"f", b"u", b"a")
    client.leaves()
    assert server.worker(b"f").asks(GRAB_JOB) == [(JOB_ASSIGN, FIRST, b"f", b"a")]


def test_a_background_submit_makes_the_foreground_job_it_joins_outlive_its_clients() -> None:
    """gearmand loses the job that it has acknowledged (B1)."""
    server = MemoryServer()
    client = server.connect()
    client.says(SUBMIT_JOB, b"f", b"u", b"a")
    server.connect().says(SUBMIT_JOB_BG, b"f", b"u", b"a")
    client.leaves()
    assert server.worker(b"f").asks(GRAB_JOB) == [(JOB_ASSIGN, FIRST, b"f", b"a")]


def test_a_background_submit_makes_even_a_running_foreground_job_survive_its_worker() -> None:
    server = MemoryServer()
    client = server.connect()
    client.says(SUBMIT_JOB, b"f", b"u", b"a")
    worker = server.running(b"f")
    server.connect().says(SUBMIT_JOB_BG, b"f", b"u", b"a")
    client.leaves()
    worker.leaves()
    assert server.worker(b"f").asks(GRAB_JOB) == [(JOB_ASSIGN, FIRST, b"f", b"a")]


# Clients that leave


def test_a_queued_job_goes_with_the_last_of_its_clients() -> None:
    server = MemoryServer()
    one, other = server.connect(), server.connect()
    for client in (one, other):
        client.says(SUBMIT_JOB, b"f", b"u", b"")
    one.leaves()
    assert server.connect().types(b"status") == b"f\t1\t0\t0\n.\n"
    other.leaves()
    assert server.connect().types(b"status") == b"f\t0\t0\t0\n.\n"
    assert server.worker(b"f").asks(GRAB_JOB) == [(NO_JOB,)]


def test_a_submit_after_the_last_client_has_left_is_a_job_of_its_own() -> None:
    """gearmand joins it to the job that is given up, and it hears nothing for ever (B2)."""
    server = MemoryServer()
    client = server.connect()
    client.says(SUBMIT_JOB, b"f", b"u", b"old")
    client.leaves()
    client = server.connect()
    assert client.asks(SUBMIT_JOB, b"f", b"u", b"new") == [(JOB_CREATED, SECOND)]
    assert server.worker(b"f").asks(GRAB_JOB) == [(JOB_ASSIGN, SECOND, b"f", b"new")]


def test_a_running_job_that_nobody_waits_for_can_be_joined_again() -> None:
    server = MemoryServer()
    client = server.connect()
    client.says(SUBMIT_JOB, b"f", b"u", b"")
    worker = server.running(b"f")
    client.leaves()
    client = server.connect()
    assert client.asks(SUBMIT_JOB, b"f", b"u", b"") == [(JOB_CREATED, FIRST)]
    worker.says(WORK_COMPLETE, FIRST, b"done")
    assert client.heard() == [(WORK_COMPLETE, FIRST, b"done")]


def test_a_submit_after_a_cancel_is_a_job_of_its_own() -> None:
    server = MemoryServer()
    client = server.connect()
    client.asks(SUBMIT_JOB, b"f", b"u", b"")
    server.running(b"f")
    client.types(b"cancel job H:test:1")
    assert client.asks(SUBMIT_JOB, b"f", b"u", b"") == [(JOB_CREATED, SECOND)]


def test_a_running_job_that_nobody_waits_for_is_not_run_again_when_its_worker_dies() -> None:
    server = MemoryServer()
    client = server.connect()
    client.says(SUBMIT_JOB, b"f", b"u", b"")
    worker = server.running(b"f")
    client.leaves()
    worker.leaves()
    assert server.worker(b"f").asks(GRAB_JOB) == [(NO_JOB,)]
    assert not server.broker.jobs
