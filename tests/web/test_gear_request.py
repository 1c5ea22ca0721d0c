"""Requests of gearmand's HTTP protocol: what a head says of a job, and what is wrong with one."""

from __future__ import annotations

import pytest

from geartrain.protocol.commands import (
    SUBMIT_JOB,
    SUBMIT_JOB_BG,
    SUBMIT_JOB_HIGH,
    SUBMIT_JOB_HIGH_BG,
    SUBMIT_JOB_LOW,
    SUBMIT_JOB_LOW_BG,
)
from geartrain.protocol.packet import request
from geartrain.web.gate import is_own
from geartrain.web.gear_request import Head, Request, read_request

LIMIT = 100  # bytes of a workload
NAMES = frozenset({"jobs.example"})


def read(line: str, *headers: str) -> Request:
    """What a request says whose lines HTTP has taken apart."""
    method, target, version = line.split(" ")
    pairs = [header.partition(":")[::2] for header in headers]
    fields = [(name.lower().encode(), value.encode("latin-1")) for name, value in pairs]
    return read_request(Head(method, target, version, fields), LIMIT, lambda host: is_own(host, NAMES))


def refusal(*lines: str) -> tuple[int, str]:
    """The status and the reason with which a request is refused."""
    answer = read(*lines).refusal
    assert answer is not None
    return answer.status, answer.body.decode().strip()


def test_post_submits_its_body_and_equal_bodies_are_one_job() -> None:
    head = read("POST /reverse HTTP/1.1", "Content-Length: 5")
    assert head.refusal is None
    assert head.submit(b"Hello") == request(SUBMIT_JOB, b"reverse", b"-", b"Hello")


def test_get_submits_an_empty_workload_whatever_its_body_is() -> None:
    head = read("GET /reverse HTTP/1.0", "Content-Length: 5")
    assert head.submit(b"Hello") == request(SUBMIT_JOB, b"reverse", b"-", b"")


@pytest.mark.parametrize(
    ("priority", "background", "command"),
    [
        ("high", "false", SUBMIT_JOB_HIGH),
        ("normal", "false", SUBMIT_JOB),
        ("low", "false", SUBMIT_JOB_LOW),
        ("HIGH", "TRUE", SUBMIT_JOB_HIGH_BG),
        ("normal", "true", SUBMIT_JOB_BG),
        ("Low", "True", SUBMIT_JOB_LOW_BG),
    ],
)
def test_headers_say_priority_unique_and_background(priority: str, background: str, command: int) -> None:
    head = read(
        "PUT /resize HTTP/1.1",
        f"x-gearman-priority:{priority}",
        f"X-GEARMAN-BACKGROUND: \t{background} ",
        "X-Gearman-Unique: c\xe4t",
        "Content-Length: 1",
    )
    assert head.submit(b"x") == request(command, b"resize", b"c\xe4t", b"x")


@pytest.mark.parametrize(
    ("target", "function"),
    [
        ("/a/b", b"a/b"),
        ("//a", b"/a"),
        ("/gr%C3%B6%C3%9Fe%20%3Fx", "größe ?x".encode()),
        ("/a%2Fb", b"a/b"),
        ("/100%", b"100%"),
        ("/gr\xf6", b"gr\xf6"),
        ("reverse", b"reverse"),
        ("http://jobs.example:8080/reverse", b"reverse"),
    ],
)
def test_the_path_is_decoded_into_the_functions_name(target: str, function: bytes) -> None:
    assert read(f"GET {target} HTTP/1.1").function == function


def test_no_function_is_not_found_but_for_head_which_asks_whether_the_server_is_there() -> None:
    assert refusal("POST / HTTP/1.1") == (404, "")
    assert refusal("GET / HTTP/1.0") == (404, "")
    assert refusal("HEAD / HTTP/1.1") == (200, "")


@pytest.mark.parametrize(
    ("line", "status", "reason"),
    [
        ("GET /a HTTP/2.0", 505, "the version is 'HTTP/2.0', expected HTTP/1.0 or HTTP/1.1"),
        ("DELETE /a HTTP/1.1", 405, "the method is DELETE, expected GET, HEAD, POST, PUT"),
        ("TRACE /a HTTP/1.1", 405, "the method is TRACE, expected GET, HEAD, POST, PUT"),
        ("GET /a?b=1 HTTP/1.1", 400, "the path is '/a?b=1', expected %3F for a ? in a function's name"),
        ("GET /a%00b HTTP/1.1", 400, "the path is '/a%00b', expected a function's name without NUL"),
    ],
)
def test_a_wrong_request_line_is_refused_with_the_reason(line: str, status: int, reason: str) -> None:
    assert refusal(line) == (status, reason)


@pytest.mark.parametrize(
    ("header", "status", "reason"),
    [
        ("X-Gearman-Priority: urgent", 400, "X-Gearman-Priority is 'urgent', expected high, normal or low"),
        ("X-Gearman-Background: 1", 400, "X-Gearman-Background is '1', expected true or false"),
        ("Content-Length: -1", 400, "Content-Length is '-1', expected a number of bytes"),
        ("Content-Length: five", 400, "Content-Length is 'five', expected a number of bytes"),
        ("Content-Length: 101", 413, "the workload has 101 bytes, expected at most 100"),
        ("Transfer-Encoding: chunked", 411, "Transfer-Encoding is 'chunked', expected a Content-Length"),
    ],
)
def test_a_wrong_header_is_refused_with_the_reason(header: str, status: int, reason: str) -> None:
    assert refusal("POST /a HTTP/1.1", header) == (status, reason)


def test_headers_that_contradict_each_other_are_refused() -> None:
    assert refusal("POST /a HTTP/1.1", "X-Gearman-Unique: 1", "x-gearman-unique: 2") == (
        400,
        "the header x-gearman-unique is '1' and '2', expected one of them",
    )
    assert read("POST /a HTTP/1.1", "Via: a", "Via: b").refusal is None


@pytest.mark.parametrize(
    "headers",
    [
        ("Origin: http://evil.example", "Host: 127.0.0.1:8080"),
        ("Origin: null", "Host: 127.0.0.1:8080"),
        ("Sec-Fetch-Site: cross-site",),
        ("Sec-Fetch-Site: same-site", "Origin: http://127.0.0.1:8080", "Host: 127.0.0.1:8080"),
        ("Sec-Fetch-Site: same-origin", "Origin: http://evil.example", "Host: 127.0.0.1:8080"),
        ("Referer: http://evil.example/page", "Host: 127.0.0.1:8080"),
        ("Referer: http://127.0.0.1:9999/", "Host: 127.0.0.1:8080"),
        ("Referer: http://[x", "Host: 127.0.0.1:8080"),
        ("Referer: http://evil.example/",),
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT"])
def test_the_page_of_another_site_submits_no_jobs(method: str, headers: tuple[str, ...]) -> None:
    status, reason = refusal(f"{method} /a HTTP/1.1", *headers)
    assert status == 403
    assert reason.endswith("may not submit jobs")


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8080", "jobs.example.evil", ""])
def test_a_request_for_another_host_submits_no_jobs(host: str) -> None:
    origin = f"Origin: http://{host}"
    status, reason = refusal("GET /a HTTP/1.1", f"Host:{host}", origin, "Sec-Fetch-Site: same-origin")
    assert status == 421
    assert reason == f"Host is {host!r}, expected an address, this machine's name, or one of --http-name"


@pytest.mark.parametrize(
    "headers",
    [
        ("Origin: http://jobs.example", "Host:jobs.example"),
        ("Origin: http://Jobs.example:80", "Host:jobs.example:80", "Referer: http://jobs.example:80/page"),
        ("Sec-Fetch-Site: same-origin",),
        ("Sec-Fetch-Site: none",),
    ],
)
def test_a_page_of_the_same_site_may(headers: tuple[str, ...]) -> None:
    assert read("POST /a HTTP/1.1", *headers).refusal is None
