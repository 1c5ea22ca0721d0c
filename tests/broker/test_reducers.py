"""Reduce jobs, and which kind of assignment each kind of GRAB_JOB is answered with."""

from __future__ import annotations

import pytest

from geartrain.protocol.commands import (
    ERROR,
    GRAB_JOB,
    GRAB_JOB_ALL,
    GRAB_JOB_UNIQ,
    JOB_ASSIGN,
    JOB_ASSIGN_ALL,
    JOB_ASSIGN_UNIQ,
    JOB_CREATED,
    NO_JOB,
    SUBMIT_JOB_BG,
    SUBMIT_REDUCE_JOB,
    SUBMIT_REDUCE_JOB_BACKGROUND,
    WORK_COMPLETE,
)
from tests.wire import MemoryServer, Packet

HANDLE = b"H:test:1"


@pytest.mark.parametrize(
    ("grab", "assignment"),
    [
        (GRAB_JOB, (JOB_ASSIGN, HANDLE, b"f", b"a")),
        (GRAB_JOB_UNIQ, (JOB_ASSIGN_UNIQ, HANDLE, b"f", b"u", b"a")),
        (GRAB_JOB_ALL, (JOB_ASSIGN_UNIQ, HANDLE, b"f", b"u", b"a")),
    ],
)
def test_a_job_without_a_reducer_is_assigned_as_it_was_grabbed(grab: int, assignment: Packet) -> None:
    server = MemoryServer()
    server.connect().says(SUBMIT_JOB_BG, b"f", b"u", b"a")
    assert server.worker(b"f").asks(grab) == [assignment]


@pytest.mark.parametrize(
    ("grab", "assignment"),
    [
        (GRAB_JOB, (JOB_ASSIGN, HANDLE, b"f", b"a")),
        (GRAB_JOB_UNIQ, (JOB_ASSIGN_UNIQ, HANDLE, b"f", b"u", b"a")),
        (GRAB_JOB_ALL, (JOB_ASSIGN_ALL, HANDLE, b"f", b"u", b"r", b"a")),
    ],
)
@pytest.mark.parametrize("command", [SUBMIT_REDUCE_JOB, SUBMIT_REDUCE_JOB_BACKGROUND])
def test_only_grab_job_all_hears_of_the_reducer(command: int, grab: int, assignment: Packet) -> None:
    server = MemoryServer()
    client = server.connect()
    assert client.asks(command, b"f", b"u", b"r", b"", b"a") == [(JOB_CREATED, HANDLE)]
    assert server.worker(b"f").asks(grab) == [assignment]


@pytest.mark.parametrize("grab", [GRAB_JOB, GRAB_JOB_UNIQ, GRAB_JOB_ALL])
def test_no_job_is_the_answer_to_every_kind_of_grab(grab: int) -> None:
    assert MemoryServer().worker(b"f").asks(grab) == [(NO_JOB,)]


def test_a_reduce_job_in_the_foreground_tells_its_result_and_one_in_the_background_does_not() -> None:
    server = MemoryServer()
    client = server.connect()
    client.asks(SUBMIT_REDUCE_JOB, b"f", b"", b"r", b"", b"a")
    client.asks(SUBMIT_REDUCE_JOB_BACKGROUND, b"f", b"", b"r", b"", b"b")
    for handle in (HANDLE, b"H:test:2"):
        server.running(b"f").says(WORK_COMPLETE, handle, b"done")
    assert client.heard() == [(WORK_COMPLETE, HANDLE, b"done")]


def test_a_reducer_has_up_to_64_bytes() -> None:
    client = MemoryServer().connect()
    assert client.asks(SUBMIT_REDUCE_JOB, b"f", b"", b"r" * 64, b"", b"") == [(JOB_CREATED, HANDLE)]
    refusal = (ERROR, b"ARGUMENT_TOO_LARGE", b"reducer of 65 bytes, at most 64 are expected")
    assert client.asks(SUBMIT_REDUCE_JOB, b"f", b"", b"r" * 65, b"", b"") == [refusal]
