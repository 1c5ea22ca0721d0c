"""The port between the server and whatever keeps its background jobs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

from geartrain.broker.batch import Batch, JobRecord, Outcome


class Store(Protocol):
    """Where background jobs outlive the process. Nothing here may block the loop."""

    def load(self) -> AsyncIterator[JobRecord]:
        """What outlived the last process, in the order in which it was submitted; raises StoreError."""

    async def commit(self, batch: Batch) -> Outcome:
        """Keep all of a batch or none of it. One batch is under way at a time."""

    async def close(self) -> None:
        """Let go of the store; what was committed stays."""
