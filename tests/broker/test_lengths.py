"""Lengths are looked at before rights: what is too long is refused at once, and quoted nowhere as a whole."""

from __future__ import annotations

import pytest

from geartrain.errors import ProtocolError
from geartrain.protocol.commands import (
    CAN_DO,
    ECHO_REQ,
    ECHO_RES,
    ERROR,
    JOB_CREATED,
    OPTION_REQ,
    SET_CLIENT_ID,
    SUBMIT_JOB,
    SUBMIT_JOB_BG,
    WORK_COMPLETE,
)
from geartrain.protocol.packet import HEADER, REQUEST
from tests.wire import MemoryServer

LONG = b"n" * 100_000


@pytest.mark.parametrize("rules", [False, True])
def test_a_name_client_id_or_option_that_is_too_long_is_refused_and_the_connection_goes_on(
    rules: bool,
) -> None:
    client = MemoryServer().connect()
    if rules:
        client.may(submit=["f"])
    assert client.asks(SUBMIT_JOB_BG, b"f" * 513, b"", b"") == [
        (ERROR, b"INVALID_FUNCTION_NAME", b"function name of 513 bytes, expected 1 to 512")
    ]
    assert client.asks(SET_CLIENT_ID, b"i" * 256) == [
        (ERROR, b"ARGUMENT_TOO_LARGE", b"client id of 256 bytes, expected at most 255")
    ]
    assert client.asks(OPTION_REQ, b"token:" + b"t" * 4096) == [
        (ERROR, b"ARGUMENT_TOO_LARGE", b"option of 4102 bytes, expected at most 4096")
    ]
    assert client.asks(ECHO_REQ, b"still here") == [(ECHO_RES, b"still here")]


def test_a_function_with_too_long_a_name_is_not_created() -> None:
    client = MemoryServer().connect()
    answer = client.types(b"create function " + LONG[:6000])
    assert answer.startswith(b"ERR INVALID_ARGUMENTS function+name+'nnn")
    assert answer.endswith(b"of+6000+bytes,+expected+1+to+512+without+NUL\r\n")
    assert len(answer) < 400
    assert client.types(b"status") == b".\n"


@pytest.mark.parametrize("rules", [False, True])
def test_a_log_quotes_200_bytes_of_a_name_at_most(rules: bool) -> None:
    server = MemoryServer()
    worker = server.connect()
    if rules:
        worker.may(view=["f"])
    worker.says(CAN_DO, LONG)
    told = [*server.notices, *(on for _, on, _ in server.deeds)]
    assert all(len(each) < 400 for each in told)
    assert worker.heard() == []


@pytest.mark.parametrize("rights", [None, {"view": ["f"]}, {"admin": ["*"]}])
@pytest.mark.parametrize(
    "line",
    [
        b"create function " + LONG[:512],
        b"maxqueue " + LONG[:512] + b" 5",
        b"pause " + b"*a" * 3000,
        b"policy " + b"*a" * 3000 + b' {"timeout":1}',
        b'policy f {"' + LONG[:7000] + b'":1}',
        b"schedule-remove " + LONG[:7000],
        b'schedule-add s {"function":"f","every":60,"unique":"' + LONG[:250] + b'"}',
    ],
)
def test_the_audit_log_quotes_200_bytes_of_a_word_at_most(
    line: bytes, rights: dict[str, list[str]] | None
) -> None:
    server = MemoryServer()
    peer = server.connect()
    if rights is not None:
        peer.may(**rights)
    peer.types(line)
    ((_, on, _),) = server.deeds
    assert max(map(len, on.split(" "))) == len("...") + 200


def test_a_peer_without_any_right_may_send_packets_of_64_kib() -> None:
    stranger = MemoryServer().connect()
    stranger.may()
    assert stranger.asks(ECHO_REQ, b"x" * 65_536) == [(ECHO_RES, b"x" * 65_536)]
    with pytest.raises(ProtocolError, match="ECHO_REQ of 65537 bytes is over the limit of 65536"):
        stranger.sends(HEADER.pack(REQUEST, ECHO_REQ, 65_537))


def test_a_peer_that_shows_a_token_may_send_large_packets_from_then_on() -> None:
    peer = MemoryServer().connect()
    peer.may()
    peer.may(submit=["f"])
    assert peer.asks(ECHO_REQ, b"x" * 100_000) == [(ECHO_RES, b"x" * 100_000)]


def test_a_connection_waits_for_one_job_a_thousand_times_at_most() -> None:
    server = MemoryServer()
    client, other = server.connect(), server.connect()
    for _ in range(1000):
        assert client.asks(SUBMIT_JOB, b"f", b"u", b"") == [(JOB_CREATED, b"H:test:1")]
    assert client.asks(SUBMIT_JOB, b"f", b"u", b"") == [
        (ERROR, b"TOO_MANY_WAITS", b"the connection waits for this job 1000 times already")
    ]
    assert client.asks(SUBMIT_JOB, b"f", b"v", b"") == [(JOB_CREATED, b"H:test:2")]
    assert other.asks(SUBMIT_JOB, b"f", b"u", b"") == [(JOB_CREATED, b"H:test:1")]
    server.running(b"f").says(WORK_COMPLETE, b"H:test:1", b"r")
    assert len(client.heard()) == 1000
    assert client.asks(SUBMIT_JOB, b"f", b"u", b"") == [(JOB_CREATED, b"H:test:3")]
