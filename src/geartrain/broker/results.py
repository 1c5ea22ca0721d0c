"""Results: what is kept of background jobs that are over, where their function's policy says so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from geartrain.broker.batch import ResultRecord
from geartrain.broker.model import Job

if TYPE_CHECKING:
    from geartrain.broker.broker import Broker

LONGEST_RESULT: Final = 64 * 1024 * 1024  # bytes, as much as one packet brings


def collect(broker: Broker, job: Job, chunk: bytes) -> None:
    """WORK_DATA of a running job: part of a result that may be kept."""
    policy = job.function.policy
    if policy is not None and policy.keep_result:
        chunks = broker.archive.chunks.setdefault(job.number, bytearray())
        chunks += chunk[: LONGEST_RESULT - len(chunks)]


def keep_result(broker: Broker, job: Job, state: str, result: bytes) -> None:
    """Keep what becomes of a job that is about to be finished, if it is in the background and its policy says so.

    ``state`` is "complete", "failed", "exception" or "cancelled".
    """
    policy = job.function.policy
    if policy is None or not policy.keep_result or not job.background:
        return
    # One that is cancelled, or brings its result, has an execution that has not been counted.
    running = job.worker is not None and state in ("complete", "cancelled")
    record = ResultRecord(
        job.number,
        job.handle,
        job.function.name,
        job.unique,
        state,
        whole_result(broker, job, result) if state == "complete" else result,
        job.submitted_at,
        job.started_at,
        broker.clock,
        broker.clock + policy.keep_result,
        job.attempts + running,
        b"" if job.worker is None else job.worker.client_id,
    )
    if broker.batch is not None:
        broker.batch.keep_result(record)
    put(broker, record)


def whole_result(broker: Broker, job: Job, result: bytes) -> bytes:
    """What WORK_DATA brought and then WORK_COMPLETE, cut where it is too long."""
    chunks = broker.archive.chunks.get(job.number)
    if chunks is None:
        return result
    whole = bytes(chunks) + result
    if len(whole) < LONGEST_RESULT:
        return whole
    broker.note(f"result cut at {LONGEST_RESULT} bytes, as it is kept", job)
    return whole[:LONGEST_RESULT]


def put(broker: Broker, record: ResultRecord) -> None:
    """Have a result, and give up the oldest for it where there are too many."""
    forget(broker, broker.archive.add(record))


def forget_expired(broker: Broker) -> None:
    """Forget the results that were kept for as long as they should."""
    forget(broker, broker.archive.expire(broker.clock))


def forget(broker: Broker, numbers: list[int]) -> None:
    if broker.batch is not None:
        for number in numbers:
            broker.batch.forget_result(number)
