"""What a worker says of its job, and who hears it."""

from __future__ import annotations

import pytest

from geartrain.protocol.commands import (
    CAN_DO,
    ERROR,
    GET_STATUS,
    GRAB_JOB,
    NO_JOB,
    RESET_ABILITIES,
    STATUS_RES,
    SUBMIT_JOB,
    SUBMIT_JOB_BG,
    WORK_COMPLETE,
    WORK_DATA,
    WORK_EXCEPTION,
    WORK_FAIL,
    WORK_STATUS,
    WORK_WARNING,
)
from geartrain.protocol.packet import request, response
from tests.wire import MemoryServer, Packet

HANDLE = b"H:test:1"
NO_SUCH_JOB = b"Job does not exist on server"
NO_SUCH_RESULT = b"Job given in work result not found"
NO_SUCH_EXCEPTION = b"An exception was received for a job that does not exist"

REFUSALS = [
    ((WORK_DATA, b"H:none:1", b"a"), NO_SUCH_JOB),
    ((WORK_WARNING, b"H:none:1", b"a"), NO_SUCH_JOB),
    ((WORK_STATUS, b"H:none:1", b"1", b"2"), NO_SUCH_RESULT),
    ((WORK_COMPLETE, b"H:none:1", b"a"), NO_SUCH_RESULT),
    ((WORK_FAIL, b"H:none:1"), NO_SUCH_RESULT),
    ((WORK_EXCEPTION, b"H:none:1", b"a"), NO_SUCH_EXCEPTION),
]
REPORTS: list[Packet] = [
    (WORK_DATA, HANDLE, b"a\0b"),
    (WORK_WARNING, HANDLE, b""),
    (WORK_STATUS, HANDLE, b"1", b"14"),
    (WORK_COMPLETE, HANDLE, b"\0"),
]


@pytest.mark.parametrize("report", REPORTS)
def test_what_a_worker_says_reaches_the_client_byte_for_byte(report: Packet) -> None:
    server = MemoryServer()
    client = server.connect()
    client.asks(SUBMIT_JOB, b"f", b"", b"")
    server.running(b"f").says(*report)
    assert client.read() == response(*report)


@pytest.mark.parametrize("report", REPORTS)
def test_a_background_job_tells_nobody(report: Packet) -> None:
    server = MemoryServer()
    client = server.connect()
    client.asks(SUBMIT_JOB_BG, b"f", b"", b"")
    assert server.running(b"f").asks(*report) == []
    assert client.heard() == []


def test_an_empty_result_is_the_handle_and_a_nul() -> None:
    server = MemoryServer()
    client = server.connect()
    client.asks(SUBMIT_JOB, b"f", b"", b"")
    server.running(b"f").says(WORK_COMPLETE, HANDLE, b"")
    assert client.read() == response(WORK_COMPLETE, HANDLE + b"\0")


def test_a_result_without_its_nul_is_an_empty_one() -> None:
    """Perl's worker sends a WORK_COMPLETE of the handle alone."""
    server = MemoryServer()
    client = server.connect()
    client.asks(SUBMIT_JOB, b"f", b"", b"")
    worker = server.running(b"f")
    worker.sends(request(WORK_COMPLETE, HANDLE) + request(GRAB_JOB))
    assert client.read() == response(WORK_COMPLETE, HANDLE + b"\0")
    assert worker.heard() == [(NO_JOB,)]


@pytest.mark.parametrize("handle", [HANDLE, HANDLE + b"\0"])
def test_a_failure_is_the_handle_alone_whether_or_not_the_worker_ended_it_with_a_nul(handle: bytes) -> None:
    server = MemoryServer()
    client = server.connect()
    client.asks(SUBMIT_JOB, b"f", b"", b"")
    server.running(b"f").says(WORK_FAIL, handle)
    assert client.read() == response(WORK_FAIL, HANDLE)
    assert not server.broker.jobs


def test_a_failed_job_is_not_run_again() -> None:
    server = MemoryServer()
    server.connect().says(SUBMIT_JOB_BG, b"f", b"", b"")
    worker = server.running(b"f")
    worker.says(WORK_FAIL, HANDLE)
    assert worker.asks(GRAB_JOB) == [(NO_JOB,)]


def test_a_floating_point_status_is_forwarded_as_it_is_and_kept_as_a_whole_number() -> None:
    server = MemoryServer()
    client = server.connect()
    client.asks(SUBMIT_JOB, b"f", b"", b"")
    server.running(b"f").says(WORK_STATUS, HANDLE, b"0.5", b"1")
    assert client.heard() == [(WORK_STATUS, HANDLE, b"0.5", b"1")]
    assert client.asks(GET_STATUS, HANDLE) == [(STATUS_RES, HANDLE, b"1", b"1", b"0", b"1")]


@pytest.mark.parametrize(("report", "text"), REFUSALS, ids=lambda value: str(value)[:20])
def test_a_client_that_reports_on_a_job_it_does_not_have_gets_an_error(report: Packet, text: bytes) -> None:
    client = MemoryServer().connect()
    assert client.asks(*report) == [(ERROR, b"JOB_NOT_FOUND", text)]


@pytest.mark.parametrize("report", [report for report, text in REFUSALS], ids=lambda value: str(value)[:20])
def test_a_worker_that_reports_on_a_job_it_does_not_have_hears_nothing(
    report: Packet,
) -> None:
    assert MemoryServer().worker(b"f").asks(*report) == []


def test_once_a_worker_always_a_worker() -> None:
    """It may have said RESET_ABILITIES while its last job was running."""
    server = MemoryServer()
    worker = server.worker(b"f")
    worker.says(RESET_ABILITIES)
    assert worker.asks(WORK_COMPLETE, HANDLE, b"") == []


def test_a_second_result_of_the_same_job_is_ignored() -> None:
    server = MemoryServer()
    client = server.connect()
    client.asks(SUBMIT_JOB, b"f", b"", b"")
    worker = server.running(b"f")
    worker.says(WORK_COMPLETE, HANDLE, b"first")
    assert worker.asks(WORK_COMPLETE, HANDLE, b"second") == []
    assert client.heard() == [(WORK_COMPLETE, HANDLE, b"first")]


def test_another_connections_word_on_a_job_does_not_count() -> None:
    server = MemoryServer()
    client = server.connect()
    client.asks(SUBMIT_JOB, b"f", b"", b"")
    worker, other_worker = server.running(b"f"), server.worker(b"f")
    assert client.asks(WORK_FAIL, HANDLE) == [(ERROR, b"JOB_NOT_FOUND", NO_SUCH_RESULT)]
    assert other_worker.asks(WORK_FAIL, HANDLE) == []
    worker.says(WORK_COMPLETE, HANDLE, b"a")
    assert client.heard() == [(WORK_COMPLETE, HANDLE, b"a")]


def test_a_worker_is_not_told_that_its_client_has_left() -> None:
    server = MemoryServer()
    client = server.connect()
    client.says(SUBMIT_JOB, b"f", b"", b"")
    worker = server.running(b"f")
    client.leaves()
    assert worker.heard() == []
    assert worker.asks(WORK_COMPLETE, HANDLE, b"a") == []
    assert not server.broker.jobs


def test_a_connection_may_be_worker_and_client_at_once() -> None:
    both = MemoryServer().connect()
    both.says(CAN_DO, b"f")
    both.asks(SUBMIT_JOB, b"f", b"", b"a")
    both.asks(GRAB_JOB)
    assert both.asks(WORK_COMPLETE, HANDLE, b"b") == [(WORK_COMPLETE, HANDLE, b"b")]
