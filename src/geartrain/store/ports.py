"""The port between the server and whatever keeps its background jobs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable
from typing import Protocol

from geartrain.broker.batch import Batch, Kept, Outcome


class Store(Protocol):
    """Where background jobs outlive the process. Nothing here may block the loop."""

    def load(self) -> AsyncIterator[Kept]:
        """What outlived the last process, in parts: jobs in the order of their submits. Raises StoreError."""

    def commit(self, batch: Batch) -> Awaitable[Outcome]:
        """Keep all of a batch or none of it, and read what it wants. One batch is under way at a time.

        The awaitable raises StoreError where the store cannot be reached at all.
        """

    async def close(self, last_number: int) -> None:
        """Let go of the store, in which no handle up to ``last_number`` is free; what was committed stays."""
