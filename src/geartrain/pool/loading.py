"""Reading all that a shard has in the engine, piece by piece, so that neither the engine nor the loop stands still."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any, Final, Generic, TypeVar

from geartrain.broker.batch import DeadRecord, JobRecord, Kept, ResultRecord
from geartrain.broker.model import CONTENT
from geartrain.errors import EngineLost
from geartrain.pool.engine import Engine
from geartrain.pool.keys import Keys
from geartrain.pool.records import dead_in, document_in, job_in, result_in, workload_in
from geartrain.pool.script import SCAN

T = TypeVar("T", bound=Any)

PIECE: Final = 1000  # jobs that are read or made at once, some milliseconds of work
PIECE_BYTES: Final = 1 << 20
LARGEST_PIECE: Final = 2000
RUN: Final = 16384  # numbers that are sorted at once

Wrong = dict[int, str]  # why something is not what it should be, by number


class Runs(Generic[T]):
    """Sorts much a little at a time."""

    def __init__(self) -> None:
        self.runs: list[list[T]] = []
        self.growing: list[T] = []

    def add(self, item: T) -> None:
        """One more."""
        self.growing.append(item)
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

    async def rows(self, room: int) -> Sequence[Any]:
        """Some jobs more: for each its number, the bytes of its workload and its row, as ``scan.lua`` says it."""
        found: list[Any] = await self.engine.call(SCAN, [self.key], [self.cursor, self.count, room])
        self.advance(found[0], found[1])
        return found[2:]

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
    for result in results.values():
        order.add((result.finished_at, result.number))
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
        self.sizes: dict[int, int] = {}  # of workloads that have no room here; -1 for rows that are none
        self.wrong: Wrong = {}

    async def in_parts(self) -> AsyncIterator[list[JobRecord]]:
        """The jobs in the order of their numbers; ``wrong`` gets those that are none. Raises StoreError."""
        await self.read()
        part: list[JobRecord] = []
        for number in self.numbers.merged():
            self.add_to(part, number)
            if len(part) >= PIECE:
                yield await self.with_keys(part)
                await asyncio.sleep(0)
                part = []
        yield await self.with_keys(part)

    async def read(self) -> None:
        """Read all rows, in the order of the engine."""
        scan = Scan(self.engine, self.keys.jobs)
        while not scan.is_over:
            found = await scan.rows(self.room)
            for at in range(0, len(found), 3):
                self.take(found[at], found[at + 1], found[at + 2])

    def take(self, field: bytes, size: int, row: bytes) -> None:
        """One row, which may come twice."""
        number = int(field)
        if number in self.rows:
            return
        self.rows[number] = row
        self.numbers.add(number)
        if 0 <= size <= self.room:
            self.room -= size
        else:
            self.sizes[number] = size

    def add_to(self, part: list[JobRecord], number: int) -> None:
        row = self.rows.pop(number)
        size = self.sizes.pop(number, None) if self.sizes else None
        if size is None:
            size = len(workload_in(row) or b"")
        try:
            part.append(job_in(number, size, row))
        except ValueError as error:
            self.wrong[number] = str(error)

    async def with_keys(self, part: list[JobRecord]) -> list[JobRecord]:
        """The same jobs, with the workloads by which equal ones are found."""
        places = [place for place, job in enumerate(part) if job.workload is None and job.unique == CONTENT]
        for place in places:
            row = await self.engine.ask(b"HGET", self.keys.jobs, part[place].number)
            part[place] = part[place]._replace(workload=workload_in(row))
        return part
