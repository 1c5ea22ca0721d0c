"""gearmand's HTTP protocol over real sockets; what both servers can do is asked of the C gearmand as well."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import NamedTuple

import pytest

from geartrain.protocol.commands import (
    CAN_DO,
    WORK_COMPLETE,
    WORK_DATA,
    WORK_EXCEPTION,
    WORK_FAIL,
    WORK_STATUS,
    WORK_WARNING,
)
from geartrain.version import __version__
from tests.server.links import Link, links_to, queue_of, server_on
from tests.support.machine import DEADLINE, HOST, free_port, require, wait_until
from tests.support.processes import ServerProgram, gearmand, geartrain_server


class HttpServer(NamedTuple):
    """A job server that takes jobs over HTTP as well."""

    gear: ServerProgram
    port: int
    connect: Callable[[], Link]  # to the Gearman port

    def opens(self) -> Link:
        """A raw connection to the HTTP port."""
        return Link(socket.create_connection((HOST, self.port), DEADLINE))

    def asks(self, request: bytes) -> Link:
        """A connection over which a request was sent."""
        link = self.opens()
        link.sends(request)
        return link

    def answers(self, request: bytes) -> bytes:
        """What is answered to a request, until the server closes."""
        with self.asks(request) as link:
            return link.rest()

    def worker(self, function: bytes) -> Link:
        """A worker that is about to wait for jobs."""
        link = self.connect()
        link.says(CAN_DO, function)
        return link

    def has(self, function: str, queue: list[int]) -> None:
        """Wait until a function has so many jobs, of which so many run, and so many workers."""
        wait_until(lambda: queue_of(self.gear, function) == queue, f"the queue of {function} is {queue}")


@contextmanager
def serving(start: Callable[..., ServerProgram], *options: str) -> Iterator[HttpServer]:
    port = free_port()
    with start("-r", "http", "--http-port", str(port), *options) as gear, links_to(gear) as connect:
        server = HttpServer(gear, port, connect)
        wait_until(lambda: can_open(server), "the HTTP port is open")
        yield server


def can_open(server: HttpServer) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((HOST, server.port)) == 0


@pytest.fixture(scope="module", params=["uvloop", "asyncio"])
def shared(request: pytest.FixtureRequest) -> Iterator[HttpServer]:
    with serving(lambda *options: server_on(request.param, *options)) as server:
        yield server


@pytest.fixture
def http(shared: HttpServer) -> Iterator[HttpServer]:
    """Our server; connections to it end with the test."""
    with links_to(shared.gear) as connect:
        yield shared._replace(connect=connect)


@pytest.fixture(scope="module", params=["gearmand", "geartrain"])
def either(request: pytest.FixtureRequest) -> Iterator[HttpServer]:
    """The C gearmand, and ours, for what both say alike."""
    with serving(gearmand if request.param == "gearmand" else geartrain_server) as server:
        yield server


def head_of(answer: bytes) -> list[bytes]:
    """An answer's lines before its body, without what differs between releases and machines."""
    head, _, _ = answer.partition(b"\r\n\r\n")
    head = re.sub(rb"H:[^\r]*", b"H", head)
    head = re.sub(rb"Gearman/[^\r]*", b"Gearman/V", head)
    return head.split(b"\r\n")


def body_of(answer: bytes) -> bytes:
    return answer.partition(b"\r\n\r\n")[2]


def reverse_one(worker: Link) -> None:
    """Do a job that waits."""
    handle, _, workload = worker.waits_for_a_job()
    worker.says(WORK_COMPLETE, handle, workload[::-1])


OLD_POST = b"POST /reverse HTTP/1.0\r\nContent-Length: 5\r\n\r\nHello"


# As gearmand


def test_a_result_is_the_body_of_the_answer(either: HttpServer) -> None:
    worker = either.worker(b"reverse")
    with either.asks(OLD_POST) as client:
        reverse_one(worker)
        answer = client.rest()
    assert head_of(answer) == [
        b"HTTP/1.0 200 OK",
        b"X-Gearman-Job-Handle: H",
        b"X-Gearman-Command: WORK_COMPLETE",
        b"Content-Length: 5",
        b"Server: Gearman/V",
    ]
    assert body_of(answer) == b"olleH"
    worker.leaves()


def test_a_background_job_is_answered_with_its_handle(either: HttpServer) -> None:
    answer = either.answers(
        b"POST /later HTTP/1.0\r\nX-Gearman-Background: true\r\nX-Gearman-Unique: u1\r\n"
        b"Content-Length: 5\r\n\r\nHello"
    )
    assert head_of(answer) == [
        b"HTTP/1.0 200 OK",
        b"X-Gearman-Job-Handle: H",
        b"X-Gearman-Command: JOB_CREATED",
        b"Content-Length: 0",
        b"Server: Gearman/V",
    ]
    assert body_of(answer) == b""
    worker = either.connect()
    assert worker.grabs(b"later")[1:] == [b"later", b"Hello"]


def test_a_job_that_fails_is_200_with_work_fail(either: HttpServer) -> None:
    worker = either.worker(b"fail")
    with either.asks(b"POST /fail HTTP/1.0\r\nContent-Length: 1\r\n\r\nx") as client:
        worker.says(WORK_FAIL, worker.waits_for_a_job()[0])
        answer = client.rest()
    assert head_of(answer)[0] == b"HTTP/1.0 200 OK"
    assert head_of(answer)[2:] == [
        b"X-Gearman-Command: WORK_FAIL",
        b"Content-Length: 0",
        b"Server: Gearman/V",
    ]
    worker.leaves()


@pytest.mark.parametrize("method", [b"GET", b"POST", b"PUT"])
def test_no_function_is_not_found(either: HttpServer, method: bytes) -> None:
    answer = either.answers(method + b" / HTTP/1.0\r\n\r\n")
    assert sorted(head_of(answer)) == [
        b"Content-Length: 0",
        b"HTTP/1.0 404 NOT_FOUND",
        b"Server: Gearman/V",
    ]


def test_priorities_are_those_of_the_headers(either: HttpServer) -> None:
    for priority in (b"low", b"normal", b"high"):
        either.answers(
            b"POST /rank HTTP/1.0\r\nX-Gearman-Background: true\r\nX-Gearman-Priority: " + priority + b"\r\n"
            b"Content-Length: %d\r\n\r\n" % len(priority) + priority
        )
    worker = either.connect()
    assert [worker.grabs(b"rank")[2] for _ in range(3)] == [b"high", b"normal", b"low"]


# Where gearmand 2.0 differs from the 1.1 that machines have: its answers have the version of the request


def test_the_answer_has_the_requests_version_and_says_that_it_closes(http: HttpServer) -> None:
    worker = http.worker(b"reverse")
    with http.asks(b"POST /reverse HTTP/1.1\r\nContent-Length: 5\r\n\r\nHello") as client:
        handle, _, workload = worker.waits_for_a_job()
        worker.says(WORK_COMPLETE, handle, workload[::-1])
        answer = client.rest()
    assert answer == (
        b"HTTP/1.1 200 OK\r\n"
        b"X-Gearman-Job-Handle: " + handle + b"\r\n"
        b"X-Gearman-Command: WORK_COMPLETE\r\n"
        b"Content-Length: 5\r\n"
        b"Server: Gearman/" + __version__.encode() + b"\r\n"
        b"Connection: close\r\n"
        b"\r\n"
        b"olleH"
    )


def test_equal_bodies_at_the_same_time_are_one_job(http: HttpServer) -> None:
    worker = http.connect()
    with ExitStack() as clients:
        asking = [clients.enter_context(http.asks(OLD_POST)) for _ in range(2)]
        wait_until(lambda: '"waiting": 2' in http.gear.ask("jobs reverse"), "both clients wait")
        handle, _, _ = worker.grabs(b"reverse")
        worker.says(WORK_COMPLETE, handle, b"olleH")
        assert [body_of(client.rest()) for client in asking] == [b"olleH", b"olleH"]


# What gearmand's does wrong


def test_the_path_is_decoded(http: HttpServer) -> None:
    worker = http.worker("größe/groß".encode())
    with http.asks(b"GET /gr%C3%B6%C3%9Fe/gro%c3%9f HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n") as client:
        handle, _, workload = worker.waits_for_a_job()
        assert workload == b""
        worker.says(WORK_COMPLETE, handle, b"1")
        assert body_of(client.rest()) == b"1"


def test_data_is_part_of_the_body_and_status_and_warnings_do_no_harm(http: HttpServer) -> None:
    worker = http.worker(b"stream")
    with http.asks(b"GET /stream HTTP/1.1\r\n\r\n") as client:
        handle = worker.waits_for_a_job()[0]
        worker.says(WORK_DATA, handle, b"one ")
        worker.says(WORK_STATUS, handle, b"1", b"2")
        worker.says(WORK_WARNING, handle, b"slow")
        worker.says(WORK_DATA, handle, b"two ")
        worker.says(WORK_COMPLETE, handle, b"three")
        answer = client.rest()
    assert b"Content-Length: 13\r\n" in answer
    assert body_of(answer) == b"one two three"


def test_a_failed_job_has_its_whole_handle_and_an_exception_is_a_failure(http: HttpServer) -> None:
    worker = http.worker(b"fail")
    with http.asks(b"GET /fail HTTP/1.1\r\n\r\n") as client:
        handle = worker.waits_for_a_job()[0]
        worker.says(WORK_EXCEPTION, handle, b"oh")
        answer = client.rest()
    assert b"X-Gearman-Job-Handle: " + handle + b"\r\nX-Gearman-Command: WORK_FAIL\r\n" in answer


def test_head_submits_as_get_and_has_no_body(http: HttpServer) -> None:
    worker = http.worker(b"reverse")
    with http.asks(b"HEAD /reverse HTTP/1.1\r\n\r\n") as client:
        worker.says(WORK_COMPLETE, worker.waits_for_a_job()[0], b"olleH")
        answer = client.rest()
    assert b"X-Gearman-Command: WORK_COMPLETE\r\nContent-Length: 5\r\n" in answer
    assert body_of(answer) == b""
    assert head_of(http.answers(b"HEAD / HTTP/1.1\r\n\r\n"))[0] == b"HTTP/1.1 200 OK"


def test_another_method_is_answered_with_those_that_there_are(http: HttpServer) -> None:
    answer = http.answers(b"DELETE /x HTTP/1.1\r\n\r\n")
    assert answer.startswith(
        b"HTTP/1.1 405 METHOD_NOT_ALLOWED\r\nAllow: GET, HEAD, POST, PUT\r\nContent-Type: text/plain"
    )
    assert body_of(answer) == b"the method is DELETE, expected GET, HEAD, POST, PUT\n"


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"Hello\r\n\r\n", b"400 BAD_REQUEST"),
        (b"\0REQ\0\0\0\x10\0\0\0\0\r\n\r\n", b"400 BAD_REQUEST"),
        (b"GET /a HTTP/1.1\r\nnonsense\r\n\r\n", b"400 BAD_REQUEST"),
        (b"GET /" + b"a" * 600 + b" HTTP/1.1\r\n\r\n", b"400 BAD_REQUEST"),
        (b"GET /a HTTP/2.0\r\n\r\n", b"505 HTTP_VERSION_NOT_SUPPORTED"),
        (b"POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", b"411 LENGTH_REQUIRED"),
        (b"POST /a HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n", b"413 CONTENT_TOO_LARGE"),
        (b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\n\r\n", b"431 REQUEST_HEADER_FIELDS_TOO_LARGE"),
        (b"GET /a HTTP/1.1\r\n" + b"X: y\r\n" * 5_000 + b"\r\n", b"431 REQUEST_HEADER_FIELDS_TOO_LARGE"),
        (b"POST /a HTTP/1.1\r\nOrigin: http://evil.example\r\nHost: 127.0.0.1\r\n\r\n", b"403 FORBIDDEN"),
        (b"GET /a HTTP/1.1\r\nReferer: http://evil.example/\r\nHost: 127.0.0.1\r\n\r\n", b"403 FORBIDDEN"),
        (b"GET /a HTTP/1.1\r\nSec-Fetch-Site: cross-site\r\nHost: 127.0.0.1\r\n\r\n", b"403 FORBIDDEN"),
        (b"GET /a HTTP/1.1\r\nHost: evil.example\r\n\r\n", b"421 MISDIRECTED_REQUEST"),
        (b"GET http://evil.example/a HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", b"421 MISDIRECTED_REQUEST"),
        (b"GET /a HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: evil.example\r\n\r\n", b"400 BAD_REQUEST"),
        (b"GET\r\n\r\n", b"400 BAD_REQUEST"),
        (b"GET /a b HTTP/1.1\r\n\r\n", b"400 BAD_REQUEST"),
        (b"get /a HTTP/1.1\r\n\r\n", b"400 BAD_REQUEST"),
        (b"GET /a HTTP/1.1\r\n folded: x\r\n\r\n", b"400 BAD_REQUEST"),
        (b"GET /a HTTP/1.1\r\nX-Gearman-Unique: a\0b\r\n\r\n", b"400 BAD_REQUEST"),
        (b"POST /a HTTP/1.1\r\nContent-Length: -1\r\n\r\n", b"400 BAD_REQUEST"),
        (b"POST /a HTTP/1.1\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n", b"400 BAD_REQUEST"),
        (b"POST /a HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", b"400 BAD_REQUEST"),
    ],
)
def test_what_is_wrong_is_answered_with_the_reason(http: HttpServer, request_: bytes, status: bytes) -> None:
    answer = http.answers(request_)
    assert answer.split(b" ", 1)[1].startswith(status)
    assert body_of(answer)


def test_a_body_that_is_too_large_is_heard_out(http: HttpServer) -> None:
    """A socket that is closed with input unread resets the connection, and the answer is lost."""
    announced = b"POST /a HTTP/1.1\r\nContent-Length: 999999999\r\n\r\n"
    with http.asks(announced + b"x" * 1_000_000) as client:
        assert b" 413 " in client.rest()


def test_a_client_that_wants_to_be_told_sends_its_body_when_it_is(http: HttpServer) -> None:
    worker = http.worker(b"reverse")
    with http.asks(b"POST /reverse HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n") as client:
        go_on = b"HTTP/1.1 100 Continue\r\n\r\n"
        assert client.read(len(go_on)) == go_on
        client.sends(b"Hello")
        reverse_one(worker)
        assert body_of(client.rest()) == b"olleH"


def test_a_client_that_hangs_up_takes_its_job_with_it(http: HttpServer) -> None:
    client = http.asks(b"GET /lonely HTTP/1.1\r\n\r\n")
    http.has("lonely", [1, 0, 0])
    client.leaves()
    http.has("lonely", [0, 0, 0])


def test_a_client_that_hangs_up_in_the_middle_of_a_body_submits_nothing(http: HttpServer) -> None:
    client = http.asks(b"POST /half HTTP/1.1\r\nContent-Length: 5\r\n\r\nHel")
    client.leaves()
    http.answers(b"POST /whole HTTP/1.1\r\nX-Gearman-Background: true\r\n\r\n")
    assert queue_of(http.gear, "half") == []
    http.connect().grabs(b"whole")


def test_a_request_that_is_not_whole_in_time_ends_its_connection() -> None:
    with serving(geartrain_server, "--http-deadline", "0.5") as http:
        for said in (b"", b"GET /a HT", b"POST /a HTTP/1.1\r\nContent-Length: 5\r\n\r\nHel"):
            assert http.answers(said) == b""


def test_the_page_of_another_site_leaves_no_job(http: HttpServer) -> None:
    http.answers(b"GET /image HTTP/1.1\r\nReferer: http://evil.example/\r\nHost: 127.0.0.1\r\n\r\n")
    assert queue_of(http.gear, "image") == []


def test_large_workloads_and_results_come_whole(http: HttpServer) -> None:
    worker = http.worker(b"reverse")
    workload = bytes(range(256)) * 40_000
    with http.asks(
        b"POST /reverse HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(workload) + workload
    ) as client:
        reverse_one(worker)
        assert body_of(client.rest()) == workload[::-1]


def test_a_full_queue_is_503_with_the_reason(http: HttpServer) -> None:
    http.gear.ask("maxqueue small 1")
    background = b"POST /small HTTP/1.1\r\nX-Gearman-Background: true\r\nX-Gearman-Unique: %d\r\n\r\n"
    assert b"JOB_CREATED" in http.answers(background % 1)
    answer = http.answers(background % 2)
    assert answer.startswith(b"HTTP/1.1 503 SERVICE_UNAVAILABLE\r\nX-Gearman-Command: ERROR\r\n")
    assert body_of(answer) == b"QUEUE_ERROR: Job queue is full\n"
    http.connect().grabs(b"small")


def test_a_server_with_enough_connections_takes_no_job() -> None:
    with serving(geartrain_server, "--max-connections", "1") as http:
        # The connection that saw whether the server listens may be there for a moment.
        wait_until(lambda: is_let_in(http.connect()), "there is room for a connection")
        answer = http.answers(b"GET /f HTTP/1.1\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert b"max-connections" in body_of(answer)


def is_let_in(link: Link) -> bool:
    try:
        link.sends(b"version\n")
        return link.endpoint.recv(1) == b"O"
    except ConnectionError:
        return False


def test_a_server_that_stops_lets_running_jobs_be_answered() -> None:
    with serving(geartrain_server) as http:
        worker = http.worker(b"slow")
        with http.asks(b"GET /slow HTTP/1.1\r\n\r\n") as client:
            handle = worker.waits_for_a_job()[0]
            http.gear.process.terminate()
            wait_until(lambda: not can_open(http), "the HTTP port is closed")
            worker.says(WORK_COMPLETE, handle, b"done")
            assert body_of(client.rest()) == b"done"
        assert http.gear.wait() == 0


def test_jobs_that_nobody_runs_are_refused_when_the_server_ends() -> None:
    with (
        serving(geartrain_server, "--grace", "0.1") as http,
        http.asks(b"GET /idle HTTP/1.1\r\n\r\n") as client,
    ):
        http.has("idle", [1, 0, 0])
        http.gear.process.terminate()
        assert b" 503 " in client.rest()


def test_curl_gets_the_result(http: HttpServer) -> None:
    worker = http.worker(b"reverse")
    command = [require("curl"), "-sS", "--data-binary", "Hello", f"http://{HOST}:{http.port}/reverse"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as curl:
        reverse_one(worker)
        assert curl.stdout is not None
        assert curl.stdout.read() == b"olleH"
    assert curl.returncode == 0


def test_a_server_that_listens_on_a_socket_file_only_has_nowhere_to_take_http(tmp_path: object) -> None:
    command = ["--listen", f"unix:{tmp_path}/s", "--store", "memory:", "-r", "http"]
    result = subprocess.run(
        [sys.executable, "-m", "geartrain", "server", *command],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode != 0
    assert f"--protocol http wants an address in --listen, got unix:{tmp_path}/s" in result.stderr
