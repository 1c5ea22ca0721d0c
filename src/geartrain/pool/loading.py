"""Reading all that a shard has in the engine, piece by piece, so that neither the engine nor the loop stands still."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Any, Final, Generic, TypeVar

from geartrain.broker.batch import DeadRecord, JobRecord, Kept, ResultRecord
from geartrain.errors import EngineLost
from geartrain.pool.engine import Engine
from geartrain.pool.keys import Keys
from geartrain.pool.records import dead_in, document_in, end_of_head, has_workload_for_key, job_in, result_in

T = TypeVar("T", bound=Any)

PIECE: Final = 1000  # jobs that are read or made at once, some milliseconds of work
PIECE_BYTES: Final = 1 << 20
LARGEST_PIECE: Final = 2000
RUN: Final = 16384  # about how many numbers are sorted at once

Wrong = dict[int, str]  # why something is not what it should be, by number


class Runs(Generic[T]):
    """Sorts much a little at a time."""

    def __init__(self) -> None:
        self.runs: list[list[T]] = []
        self.growing: list[T] = []

    def add(self, items: Iterable[T]) -> None:
        """Some more."""
        self.growing.extend(items)
        if len(self.growing) >= RUN:
            self.end_run()

    def end_run(self) -> None:
        self.growing.sort()
        self.runs.append(self.growing)
        self.growing = []

    def merged(self) -> Iterator[T]:
        """All of them in order."""
        self.end_run()
        return heapq.merge(*self.runs)


class Scan:
    """Walks over a hash. Raises EngineLost where another primary comes meanwhile, whose cursors mean something else."""

    def __init__(self, engine: Engine, key: bytes) -> None:
        self.engine = engine
        self.key = key
        self.cursor = b"0"
        self.count = 100
        self.run_id = b""
        self.is_over = False

    async def fields(self) -> list[tuple[bytes, bytes]]:
        """Some fields more, and their values."""
        cursor, found = await self.engine.ask(b"HSCAN", self.key, self.cursor, b"COUNT", self.count)
        self.advance(cursor, sum(map(len, found)))
        return list(zip(found[::2], found[1::2], strict=True))

    def advance(self, cursor: bytes, size: int) -> None:
        """One step is done, of so many bytes."""
        if self.run_id not in (b"", self.engine.run_id):
            raise EngineLost("the engine has another primary, and what it has must be read anew")
        self.run_id = self.engine.run_id
        self.cursor = cursor
        self.is_over = cursor == b"0"
        self.count = max(1, min(LARGEST_PIECE, self.count * PIECE_BYTES // max(size, 1), self.count * 4))


async def dead_in_parts(engine: Engine, keys: Keys) -> AsyncIterator[Kept]:
    """The dead letters."""
    scan = Scan(engine, keys.dead)
    while not scan.is_over:
        fields = await scan.fields()
        dead: list[DeadRecord] = []
        notices = []
        for field, value in fields:
            try:
                dead.append(dead_in(int(field), value))
            except ValueError as error:
                notices.append(
                    f"job {field.decode()} is queued again, as its dead letter cannot be read: {error}"
                )
        if fields:
            yield Kept(dead=dead, notices=notices)


async def results_in_parts(engine: Engine, keys: Keys) -> AsyncIterator[Kept]:
    """The results, the oldest first."""
    order: Runs[tuple[float, int]] = Runs()
    results: dict[int, ResultRecord] = {}
    notices = []
    scan = Scan(engine, keys.results)
    while not scan.is_over:
        for field, value in await scan.fields():
            try:
                result = result_in(int(field), value)
            except ValueError as error:
                notices.append(f"result {field.decode()} left out, as it cannot be read: {error}")
                continue
            results[result.number] = result
    order.add((result.finished_at, result.number) for result in results.values())
    part: list[ResultRecord] = []
    for _, number in order.merged():
        part.append(results.pop(number))
        if len(part) >= PIECE:
            yield Kept(results=part)
            await asyncio.sleep(0)
            part = []
    yield Kept(results=part, notices=notices)


async def documents_and_number(engine: Engine, keys: Keys) -> Kept:
    """What operators have set, and how far the numbers have come."""
    found = await engine.ask(b"HGETALL", keys.documents)
    number = await engine.ask(b"GET", keys.number)
    documents = [document_in(key, text) for key, text in zip(found[::2], found[1::2], strict=True)]
    return Kept(documents=documents, last_number=int(number or 0))


class Jobs:
    """The jobs of a shard, with workloads of up to ``memory`` bytes in all, and those that are keys of their jobs."""

    def __init__(self, engine: Engine, keys: Keys, memory: int) -> None:
        self.engine = engine
        self.keys = keys
        self.room = memory
        self.numbers: Runs[int] = Runs()
        self.rows: dict[int, bytes] = {}
        self.sizes: dict[int, int] = {}  # of workloads that have no room here
        self.wrong: Wrong = {}

    async def in_parts(self) -> AsyncIterator[list[JobRecord]]:
        """The jobs in the order of their numbers; ``wrong`` gets those that are none. Raises StoreError."""
        scan = Scan(self.engine, self.keys.jobs)
        while not scan.is_over:
            self.take(await scan.fields())
        part: list[JobRecord] = []
        for number in self.numbers.merged():
            self.add_to(part, number)
            if len(part) >= PIECE:
                yield part
                await asyncio.sleep(0)
                part = []
        yield part

    def take(self, fields: Iterable[tuple[bytes, bytes]]) -> None:
        """Some rows, of which each may come twice."""
        rows, room = self.rows, self.room
        new = []
        for field, row in fields:
            number = int(field)
            if number in rows:
                continue
            size = len(row) - end_of_head(row)
            if size <= room:
                room -= size
            elif not has_workload_for_key(number, row):
                self.sizes[number] = size
                row = row[:-size]
            rows[number] = row
            new.append(number)
        self.room = room
        self.numbers.add(new)

    def add_to(self, part: list[JobRecord], number: int) -> None:
        try:
            part.append(job_in(number, self.rows.pop(number), self.sizes.pop(number, 0) if self.sizes else 0))
        except ValueError as error:
            self.wrong[number] = str(error)
