"""Seeking jobs: ``find``."""

from __future__ import annotations

import json
from typing import Any

import pytest

from geartrain.broker import search
from geartrain.protocol.commands import (
    SET_CLIENT_ID,
    SUBMIT_JOB_BG,
    SUBMIT_JOB_EPOCH,
    SUBMIT_JOB_HIGH_BG,
    WORK_FAIL,
)
from tests.wire import START, MemoryServer, Peer


def found(peer: Peer, **wanted: Any) -> list[str]:
    """The handles of one page that must be the last."""
    rows, following = page(peer, **wanted)
    assert following is None
    return rows


def page(peer: Peer, **wanted: Any) -> tuple[list[str], str | None]:
    *rows, end = peer.lists(b"find " + json.dumps(wanted, separators=(",", ":")).encode())
    return [row["handle"] for row in rows], end["next"]


def pages(peer: Peer, **wanted: Any) -> list[list[str]]:
    """All pages."""
    got: list[list[str]] = []
    cursor: str | None = ""
    while cursor is not None:
        rows, cursor = page(peer, cursor=cursor, **wanted)
        got.append(rows)
    return got


def a_shop() -> tuple[MemoryServer, Peer]:
    """Five jobs of three functions: running, queued, urgent, delayed, young."""
    server = MemoryServer()
    client = server.connect()
    client.asks(SUBMIT_JOB_BG, b"f", b"a", b"")
    server.running(b"f").says(SET_CLIENT_ID, b"me")
    client.asks(SUBMIT_JOB_BG, b"f", b"b", b"")
    server.passes(1)
    client.asks(SUBMIT_JOB_HIGH_BG, b"g", b"c", b"")
    client.asks(SUBMIT_JOB_EPOCH, b"h", b"c", b"%d" % (START + 3600), b"")
    server.passes(60)
    client.asks(SUBMIT_JOB_BG, b"g", b"caf\xc3\xa9", b"")
    return server, client


@pytest.mark.parametrize(
    ("wanted", "numbers"),
    [
        ({"function": "f"}, [1, 2]),
        ({"function": "nowhere"}, []),
        ({"state": "running"}, [1]),
        ({"state": "running", "function": "g"}, []),
        ({"state": "queued"}, [2, 3, 5]),
        ({"state": "delayed"}, [4]),
        ({"unique": "b"}, [2]),
        ({"unique": "caf\u00e9"}, [5]),
        ({"unique": "c", "function": "g"}, [3]),
        ({"unique": "-"}, []),
        ({"handle": "H:test:3"}, [3]),
        ({"handle": "H:other"}, []),
        ({"worker": "me"}, [1]),
        ({"worker": "127.0.0.1"}, [1]),
        ({"worker": "you"}, []),
        ({"priority": "high"}, [3]),
        ({"priority": "low"}, []),
        ({"younger_than": 10}, [5]),
        ({"older_than": 10, "state": "queued"}, [2, 3]),
    ],
)
def test_jobs_are_found_by_what_is_known_of_them(wanted: dict[str, Any], numbers: list[int]) -> None:
    _, client = a_shop()
    assert found(client, **wanted) == [f"H:test:{number}" for number in numbers]


def test_whatever_is_found_is_shown_as_job_does() -> None:
    _, client = a_shop()
    row, _ = client.lists(b'find {"state":"running"}')
    assert [row] == client.lists(b"job H:test:1")


def test_jobs_of_the_same_unique_are_found_in_every_function() -> None:
    _, client = a_shop()
    assert set(found(client, unique="c")) == {"H:test:3", "H:test:4"}


@pytest.mark.parametrize("limit", [1, 2, 3, 7])
def test_pages_have_all_jobs_once_and_in_their_order(limit: int) -> None:
    server = MemoryServer()
    client = server.connect()
    for number in range(7):
        client.asks(SUBMIT_JOB_BG, b"f%d" % (number % 3), b"", b"")
        server.passes(1)
    got = pages(client, limit=limit)
    assert [handle for rows in got for handle in rows] == [f"H:test:{number}" for number in range(1, 8)]
    assert {len(rows) for rows in got[:-1]} <= {limit}


def test_a_page_goes_on_where_the_last_one_ended_whatever_happened_meanwhile() -> None:
    server = MemoryServer()
    client = server.connect()
    for _ in range(4):
        client.asks(SUBMIT_JOB_BG, b"f", b"", b"")
        server.passes(1)
    rows, cursor = page(client, limit=2)
    assert rows == ["H:test:1", "H:test:2"]
    client.types(b"cancel job H:test:2")
    client.types(b"cancel job H:test:3")
    client.asks(SUBMIT_JOB_BG, b"f", b"", b"")
    assert found(client, cursor=cursor) == ["H:test:4", "H:test:5"]


@pytest.mark.one_shard("a shard looks at its own jobs")
@pytest.mark.parametrize("kept", [range(1, 13), range(1, 13, 4), [12]])
def test_one_question_looks_at_a_bounded_number_of_jobs(
    monkeypatch: pytest.MonkeyPatch, kept: range | list[int]
) -> None:
    monkeypatch.setattr(search, "MOST_SCANNED", 5)
    monkeypatch.setattr(search, "SPARSE", 2)
    server = MemoryServer()
    client = server.connect()
    for _ in range(12):
        client.asks(SUBMIT_JOB_BG, b"f", b"", b"")
    for number in range(1, 13):
        if number not in kept:
            client.types(b"cancel job H:test:%d" % number)
    got = pages(client)
    assert [handle for rows in got for handle in rows] == [f"H:test:{number}" for number in kept]
    assert max(map(len, got)) <= 5


@pytest.mark.one_shard("a shard looks at its own jobs")
def test_a_job_that_comes_back_is_found_in_the_order_of_the_handles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "SPARSE", 0)
    server = MemoryServer()
    server.sets_policy("dies", dead_letter=True)
    client = server.connect()
    client.asks(SUBMIT_JOB_BG, b"dies", b"", b"")
    server.running(b"dies").says(WORK_FAIL, b"H:test:1")
    client.asks(SUBMIT_JOB_BG, b"f", b"", b"")
    client.asks(SUBMIT_JOB_BG, b"f", b"", b"")
    assert found(client, limit=2) == ["H:test:2", "H:test:3"]
    client.types(b"dead-retry H:test:1")
    assert pages(client, limit=2) == [["H:test:1", "H:test:2"], ["H:test:3"]]
    client.types(b"cancel job H:test:1")
    client.asks(SUBMIT_JOB_BG, b"f", b"", b"")
    assert pages(client, limit=2) == [["H:test:2", "H:test:3"], ["H:test:4"]]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"find", b"incomplete"),
        (b"find []", b"'[]'"),
        (b'find {"function": "f"}', b"without+blanks"),
        (b'find {"colour":"red"}', b"'colour',+expected+one+of"),
        (b'find {"function":5}', b"function+5,+expected+a+text"),
        (b'find {"limit":"5"}', b"limit+'5',+expected+a+number"),
        (b'find {"older_than":-1}', b"older_than+-1"),
        (b'find {"limit":true}', b"limit+True"),
        (b'find {"state":"gone"}', b"state+'gone',+expected+queued,+delayed,+running"),
        (b'find {"priority":"urgent"}', b"priority+'urgent'"),
        (b'find {"cursor":"5"}', b"cursor+'5'"),
    ],
)
def test_what_cannot_be_sought_is_refused_with_its_value(line: bytes, reason: bytes) -> None:
    answer = MemoryServer().connect().types(line)
    assert answer.startswith(b"ERR INVALID_ARGUMENTS")
    assert reason in answer
