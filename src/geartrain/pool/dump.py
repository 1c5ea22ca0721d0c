"""All that a pool has in its engine, one item after the other, whatever its servers do meanwhile."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator

from geartrain.broker.batch import DeadRecord, Document
from geartrain.pool.address import Address
from geartrain.pool.engine import Engine
from geartrain.pool.keys import Keys
from geartrain.pool.loading import Jobs, Scan, dead_in_parts, documents_and_number, results_in_parts
from geartrain.pool.records import aside_in
from geartrain.store.portable import Aside, DeadJob, Item


class Dump:
    """Reads the shards of a pool one by one; everything raises StoreError where the engine is lost."""

    def __init__(self, address: Address) -> None:
        self.shards = [(Engine(address, shard), Keys(address, shard)) for shard in range(address.shards)]
        self.wrong: dict[int, str] = {}  # numbers of rows that are no jobs, and why

    async def count(self) -> int:
        """How many jobs there are now, dead ones among them."""
        return sum([await engine.ask(b"HLEN", keys.jobs) for engine, keys in self.shards])

    async def items(self, results: bool) -> AsyncIterator[Item]:
        """Documents, jobs by shard in the order of their submits, dead letters among them, and results if wanted."""
        for document in await self.documents():
            yield document
        for engine, keys in self.shards:
            async for item in self.jobs(engine, keys):
                yield item
        for engine, keys in self.shards if results else ():
            async for part in results_in_parts(engine, keys):
                for result in part.results:
                    yield result

    async def documents(self) -> list[Document]:
        """What operators have set: what is for all functions is in each shard, and is one document here."""
        found: dict[Document, None] = {}
        for engine, keys in self.shards:
            found.update(dict.fromkeys((await documents_and_number(engine, keys)).documents))
        return list(found)

    async def jobs(self, engine: Engine, keys: Keys) -> AsyncIterator[Item]:
        dead: dict[int, DeadRecord] = {}
        async for part in dead_in_parts(engine, keys):
            dead.update((letter.number, letter) for letter in part.dead)
        jobs = Jobs(engine, keys, sys.maxsize)
        async for records in jobs.in_parts():
            for record in records:
                letter = dead.get(record.number)
                yield record if letter is None else DeadJob(record, letter)
        self.wrong.update(jobs.wrong)

    async def set_aside(self) -> AsyncIterator[Aside]:
        """The rows that are no jobs."""
        for engine, keys in self.shards:
            scan = Scan(engine, keys.aside)
            while not scan.is_over:
                for field, value in await scan.fields():
                    reason, at, head, workload = aside_in(value)
                    yield Aside(int(field), head, workload, reason, at)

    async def close(self) -> None:
        """Let go of the engine."""
        for engine, _ in self.shards:
            await engine.close()
