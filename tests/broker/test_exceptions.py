"""WORK_EXCEPTION, and the option with which a connection asks for it."""

from __future__ import annotations

import pytest

from geartrain.broker.rules import Rules
from geartrain.protocol.commands import (
    ERROR,
    GRAB_JOB,
    NO_JOB,
    OPTION_REQ,
    OPTION_RES,
    SUBMIT_JOB,
    WORK_COMPLETE,
    WORK_EXCEPTION,
    WORK_FAIL,
)
from geartrain.protocol.packet import request, response
from tests.wire import MemoryServer, Packet

HANDLE = b"H:test:1"


def test_the_option_is_echoed_as_it_was_written() -> None:
    client = MemoryServer().connect()
    assert client.asks(OPTION_REQ, b"EXCEPTIONS") == [(OPTION_RES, b"EXCEPTIONS")]
    assert client.asks(OPTION_REQ, b"exceptions") == [(OPTION_RES, b"exceptions")]


@pytest.mark.parametrize("option", [b"", b"foo", b"exceptions " + b"x" * 100])
def test_another_option_is_unknown(option: bytes) -> None:
    refusal = (ERROR, b"UNKNOWN_OPTION", b"Server does not recognize given option")
    assert MemoryServer().connect().asks(OPTION_REQ, option) == [refusal]


def test_a_client_with_the_option_hears_the_exception_and_the_job_is_gone() -> None:
    server = MemoryServer()
    client = server.connect()
    client.asks(OPTION_REQ, b"exceptions")
    client.asks(SUBMIT_JOB, b"f", b"", b"")
    server.running(b"f").says(WORK_EXCEPTION, HANDLE, b"no\0good")
    assert client.heard() == [(WORK_EXCEPTION, HANDLE, b"no\0good")]
    assert not server.broker.jobs


def test_a_client_without_the_option_hears_a_failure_of_the_handle_alone() -> None:
    server = MemoryServer()
    client = server.connect()
    client.asks(SUBMIT_JOB, b"f", b"", b"")
    server.running(b"f").says(WORK_EXCEPTION, HANDLE, b"no")
    assert client.read() == response(WORK_FAIL, HANDLE)
    assert not server.broker.jobs


def test_two_clients_of_one_job_each_hear_their_own_kind() -> None:
    server = MemoryServer()
    one, other = server.connect(), server.connect()
    one.asks(OPTION_REQ, b"exceptions")
    for client in (one, other):
        client.asks(SUBMIT_JOB, b"f", b"u", b"")
    server.running(b"f").says(WORK_EXCEPTION, HANDLE, b"no")
    assert one.heard() == [(WORK_EXCEPTION, HANDLE, b"no")]
    assert other.heard() == [(WORK_FAIL, HANDLE)]


def test_the_server_may_give_the_option_to_everybody() -> None:
    server = MemoryServer(Rules(prefix=b"H:test", exceptions=True))
    client = server.connect()
    client.asks(SUBMIT_JOB, b"f", b"", b"")
    server.running(b"f").says(WORK_EXCEPTION, HANDLE, b"no")
    assert client.heard() == [(WORK_EXCEPTION, HANDLE, b"no")]


def test_an_exception_without_data_is_an_empty_one() -> None:
    server = MemoryServer()
    client = server.connect()
    client.asks(OPTION_REQ, b"exceptions")
    client.asks(SUBMIT_JOB, b"f", b"", b"")
    server.running(b"f").says(WORK_EXCEPTION, HANDLE)
    assert client.read() == response(WORK_EXCEPTION, HANDLE, b"")


@pytest.mark.parametrize("last_word", [(WORK_FAIL, HANDLE), (WORK_COMPLETE, HANDLE, b"")])
def test_what_a_worker_says_after_an_exception_is_ignored(
    last_word: Packet,
) -> None:
    """Perl, Yelp and kicken send both, and take an ERROR for the answer to their GRAB_JOB."""
    server = MemoryServer()
    client = server.connect()
    client.asks(OPTION_REQ, b"exceptions")
    client.asks(SUBMIT_JOB, b"f", b"", b"")
    worker = server.running(b"f")
    worker.sends(
        request(WORK_EXCEPTION, HANDLE, b"no") + request(*last_word) + request(GRAB_JOB),
    )
    assert worker.heard() == [(NO_JOB,)]
    assert client.heard() == [(WORK_EXCEPTION, HANDLE, b"no")]
