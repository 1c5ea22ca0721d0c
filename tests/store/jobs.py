"""Stores for tests, and jobs to put into them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from geartrain.broker.batch import Batch, DeadRecord, JobRecord, Kept, Outcome, ResultRecord
from geartrain.broker.model import LOW, NORMAL
from geartrain.store.ports import Store
from geartrain.store.sqlite import SQLiteStore


def record(number: int, workload: bytes = b"a", **others: Any) -> JobRecord:
    """A job of which only what matters is said."""
    usual = JobRecord(
        number, b"H:test:%d" % number, b"f", b"", b"", workload, len(workload), NORMAL, 0.0, 1.8e9, 0, b""
    )
    return usual._replace(**others)


ODD = record(
    3,
    bytes(range(256)),
    function="zähler".encode(),
    unique=b"u\xff\x00"[:2],
    reducer=b"sum",
    priority=LOW,
    run_at=1.9e9 + 0.25,
    submitted_at=1.8e9 + 0.125,
    attempts=70_000,
    metadata=b'{"trace":"1"}',
)
DEAD = DeadRecord(3, "exception", b"worker-1", b"no\0such file", 1.8e9)
RESULT = ResultRecord(4, b"H:test:4", b"f", b"u", "complete", b"r\0", 1.0, 2.0, 3.0, 4.0, 5, b"worker-1")


def batch(*added: JobRecord, removed: tuple[int, ...] = ()) -> Batch:
    """A sealed batch that adds and removes jobs."""
    made = Batch()
    made.records += added
    made.removed += removed
    made.last_number = max((job.number for job in added), default=0)
    return made


@asynccontextmanager
async def opened(path: Path, durability: str = "full", memory: int = 1 << 30) -> AsyncIterator[SQLiteStore]:
    """A store that is closed in the end."""
    store = SQLiteStore(str(path), durability, memory)
    try:
        yield store
    finally:
        await store.close(0)


async def everything(store: Store) -> Kept:
    """All that the store has, in one part."""
    found = Kept([], [], [], [], 0, [], [])
    last = 0
    async for part in store.load():
        for mine, its in zip(found, part, strict=True):
            if isinstance(mine, list) and isinstance(its, list):
                mine += its
        last = max(last, part.last_number)
    return found._replace(last_number=last)


async def kept(store: Store, made: Batch) -> Outcome:
    """Commit a batch that must succeed."""
    outcome = await store.commit(made)
    assert not outcome.error
    return outcome


def in_loop(test: Callable[[Path], Awaitable[None]]) -> Callable[[Path], None]:
    """A test that is a coroutine, with a path for its file of jobs."""

    def run(tmp_path: Path) -> None:
        async def conversation() -> None:
            await test(tmp_path / "jobs.db")

        asyncio.run(conversation())

    run.__name__ = test.__name__
    run.__doc__ = test.__doc__
    return run
