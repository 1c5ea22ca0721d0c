"""Submitting: handles, priorities, and what is refused."""

from __future__ import annotations

import pytest

from geartrain.broker.rules import Rules
from geartrain.protocol.commands import (
    CAN_DO,
    ECHO_REQ,
    ECHO_RES,
    ERROR,
    GET_STATUS,
    GRAB_JOB,
    GRAB_JOB_UNIQ,
    JOB_ASSIGN,
    JOB_ASSIGN_UNIQ,
    JOB_CREATED,
    NO_JOB,
    STATUS_RES,
    SUBMIT_JOB,
    SUBMIT_JOB_BG,
    SUBMIT_JOB_EPOCH,
    SUBMIT_JOB_HIGH,
    SUBMIT_JOB_HIGH_BG,
    SUBMIT_JOB_LOW,
    SUBMIT_JOB_LOW_BG,
    WORK_COMPLETE,
)
from geartrain.protocol.packet import request
from tests.wire import MemoryServer

SUBMITS = [
    SUBMIT_JOB,
    SUBMIT_JOB_BG,
    SUBMIT_JOB_HIGH,
    SUBMIT_JOB_HIGH_BG,
    SUBMIT_JOB_LOW,
    SUBMIT_JOB_LOW_BG,
]


def test_a_job_waits_for_a_worker_that_has_never_been_there() -> None:
    client = MemoryServer().connect()
    assert client.asks(SUBMIT_JOB, b"f", b"", b"a") == [(JOB_CREATED, b"H:test:1")]
    assert client.asks(GET_STATUS, b"H:test:1") == [(STATUS_RES, b"H:test:1", b"1", b"0", b"0", b"0")]


def test_handles_count_over_all_functions_and_connections() -> None:
    server = MemoryServer()
    one, other = server.connect(), server.connect()
    assert one.asks(SUBMIT_JOB, b"f", b"", b"") == [(JOB_CREATED, b"H:test:1")]
    assert other.asks(SUBMIT_JOB_BG, b"g", b"", b"") == [(JOB_CREATED, b"H:test:2")]
    assert one.asks(SUBMIT_JOB_EPOCH, b"f", b"", b"0", b"") == [(JOB_CREATED, b"H:test:3")]


@pytest.mark.one_shard("numbers of jobs say which shard they are of")
def test_the_handle_prefix_can_be_chosen() -> None:
    client = MemoryServer(Rules(prefix=b"J-eu")).connect()
    assert client.asks(SUBMIT_JOB_BG, b"f", b"", b"") == [(JOB_CREATED, b"J-eu:1")]


@pytest.mark.parametrize("command", SUBMITS)
def test_each_kind_of_submit_gives_a_job_to_a_worker(command: int) -> None:
    server = MemoryServer()
    assert server.connect().asks(command, b"f", b"", b"a") == [(JOB_CREATED, b"H:test:1")]
    assert server.worker(b"f").asks(GRAB_JOB) == [(JOB_ASSIGN, b"H:test:1", b"f", b"a")]


def test_a_background_job_outlives_the_connection_that_submitted_it() -> None:
    server = MemoryServer()
    client = server.connect()
    client.says(SUBMIT_JOB_BG, b"f", b"", b"a")
    client.leaves()
    assert server.worker(b"f").asks(GRAB_JOB) == [(JOB_ASSIGN, b"H:test:1", b"f", b"a")]


@pytest.mark.one_shard("numbers of jobs say which shard they are of")
def test_answers_to_pipelined_submits_and_questions_come_in_their_order() -> None:
    client = MemoryServer().connect()
    client.sends(
        request(SUBMIT_JOB_BG, b"f", b"", b"a")
        + request(ECHO_REQ, b"1")
        + request(SUBMIT_JOB, b"g", b"", b"b")
        + request(GET_STATUS, b"H:test:1")
        + request(SUBMIT_JOB_BG, b"", b"", b"c")
    )
    assert client.heard() == [
        (JOB_CREATED, b"H:test:1"),
        (ECHO_RES, b"1"),
        (JOB_CREATED, b"H:test:2"),
        (STATUS_RES, b"H:test:1", b"1", b"0", b"0", b"0"),
        (ERROR, b"INVALID_FUNCTION_NAME", b"function name of 0 bytes, expected 1 to 512"),
    ]


@pytest.mark.one_server("a worker cannot say anything of a job before it has heard that the job is its own")
def test_job_created_comes_before_what_the_worker_says_even_on_one_connection() -> None:
    both = MemoryServer().worker(b"f")
    both.sends(
        request(SUBMIT_JOB, b"f", b"", b"a") + request(GRAB_JOB) + request(WORK_COMPLETE, b"H:test:1", b"b")
    )
    assert both.heard() == [
        (JOB_CREATED, b"H:test:1"),
        (JOB_ASSIGN, b"H:test:1", b"f", b"a"),
        (WORK_COMPLETE, b"H:test:1", b"b"),
    ]


@pytest.mark.parametrize("length", [63, 64, 65, 255])
def test_a_unique_of_up_to_255_bytes_is_kept_whole(length: int) -> None:
    server = MemoryServer()
    unique = b"u" * length
    client = server.connect()
    assert client.asks(SUBMIT_JOB_BG, b"f", unique, b"arg") == [(JOB_CREATED, b"H:test:1")]
    assert client.asks(SUBMIT_JOB_BG, b"f", unique, b"arg") == [(JOB_CREATED, b"H:test:1")]
    worker = server.worker(b"f")
    assert worker.asks(GRAB_JOB_UNIQ) == [(JOB_ASSIGN_UNIQ, b"H:test:1", b"f", unique, b"arg")]


def test_a_longer_unique_is_refused_and_uses_no_handle() -> None:
    client = MemoryServer().connect()
    refusal = [(ERROR, b"ARGUMENT_TOO_LARGE", b"Unique value too large")]
    assert client.asks(SUBMIT_JOB, b"f", b"u" * 256, b"") == refusal
    assert client.asks(SUBMIT_JOB_EPOCH, b"f", b"u" * 256, b"0", b"") == refusal
    assert client.asks(SUBMIT_JOB_BG, b"f", b"", b"") == [(JOB_CREATED, b"H:test:1")]


def test_the_longest_unique_can_be_chosen() -> None:
    client = MemoryServer(Rules(prefix=b"H:test", max_unique=64)).connect()
    assert client.asks(SUBMIT_JOB, b"f", b"u" * 64, b"") == [(JOB_CREATED, b"H:test:1")]
    assert client.asks(SUBMIT_JOB, b"f", b"u" * 65, b"")[0][0] == ERROR


def test_a_function_name_has_up_to_512_bytes() -> None:
    client = MemoryServer().connect()
    assert client.asks(SUBMIT_JOB, b"f" * 512, b"", b"") == [(JOB_CREATED, b"H:test:1")]


@pytest.mark.parametrize("length", [0, 513, 9000])
def test_any_other_function_name_is_refused_and_leaves_no_trace(length: int) -> None:
    client = MemoryServer().connect()
    text = b"function name of %d bytes, expected 1 to 512" % length
    assert client.asks(SUBMIT_JOB, b"f" * length, b"", b"") == [(ERROR, b"INVALID_FUNCTION_NAME", text)]
    assert client.types(b"status") == b".\n"


@pytest.mark.parametrize("name", [b"", b"f" * 513, b"a\0b"])
def test_a_worker_hears_nothing_of_a_function_name_that_nobody_can_submit_to(name: bytes) -> None:
    server = MemoryServer()
    worker = server.connect()
    assert worker.asks(CAN_DO, name) == []
    assert worker.types(b"status") == b".\n"
    assert len(server.notices) == 1


def test_a_job_goes_only_to_a_worker_of_its_function() -> None:
    server = MemoryServer()
    server.connect().says(SUBMIT_JOB, b"f", b"", b"")
    assert server.worker(b"g").asks(GRAB_JOB) == [(NO_JOB,)]
