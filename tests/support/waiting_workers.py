"""Worker programs for tests of signals: their one job ends when a file appears."""

from __future__ import annotations

BLOCKING = """
import pathlib, sys, time
from geartrain import Worker

worker = Worker(sys.argv[1])

@worker.function("wait")
def wait(job):
    job.send_status(1, 2)
    while not pathlib.Path(sys.argv[2]).exists():
        time.sleep(0.01)
    return "finished"

worker.run()
print("left", flush=True)
"""

ASYNC = """
import asyncio, pathlib, sys
from geartrain import AsyncWorker

async def main():
    worker = AsyncWorker(sys.argv[1], concurrency=2)

    @worker.function("wait")
    async def wait(job):
        await job.send_status(1, 2)
        while not pathlib.Path(sys.argv[2]).exists():
            await asyncio.sleep(0.01)
        return "finished"

    await worker.run()
    print("left", flush=True)

asyncio.run(main())
"""
