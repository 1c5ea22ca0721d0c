"""Telling a worker that its job is not its own any more: JOB_CANCELLED, and what its server hears in a pool."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from geartrain.broker.model import Job
from geartrain.protocol.commands import JOB_CANCELLED
from geartrain.protocol.packet import response

if TYPE_CHECKING:
    from geartrain.broker.broker import Broker

REVOKED: Final = b"\0revoked "  # and a handle: among a worker's packets, for the server that it is a peer of


def revoke(broker: Broker, job: Job, reason: bytes) -> None:
    """Tell the job's worker, if it has the extension; what any other one says of the job will be ignored."""
    worker = job.worker
    if worker is None:
        return
    if worker.extended:
        worker.send(response(JOB_CANCELLED, job.handle, reason))
    if broker.relayed:
        worker.send(REVOKED + job.handle)
