"""What errors say."""

from __future__ import annotations

from geartrain.errors import JobException, ServerError, server_error


def test_an_error_quotes_a_peer_and_no_terminal_obeys_it() -> None:
    error = server_error("QUEUE_ERROR", "\x1b]52;c;eA==\x07\u202e")
    assert str(error) == r"QUEUE_ERROR: \x1b]52;c;eA==\x07\u202e"
    assert error.text == "\x1b]52;c;eA==\x07\u202e"
    assert str(ServerError("a\r", "b\xa0")) == r"a\r: b\xa0"


def test_what_a_worker_raised_keeps_its_lines() -> None:
    error = JobException(b"Traceback:\n\tin f\n\x1b[2Jx\xff")
    assert str(error) == "Traceback:\n\tin f\n\\x1b[2Jx\ufffd"
    assert error.payload == b"Traceback:\n\tin f\n\x1b[2Jx\xff"
