"""How an execution of a job ends other than by a result."""

from __future__ import annotations

from geartrain.broker.broker import Broker
from geartrain.broker.model import Job


def retry_later(broker: Broker, job: Job, delay: float, error: bytes) -> bool:
    """The worker asks for another execution in ``delay`` seconds; False where the job has ended badly instead."""
    broker.release(job)
    job.attempts += 1
    job.numerator = 0
    job.denominator = 0
    if job.clients is None and not job.background:
        broker.forget(job)
        return False
    if broker.batch is not None and job.background:
        broker.batch.change(job)
    if delay > 0:
        job.run_at = broker.clock + delay
        broker.delay(job)
        return True
    broker.queue(job)
    return True
