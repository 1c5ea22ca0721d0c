"""maxqueue: at how many jobs of a function a submit is refused."""

from __future__ import annotations

import pytest

from geartrain.protocol.commands import (
    CAN_DO,
    ERROR,
    GRAB_JOB,
    SUBMIT_JOB,
    SUBMIT_JOB_BG,
    SUBMIT_JOB_HIGH_BG,
    SUBMIT_JOB_LOW_BG,
    WORK_COMPLETE,
)
from tests.wire import MemoryServer, Packet, Peer

FULL: list[Packet] = [(ERROR, b"QUEUE_ERROR", b"Job queue is full")]
OK = b"OK\r\n"


def accepted(client: Peer, command: int, tries: int = 5) -> int:
    """How many of some submits are not refused."""
    answers = [client.asks(command, b"f", b"", b"") for _ in range(tries)]
    assert all(answer == FULL or answer[0][0] != ERROR for answer in answers)
    return tries - answers.count(FULL)


def test_a_submit_over_the_limit_is_refused() -> None:
    client = MemoryServer().connect()
    client.asks(SUBMIT_JOB_BG, b"f", b"", b"")
    assert client.types(b"maxqueue f 2") == OK
    assert client.asks(SUBMIT_JOB, b"f", b"", b"") != FULL
    assert client.asks(SUBMIT_JOB, b"f", b"", b"") == FULL
    assert client.asks(SUBMIT_JOB_BG, b"f", b"", b"") == FULL
    assert client.asks(SUBMIT_JOB_BG, b"g", b"", b"") != FULL


def test_a_running_job_counts_and_a_finished_one_does_not() -> None:
    server = MemoryServer()
    client = server.connect()
    client.types(b"maxqueue f 2")
    assert accepted(client, SUBMIT_JOB_BG) == 2
    worker = server.worker(b"f")
    worker.says(GRAB_JOB)
    assert accepted(client, SUBMIT_JOB_BG) == 0
    worker.says(WORK_COMPLETE, b"H:test:1", b"")
    assert accepted(client, SUBMIT_JOB_BG) == 1


@pytest.mark.parametrize(
    ("line", "limits"),
    [
        (b"maxqueue f 1 2 3", (1, 2, 3)),
        (b"maxqueue f 0 2 0", (5, 2, 5)),
        (b"maxqueue f 1 2", (1, 2, 5)),
        (b"maxqueue f 4", (4, 4, 4)),
        (b"maxqueue f -1", (5, 5, 5)),
        (b"maxqueue f many", (5, 5, 5)),
        (b"MAXQUEUE f 1 x 2", (1, 5, 2)),
    ],
)
def test_each_priority_has_a_limit_of_its_own(line: bytes, limits: tuple[int, int, int]) -> None:
    commands = (SUBMIT_JOB_HIGH_BG, SUBMIT_JOB_BG, SUBMIT_JOB_LOW_BG)
    for command, limit in zip(commands, limits, strict=True):
        client = MemoryServer().connect()
        assert client.types(line) == OK
        assert accepted(client, command) == limit


def test_jobs_of_every_priority_count_towards_the_limit_of_each() -> None:
    client = MemoryServer().connect()
    client.types(b"maxqueue f 1 0 0")
    client.asks(SUBMIT_JOB_BG, b"f", b"", b"")
    assert client.asks(SUBMIT_JOB_HIGH_BG, b"f", b"", b"") == FULL


def test_without_a_number_the_limit_is_lifted() -> None:
    client = MemoryServer().connect()
    client.types(b"maxqueue f 1")
    assert accepted(client, SUBMIT_JOB_BG) == 1
    assert client.types(b"maxqueue f") == OK
    assert accepted(client, SUBMIT_JOB_BG) == 5


def test_a_limit_is_remembered_for_a_function_that_is_not_known_yet() -> None:
    """gearmand says OK and forgets it (B20)."""
    server = MemoryServer()
    client = server.connect()
    assert client.types(b"maxqueue f 1") == OK
    assert client.types(b"status") == b".\n"
    server.connect().says(CAN_DO, b"f")
    assert accepted(client, SUBMIT_JOB_BG) == 1


def test_a_limit_stays_when_the_function_is_dropped() -> None:
    client = MemoryServer().connect()
    client.types(b"maxqueue f 1")
    client.types(b"create function f")
    client.types(b"drop function f")
    assert accepted(client, SUBMIT_JOB_BG) == 1


def test_a_limit_is_for_the_name_in_its_exact_case() -> None:
    client = MemoryServer().connect()
    client.types(b"maxqueue F 1")
    assert accepted(client, SUBMIT_JOB_BG) == 5


def test_a_lost_workers_job_is_queued_again_even_at_the_limit() -> None:
    server = MemoryServer()
    client = server.connect()
    client.types(b"maxqueue f 1")
    client.asks(SUBMIT_JOB_BG, b"f", b"", b"")
    server.running(b"f").leaves()
    assert client.types(b"status") == b"f\t1\t0\t0\n.\n"
