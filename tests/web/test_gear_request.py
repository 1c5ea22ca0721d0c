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
from geartrain.web.gear_request import Request, read_request

LIMIT = 100  # bytes of a workload


def read(*lines: str) -> Request:
    return read_request([line.encode("latin-1") for line in lines], LIMIT)


def refusal(*lines: str) -> tuple[int, str]:
    """The status and the reason with which a request is refused."""
    answer = read(*lines).refusal
    assert answer is not None
    return answer.status, answer.body.decode().strip()


def test_post_submits_its_body_and_equal_bodies_are_one_job() -> None:
    head = read("POST /reverse HTTP/1.1", "Content-Length: 5")
    assert head.refusal is None
    assert head.length == 5
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
        ("GET", 400, "the request is 'GET', expected METHOD /FUNCTION HTTP/1.1"),
        ("GET /a b HTTP/1.1", 400, "the request is 'GET /a b HTTP/1.1', expected METHOD /FUNCTION HTTP/1.1"),
        ("get /a HTTP/1.1", 400, "the request is 'get /a HTTP/1.1', expected METHOD /FUNCTION HTTP/1.1"),
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
        ("no header", 400, "the header is 'no header', expected NAME: VALUE"),
        (" folded: x", 400, "the header is ' folded: x', expected NAME: VALUE"),
        ("X-Gearman-Unique: a\0b", 400, "the header is 'X-Gearman-Unique: a\\x00b', expected NAME: VALUE"),
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
    assert refusal("POST /a HTTP/1.1", "Content-Length: 1", "content-length: 2") == (
        400,
        "the header content-length is '1' and '2', expected one of them",
    )
    assert read("POST /a HTTP/1.1", "Content-Length: 1", "Content-Length: 1", "Via: a", "Via: b").length == 1


@pytest.mark.parametrize(
    "headers",
    [
        ("Origin: http://evil.example", "Host: 127.0.0.1:8080"),
        ("Origin: null", "Host: 127.0.0.1:8080"),
        ("Sec-Fetch-Site: cross-site",),
        ("Sec-Fetch-Site: same-site", "Origin: http://127.0.0.1:8080", "Host: 127.0.0.1:8080"),
    ],
)
def test_the_page_of_another_site_submits_no_jobs(headers: tuple[str, ...]) -> None:
    status, reason = refusal("POST /a HTTP/1.1", *headers)
    assert status == 403
    assert reason.endswith("may not submit jobs")


@pytest.mark.parametrize(
    "headers",
    [
        ("Origin: http://jobs.example", "Host: jobs.example"),
        ("Sec-Fetch-Site: same-origin",),
        ("Sec-Fetch-Site: none",),
    ],
)
def test_a_page_of_the_same_site_may(headers: tuple[str, ...]) -> None:
    assert read("POST /a HTTP/1.1", *headers).refusal is None


def test_a_client_that_waits_for_a_word_before_its_body_is_told_to_go_on() -> None:
    assert read("POST /a HTTP/1.1", "Expect: 100-Continue").continues
    assert not read("POST /a HTTP/1.0", "Expect: 100-continue").continues
