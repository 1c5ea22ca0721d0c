"""A user's asyncio program, for pyright --strict: every public type must be complete without an annotation."""

from __future__ import annotations

import asyncio
from typing import assert_type

from geartrain import AsyncAdmin, AsyncClient, AsyncJob, AsyncWorker, AsyncWorkerJob, WorkerJob

worker = AsyncWorker(["gm1:4730", "gm2:4730"], concurrency=5)


@worker.function("count")
async def count(job: AsyncWorkerJob) -> str:
    async for number in job.track([1, 2]):
        assert_type(number, int)
        await job.send_data(str(number))
    return "end"


@worker.function("shout")
def shout(job: WorkerJob) -> bytes:
    return job.workload.upper()


async def main() -> None:
    async with AsyncClient("gm1:4730") as client:
        async for result in client.map("shout", [b"a", "b"], limit=200):
            assert_type(result, bytes)
        async for job in client.as_completed([await client.submit("count")]):
            assert_type(job, AsyncJob)
            assert_type(await job.result(), bytes)
        async with client.task_set(on_complete=lambda job, last: print(job.handle, last.decode())) as tasks:
            tasks.add("shout", "quiet")
    async with AsyncAdmin() as admin:
        for row in await admin.status():
            assert_type(row.total, int)


asyncio.run(main())
