"""What a broker does for a store: take back the jobs it kept, and hand over what it must keep."""

from __future__ import annotations

from geartrain.broker.batch import Batch, JobRecord
from geartrain.broker.broker import Broker
from geartrain.broker.model import ASKED, KEPT, Job, job_by_handle, number_of


def adopt(broker: Broker, record: JobRecord) -> None:
    """Queue a job that a store kept, under the handle it has; new handles go on after it."""
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
    job.attempts = record.attempts
    job.kept = KEPT
    number = number_of(record.handle)
    broker.last_handle = max(broker.last_handle, number)
    broker.place(job, number)


def take_batch(broker: Broker) -> Batch:
    """What the store has to keep by now; the next batch begins."""
    batch = broker.batch or Batch()
    broker.batch = Batch()
    for handle in batch.added:
        broker.jobs[number_of(handle)].kept = ASKED
    return batch


def keep(broker: Broker, batch: Batch) -> None:
    """The store has all of a batch."""
    for handle in batch.added:
        job = job_by_handle(broker.jobs, handle)
        if job is not None:
            job.kept = KEPT


def take_back(broker: Broker, batch: Batch) -> None:
    """A batch was not kept: its jobs end, but for clients who wait for them, and what it removed is still to do.

    A job that was submitted once more since is in the next batch too, and lives or ends with that.
    """
    growing = broker.batch if broker.batch is not None else Batch()
    for handle in batch.added:
        job = job_by_handle(broker.jobs, handle)
        if job is None or handle in growing.added:
            continue
        job.background = False
        if job.clients is None:
            broker.cancel(job)
    growing.removed = batch.removed + growing.removed
