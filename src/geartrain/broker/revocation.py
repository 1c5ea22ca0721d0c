"""Telling a worker that its job is not its own any more: JOB_CANCELLED."""

from __future__ import annotations

from geartrain.broker.model import Job
from geartrain.protocol.commands import JOB_CANCELLED
from geartrain.protocol.packet import response


def revoke(job: Job, reason: bytes) -> None:
    """Tell the job's worker, if it has the extension; what any other one says of the job will be ignored."""
    worker = job.worker
    if worker is not None and worker.extended:
        worker.send(response(JOB_CANCELLED, job.handle, reason))
