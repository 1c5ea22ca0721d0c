"""What the broker asks of a store, and what it does with the store's answers."""

from __future__ import annotations

import pytest

from geartrain.broker.batch import JobRecord, Kept
from geartrain.broker.durability import adopt, keep, take_back, take_batch
from geartrain.broker.model import NORMAL
from geartrain.protocol.commands import (
    GRAB_JOB,
    JOB_ASSIGN,
    JOB_CREATED,
    NO_JOB,
    NOOP,
    PRE_SLEEP,
    SUBMIT_JOB,
    SUBMIT_JOB_BG,
    SUBMIT_JOB_EPOCH,
    WORK_COMPLETE,
    WORK_FAIL,
)
from tests.wire import START, MemoryServer

HANDLE = b"H:test:1"


def durable() -> MemoryServer:
    return MemoryServer(has_store=True)


def asked(server: MemoryServer) -> tuple[list[int], list[int]]:
    """The numbers of the jobs that the store must add and remove; the next batch begins."""
    batch = take_batch(server.broker)
    assert len(batch) == len(batch.records) + len(batch.removed) + (batch.last_number > 0)
    return [record.number for record in batch.records], batch.removed


def record(number: int, unique: bytes = b"", run_at: float = 0.0, attempts: int = 0) -> JobRecord:
    handle = b"H:test:%d" % number
    return JobRecord(number, handle, b"f", unique, b"", b"a", 1, NORMAL, run_at, START, attempts, b"")


def adopted(server: MemoryServer, *records: JobRecord) -> None:
    adopt(server.broker, Kept(jobs=list(records)))


def test_a_background_job_is_added_when_it_is_submitted_and_removed_when_it_is_over() -> None:
    server = durable()
    server.connect().says(SUBMIT_JOB_BG, b"f", b"", b"")
    assert asked(server) == ([1], [])
    worker = server.running(b"f")
    assert asked(server) == ([], [])
    worker.says(WORK_COMPLETE, HANDLE, b"")
    assert asked(server) == ([], [1])


def test_all_of_an_epoch_job_is_kept() -> None:
    server = durable()
    server.connect().says(SUBMIT_JOB_EPOCH, b"f", b"u", b"%d" % (START + 60), b"a\0b")
    (kept,) = take_batch(server.broker).records
    assert kept == JobRecord(1, HANDLE, b"f", b"u", b"", b"a\0b", 3, NORMAL, START + 60, START, 0, b"")


def test_a_job_that_came_and_went_within_one_batch_is_in_neither_list() -> None:
    server = durable()
    server.connect().says(SUBMIT_JOB_BG, b"f", b"", b"")
    server.running(b"f").says(WORK_COMPLETE, HANDLE, b"")
    assert asked(server) == ([], [])


@pytest.mark.parametrize("line", [b"cancel job H:test:1", b"drop function f"])
def test_a_job_that_the_operator_ends_is_removed(line: bytes) -> None:
    server = durable()
    server.connect().says(SUBMIT_JOB_BG, b"f", b"", b"")
    take_batch(server.broker)
    server.connect().types(line)
    assert asked(server) == ([], [1])


def test_a_foreground_job_is_never_kept() -> None:
    server = durable()
    client = server.connect()
    client.says(SUBMIT_JOB, b"f", b"", b"")
    client.leaves()
    assert asked(server) == ([], [])


def test_a_foreground_job_that_a_background_submit_joins_is_kept_once() -> None:
    server = durable()
    server.connect().says(SUBMIT_JOB, b"f", b"u", b"")
    assert asked(server) == ([], [])
    for _ in range(2):
        server.connect().says(SUBMIT_JOB_BG, b"f", b"u", b"")
    assert asked(server) == ([1], [])


def test_without_a_store_nothing_is_kept_or_promised() -> None:
    server = MemoryServer()
    client = server.connect()
    client.says(SUBMIT_JOB_BG, b"f", b"", b"")
    assert server.broker.batch is None
    assert not client.connection.promised


def test_only_a_background_submit_is_a_promise() -> None:
    server = durable()
    client, other = server.connect(), server.connect()
    client.says(SUBMIT_JOB_BG, b"f", b"u", b"")
    other.says(SUBMIT_JOB, b"f", b"u", b"")
    assert client.connection.promised
    assert not other.connection.promised


# Jobs that a store kept


def test_a_kept_job_has_its_handle_and_new_handles_go_on_after_it() -> None:
    server = durable()
    adopted(server, record(7), record(3))
    assert asked(server) == ([], [])
    assert server.connect().asks(SUBMIT_JOB, b"f", b"", b"") == [(JOB_CREATED, b"H:test:8")]
    assert server.worker(b"f").asks(GRAB_JOB) == [(JOB_ASSIGN, b"H:test:7", b"f", b"a")]


def test_a_kept_job_can_be_joined_and_outlives_who_joined_it() -> None:
    server = durable()
    adopted(server, record(1, unique=b"u"))
    client = server.connect()
    assert client.asks(SUBMIT_JOB, b"f", b"u", b"") == [(JOB_CREATED, HANDLE)]
    client.leaves()
    server.running(b"f")


def test_a_kept_epoch_job_waits_for_its_time() -> None:
    server = durable()
    adopted(server, record(1, run_at=START + 60))
    worker = server.worker(b"f")
    assert worker.asks(GRAB_JOB) == [(NO_JOB,)]
    worker.says(PRE_SLEEP)
    server.passes(60)
    assert worker.heard() == [(NOOP,)]


def test_a_kept_job_has_the_attempts_it_had() -> None:
    server = durable()
    adopted(server, record(1, attempts=2))
    assert server.connect().types(b"show jobs") == b"H:test:1\t2\t0\t1\n.\n"


# A batch that was not kept


def test_a_job_that_was_not_kept_is_gone() -> None:
    server = durable()
    server.connect().says(SUBMIT_JOB_BG, b"f", b"u", b"")
    take_back(server.broker, take_batch(server.broker))
    assert server.worker(b"f").asks(GRAB_JOB) == [(NO_JOB,)]
    assert asked(server) == ([], [])


def test_a_job_that_was_not_kept_goes_on_for_the_client_that_joined_it() -> None:
    server = durable()
    server.connect().says(SUBMIT_JOB_BG, b"f", b"u", b"")
    client = server.connect()
    client.asks(SUBMIT_JOB, b"f", b"u", b"")
    take_back(server.broker, take_batch(server.broker))
    server.running(b"f").says(WORK_COMPLETE, HANDLE, b"done")
    assert client.heard() == [(WORK_COMPLETE, HANDLE, b"done")]
    assert asked(server) == ([], [])


def test_a_job_that_is_kept_stays_though_the_batch_of_its_second_submit_fails() -> None:
    server = durable()
    server.connect().says(SUBMIT_JOB_BG, b"f", b"u", b"")
    first = take_batch(server.broker)
    server.connect().says(SUBMIT_JOB_BG, b"f", b"u", b"")
    keep(server.broker, first)
    take_back(server.broker, take_batch(server.broker))
    server.running(b"f").says(WORK_COMPLETE, HANDLE, b"")
    assert asked(server) == ([], [1])


def test_a_job_that_ended_before_its_batch_failed_is_no_matter() -> None:
    server = durable()
    server.connect().says(SUBMIT_JOB_BG, b"f", b"", b"")
    batch = take_batch(server.broker)
    server.running(b"f").says(WORK_FAIL, HANDLE)
    take_back(server.broker, batch)
    assert asked(server) == ([], [1])


def test_what_a_failed_batch_removed_is_removed_with_the_next_one() -> None:
    server = durable()
    for _ in range(2):
        server.connect().says(SUBMIT_JOB_BG, b"f", b"", b"")
    take_batch(server.broker)
    server.running(b"f").says(WORK_COMPLETE, HANDLE, b"")
    batch = take_batch(server.broker)
    server.running(b"f").says(WORK_COMPLETE, b"H:test:2", b"")
    take_back(server.broker, batch)
    assert asked(server) == ([], [1, 2])
