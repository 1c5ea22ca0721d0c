"""What an HTTP caller may send, and how long it may take, before anybody knows who it is."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import suppress

import pytest

from tests.support.machine import DEADLINE, HOST, free_port
from tests.support.processes import geartrain_server

HEAD = b"GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\n"
POST = b"POST /api/v1/jobs HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """Where a server takes HTTP, in which a request has to be whole in half a second."""
    port = free_port()
    with geartrain_server("--http", f"{HOST}:{port}", "--http-deadline", "0.5", "--max-connections", "20"):
        yield port


def heard(port: int, *sent: bytes) -> bytes:
    """All that a caller hears up to the end of its connection."""
    with socket.create_connection((HOST, port), DEADLINE) as caller:
        answer = b""
        with suppress(ConnectionError):  # the server may have closed with bytes of ours unread
            for each in sent:
                caller.sendall(each)
            while chunk := caller.recv(65536):
                answer += chunk
        return answer


@pytest.mark.parametrize(
    "said",
    [
        b"",
        HEAD[:10],
        HEAD + b"X-A",
        POST + b"Content-Length: 100\r\n\r\n{",
        POST + b"Transfer-Encoding: chunked\r\n\r\n1\r\n",
    ],
    ids=["nothing", "part of a line", "half a head", "half a body", "half a chunk"],
)
def test_a_request_that_is_not_whole_in_time_is_the_end_of_its_connection(port: int, said: bytes) -> None:
    assert heard(port, said) == b""


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ([HEAD + b"X-Long: " + b"a" * 70_000 + b"\r\n\r\n"], b"431"),
        ([HEAD + b"X: a\r\n" * 20_000 + b"\r\n"], b"431"),
        ([HEAD + b"X-Long: ", *[b"a" * 60_000] * 5], b"431"),
        ([b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n"], b"414"),
        ([POST + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n", b"X: a\r\n" * 20_000], b"431"),
        ([POST + b"Transfer-Encoding: chunked\r\n\r\n2;" + b"x" * 100_000], b"431"),
    ],
    ids=["one header", "many headers", "a header in pieces", "a URL", "trailers", "an extension of a chunk"],
)
def test_url_headers_and_trailers_have_64_kib_together(port: int, said: list[bytes], status: bytes) -> None:
    answer = heard(port, *said)
    assert answer == b"" or status in [
        line.split(b" ")[1] for line in answer.split(b"\r\n") if line.startswith(b"HTTP/1.1")
    ]


def test_many_requests_at_once_are_all_answered(port: int) -> None:
    answer = heard(port, (HEAD + b"\r\n") * 400 + HEAD + b"Connection: close\r\n\r\n")
    assert answer.count(b"HTTP/1.1 200 OK") == 401


def test_connections_of_http_count_for_the_most_that_there_may_be(port: int) -> None:
    callers = [socket.create_connection((HOST, port), DEADLINE) for _ in range(20)]
    try:
        assert heard(port, HEAD + b"\r\n").startswith(b"HTTP/1.1 503")
    finally:
        for caller in callers:
            caller.close()


@pytest.mark.parametrize(
    ("said", "status"),
    [
        (b"GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: evil.example\r\n", b"400"),
        (b"GET http://evil.example/livez HTTP/1.1\r\nHost: 127.0.0.1\r\n", b"421"),
        (b"GET http://127.0.0.1/livez HTTP/1.1\r\nHost: evil.example\r\n", b"200"),
        (b"GET /livez HTTP/1.1\r\n", b"421"),
    ],
    ids=["two hosts", "another host in the URL", "this host in the URL", "no host"],
)
def test_a_request_is_for_one_host_and_for_this_one(port: int, said: bytes, status: bytes) -> None:
    assert heard(port, said + b"Connection: close\r\n\r\n").split(b" ")[1] == status


@pytest.mark.parametrize("path", [b"/api/v1/openapi.json", b"/livez"])
def test_a_caller_that_reads_no_answer_is_cut_off(port: int, path: bytes) -> None:
    with socket.create_connection((HOST, port), DEADLINE) as caller, suppress(ConnectionError):
        for _ in range(1_000_000):
            caller.sendall(b"GET " + path + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        pytest.fail("it may ask for ever")


def test_who_is_refused_reads_why_although_it_still_sends(port: int) -> None:
    with socket.create_connection((HOST, port), DEADLINE) as caller:
        for _ in range(40):
            caller.sendall(HEAD + b"X-Long: " + b"a" * 70_000)
        assert caller.recv(12) == b"HTTP/1.1 431"
