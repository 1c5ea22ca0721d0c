"""What happened: ``events``."""

from __future__ import annotations

from typing import Any

import pytest

from geartrain.broker.events import INTEREST, MOST, MOST_WATCHED, PACE
from geartrain.protocol.commands import (
    GRAB_JOB,
    SET_CLIENT_ID,
    SUBMIT_JOB,
    SUBMIT_JOB_BG,
    WORK_COMPLETE,
    WORK_DATA,
    WORK_EXCEPTION,
    WORK_FAIL,
    WORK_RETRY,
    WORK_STATUS,
    WORK_WARNING,
)
from tests.wire import START, MemoryServer, Peer


class Watcher:
    """Somebody who asks for events, each time from where the last answer ended."""

    def __init__(self, server: MemoryServer) -> None:
        self.peer = server.connect()
        self.cursor = b"-"
        assert self.look() == []

    def look(self, rest: bytes = b"") -> list[Any]:
        *events, self.end = self.peer.lists(b"events " + self.cursor + rest)
        self.cursor = self.end["cursor"].encode()
        return events

    def kinds(self) -> list[str]:
        return [event["kind"] for event in self.look()]


def named(server: MemoryServer, function: bytes) -> Peer:
    worker = server.worker(function)
    worker.says(SET_CLIENT_ID, b"me")
    worker.asks(GRAB_JOB)
    return worker


@pytest.mark.one_shard("ids are counted in each shard")
def test_events_tell_a_job_from_its_submit_to_its_result() -> None:
    server = MemoryServer()
    watcher = Watcher(server)
    client = server.connect()
    client.asks(SUBMIT_JOB_BG, b"f", b"u", b"")
    client.asks(SUBMIT_JOB, b"f", b"u", b"")
    server.passes(2)
    worker = named(server, b"f")
    worker.says(WORK_STATUS, b"H:test:1", b"1", b"2")
    worker.says(WORK_DATA, b"H:test:1", b"x" * 300)
    worker.says(WORK_WARNING, b"H:test:1", b"\xff")
    worker.says(WORK_COMPLETE, b"H:test:1", b"done")
    of_job = {"shard": 0, "handle": "H:test:1", "function": "f", "unique": "u"}
    running = {**of_job, "at": START + 2, "worker": "me", "attempts": 1}
    queued = {**of_job, "at": START, "worker": None, "attempts": 0}
    assert watcher.look() == [
        {"id": 1, "kind": "submitted", **queued},
        {"id": 2, "kind": "joined", **queued},
        {"id": 3, "kind": "started", **running},
        {"id": 4, "kind": "status", "numerator": 1, "denominator": 2, **running},
        {"id": 5, "kind": "data", "text": "x" * 256, **running},
        {"id": 6, "kind": "warning", "text": "\\xff", **running},
        {"id": 7, "kind": "completed", **running},
    ]
    assert watcher.end["missed"] == 0
    assert watcher.look() == []


def test_events_tell_why_a_job_runs_again_and_why_it_ends_badly() -> None:
    server = MemoryServer()
    server.sets_policy("f", retry={"attempts": 2, "on": ["exception", "lost"]}, dead_letter=True)
    watcher = Watcher(server)
    server.connect().asks(SUBMIT_JOB_BG, b"f", b"", b"")
    named(server, b"f").says(WORK_EXCEPTION, b"H:test:1", b"no luck")
    named(server, b"f").leaves()
    shown = [(row["kind"], row["attempts"], row.get("reason"), row.get("text")) for row in watcher.look()]
    assert shown == [
        ("submitted", 0, None, None),
        ("started", 1, None, None),
        ("exception", 1, None, "no luck"),
        ("retried", 1, "exception", None),
        ("started", 2, None, None),
        ("lost", 2, None, None),
        ("failed", 2, "lost", None),
        ("dead", 2, "lost", None),
    ]
    server.connect().types(b"dead-retry *")
    assert watcher.kinds() == ["revived"]


def test_a_worker_that_asks_for_another_try_says_why() -> None:
    server = MemoryServer()
    watcher = Watcher(server)
    server.connect().asks(SUBMIT_JOB_BG, b"f", b"", b"")
    worker = server.extended(b"f")
    worker.asks(GRAB_JOB)
    worker.says(WORK_RETRY, b"H:test:1", b"500", b"not yet")
    *_, exception, retried = watcher.look()
    assert (exception["kind"], exception["text"]) == ("exception", "not yet")
    assert (retried["kind"], retried["reason"]) == ("retried", "retry")


def test_events_tell_of_time_limits_cancels_and_clients_that_leave() -> None:
    server = MemoryServer()
    server.sets_policy("slow", timeout=1)
    server.sets_policy("late", ttl=1)
    watcher = Watcher(server)
    client = server.connect()
    client.asks(SUBMIT_JOB_BG, b"slow", b"", b"")
    named(server, b"slow")
    server.passes(2)
    assert watcher.kinds() == ["submitted", "started", "timed_out", "retried"]
    client.types(b"cancel job H:test:1")
    assert watcher.kinds() == ["cancelled"]
    client.asks(SUBMIT_JOB, b"f", b"", b"")
    client.leaves()
    assert watcher.kinds() == ["submitted", "abandoned"]
    server.connect().asks(SUBMIT_JOB_BG, b"late", b"", b"")
    server.passes(2)
    assert [(row["kind"], row.get("reason")) for row in watcher.look()] == [
        ("submitted", None),
        ("failed", "ttl"),
    ]
    server.connect().asks(SUBMIT_JOB_BG, b"f", b"", b"")
    named(server, b"f").says(WORK_FAIL, b"H:test:4")
    assert watcher.look()[-1]["reason"] == "fail"


@pytest.mark.one_shard("each shard gives as many events as were asked for")
def test_events_are_told_by_function_and_no_more_than_were_asked_for() -> None:
    server = MemoryServer()
    watcher = Watcher(server)
    for function in (b"f", b"g", b"f", b"f"):
        server.connect().asks(SUBMIT_JOB_BG, function, b"", b"")
    assert [row["id"] for row in watcher.look(b" f 2")] == [1, 3]
    assert [row["id"] for row in watcher.look(b" f 2")] == [4]
    assert watcher.look(b" *") == []


def test_so_many_events_are_remembered_until_somebody_asks_and_the_others_counted() -> None:
    server = MemoryServer()
    watcher = Watcher(server)
    client = server.connect()
    for _ in range(MOST + 7):
        client.says(SUBMIT_JOB_BG, b"f", b"", b"")
    assert len(watcher.look()) == 1000
    assert watcher.end["missed"] == 0
    assert len(watcher.look(b" * 9999")) == MOST - 1000
    assert watcher.end["missed"] == 7
    server.passes(PACE)
    assert watcher.look() == []
    client.says(SUBMIT_JOB_BG, b"f", b"", b"")
    assert watcher.kinds() == ["submitted"]


@pytest.mark.one_shard("each shard remembers the last events")
def test_only_the_last_events_are_remembered() -> None:
    server = MemoryServer()
    watcher = Watcher(server)
    other = Watcher(server)
    client = server.connect()
    for half in range(2):
        for _ in range(MOST - half):
            client.says(SUBMIT_JOB_BG, b"f", b"", b"")
        assert len(other.look(b" * 9999")) == MOST - half
        server.passes(PACE)
        assert other.look() == []
    assert len(watcher.look(b" f 1")) == 1
    assert watcher.end["missed"] == MOST - 1
    assert len(watcher.look(b" * 9999")) == MOST - 1
    assert watcher.end["missed"] == 0


@pytest.mark.one_shard("each shard remembers the last events")
def test_who_asks_more_often_has_no_more_events_remembered() -> None:
    server = MemoryServer()
    watcher = Watcher(server)
    client = server.connect()
    for _ in range(2):
        for _ in range(MOST):
            client.says(SUBMIT_JOB_BG, b"f", b"", b"")
        watcher.look(b" * 9999")
    assert watcher.end["missed"] == MOST


@pytest.mark.one_shard("a function is watched at its own shard")
def test_so_many_functions_and_jobs_are_watched_and_no_more_until_some_are_not() -> None:
    server = MemoryServer()
    watcher = server.connect()
    for number in range(MOST_WATCHED):
        assert watcher.types(b"events - f%d" % number).startswith(b'{"cursor"')
    full = b"ERR QUEUE_ERROR 1000+jobs+and+functions+are+watched,+as+many+as+may+be\r\n"
    assert watcher.types(b"events - one-more") == full
    assert watcher.types(b"events - * 10 H:test:1") == full
    assert watcher.types(b"events - f7").startswith(b'{"cursor"')
    server.passes(INTEREST + 1)
    assert watcher.types(b"events - one-more").startswith(b'{"cursor"')


@pytest.mark.one_shard("each shard gives a sample")
def test_a_sample_has_some_events_of_each_kind_and_the_others_are_counted() -> None:
    server = MemoryServer()
    watcher = Watcher(server)
    assert watcher.look(b" * 2 sample") == []
    for _ in range(5):
        server.connect().asks(SUBMIT_JOB_BG, b"f", b"", b"")
    named(server, b"f").says(WORK_FAIL, b"H:test:1")
    assert [(row["id"], row["kind"]) for row in watcher.look(b" * 2 sample")] == [
        (1, "submitted"),
        (2, "submitted"),
        (6, "started"),
        (7, "failed"),
    ]
    assert watcher.end["missed"] == 3
    assert watcher.look(b" * 2 sample") == []
    assert watcher.end["missed"] == 0


def test_the_events_of_one_job_are_told_however_many_others_there_are() -> None:
    server = MemoryServer()
    client = server.connect()
    for _ in range(2):
        client.asks(SUBMIT_JOB_BG, b"f", b"", b"")
    peer = server.connect()
    of_job = b" f 9999 H:test:2"
    *_, end = peer.lists(b"events -" + of_job)
    for _ in range(MOST + 1):
        client.says(SUBMIT_JOB_BG, b"f", b"", b"")
    first, second = named(server, b"f"), named(server, b"f")
    first.says(WORK_COMPLETE, b"H:test:1", b"")
    second.says(WORK_COMPLETE, b"H:test:2", b"")
    *told, end = peer.lists(b"events " + end["cursor"].encode() + of_job)
    assert [(row["kind"], row["handle"]) for row in told] == [
        ("started", "H:test:2"),
        ("completed", "H:test:2"),
    ]
    assert end["missed"] == 0


def test_nothing_is_remembered_when_nobody_has_asked_for_long() -> None:
    server = MemoryServer()
    watcher = Watcher(server)
    server.passes(INTEREST)
    server.connect().asks(SUBMIT_JOB_BG, b"f", b"", b"")
    assert watcher.kinds() == ["submitted"]
    server.passes(INTEREST + 1)
    server.connect().asks(SUBMIT_JOB_BG, b"f", b"", b"")
    assert watcher.look() == []
    assert watcher.end["missed"] is None
    server.connect().asks(SUBMIT_JOB_BG, b"f", b"", b"")
    assert watcher.kinds() == ["submitted"]
    assert watcher.end["missed"] == 0


@pytest.mark.parametrize("cursor", [b"", b" 1", b" now", b" 0.1.2", b" 0.1.2.3,", b" 0.1.2.-3"])
def test_what_is_no_cursor_is_refused(cursor: bytes) -> None:
    answer = MemoryServer().connect().types(b"events" + cursor)
    assert answer.startswith(b"ERR INVALID_ARGUMENTS")
    assert cursor.strip() in answer
