"""Committer: a reply that promises something leaves after the commit that keeps the promise."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from geartrain.broker.batch import Batch, Outcome
from geartrain.broker.broker import Broker
from geartrain.broker.durability import keep, take_back, take_batch
from geartrain.broker.model import Connection
from geartrain.errors import StoreError
from geartrain.protocol.commands import ERROR, JOB_CREATED
from geartrain.protocol.packet import response
from geartrain.store import Store


class Committer:
    """Hands the store one batch at a time, and holds back what the batch under way and the next one promise.

    While a batch is under way the next one grows: group commit without a timer. A reply of a connection that waits
    for a promise waits behind it.
    """

    def __init__(self, store: Store, broker: Broker, write: Callable[[Connection, bytes], None]) -> None:
        self.store = store
        self.broker = broker
        self.write = write
        self.held: dict[Connection, list[bytes]] = {}  # until the batch under way is kept
        self.next: dict[Connection, list[bytes]] = {}  # until the one after it is
        self.commit: asyncio.Task[None] | None = None  # None while no batch is under way

    def hold(self, connection: Connection) -> bool:
        """Hold back what the connection has to say, if it promises something or comes after what does."""
        if not connection.promised and not self.holds(connection):
            return False
        self.next.setdefault(connection, []).extend(connection.outgoing)
        connection.outgoing.clear()
        connection.promised = False
        return True

    def holds(self, connection: Connection) -> bool:
        """Whether something for the connection is held back."""
        return connection in self.held or connection in self.next

    def end_turn(self) -> None:
        """Begin the next commit, if none is under way."""
        if self.commit is None and (self.next or self.broker.batch):
            self.held, self.next = self.next, {}
            self.commit = asyncio.create_task(self.keep(take_batch(self.broker)))

    async def keep(self, batch: Batch) -> None:
        """Have a batch kept, and let go of what it promised."""
        try:
            outcome = await self.store.commit(batch) if len(batch) else Outcome()
        except StoreError as error:
            outcome = Outcome(str(error))
        if outcome.error:
            self.take_back(batch, outcome.error)
        else:
            keep(self.broker, batch)
        held, self.held = self.held, {}
        for connection, packets in held.items():
            self.write(connection, b"".join(packets))
        self.commit = None
        self.end_turn()

    def take_back(self, batch: Batch, reason: str) -> None:
        """Refuse what a failed batch would have promised; what it removed is removed with the next one."""
        refusal = response(ERROR, b"QUEUE_ERROR", reason.encode())
        broken = {response(JOB_CREATED, handle) for handle in batch.added}
        for packets in self.held.values():
            packets[:] = [refusal if packet in broken else packet for packet in packets]
        take_back(self.broker, batch)

    async def close(self) -> None:
        """Wait until everything is kept, and close the store."""
        while self.commit is not None:
            await self.commit
        await self.store.close()
