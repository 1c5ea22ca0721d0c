"""A user's tasks, for mypy --strict and pyright --strict: calls keep the types of the functions."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from typing import assert_type

from geartrain import (
    App,
    AsyncWorkerJob,
    JobStatus,
    Priority,
    Queued,
    Retry,
    RetryPolicy,
    TaskJob,
    WorkerJob,
)
from geartrain.testing import MemoryPool, bind

app = App("127.0.0.1:4730")


@app.task
def reverse(text: str) -> str:
    return text[::-1]


@app.task(name="fetch-page", priority=Priority.LOW)
async def fetch(url: str, *, depth: int = 1) -> bytes:
    return f"{url}:{depth}".encode()


@app.stream()
def rows(table: str) -> Iterator[dict[str, str]]:
    yield {"table": table}


@app.stream(bind=True)
async def lines(job: AsyncWorkerJob, count: int) -> AsyncIterator[bytes]:
    async for number in job.track(range(count)):
        assert_type(number, int)
        yield b"%d" % number


@app.task(
    bind=True, unique="thumb:{key}:{width}", timeout=120, retry=RetryPolicy(5, backoff=2.0, on=(OSError,))
)
def thumbnail(job: WorkerJob, key: str, width: int = 200) -> str:
    job.send_status(1, 2)
    if key == "busy":
        raise Retry(delay=30)
    return f"{key}-{width}"


@app.task(bind=True)
async def measure(job: AsyncWorkerJob, path: str) -> dict[str, int]:
    await job.send_status(1, 1)
    return {path: len(path)}


def blocking_callers() -> None:
    assert_type(reverse("x"), str)
    assert_type(reverse.call("x"), str)
    assert_type(reverse.submit("x"), TaskJob[str])
    assert_type(thumbnail("a.png", 64), str)
    assert_type(thumbnail.call("a.png"), str)
    assert_type(fetch.call("here", depth=2), bytes)
    assert_type(measure.call("x"), dict[str, int])
    queued = thumbnail.enqueue("a.png", width=64)
    assert_type(queued, Queued[str])
    assert_type(queued.status(), JobStatus)
    assert_type(queued.status().fraction, float)
    assert_type(thumbnail.options(priority=Priority.HIGH).options(timeout=3).enqueue("a.png"), Queued[str])
    thumbnail.options(delay=timedelta(hours=1)).enqueue("a.png")
    thumbnail.options(at=datetime(2027, 1, 1, tzinfo=UTC), unique="ny").enqueue("a.png")
    for row in rows.stream("users"):
        assert_type(row, dict[str, str])
    assert_type(rows("users"), Iterator[dict[str, str]])


async def asyncio_callers() -> None:
    assert_type(await fetch("here"), bytes)
    assert_type(await fetch.acall("here"), bytes)
    assert_type(await reverse.acall("x"), str)
    assert_type(await (await measure.asubmit("x")).result(), dict[str, int])
    assert_type(await (await thumbnail.aenqueue("x")).astatus(), JobStatus)
    async for line in lines.astream(3):
        assert_type(line, bytes)


def mistakes() -> None:
    reverse.call(1)  # type: ignore[arg-type]
    reverse.enqueue()  # type: ignore[call-arg]
    thumbnail.call("a.png", height=3)  # type: ignore[call-arg]
    thumbnail.options(delay=3).enqueue(4)  # type: ignore[arg-type]
    thumbnail.options(speed=3)  # type: ignore[call-arg]
    rows.call("users")  # type: ignore[attr-defined]


def test_pool() -> None:
    with bind(app) as pool:
        assert_type(pool, MemoryPool)
        assert_type(pool.work(app), int)
