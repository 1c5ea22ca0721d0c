"""Making a shard in the engine what its leader knows, after another primary may have missed the last moments."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

from geartrain.broker.batch import record_of
from geartrain.broker.broker import Broker
from geartrain.broker.durability import documents, known_job
from geartrain.broker.model import KEPT
from geartrain.broker.rows import row_of
from geartrain.pool.engine import Engine
from geartrain.pool.keys import Keys
from geartrain.pool.loading import PIECE, Scan
from geartrain.pool.parcels import (
    ADDED,
    BURIED,
    CHANGED,
    DOCUMENTS,
    EXHUMED,
    FORGOTTEN,
    NO_DOCUMENTS,
    OVER,
    RESULTS,
    Parcels,
)
from geartrain.pool.records import LENGTH, dead_bytes, document_key, end_of_head, result_bytes, row_bytes


async def differences(engine: Engine, keys: Keys, broker: Broker) -> Parcels:
    """What to do so that the engine has what the broker knows to be kept; no batch may be under way.

    What the next batch is about to do may be among it: it does no harm twice.
    """
    parcels = Parcels()
    await compare_documents(parcels, engine, keys.documents, broker)
    await compare_jobs(parcels, engine, keys.jobs, broker)
    letters, results = broker.archive.dead, broker.archive.results

    def letter(number: int) -> bytes | None:
        found = letters.get(number)
        return None if found is None else dead_bytes(found.record)

    def result(number: int) -> bytes | None:
        found = results.get(number)
        return None if found is None else result_bytes(found)

    await compare_hash(parcels, Scan(engine, keys.dead), list(letters), letter, BURIED, EXHUMED)
    await compare_hash(parcels, Scan(engine, keys.results), list(results), result, RESULTS, FORGOTTEN)
    return parcels


async def compare_jobs(parcels: Parcels, engine: Engine, key: bytes, broker: Broker) -> None:
    """Have the jobs be those that the broker knows to be kept."""
    scan = Scan(engine, key)
    found: set[int] = set()
    while not scan.is_over:
        for field, row in await scan.fields():
            number = int(field)
            found.add(number)
            compare(parcels, broker, number, row[: end_of_head(row)])
    async for number in slowly([*broker.jobs, *broker.archive.dead]):
        job = known_job(broker, number)
        if job is None or number in found or job.kept != KEPT or job.workload is None:
            continue
        _, head, _ = row_of(record_of(job, None))
        parcels.put(ADDED, number, row_bytes(head, job.workload))


async def slowly(numbers: list[int]) -> AsyncIterator[int]:
    """The numbers, with pauses for others."""
    for place, number in enumerate(numbers, 1):
        yield number
        if place % PIECE == 0:
            await asyncio.sleep(0)


def compare(parcels: Parcels, broker: Broker, number: int, found: bytes) -> None:
    """One job that the engine has."""
    job = known_job(broker, number)
    if job is None:
        return parcels.put(OVER, number)
    if job.kept == KEPT:
        _, head, _ = row_of(record_of(job, None))
        if LENGTH.pack(len(head)) + head != found:
            parcels.put(CHANGED, number, LENGTH.pack(len(head)) + head)


async def compare_hash(
    parcels: Parcels,
    scan: Scan,
    numbers: list[int],
    wanted: Callable[[int], bytes | None],
    put: int,
    remove: int,
) -> None:
    """Have a hash be as it is wanted: for each of the numbers a value, and nothing where that is None."""
    same: set[int] = set()
    while not scan.is_over:
        for field, value in await scan.fields():
            number = int(field)
            expected = wanted(number)
            if expected is None:
                parcels.put(remove, number)
            elif expected == value:
                same.add(number)
    async for number in slowly(numbers):
        expected = wanted(number)
        if expected is not None and number not in same:
            parcels.put(put, number, expected)


async def compare_documents(parcels: Parcels, engine: Engine, key: bytes, broker: Broker) -> None:
    wanted = {
        document_key(kind, name): text.encode("utf-8", "surrogateescape")
        for kind, name, text in documents(broker)
    }
    for field in await engine.ask(b"HKEYS", key):
        if field not in wanted:
            parcels.put(NO_DOCUMENTS, field)
    for field, text in wanted.items():
        parcels.put(DOCUMENTS, field, text)
