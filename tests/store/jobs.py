"""Stores for tests, and jobs to put into them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from geartrain.broker.batch import Batch, JobRecord, Kept, Outcome
from geartrain.broker.model import NORMAL
from geartrain.store.sqlite import SQLiteStore


def record(number: int, workload: bytes = b"a", **others: Any) -> JobRecord:
    """A job of which only what matters is said."""
    usual = JobRecord(
        number, b"H:test:%d" % number, b"f", b"", b"", workload, len(workload), NORMAL, 0.0, 1.8e9, 0, b""
    )
    return usual._replace(**others)


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


async def everything(store: SQLiteStore) -> Kept:
    """All that the store has, in one part."""
    found = Kept([], [], [], [], 0, [])
    last = 0
    async for part in store.load():
        for mine, its in zip(found, part, strict=True):
            if isinstance(mine, list) and isinstance(its, list):
                mine += its
        last = max(last, part.last_number)
    return found._replace(last_number=last)


async def kept(store: SQLiteStore, made: Batch) -> Outcome:
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
