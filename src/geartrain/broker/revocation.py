"""Telling a worker that its job is not its own any more: JOB_CANCELLED."""

from __future__ import annotations

from typing import TYPE_CHECKING

from geartrain.broker.model import Job
from geartrain.protocol.commands import JOB_CANCELLED
from geartrain.protocol.packet import response

if TYPE_CHECKING:
    from geartrain.broker.broker import Broker


def revoke(broker: Broker, job: Job, reason: bytes) -> None:
    """Tell the job's worker, if it has the extension; what any other one says of the job will be ignored."""
    worker = job.worker
    if worker is None:
        return
    if worker.extended:
        worker.send(response(JOB_CANCELLED, job.handle, reason))
    if broker.revoked is not None:
        broker.revoked.append((worker, job.handle))
