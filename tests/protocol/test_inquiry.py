"""Whom a question about a handle is asked, and what its answers come to."""

from __future__ import annotations

import pytest

from geartrain.protocol.inquiry import Inquiry
from geartrain.protocol.servers import ServerList, parse_server

QUEUED = [b"H:1", b"1", b"0", b"0", b"0"]
UNKNOWN = [b"H:1", b"0", b"0", b"0", b"0"]
OVER = [b"H:1", b"complete", b"{}", b"result"]
NOT_KEPT = [b"H:1", b"unknown", b"{}", b""]


def inquiry(giver: str = "a:1", cooling: bool = False) -> Inquiry:
    """A question about a job that has not been asked yet."""
    servers = ServerList([parse_server(name) for name in ("a:1", "b:1", "c:1")], "first", lambda: 1.0)
    if cooling:
        servers.failed(servers.servers[0], 0.0)
    return Inquiry(b"H:1", giver, servers, 0.0)


def asked(question: Inquiry) -> list[list[str]]:
    """The names of those that are to be asked, a list for each round."""
    return [[server.name for server in servers] for servers in question.rounds]


@pytest.mark.parametrize("answer", [QUEUED, UNKNOWN, OVER, NOT_KEPT])
def test_what_the_server_of_a_handle_says_is_so(answer: list[bytes]) -> None:
    question = inquiry()
    assert asked(question) == [["a:1"], ["b:1", "c:1"]]
    question.take([answer])
    assert (question.answers, question.rounds) == ([answer], [])


@pytest.mark.parametrize(("unknown", "known"), [(UNKNOWN, QUEUED), (NOT_KEPT, OVER)])
def test_where_it_is_away_another_one_may_know_the_job(unknown: list[bytes], known: list[bytes]) -> None:
    question = inquiry()
    question.take([None])
    assert asked(question) == [["b:1", "c:1"]]
    question.take([unknown, known])
    assert (question.answers, question.unreached, question.rounds) == ([known], [], [])


def test_a_server_that_failed_lately_is_asked_last() -> None:
    question = inquiry(cooling=True)
    assert asked(question) == [["b:1", "c:1"], ["a:1"]]
    question.take([UNKNOWN, None])
    question.take([QUEUED])
    assert question.answers == [QUEUED]


def test_where_nobody_knows_the_job_those_that_are_away_can_be_asked_again() -> None:
    question = inquiry()
    question.take([None])
    question.take([UNKNOWN, None])
    assert question.answers == [None, UNKNOWN, None]
    question.insist()
    assert asked(question) == [["a:1", "c:1"]]
    question.take([QUEUED, UNKNOWN])
    assert question.answers == [QUEUED]


@pytest.mark.parametrize("giver", ["", "elsewhere:1"])
def test_a_handle_of_no_known_server_is_asked_of_all(giver: str) -> None:
    question = inquiry(giver)
    assert asked(question) == [["a:1", "b:1", "c:1"]]
    question.take([QUEUED, None, UNKNOWN])
    assert question.answers == [QUEUED, None, UNKNOWN]
    question.insist()
    assert asked(question) == [["b:1"]]
