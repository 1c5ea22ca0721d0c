"""What became of a job, as STATUS_RES and RESULT_RES tell it."""

from __future__ import annotations

import json
from typing import Final

from geartrain.broker.answers import text
from geartrain.broker.archive import DeadLetter
from geartrain.broker.batch import ResultRecord
from geartrain.broker.broker import Broker
from geartrain.broker.listing import job_state
from geartrain.broker.model import Job, job_by_handle, number_of

UNKNOWN: Final = [b"unknown", b"{}", b""]


def fate(broker: Broker, handle: bytes) -> list[bytes]:
    """The state, details in JSON, and the result of the job with that handle."""
    job = job_by_handle(broker.jobs, handle)
    if job is not None:
        return of_live_job(job)
    number = number_of(handle)
    letter = broker.archive.dead.get(number)
    if letter is not None and letter.job.handle == handle:
        return of_dead_letter(letter)
    record = broker.archive.results.get(number)
    if record is not None and record.handle == handle:
        return of_result(record)
    return UNKNOWN


def status_fields(job: Job | None) -> list[bytes]:
    """Known, running, numerator and denominator, as STATUS_RES has them."""
    if job is None:
        return [b"0", b"0", b"0", b"0"]
    running = b"0" if job.worker is None else b"1"
    return [b"1", running, b"%d" % job.numerator, b"%d" % job.denominator]


def of_live_job(job: Job) -> list[bytes]:
    """A job that is not over."""
    worker = b"" if job.worker is None else job.worker.client_id
    attempts = job.attempts + (job.worker is not None)
    able = len(job.function.workers)
    told = details(job.submitted_at, job.started_at, 0.0, attempts, worker, "", workers=able)
    return [job_state(job).encode(), told, b""]


def of_dead_letter(letter: DeadLetter) -> list[bytes]:
    """A job that ended badly and waits for a decision."""
    job, record = letter.job, letter.record
    error = text(record.error) or record.reason
    told = details(
        job.submitted_at, job.started_at, record.died_at, job.attempts, record.worker, error, record.reason
    )
    return [b"dead", told, record.error]


def of_result(record: ResultRecord) -> list[bytes]:
    """A job that is over, as its function's policy has it kept."""
    told = details(
        record.submitted_at,
        record.started_at,
        record.finished_at,
        record.attempts,
        record.worker,
        text(record.result) if record.state == "exception" else "",
    )
    return [record.state.encode(), told, record.result]


def details(
    submitted_at: float,
    started_at: float,
    finished_at: float,
    attempts: int,
    worker: bytes,
    error: str,
    reason: str = "",
    workers: int | None = None,
) -> bytes:
    """What is known of a job, in JSON; what is not known is null."""
    fields = {
        "submitted_at": submitted_at,
        "started_at": started_at or None,
        "finished_at": finished_at or None,
        "attempts": attempts,
        "worker": text(worker) or None,
        "error": error or None,
        "reason": reason or None,
        "workers": workers,
    }
    return json.dumps(fields).encode()
