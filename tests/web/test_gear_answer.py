"""Answers of gearmand's HTTP protocol, and which one the packets of a job add up to."""

from __future__ import annotations

import pytest

from geartrain.protocol.commands import (
    ERROR,
    JOB_CREATED,
    WORK_COMPLETE,
    WORK_DATA,
    WORK_EXCEPTION,
    WORK_FAIL,
    WORK_STATUS,
    WORK_WARNING,
)
from geartrain.version import __version__
from geartrain.web.gear_answer import NOT_FOUND, Answer, Outcome, refusal

HANDLE = b"H:test:1"
Packet = tuple[int, tuple[bytes, ...]]


def answer(*packets: Packet, background: bool = False) -> Answer | None:
    """What a job's packets add up to: each but the last adds up to nothing yet."""
    outcome = Outcome(background, limit=10)
    found = None
    for command, arguments in packets:
        assert found is None
        found = outcome.take(command, list(arguments))
    return found


def test_a_background_job_is_answered_with_its_handle() -> None:
    assert answer((JOB_CREATED, (HANDLE,)), background=True) == Answer(200, b"", "JOB_CREATED", HANDLE)


def test_data_before_the_end_is_part_of_the_body_and_status_and_warnings_are_not() -> None:
    assert answer(
        (JOB_CREATED, (HANDLE,)),
        (WORK_DATA, (HANDLE, b"Hel")),
        (WORK_STATUS, (HANDLE, b"1", b"2")),
        (WORK_WARNING, (HANDLE, b"slow")),
        (WORK_DATA, (HANDLE, b"l")),
        (WORK_COMPLETE, (HANDLE, b"o")),
    ) == Answer(200, b"Hello", "WORK_COMPLETE", HANDLE)


def test_a_job_that_failed_is_200_with_work_fail_and_no_body() -> None:
    assert answer((JOB_CREATED, (HANDLE,)), (WORK_DATA, (HANDLE, b"Hel")), (WORK_FAIL, (HANDLE,))) == Answer(
        200, b"", "WORK_FAIL", HANDLE
    )


def test_an_exception_is_the_body_where_the_server_sends_exceptions_to_all() -> None:
    assert answer((JOB_CREATED, (HANDLE,)), (WORK_EXCEPTION, (HANDLE, b"oh"))) == Answer(
        200, b"oh", "WORK_EXCEPTION", HANDLE
    )


@pytest.mark.parametrize(
    ("code", "text", "status"),
    [
        (b"QUEUE_ERROR", b"Job queue is full", 503),
        (b"INVALID_FUNCTION_NAME", b"too long", 400),
        (b"ARGUMENT_TOO_LARGE", b"Unique value too large", 400),
        (b"PERMISSION_DENIED", b"no", 403),
    ],
)
def test_a_refusal_is_answered_with_its_code_and_reason(code: bytes, text: bytes, status: int) -> None:
    assert answer((ERROR, (code, text))) == Answer(status, code + b": " + text + b"\n", "ERROR")


def test_a_result_that_is_too_long_is_not_kept_in_memory() -> None:
    found = answer(
        (JOB_CREATED, (HANDLE,)), (WORK_DATA, (HANDLE, b"12345")), (WORK_DATA, (HANDLE, b"678901"))
    )
    assert found == Answer(502, b"the result has more than 10 bytes\n", "", HANDLE)


def test_headers_come_in_gearmands_order() -> None:
    assert Answer(200, b"olleH", "WORK_COMPLETE", HANDLE).packed("HTTP/1.1", "POST") == (
        b"HTTP/1.1 200 OK\r\n"
        b"X-Gearman-Job-Handle: H:test:1\r\n"
        b"X-Gearman-Command: WORK_COMPLETE\r\n"
        b"Content-Length: 5\r\n"
        b"Server: Gearman/" + __version__.encode() + b"\r\n"
        b"Connection: close\r\n"
        b"\r\n"
        b"olleH"
    )


def test_the_older_version_says_nothing_of_the_connection() -> None:
    assert NOT_FOUND.packed("HTTP/1.0", "POST") == (
        b"HTTP/1.0 404 NOT_FOUND\r\n"
        b"Content-Length: 0\r\n"
        b"Server: Gearman/" + __version__.encode() + b"\r\n"
        b"\r\n"
    )


def test_head_has_the_length_of_the_result_and_no_body() -> None:
    packed = Answer(200, b"olleH", "WORK_COMPLETE", HANDLE).packed("HTTP/1.1", "HEAD")
    assert b"Content-Length: 5\r\n" in packed
    assert packed.endswith(b"\r\n\r\n")


def test_a_refusal_says_why_in_plain_text() -> None:
    packed = refusal(405, "the method is DELETE").packed("HTTP/1.1", "DELETE")
    assert packed.startswith(b"HTTP/1.1 405 METHOD_NOT_ALLOWED\r\nAllow: GET, HEAD, POST, PUT\r\n")
    assert b"Content-Type: text/plain; charset=utf-8\r\nContent-Length: 21\r\n" in packed
    assert packed.endswith(b"\r\n\r\nthe method is DELETE\n")
