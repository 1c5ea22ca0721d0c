"""What a broker does for a store: take back the jobs it kept, and hand over what it must keep."""

from __future__ import annotations

from typing import Final

from geartrain.broker.archive import DeadLetter
from geartrain.broker.batch import Batch, JobRecord, Kept
from geartrain.broker.broker import Broker
from geartrain.broker.model import ASKED, CONTENT, KEPT, Job

RESERVE: Final = (
    100_000  # numbers that may be given before the store hears of it; after a crash they are left out
)


def adopt(broker: Broker, kept: Kept) -> None:
    """Have what a store kept: jobs are queued under the handles they had, and new handles go on after them."""
    dead = {record.number: record for record in kept.dead}
    for record in kept.jobs:
        job = job_of(broker, record)
        if record.number in dead:
            broker.archive.dead[job.number] = DeadLetter(job, dead[record.number])
        else:
            broker.place(job)
    for result in kept.results:
        broker.archive.results[result.number] = result
    broker.last_handle = max(broker.last_handle, kept.last_number)
    broker.notices += kept.notices


def job_of(broker: Broker, record: JobRecord) -> Job:
    """A job as it was."""
    job = Job(
        record.handle,
        broker.function(record.function),
        record.unique,
        record.reducer,
        record.workload,
        record.priority,
        True,
        record.submitted_at,
        record.run_at,
    )
    job.number = record.number
    job.size = record.size
    job.attempts = record.attempts
    job.metadata = record.metadata
    job.kept = KEPT
    broker.last_handle = max(broker.last_handle, record.number)
    return job


def take_batch(broker: Broker) -> Batch:
    """What the store has to keep by now; the next batch begins."""
    batch = broker.batch or Batch()
    broker.batch = Batch()
    batch.seal()
    for job in batch.added.values():
        job.kept = ASKED
    if wants_numbers(broker):
        broker.reserved = batch.last_number = broker.last_handle + RESERVE
    return batch


def wants_numbers(broker: Broker) -> bool:
    """Whether the store must soon hear how far the numbers have come."""
    return broker.last_handle + RESERVE // 2 > broker.reserved


def keep(broker: Broker, batch: Batch) -> None:
    """The store has all of a batch: workloads that memory has no room for stay there."""
    for job in batch.added.values():
        job.kept = KEPT
    if broker.memory > broker.rules.memory:
        for job in batch.added.values():
            leave_to_store(broker, job)


def leave_to_store(broker: Broker, job: Job) -> None:
    """Let only the store have the workload of a queued job, if memory is short."""
    if broker.memory <= broker.rules.memory or job.number not in broker.jobs or job.unique == CONTENT:
        return
    if job.workload is not None:
        broker.memory -= job.size
        job.workload = None


def take_back(broker: Broker, batch: Batch, partly: bool = False) -> None:
    """Jobs of a batch were not kept: they end, but for clients who wait for them. The rest is still to do, if not done.

    A job that was submitted once more since is in the next batch too, and lives or ends with that.
    """
    growing = broker.batch if broker.batch is not None else Batch()
    for number, job in batch.added.items():
        if number in growing.added or broker.jobs.get(number) is not job:
            continue
        job.background = False
        if job.clients is None:
            broker.cancel(job)
    if not partly:
        growing.take_over(batch)
        broker.reserved = 0
