"""What a connection answers to odd packets, before any job is concerned."""

from __future__ import annotations

import struct

import pytest

from geartrain.errors import ProtocolError
from geartrain.protocol.commands import (
    ALL_YOURS,
    CAN_DO,
    CAN_DO_TIMEOUT,
    COMMANDS,
    ECHO_REQ,
    ECHO_RES,
    ERROR,
    EXTENSION,
    GET_STATUS,
    GRAB_JOB,
    JOB_ASSIGN,
    JOB_CREATED,
    NO_JOB,
    OPTION_REQ,
    OPTION_RES,
    SET_CLIENT_ID,
    STATUS_RES,
    SUBMIT_JOB,
    SUBMIT_JOB_BG,
    SUBMIT_JOB_SCHED,
    WORK_COMPLETE,
    Command,
)
from geartrain.protocol.packet import request, response
from tests.wire import MemoryServer

UNEXPECTED = [command for command in COMMANDS + EXTENSION if command.sender in ("server", "nobody")]


@pytest.mark.parametrize("echo", [b"", b"a\0b", b"x" * (1 << 20)], ids=["empty", "with NULs", "1 MiB"])
def test_an_echo_comes_back_byte_for_byte(echo: bytes) -> None:
    peer = MemoryServer().connect()
    peer.says(ECHO_REQ, echo)
    assert peer.read() == response(ECHO_RES, echo)


def test_a_thousand_echoes_in_one_chunk_come_back_in_order() -> None:
    peer = MemoryServer().connect()
    numbers = [b"%d" % number for number in range(1000)]
    peer.sends(b"".join(request(ECHO_REQ, number) for number in numbers))
    assert peer.heard() == [(ECHO_RES, number) for number in numbers]


def test_an_answers_magic_gets_an_error_and_the_connection_goes_on() -> None:
    peer = MemoryServer().connect()
    peer.sends(response(ECHO_REQ, b"a") + request(ECHO_REQ, b"b"))
    assert peer.heard() == [(ERROR, b"INVALID_MAGIC", b"Request magic expected"), (ECHO_RES, b"b")]


@pytest.mark.parametrize("command", UNEXPECTED, ids=lambda command: str(command.name))
def test_a_type_that_only_a_server_sends_gets_an_error_and_the_connection_goes_on(
    command: Command,
) -> None:
    peer = MemoryServer().extended()
    peer.says(command.number, *[b"1"] * len(command.arguments))
    assert peer.heard() == [(ERROR, b"INVALID_COMMAND", b"Command not expected")]
    assert peer.asks(ECHO_REQ, b"next") == [(ECHO_RES, b"next")]


def test_submit_job_sched_is_not_expected_where_nobody_reads_cron_lines() -> None:
    peer = MemoryServer().connect()
    peer.says(SUBMIT_JOB_SCHED, b"f", b"", b"1", b"2", b"3", b"4", b"5", b"workload")
    assert peer.heard() == [(ERROR, b"INVALID_COMMAND", b"Command not expected")]


def test_all_yours_is_accepted_and_ignored() -> None:
    assert MemoryServer().worker(b"f").asks(ALL_YOURS) == []


def test_a_payload_where_none_is_expected_is_ignored() -> None:
    worker = MemoryServer().worker(b"f")
    assert worker.asks(GRAB_JOB, b"extra") == [(NO_JOB,)]


def test_a_client_packet_with_too_few_arguments_gets_an_error_and_the_connection_goes_on() -> None:
    client = MemoryServer().connect()
    client.sends(request(SUBMIT_JOB, b"f", b"u") + request(ECHO_REQ, b"next"))
    assert client.heard() == [
        (ERROR, b"INVALID_PACKET", b"SUBMIT_JOB has 2 arguments, expected 3"),
        (ECHO_RES, b"next"),
    ]


def test_a_worker_packet_with_too_few_arguments_is_taken_as_if_they_were_empty() -> None:
    server = MemoryServer()
    client = server.connect()
    client.asks(SUBMIT_JOB, b"f", b"", b"a")
    worker = server.running(b"f")
    assert worker.asks(WORK_COMPLETE, b"H:test:1") == []
    assert client.heard() == [(WORK_COMPLETE, b"H:test:1", b"")]


def test_can_do_timeout_without_a_timeout_is_can_do() -> None:
    server = MemoryServer()
    server.connect().says(CAN_DO_TIMEOUT, b"f")
    assert server.connect().types(b"status") == b"f\t0\t0\t1\n.\n"


def test_a_trailing_nul_is_no_part_of_a_last_argument() -> None:
    server = MemoryServer()
    worker = server.connect()
    worker.says(SET_CLIENT_ID, b"me\0")
    worker.says(CAN_DO, b"f\0")
    assert worker.asks(OPTION_REQ, b"exceptions\0") == [(OPTION_RES, b"exceptions")]
    assert worker.asks(SUBMIT_JOB_BG, b"f", b"", b"") == [(JOB_CREATED, b"H:test:1")]
    assert worker.asks(GET_STATUS, b"H:test:1\0") == [(STATUS_RES, b"H:test:1", b"1", b"0", b"0", b"0")]
    assert worker.types(b"workers") == b"1 127.0.0.1 me : f\n.\n"


@pytest.mark.parametrize("workload", [b"", b"\0", b"a\0b\0"])
def test_a_workload_is_delivered_exactly(workload: bytes) -> None:
    server = MemoryServer()
    server.connect().says(SUBMIT_JOB_BG, b"f", b"", workload)
    assert server.worker(b"f").asks(GRAB_JOB) == [(JOB_ASSIGN, b"H:test:1", b"f", workload)]


@pytest.mark.parametrize("command", [0, 43, 128, 0x80000000], ids=hex)
def test_a_type_that_does_not_exist_ends_the_connection_after_what_came_before(command: int) -> None:
    peer = MemoryServer().connect()
    with pytest.raises(ProtocolError, match="unknown packet type"):
        peer.sends(request(ECHO_REQ, b"a") + b"\0REQ" + struct.pack(">II", command, 0))
    assert peer.heard() == [(ECHO_RES, b"a")]
