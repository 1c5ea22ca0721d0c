"""Geartrain's asyncio client and worker."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from bench.programs.stopwatch import FUNCTION, RESULT, WORKLOAD, Stopwatch, arguments
from geartrain import AsyncClient, AsyncWorker, AsyncWorkerJob


async def one_after_the_other(jobs: int, do: Callable[[], Awaitable[object]]) -> None:
    """Time ``do`` so many times."""
    with Stopwatch(jobs) as stopwatch:
        for _ in range(jobs):
            before = time.perf_counter()
            await do()
            stopwatch.latencies.append(time.perf_counter() - before)


async def background(server: str, jobs: int) -> None:
    """Queue jobs one after the other."""
    async with AsyncClient(server) as client:
        await client.ping()
        await one_after_the_other(jobs, lambda: client.do_background(FUNCTION, WORKLOAD))


async def call(server: str, jobs: int) -> None:
    """Wait for the results of jobs, one after the other."""
    async with AsyncClient(server) as client:
        await client.ping()
        await one_after_the_other(jobs, lambda: client.do(FUNCTION, WORKLOAD))


async def submit_many(server: str, jobs: int) -> None:
    """Queue jobs all at once."""
    async with AsyncClient(server) as client:
        await client.ping()
        with Stopwatch(jobs):
            await client.submit_many(FUNCTION, [WORKLOAD] * jobs)


async def map_100(server: str, jobs: int) -> None:
    """Wait for the results of jobs, a hundred at a time."""
    async with AsyncClient(server) as client:
        await client.ping()
        with Stopwatch(jobs):
            async for result in client.map(FUNCTION, [WORKLOAD] * jobs, limit=100):
                assert result == RESULT


async def work(server: str, jobs: int, concurrency: int = 1) -> None:
    """Do jobs that are queued already."""
    worker = AsyncWorker(server, max_jobs=jobs, concurrency=concurrency)

    async def done(job: AsyncWorkerJob) -> bytes:
        return RESULT

    worker.add_function(FUNCTION, done)
    with Stopwatch(jobs):
        await worker.run()


async def work_10(server: str, jobs: int) -> None:
    """The same, ten jobs at a time."""
    await work(server, jobs, 10)


OPERATIONS = {
    "background": background,
    "call": call,
    "submit-many": submit_many,
    "map": map_100,
    "work": work,
    "work-10": work_10,
}

if __name__ == "__main__":
    operation, port, jobs = arguments()
    asyncio.run(OPERATIONS[operation](f"127.0.0.1:{port}", jobs))
