"""The store in a pool's engine: the jobs of one shard, for whoever leads it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Sequence
from typing import Final

from geartrain.broker.batch import Batch, Kept, Outcome
from geartrain.broker.broker import Broker
from geartrain.errors import EngineLost, Fenced, StoreError
from geartrain.pool.address import Address
from geartrain.pool.engine import HOLD, Call, Engine, EngineFull
from geartrain.pool.keys import Keys
from geartrain.pool.loading import Jobs, Wrong, dead_in_parts, documents_and_number, results_in_parts
from geartrain.pool.node import Argument, Command, Reply
from geartrain.pool.parcels import ASIDE, OVER, Parcels, arguments_of, with_headers
from geartrain.pool.reconciling import differences
from geartrain.pool.records import aside_bytes, workload_in
from geartrain.pool.script import COMMIT

LEASE: Final = 10.0  # seconds
REFUSAL: Final = "the pool cannot keep jobs"
WANTED_AT_ONCE: Final = 64


class ValkeyStore:
    """The jobs of a shard, which whoever has its lease with ``token`` may change; every commit renews that.

    ``ack`` says who must have what is committed: "memory" (the primary), "replica", "disk" (the primary's and a
    replica's), or "auto", a replica where there are any. What cannot be done within ``hold`` seconds fails.
    """

    def __init__(
        self,
        address: Address,
        shard: int,
        token: str,
        memory: int = 1 << 30,
        ack: str = "auto",
        hold: float = HOLD,
        seconds: float = LEASE,
    ) -> None:
        self.engine = Engine(address, shard, hold)
        self.keys = Keys(address, shard)
        self.token = token.encode()
        self.memory = memory
        self.ack = ack
        self.milliseconds = int(seconds * 1000)
        self.broker: Broker | None = None  # None while nobody says what the engine should have
        self.primary = b""  # the process that has what we have; empty before the first
        self.undo: dict[int, None] = {}  # jobs of batches that failed: the engine may have them

    async def load(self) -> AsyncIterator[Kept]:
        """All that the shard has, in parts; what is no job is set aside, and said in ``notices``."""
        yield await documents_and_number(self.engine, self.keys)
        self.primary = self.engine.run_id
        async for part in dead_in_parts(self.engine, self.keys):
            yield part
        jobs = Jobs(self.engine, self.keys, self.memory)
        async for records in jobs.in_parts():
            yield Kept(jobs=records)
        async for part in results_in_parts(self.engine, self.keys):
            yield part
        if self.engine.run_id != self.primary:
            raise EngineLost("the engine has another primary, and what it has must be read anew")
        if jobs.wrong:
            await self.set_aside(jobs.wrong)
            yield Kept(
                notices=[f"job {n} set aside, as it cannot be read: {why}" for n, why in jobs.wrong.items()],
                damaged=[f"job {n}" for n in jobs.wrong],
            )

    def follow(self, broker: Broker) -> None:
        """From now on have the engine's jobs be those of the broker, should another primary lack some of them.

        To be called when all is loaded.
        """
        self.broker = broker

    async def reconcile(self, broker: Broker) -> None:
        """Make the engine have what the broker knows to be kept. No commit may be under way."""
        primary = self.engine.run_id
        parcels = await differences(self.engine, self.keys, broker)
        await self.write(with_headers(parcels, self.token, self.milliseconds, broker.reserved))
        if self.engine.run_id == primary:
            self.primary = primary

    async def keep_in_step(self) -> None:
        """Look after a primary that we do not know; where that fails, with the next batch again. Raises Fenced."""
        if self.broker is None or self.primary == self.engine.run_id:
            return
        try:
            await self.reconcile(self.broker)
        except Fenced:
            raise
        except StoreError:
            return

    async def write(self, arguments: list[list[Argument]]) -> None:
        """Have calls done, and wait for who must have them."""
        await self.engine.run([Call(COMMIT, self.keys.commit_keys, each) for each in arguments], self.ack)

    async def set_aside(self, wrong: Wrong) -> None:
        """Put rows that are no jobs where they are in nobody's way."""
        parcels = Parcels()
        for number, reason in wrong.items():
            row = await self.engine.ask(b"HGET", self.keys.jobs, number)
            parcels.put(ASIDE, number, aside_bytes(reason, time.time(), row or b""))
        parcels.put_all(OVER, wrong)
        await self.write(with_headers(parcels, self.token, self.milliseconds, 0))

    def commit(self, batch: Batch) -> Awaitable[Outcome]:
        """Have all of a batch kept or none of it, and what it wants read; it is on its way when this returns.

        The awaitable raises Fenced where another server leads the shard.
        """
        return asyncio.create_task(self.keep(batch))

    async def keep(self, batch: Batch) -> Outcome:
        """What becomes of a batch; raises Fenced."""
        reads: list[Command] = [
            (b"HMGET", self.keys.jobs, *batch_part)
            for batch_part in parts(list(batch.wanted), WANTED_AT_ONCE)
        ]
        changes = bool(self.undo or batch.records or batch.changes) or len(batch) > len(batch.wanted)
        try:
            replies = await self.send(batch if changes else None, reads)
            await self.keep_in_step()
        except Fenced:
            raise
        except EngineFull as error:
            return await self.remove(batch, str(error))
        except StoreError as error:
            return Outcome(f"{REFUSAL}: {error}")
        rows = [row for reply in replies for row in reply]
        return Outcome(workloads=dict(zip(batch.wanted, map(workload_in, rows), strict=True)))

    async def send(self, batch: Batch | None, reads: Sequence[Command] = ()) -> list[Reply]:
        """What is read, after a batch is kept where it must be; raises StoreErrors.

        What a batch added that failed, its next one removes: nobody was promised that.
        """
        calls: list[Call | Command] = list(reads)
        if batch is not None:
            arguments = arguments_of(batch, self.undo, self.token, self.milliseconds)
            self.undo.update(dict.fromkeys(record.number for record in batch.records))
            calls += [Call(COMMIT, self.keys.commit_keys, each) for each in arguments]
        replies = await self.engine.run(calls, self.ack if batch is not None else "memory")
        if batch is not None:
            self.undo.clear()
        return replies[: len(reads)]

    async def remove(self, batch: Batch, error: str) -> Outcome:
        """Do of a batch at least what makes room; raises Fenced."""
        ends = Batch()
        ends.removed, ends.exhumed, ends.forgotten = batch.removed, batch.exhumed, batch.forgotten
        try:
            await self.send(ends)
        except Fenced:
            raise
        except StoreError:
            return Outcome(f"{REFUSAL}: {error}")
        return Outcome(f"{REFUSAL}: {error}", partly=True)

    async def close(self, last_number: int) -> None:
        """Let go of the engine, in which no handle up to ``last_number`` is free."""
        batch = Batch()
        batch.last_number = last_number
        try:
            if last_number or self.undo:
                await self.send(batch)
        except StoreError:
            return  # the numbers that were reserved are left out
        finally:
            await self.engine.close()


def parts(numbers: list[int], size: int) -> list[list[int]]:
    """The numbers, some at a time."""
    return [numbers[start : start + size] for start in range(0, len(numbers), size)]
