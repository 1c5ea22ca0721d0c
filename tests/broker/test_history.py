"""Text commands about jobs that are over."""

from __future__ import annotations

import json
from typing import Any

import pytest

from geartrain.broker.assignments import arrived
from geartrain.broker.batch import DeadRecord, JobRecord, Kept
from geartrain.broker.durability import adopt, take_batch
from geartrain.broker.rules import Rules
from geartrain.protocol.commands import (
    GRAB_JOB,
    SET_CLIENT_ID,
    SUBMIT_JOB_BG,
    SUBMIT_JOB_HIGH_BG,
    WORK_COMPLETE,
    WORK_EXCEPTION,
    WORK_FAIL,
)
from tests.wire import START, MemoryServer, Peer


def server_with_dead(*workloads: bytes) -> tuple[MemoryServer, Peer]:
    """A server with a dead letter of ``f`` for each workload, and an operator."""
    server = MemoryServer()
    operator, worker = server.connect(), server.worker(b"f")
    operator.types(b'policy * {"dead_letter":true,"keep_result":60}')
    worker.says(SET_CLIENT_ID, b"me")
    for number, workload in enumerate(workloads, 1):
        operator.asks(SUBMIT_JOB_BG, b"f", b"u%d" % number, workload)
        worker.says(GRAB_JOB)
        worker.says(WORK_EXCEPTION, b"H:test:%d" % number, b"the disk is full")
    return server, operator


def handles(peer: Peer, line: bytes) -> list[str]:
    return [row["handle"] for row in peer.lists(line)]


def test_a_dead_letter_says_why_it_is_one() -> None:
    server, operator = server_with_dead(b"cat.png")
    server.passes(5)
    letter = {
        "handle": "H:test:1",
        "function": "f",
        "unique": "u1",
        "reason": "exception",
        "error": "the disk is full",
        "worker": "me",
        "attempts": 1,
        "priority": "normal",
        "workload_bytes": 7,
        "submitted_at": START,
        "died_at": START,
    }
    assert operator.lists(b"dead") == [letter]
    assert operator.lists(b"dead-show H:test:1") == [{**letter, "workload": "cat.png"}]
    assert operator.lists(b"functions")[0]["dead"] == 1


@pytest.mark.one_shard("lists are in the order of the shards where their order says nothing else")
def test_dead_letters_are_listed_the_oldest_first_by_function_and_up_to_a_limit() -> None:
    server, operator = server_with_dead(b"a", b"b")
    operator.asks(SUBMIT_JOB_HIGH_BG, b"g", b"", b"")
    server.running(b"g").says(WORK_FAIL, b"H:test:3")
    assert handles(operator, b"dead") == ["H:test:1", "H:test:2", "H:test:3"]
    assert handles(operator, b"dead f") == ["H:test:1", "H:test:2"]
    assert handles(operator, b"dead * 1") == ["H:test:1"]
    assert [row["worker"] for row in operator.lists(b"dead g")] == ["-"]


@pytest.mark.one_shard("lists are in the order of the shards where their order says nothing else")
def test_dead_letters_are_listed_from_where_an_earlier_answer_ended() -> None:
    server, operator = server_with_dead(b"a", b"b")
    server.passes(1)
    operator.asks(SUBMIT_JOB_HIGH_BG, b"f", b"", b"")
    server.running(b"f").says(WORK_FAIL, b"H:test:3")
    assert handles(operator, b"dead f 1 %d,H:test:1" % START) == ["H:test:2"]
    assert handles(operator, b"dead f 9 %d,H:test:1" % START) == ["H:test:2", "H:test:3"]
    operator.types(b"dead-discard H:test:1")  # what died with it is shown once more rather than left out
    assert handles(operator, b"dead f 9 %d.0,H:test:1" % START) == ["H:test:2", "H:test:3"]
    assert handles(operator, b"dead f 9 %d,H:test:1" % (START + 1)) == ["H:test:3"]
    assert handles(operator, b"dead f 9 %d,H:test:3" % (START + 1)) == []
    assert operator.types(b"dead f 9 later").startswith(b"ERR INVALID_ARGUMENTS cursor+'later',+expected+")


@pytest.mark.parametrize(
    ("workload", "shown"),
    [
        (b"", {"workload": ""}),
        (b"caf\xc3\xa9", {"workload": "caf\u00e9"}),
        (b"caf\xe9", {"workload_base64": "Y2Fm6Q=="}),
        (b"caf\xc3", {"workload_base64": "Y2Fmww=="}),
        # A letter of two bytes that is cut in its middle is left out.
        (b"x" * 65535 + b"\xc3\xa9", {"workload": "x" * 65535}),
    ],
)
def test_a_workload_is_shown_as_text_or_in_base64(workload: bytes, shown: dict[str, Any]) -> None:
    _, operator = server_with_dead(workload)
    (row,) = operator.lists(b"dead-show H:test:1")
    assert row["workload_bytes"] == len(workload)
    assert {name: value for name, value in row.items() if name in ("workload", "workload_base64")} == shown


@pytest.mark.one_server("looks at what stands for a text that only the store has")
@pytest.mark.parametrize(("workload", "shown"), [(b"cat.png", "cat.png"), (None, None)])
def test_a_workload_that_only_the_store_has_is_read_first(workload: bytes | None, shown: str | None) -> None:
    server = MemoryServer(has_store=True)
    job = JobRecord(1, b"H:test:1", b"f", b"", b"", None, 7, 1, 0.0, START, 3, b"")
    adopt(server.broker, Kept(jobs=[job], dead=[DeadRecord(1, "lost", b"", b"", START)]))
    operator = server.connect()
    first, second = operator.types(b"dead-show H:test:1"), operator.types(b"dead-show H:test:1")
    assert list(take_batch(server.broker).wanted) == [1]
    answers = arrived(server.broker, {1: workload})
    assert answers[first] == answers[second]
    row = json.loads(answers[first].removesuffix(b".\n"))
    assert (row["workload"], row["workload_bytes"], row["worker"]) == (shown, 7, None)


@pytest.mark.one_server("looks at what stands for a text that only the store has")
@pytest.mark.parametrize(("workload", "shown"), [(b"cat.png", "cat.png"), (None, None)])
def test_the_workload_of_a_live_job_is_read_where_only_the_store_has_it(
    workload: bytes | None, shown: str | None
) -> None:
    server = MemoryServer(Rules(prefix=b"H:test", memory=3), has_store=True)
    job = JobRecord(1, b"H:test:1", b"f", b"", b"", None, 7, 1, 0.0, START, 0, b"")
    adopt(server.broker, Kept(jobs=[job]))
    asked = server.connect().types(b"workload H:test:1")
    assert list(take_batch(server.broker).wanted) == [1]
    row = json.loads(arrived(server.broker, {1: workload})[asked].removesuffix(b".\n"))
    assert row == {"handle": "H:test:1", "function": "f", "workload_bytes": 7, "workload": shown}
    assert (server.broker.memory, server.broker.jobs[1].workload) == (0, None)  # there is no room for it


@pytest.mark.one_server("looks at what stands for a text that only the store has")
def test_the_workload_of_a_job_that_ends_while_it_is_read_is_no_line() -> None:
    server = MemoryServer(has_store=True)
    job = JobRecord(1, b"H:test:1", b"f", b"", b"", None, 7, 1, 0.0, START, 0, b"")
    adopt(server.broker, Kept(jobs=[job]))
    operator = server.connect()
    asked = operator.types(b"workload H:test:1")
    operator.types(b"cancel job H:test:1")
    assert arrived(server.broker, {1: b"cat.png"}) == {asked: b".\n"}


def test_the_workload_is_shown_of_jobs_and_dead_letters() -> None:
    _, operator = server_with_dead(b"caf\xe9")
    operator.asks(SUBMIT_JOB_BG, b"f", b"", b"cat.png")
    assert operator.lists(b"workload H:test:1") == [
        {"handle": "H:test:1", "function": "f", "workload_bytes": 4, "workload_base64": "Y2Fm6Q=="}
    ]
    assert operator.lists(b"workload H:test:2") == [
        {"handle": "H:test:2", "function": "f", "workload_bytes": 7, "workload": "cat.png"}
    ]


@pytest.mark.one_server("looks at what stands for a text that only the store has")
def test_a_letter_that_is_discarded_while_its_workload_is_read_is_no_line() -> None:
    server = MemoryServer(has_store=True)
    job = JobRecord(1, b"H:test:1", b"f", b"", b"", None, 7, 1, 0.0, START, 3, b"")
    adopt(server.broker, Kept(jobs=[job], dead=[DeadRecord(1, "lost", b"", b"", START)]))
    operator = server.connect()
    asked = operator.types(b"dead-show H:test:1")
    assert operator.lists(b"dead-discard *")[0]["discarded"] == 1
    assert arrived(server.broker, {1: None}) == {asked: b".\n"}


def test_dead_letters_are_retried_by_handle_by_function_or_all() -> None:
    _, operator = server_with_dead(b"a", b"b", b"c")
    assert operator.lists(b"dead-retry H:test:2") == [{"target": "H:test:2", "retried": 1}]
    assert handles(operator, b"jobs") == ["H:test:2"]
    assert operator.lists(b"dead-retry g") == [{"target": "g", "retried": 0}]
    assert operator.lists(b"dead-retry f") == [{"target": "f", "retried": 2}]
    assert operator.lists(b"dead-retry *") == [{"target": "*", "retried": 0}]
    assert handles(operator, b"jobs") == ["H:test:2", "H:test:1", "H:test:3"]
    assert operator.lists(b"dead") == []


def test_dead_letters_are_discarded() -> None:
    _, operator = server_with_dead(b"a", b"b", b"c")
    assert operator.lists(b"dead-discard H:test:2") == [{"target": "H:test:2", "discarded": 1}]
    assert handles(operator, b"dead") == ["H:test:1", "H:test:3"]
    assert operator.lists(b"dead-discard *") == [{"target": "*", "discarded": 2}]
    assert (operator.lists(b"dead"), operator.lists(b"jobs")) == ([], [])


def test_a_result_tells_how_the_job_ended() -> None:
    server, operator = server_with_dead()
    operator.asks(SUBMIT_JOB_BG, b"g", b"cat", b"")
    server.passes(2)
    worker = server.worker(b"g")
    worker.says(GRAB_JOB)
    server.passes(3)
    worker.says(WORK_COMPLETE, b"H:test:1", b"\xff")
    assert operator.lists(b"result H:test:1") == [
        {
            "handle": "H:test:1",
            "function": "g",
            "unique": "cat",
            "state": "complete",
            "worker": "-",
            "attempts": 1,
            "submitted_at": START,
            "started_at": START + 2,
            "finished_at": START + 5,
            "expires_at": START + 65,
            "result_bytes": 1,
            "result_base64": "/w==",
        }
    ]


@pytest.mark.parametrize(
    "line",
    [
        b"result H:test:9",
        b"result H:other:1",
        b"result",
        b"dead-show H:other:1",
        b"workload H:test:9",
        b"workload",
    ],
)
def test_what_is_not_kept_is_no_line(line: bytes) -> None:
    _, operator = server_with_dead(b"a")
    assert operator.lists(line) == []


@pytest.mark.parametrize(("most", "shown"), [(b"0", ""), (b"3", "cat"), (b"9" * 30, "cat.png")])
def test_as_much_of_a_result_is_shown_as_is_asked_for(most: bytes, shown: str) -> None:
    server = MemoryServer()
    operator, worker = server.connect(), server.worker(b"f")
    operator.types(b'policy f {"keep_result":60}')
    operator.asks(SUBMIT_JOB_BG, b"f", b"", b"")
    worker.says(GRAB_JOB)
    worker.says(WORK_COMPLETE, b"H:test:1", b"cat.png")
    (row,) = operator.lists(b"result H:test:1 " + most)
    assert (row["result"], row["result_bytes"]) == (shown, 7)
    assert operator.types(b"result H:test:1 few").startswith(b"ERR INVALID_ARGUMENTS bytes+'few',+expected+")
