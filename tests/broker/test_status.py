"""GET_STATUS and GET_STATUS_UNIQUE."""

from __future__ import annotations

import pytest

from geartrain.protocol.commands import (
    GET_STATUS,
    GET_STATUS_UNIQUE,
    STATUS_RES,
    STATUS_RES_UNIQUE,
    SUBMIT_JOB,
    SUBMIT_JOB_BG,
    WORK_COMPLETE,
    WORK_STATUS,
)
from tests.wire import MemoryServer

HANDLE = b"H:test:1"


def test_a_job_is_queued_then_running_then_on_its_way_then_unknown() -> None:
    server = MemoryServer()
    client = server.connect()
    client.asks(SUBMIT_JOB_BG, b"f", b"", b"")
    assert client.asks(GET_STATUS, HANDLE) == [(STATUS_RES, HANDLE, b"1", b"0", b"0", b"0")]
    worker = server.running(b"f")
    assert client.asks(GET_STATUS, HANDLE) == [(STATUS_RES, HANDLE, b"1", b"1", b"0", b"0")]
    worker.says(WORK_STATUS, HANDLE, b"3", b"14")
    assert client.asks(GET_STATUS, HANDLE) == [(STATUS_RES, HANDLE, b"1", b"1", b"3", b"14")]
    worker.says(WORK_COMPLETE, HANDLE, b"")
    assert client.asks(GET_STATUS, HANDLE) == [(STATUS_RES, HANDLE, b"0", b"0", b"0", b"0")]


@pytest.mark.parametrize("handle", [b"", b"garbage", b"H:test:" + b"9" * 100])
def test_any_other_handle_is_unknown(handle: bytes) -> None:
    client = MemoryServer().connect()
    assert client.asks(GET_STATUS, handle) == [(STATUS_RES, handle, b"0", b"0", b"0", b"0")]


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ((b"7", b"14"), (b"7", b"14")),
        ((b"", b""), (b"0", b"0")),
        ((b"half", b"2 parts"), (b"0", b"2")),
        ((b" +1", b"-1"), (b"1", b"4294967295")),
        ((b"4294967296", b"99999999999"), (b"0", b"1215752191")),
    ],
)
def test_numerator_and_denominator_are_whole_numbers_of_32_bits(
    said: tuple[bytes, bytes], kept: tuple[bytes, bytes]
) -> None:
    server = MemoryServer()
    client = server.connect()
    client.asks(SUBMIT_JOB_BG, b"f", b"", b"")
    server.running(b"f").says(WORK_STATUS, HANDLE, *said)
    assert client.asks(GET_STATUS, HANDLE) == [(STATUS_RES, HANDLE, b"1", b"1", *kept)]


@pytest.mark.parametrize("waiting", [0, 1, 2])
def test_by_its_unique_a_job_tells_how_many_clients_wait_for_it(waiting: int) -> None:
    server = MemoryServer()
    server.connect().says(SUBMIT_JOB_BG, b"f", b"u", b"")
    for _ in range(waiting):
        server.connect().says(SUBMIT_JOB, b"f", b"u", b"")
    known = (STATUS_RES_UNIQUE, b"u", b"1", b"0", b"0", b"0", b"%d" % waiting)
    assert server.connect().asks(GET_STATUS_UNIQUE, b"u") == [known]


@pytest.mark.parametrize("unique", [b"", b"-", b"another", b"u" * 64])
def test_no_job_is_found_by_a_unique_that_names_none(unique: bytes) -> None:
    server = MemoryServer()
    client = server.connect()
    for stored in (b"", b"-", b"u"):
        client.asks(SUBMIT_JOB, b"f", stored, b"workload")
    unknown = (STATUS_RES_UNIQUE, unique, b"0", b"0", b"0", b"0", b"0")
    assert client.asks(GET_STATUS_UNIQUE, unique) == [unknown]


def test_of_jobs_with_one_unique_in_several_functions_the_running_one_is_told() -> None:
    server = MemoryServer()
    client = server.connect()
    for function in (b"f", b"g", b"h"):
        client.asks(SUBMIT_JOB_BG, function, b"u", b"")
    worker = server.running(b"g")
    worker.says(WORK_STATUS, b"H:test:2", b"1", b"2")
    known = (STATUS_RES_UNIQUE, b"u", b"1", b"1", b"1", b"2", b"0")
    assert client.asks(GET_STATUS_UNIQUE, b"u") == [known]
