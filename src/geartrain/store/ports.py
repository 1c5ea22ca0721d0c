"""The port between the server and whatever keeps its background jobs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Iterator
from typing import NamedTuple, Protocol, runtime_checkable

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


class Renewed(NamedTuple):
    """What became of a file that was written anew."""

    jobs: int
    lost: list[int]  # jobs whose workloads could not be read any more
    aside: str  # where the file is that stood in its place; empty where there was none


@runtime_checkable
class RenewableStore(Store, Protocol):
    """A store that can be made anew where somebody has taken its file away."""

    async def renew(self, content: Iterator[Batch], last_number: int) -> Renewed:
        """Write sealed batches into a new file, which takes the place of the old one when it is whole.

        Raises StoreError, and then all is as it was.
        """
