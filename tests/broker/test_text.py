"""gearmand's text protocol, byte for byte."""

from __future__ import annotations

from functools import partial

import pytest

from geartrain.broker.rules import Rules
from geartrain.errors import ProtocolError
from geartrain.protocol.commands import (
    CAN_DO,
    ECHO_REQ,
    GRAB_JOB,
    SET_CLIENT_ID,
    SUBMIT_JOB,
    SUBMIT_JOB_BG,
    SUBMIT_JOB_HIGH_BG,
    SUBMIT_JOB_LOW_BG,
)
from geartrain.protocol.packet import request, response
from tests.relay.member import Member
from tests.wire import MemoryServer, Peer

RULES = Rules(prefix=b"H:test", version=b"2.0.0", pid=4711, verbose=b"ERROR")
INCOMPLETE = b"ERR INVALID_ARGUMENTS An+incomplete+set+of+arguments+was+sent+to+this+command+"
UNKNOWN = b"ERR UNKNOWN_COMMAND Unknown+server+command"


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        (b"version", b"OK 2.0.0\n"),
        (b"VERSION", b"OK 2.0.0\n"),
        (b"version x", b"OK 2.0.0\n"),
        (b"getpid", b"OK 4711\n"),
        (b"verbose", b"OK ERROR\n"),
        (b"status", b".\n"),
        (b"Status please", b".\n"),
        (b"prioritystatus", b".\n"),
        (b"workers", b"1 127.0.0.1 - :\n.\n"),
        (b"show jobs", b".\n"),
        (b"show   unique  jobs", b".\n"),
        (b"show foo", b"ERR UNKNOWN_SHOW_ARGUMENTS\r\n"),
        (b"show unique", b"ERR UNKNOWN_SHOW_ARGUMENTS\r\n"),
        (b"show", UNKNOWN + b"show\r\n"),
        (b"cancel", UNKNOWN + b"cancel\r\n"),
        (b"cancel job", UNKNOWN + b"cancel\r\n"),
        (b"cancel foo bar", b"ERR UNKNOWN_ERROR\r\n"),
        (b"cancel job H:test:1 more", b"ERR UNKNOWN_ERROR\r\n"),
        (b"create", INCOMPLETE + b"create\r\n"),
        (b"create function", INCOMPLETE + b"create\r\n"),
        (b"create job f", INCOMPLETE + b"create\r\n"),
        (b"drop", INCOMPLETE + b"drop\r\n"),
        (b"drop foo bar", INCOMPLETE + b"drop\r\n"),
        (b"drop function nope", b"ERR function not found\r\n"),
        (b"maxqueue", INCOMPLETE + b"maxqueue\r\n"),
        (b"shutdown", UNKNOWN + b"shutdown\r\n"),
        (b"shutdown graceful", UNKNOWN + b"shutdown\r\n"),
        (b"foo", UNKNOWN + b"foo\r\n"),
        (b"Foo bar", UNKNOWN + b"Foo\r\n"),
        (b"", UNKNOWN + b"\r\n"),
        (b"   status", UNKNOWN + b"\r\n"),
    ],
)
@pytest.mark.parametrize("ending", [b"", b"\r"], ids=["LF", "CR LF"])
def test_a_line_on_a_fresh_server_has_its_answer(line: bytes, answer: bytes, ending: bytes) -> None:
    assert MemoryServer(RULES).connect().types(line + ending) == answer


@pytest.mark.parametrize("ending", [b"", b"\r"], ids=["LF", "CR LF"])
def test_create_function_keeps_the_whole_name(ending: bytes) -> None:
    """With a bare LF gearmand cuts the last character off (B11)."""
    peer = MemoryServer().connect()
    assert peer.types(b"create function resize" + ending) == b"OK\r\n"
    assert peer.types(b"create function resize" + ending) == b"OK\r\n"
    assert peer.types(b"status") == b"resize\t0\t0\t0\n.\n"


@pytest.mark.one_shard("lists are in the order of the shards where their order says nothing else")
def test_status_counts_jobs_running_jobs_and_workers() -> None:
    server = MemoryServer()
    for _ in range(3):
        server.connect().says(SUBMIT_JOB_BG, b"f", b"", b"")
    server.running(b"f")
    server.worker(b"g", b"f")
    assert server.connect().types(b"status") == b"f\t3\t1\t2\ng\t0\t0\t1\n.\n"


def test_prioritystatus_counts_queued_jobs_only() -> None:
    server = MemoryServer()
    for command in (SUBMIT_JOB_HIGH_BG, SUBMIT_JOB_HIGH_BG, SUBMIT_JOB_BG, SUBMIT_JOB_LOW_BG):
        server.connect().says(command, b"f", b"", b"")
    server.running(b"f")
    assert server.connect().types(b"prioritystatus") == b"f\t1\t1\t1\t1\n.\n"


@pytest.mark.one_shard("lists are in the order of the shards where their order says nothing else")
def test_workers_lists_every_connection_with_its_functions_the_newest_first() -> None:
    server = MemoryServer()
    worker = server.connect()
    worker.says(SET_CLIENT_ID, b"me")
    worker.says(CAN_DO, b"f")
    worker.says(CAN_DO, b"g")
    assert server.connect().types(b"workers") == b"1 127.0.0.1 me : g f\n2 127.0.0.1 - :\n.\n"


@pytest.mark.one_shard("lists are in the order of the shards where their order says nothing else")
def test_show_jobs_tells_handle_attempts_ignored_and_background() -> None:
    server = MemoryServer()
    client = server.connect()
    client.asks(SUBMIT_JOB_BG, b"f", b"", b"")
    client.asks(SUBMIT_JOB, b"g", b"", b"")
    server.running(b"f").leaves()
    server.running(b"g")
    assert client.types(b"show jobs") == b"H:test:1\t1\t0\t1\nH:test:2\t0\t0\t0\n.\n"


def test_show_unique_jobs_has_an_empty_line_for_an_empty_unique() -> None:
    client = MemoryServer().connect()
    client.asks(SUBMIT_JOB_BG, b"f", b"", b"")
    client.asks(SUBMIT_JOB_BG, b"f", b"u", b"")
    assert client.types(b"show unique jobs") == b"\nu\n.\n"


def test_six_words_end_the_connection() -> None:
    peer = MemoryServer().connect()
    assert peer.types(b"version 2 3 4 5") == b"OK 0\n"
    with pytest.raises(ProtocolError, match="6 words, at most 5 are expected"):
        peer.types(b"version 2 3 4 5 6")


def test_lines_in_one_write_are_answered_in_order() -> None:
    peer = MemoryServer(RULES).connect()
    assert peer.types(b"status\nversion") == b".\nOK 2.0.0\n"


def test_lines_and_packets_on_one_connection_are_answered_in_order() -> None:
    peer = MemoryServer(RULES).connect()
    peer.sends(b"version\r\n" + request(ECHO_REQ, b"a") + b"status\n" + request(GRAB_JOB))
    assert peer.read() == b"OK 2.0.0\n" + response(17, b"a") + b".\n" + response(10)


def test_a_name_that_is_no_text_comes_back_as_it_is() -> None:
    peer = MemoryServer().connect()
    peer.types(b"create function \xff\xfe")
    assert peer.types(b"status") == b"\xff\xfe\t0\t0\t0\n.\n"


def many_functions(server: MemoryServer) -> Peer:
    """A peer of a server that knows functions of 2 MiB of names."""
    curious = server.connect()
    for number in range(4800):
        curious.sends(b"create function %05d%b\n" % (number, b"f" * 500))
    curious.read()
    return curious


@pytest.mark.one_server
def test_a_few_bytes_cannot_ask_for_gigabytes_of_text_in_one_turn() -> None:
    server = MemoryServer()
    curious, patient = many_functions(server), server.connect()
    curious.sends(b"status\n" * 100_000)
    assert len(curious.read()) < 512 * 1024
    curious.connection.clogged = True  # it does not read
    assert patient.types(b"status").endswith(b".\n")


def take_turns(server: MemoryServer, turns: int) -> None:
    for _ in range(turns):
        server.ends_turn()


@pytest.mark.one_server
def test_in_a_pool_who_asks_for_gigabytes_of_text_without_a_wait_is_ended() -> None:
    server = MemoryServer(build=partial(Member, 1))
    curious = many_functions(server)
    curious.sends(b"status\n" * 100_000)
    with pytest.raises(ProtocolError, match="at once"):
        take_turns(server, 1000)
    assert len(curious.read()) < 40 * 1024 * 1024
