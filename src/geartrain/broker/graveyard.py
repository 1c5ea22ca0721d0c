"""Dead letters: background jobs that ended badly, kept until somebody revives or discards them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from geartrain.broker.archive import DeadLetter
from geartrain.broker.batch import DeadRecord
from geartrain.broker.model import CONTENT, KEPT, Job

if TYPE_CHECKING:
    from geartrain.broker.broker import Broker

LONGEST_ERROR: Final = 64 * 1024  # bytes of what the last worker said


def bury(broker: Broker, job: Job, reason: str, error: bytes) -> None:
    """End a job, and keep it with the reason."""
    worker = b"" if job.worker is None else job.worker.client_id
    job.function.tally.dead += 1
    if broker.events is not None:
        broker.events.add(broker.clock, "dead", job, reason)
    record = DeadRecord(job.number, reason, worker, error[:LONGEST_ERROR], broker.clock)
    broker.finish(job, buried=True)
    broker.archive.bury(DeadLetter(job, record))
    if broker.batch is None:
        return
    broker.batch.bury(job, record)
    if job.kept == KEPT and job.unique != CONTENT:
        job.workload = None  # the store has it


def revive(broker: Broker, letter: DeadLetter) -> None:
    """Queue a dead letter again under its own handle, as if it had never run.

    If another job has taken its unique meanwhile, both run, and submits join the other.
    """
    job = letter.job
    if not broker.archive.unearth(job.number):
        return
    job.function = broker.function(job.function.name)
    job.function.queues[job.priority].sweep()
    job.attempts = 0
    job.losses = 0
    job.numerator = 0
    job.denominator = 0
    job.run_at = broker.clock
    job.function.tally.revived += 1
    if broker.events is not None:
        broker.events.add(broker.clock, "revived", job)
    broker.place(job)
    if broker.batch is not None:
        broker.batch.exhume(job)


def discard(broker: Broker, letter: DeadLetter) -> None:
    """Forget a dead letter."""
    job = letter.job
    if broker.archive.unearth(job.number) and broker.batch is not None:
        broker.batch.remove(job)
