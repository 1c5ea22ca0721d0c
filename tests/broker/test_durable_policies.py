"""What policies make of a job outlives the server, where there is a store."""

from __future__ import annotations

import json

import pytest

from geartrain.broker.batch import Batch, Document, Kept
from geartrain.broker.durability import adopt, take_back, take_batch
from geartrain.broker.graveyard import discard, revive
from geartrain.broker.policy import Policy
from geartrain.broker.rules import Rules
from geartrain.protocol.commands import (
    GRAB_JOB,
    JOB_ASSIGN,
    JOB_CREATED,
    NO_JOB,
    SUBMIT_JOB,
    SUBMIT_JOB_BG,
    SUBMIT_JOB_EPOCH,
    WORK_COMPLETE,
    WORK_FAIL,
)
from tests.broker.kept import KeptJobs
from tests.wire import START, MemoryServer, Peer

HANDLE = b"H:test:1"


def server_with(**fields: object) -> tuple[MemoryServer, KeptJobs]:
    """A server with a store that has the policy of its function "f"."""
    server, store = MemoryServer(has_store=True), KeptJobs()
    server.sets_policy("f", **fields)
    store.take(server)
    return server, store


def submitted(server: MemoryServer, store: KeptJobs, unique: bytes = b"") -> None:
    """A job that the store has."""
    server.connect().says(SUBMIT_JOB_BG, b"f", unique, b"a")
    store.take(server)


def begun(server: MemoryServer, store: KeptJobs) -> Peer:
    """A worker that has grabbed the next job, whose workload may be in the store only."""
    worker = server.worker(b"f")
    worker.says(GRAB_JOB)
    store.deliver(server)
    assert worker.heard()[0][0] == JOB_ASSIGN
    return worker


def fails(server: MemoryServer, store: KeptJobs) -> None:
    """The next execution fails."""
    worker = begun(server, store)
    (handle,) = worker.connection.running
    worker.says(WORK_FAIL, handle)


def buried(**fields: object) -> tuple[MemoryServer, KeptJobs]:
    """The store has a dead letter."""
    server, store = server_with(dead_letter=True, **fields)
    submitted(server, store, b"u")
    fails(server, store)
    store.take(server)
    return server, store


# Executions


def test_the_number_of_executions_is_kept() -> None:
    server, store = MemoryServer(has_store=True), KeptJobs()
    submitted(server, store)
    server.running(b"f").leaves()
    (change,) = store.take(server).changes
    assert (change.number, change.attempts, change.run_at, change.workload) == (1, 1, 0.0, None)


def test_a_job_that_waits_to_run_again_waits_after_a_restart() -> None:
    server, store = server_with(retry={"on": ["fail"], "attempts": 2, "delay": 60})
    submitted(server, store)
    fails(server, store)
    store.take(server)
    server.passes(59)
    server = store.restarted(server)
    worker = server.worker(b"f")
    assert worker.asks(GRAB_JOB) == [(NO_JOB,)]
    server.passes(1)
    assert worker.asks(GRAB_JOB) == [(JOB_ASSIGN, HANDLE, b"f", b"a")]
    worker.says(WORK_FAIL, HANDLE)
    assert list(server.broker.archive.dead) == [1]


def test_a_foreground_job_that_runs_again_is_no_matter_of_the_store() -> None:
    server, store = server_with(retry={"on": ["fail"], "foreground": True})
    server.connect().says(SUBMIT_JOB, b"f", b"", b"")
    fails(server, store)
    assert not len(store.take(server))


# Time in a queue


def test_a_job_goes_on_waiting_after_a_restart_from_its_submit() -> None:
    server, store = server_with(ttl=60)
    submitted(server, store)
    server.passes(59)
    server = store.restarted(server)
    assert len(server.broker.jobs) == 1
    server.passes(1)
    assert not server.broker.jobs
    assert store.take(server).removed == [1]


def test_from_its_time() -> None:
    server, store = server_with(ttl=60)
    server.connect().says(SUBMIT_JOB_EPOCH, b"f", b"", b"%d" % (START + 100), b"")
    store.take(server)
    server.passes(159)
    server = store.restarted(server)
    assert len(server.broker.jobs) == 1
    server.passes(1)
    assert not server.broker.jobs


def test_or_from_when_it_was_queued_again() -> None:
    server, store = server_with(ttl=60)
    submitted(server, store)
    worker = server.running(b"f")
    server.passes(1000)
    worker.leaves()
    store.take(server)
    server.passes(59)
    server = store.restarted(server)
    assert len(server.broker.jobs) == 1
    server.passes(1)
    assert not server.broker.jobs


# Dead letters


def test_a_dead_letter_is_one_after_a_restart() -> None:
    server, store = buried()
    before = server.broker.archive.dead[1]
    server = store.restarted(server)
    after = server.broker.archive.dead[1]
    assert after.record == before.record
    assert (after.job.handle, after.job.unique, after.job.workload, after.job.attempts) == (
        HANDLE,
        b"u",
        b"a",
        1,
    )
    assert not server.broker.jobs
    assert server.connect().asks(SUBMIT_JOB, b"f", b"u", b"") != [(JOB_CREATED, HANDLE)]


def test_a_revived_job_is_a_job_after_a_restart_and_waits_anew() -> None:
    server, store = buried(ttl=60)
    server.passes(1000)
    revive(server.broker, server.broker.archive.dead[1])
    store.take(server)
    server.passes(59)
    server = store.restarted(server)
    assert not server.broker.archive.dead
    assert server.worker(b"f").asks(GRAB_JOB) == [(JOB_ASSIGN, HANDLE, b"f", b"a")]
    assert [job.attempts for job in server.broker.jobs.values()] == [0]


def test_its_workload_is_left_to_the_store_until_it_runs() -> None:
    server, store = buried()
    letter = server.broker.archive.dead[1]
    assert letter.job.workload is None
    assert server.broker.memory == 0
    revive(server.broker, letter)
    worker = server.worker(b"f")
    worker.says(GRAB_JOB)
    assert list(take_batch(server.broker).wanted) == [1]
    store.deliver(server)
    assert worker.heard() == [(JOB_ASSIGN, HANDLE, b"f", b"a")]


def test_a_discarded_letter_is_gone_from_the_store() -> None:
    server, store = buried()
    discard(server.broker, server.broker.archive.dead[1])
    store.take(server)
    assert not store.jobs
    assert not store.dead


def test_a_job_that_came_and_died_in_one_batch_is_kept() -> None:
    server, store = server_with(dead_letter=True)
    server.connect().says(SUBMIT_JOB_BG, b"f", b"", b"a")
    fails(server, store)
    store.take(server)
    store.check(server)
    assert list(store.restarted(server).broker.archive.dead) == [1]


def test_a_job_that_came_and_died_in_a_batch_that_failed_is_gone() -> None:
    """Its client was told that it was not taken."""
    server, store = server_with(dead_letter=True)
    server.connect().says(SUBMIT_JOB_BG, b"f", b"", b"a")
    fails(server, store)
    store.take(server, works=False)
    assert not server.broker.archive.dead
    store.take(server)
    store.check(server)


def test_so_is_one_that_died_while_the_batch_was_under_way() -> None:
    server, store = server_with(dead_letter=True)
    server.connect().says(SUBMIT_JOB_BG, b"f", b"", b"a")
    batch = take_batch(server.broker)
    fails(server, store)
    take_back(server.broker, batch)
    store.take(server)
    store.check(server)
    assert not store.dead


@pytest.mark.parametrize("dies_before", [False, True])
def test_a_job_that_is_owed_anyway_is_kept_with_the_next_batch_as_the_letter_that_it_is(
    dies_before: bool,
) -> None:
    """A schedule's tick is: nobody was told that it was not taken."""
    server, store = server_with(dead_letter=True)
    server.connect().says(SUBMIT_JOB_BG, b"f", b"", b"a")
    if dies_before:
        fails(server, store)
    batch = take_batch(server.broker)
    batch.owed[1] = None
    if not dies_before:
        fails(server, store)
    store.end(server, batch, works=False)
    store.take(server)
    store.check(server)
    assert list(store.dead) == [1]


def test_what_happens_to_a_letter_after_a_batch_that_failed_holds() -> None:
    server, store = server_with(dead_letter=True)
    for unique in (b"1", b"2"):
        submitted(server, store, unique)
        fails(server, store)
    store.take(server, works=False)
    revive(server.broker, server.broker.archive.dead[1])
    discard(server.broker, server.broker.archive.dead[2])
    store.take(server, works=False)
    fails(server, store)
    store.take(server)
    store.check(server)
    assert list(store.dead) == [1]


def test_a_letter_that_is_revived_and_dies_again_is_one() -> None:
    """While a batch is under way that fails."""
    server, store = buried()
    revive(server.broker, server.broker.archive.dead[1])
    batch = take_batch(server.broker)
    fails(server, store)
    store.end(server, batch, works=False)
    store.take(server)
    store.check(server)
    assert list(store.dead) == [1]


def test_a_letter_that_is_revived_before_its_batch_is_none() -> None:
    server, store = server_with(dead_letter=True)
    submitted(server, store)
    fails(server, store)
    revive(server.broker, server.broker.archive.dead[1])
    assert not store.take(server).buried
    store.check(server)


# Results


def test_a_result_is_kept_until_its_time_is_over() -> None:
    server, store = server_with(keep_result=60)
    submitted(server, store)
    server.running(b"f").says(WORK_COMPLETE, HANDLE, b"done")
    store.take(server)
    assert not store.jobs
    server.passes(30)
    server = store.restarted(server)
    assert server.broker.archive.results[1].result == b"done"
    server.passes(30)
    assert not server.broker.archive.results
    store.take(server)
    assert not store.results


def test_the_result_of_a_revived_job_takes_the_place_of_the_one_before() -> None:
    server, store = buried(keep_result=60)
    assert store.results[1].state == "failed"
    revive(server.broker, server.broker.archive.dead[1])
    begun(server, store).says(WORK_COMPLETE, HANDLE, b"done")
    store.take(server)
    store.check(server)
    assert store.results[1].result == b"done"


@pytest.mark.parametrize("under_way", [False, True])
def test_also_where_that_one_was_forgotten_just_before(under_way: bool) -> None:
    """In the same batch, or in one that fails."""
    server, store = buried(keep_result=60)
    server.passes(60)
    assert not server.broker.archive.results
    batch = take_batch(server.broker) if under_way else None
    revive(server.broker, server.broker.archive.dead[1])
    begun(server, store).says(WORK_COMPLETE, HANDLE, b"done")
    if batch is not None:
        store.end(server, batch, works=False)
    store.take(server)
    store.check(server)
    assert store.results[1].result == b"done"


# What an operator has set


def test_what_was_set_holds_after_a_restart_for_jobs_that_were_there() -> None:
    server, store = server_with(paused=True)
    server.connect().types(b"maxqueue f 1")
    submitted(server, store)
    server = store.restarted(server)
    assert server.broker.policies.of(b"f") == Policy(paused=True, max_queue=(1, 1, 1))
    assert server.worker(b"f").asks(GRAB_JOB) == [(NO_JOB,)]


def test_what_is_set_no_more_is_not_kept() -> None:
    server, store = server_with(paused=True)
    server.sets_policy("f", paused=None)
    batch = store.take(server)
    assert batch.documents == {("policy", "f"): Document("policy", "f", "")}
    assert not store.documents


def test_a_policy_that_cannot_be_read_is_left_out_and_noted() -> None:
    server = MemoryServer(has_store=True)
    texts = ["{", json.dumps({"colour": "red"}), json.dumps([]), json.dumps({"ttl": 5})]
    adopt(server.broker, Kept(documents=[Document("policy", "f", text) for text in texts]))
    assert server.broker.policies.of(b"f") == Policy(ttl=5.0)
    assert len(server.notices) == 3
    assert all("policy set aside" in notice for notice in server.notices)


# Two batches in one


def test_what_a_later_batch_says_of_a_result_holds() -> None:
    server, store = server_with(keep_result=60)
    submitted(server, store)
    server.running(b"f").says(WORK_COMPLETE, HANDLE, b"done")
    store.take(server, works=False)
    server.passes(60)
    store.take(server)
    store.check(server)
    assert not store.results


def test_a_batch_of_nothing_is_empty() -> None:
    assert not len(Batch())


def test_how_often_a_job_has_lost_its_worker_outlives_the_server_and_a_restart_is_not_counted() -> None:
    server, store = MemoryServer(Rules(prefix=b"H:test", max_lost=3), has_store=True), KeptJobs()
    submitted(server, store)
    for _ in range(2):
        server.running(b"f").leaves()
    store.take(server)
    for _ in range(3):  # a server that ends while the job runs
        server = store.restarted(server)
        server.running(b"f")
        store.take(server)
    server = store.restarted(server)
    server.running(b"f").leaves()
    store.take(server)
    assert not server.broker.jobs
    assert store.dead[1].reason == "lost"
    assert server.broker.archive.dead[1].job.attempts == 3
