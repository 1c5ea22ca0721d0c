"""Lateness: a worker that was over its time limit may still bring the result, while nobody else has the job."""

from __future__ import annotations

from typing import Final

from geartrain.broker.model import Connection, Job, job_by_handle

MOST_LATE: Final = 8  # workers of a job that are listened to: the latest ones


def remember_worker(job: Job) -> None:
    """The job is taken from its worker, as it took too long: what that still says of it may count."""
    if job.worker is not None:
        serial = job.worker.serial
        late = [other for other in job.late or () if other != serial]
        job.late = [*late[1 - MOST_LATE :], serial]


def late_job(jobs: dict[int, Job], worker: Connection, handle: bytes) -> Job | None:
    """The job that was taken from a worker and waits for its next execution; None while another worker has it."""
    job = job_by_handle(jobs, handle)
    if job is None or job.worker is not None or worker.serial not in (job.late or ()):
        return None
    return job


def forget_worker(jobs: dict[int, Job], worker: Connection, handle: bytes) -> None:
    """A worker has said its last word on a job that it does not have, or a part of its result was dropped."""
    job = job_by_handle(jobs, handle)
    if job is not None and job.late is not None and worker.serial in job.late:
        job.late.remove(worker.serial)


def forget_others(job: Job, worker: Connection) -> None:
    """A worker has sent a part of its result: the results of the others would not fit to it."""
    if job.late is not None:
        job.late = [worker.serial] if worker.serial in job.late else None
