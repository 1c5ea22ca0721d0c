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

EMBEDDED = """
import asyncio, signal, sys, threading, time
from geartrain import AsyncWorker, Worker

kind, address, how = sys.argv[1:4]
handle = {"handled": None, "unhandled": False}[how]

def on_signal(number, frame):
    print("heard", signal.Signals(number).name, flush=True)
    if how == "unhandled":
        sys.exit(7)

signal.signal(signal.SIGTERM, on_signal)

def wait(job):
    job.send_status(1, 2)
    if job.workload == b"raises":
        raise KeyboardInterrupt
    time.sleep(60 if how == "unhandled" else 0.2)

async def await_(job):
    await job.send_status(1, 2)
    if job.workload == b"raises":
        raise KeyboardInterrupt
    await asyncio.sleep(60 if how == "unhandled" else 0.2)

async def main():
    worker = AsyncWorker(address)
    worker.add_function("wait", await_)
    await worker.run(handle_signals=handle)

if kind == "aio":
    asyncio.run(main())
else:
    worker = Worker(address)
    worker.add_function("wait", wait)
    worker.run(handle_signals=handle)
print("left", flush=True)
"""

ASGI = """
import asyncio, contextlib, sys
import uvicorn
from starlette.applications import Starlette
from geartrain import AsyncWorker

@contextlib.asynccontextmanager
async def lifespan(app):
    worker = AsyncWorker(sys.argv[1])
    worker.add_function("wait", lambda job: None)
    task = asyncio.create_task(worker.run())
    yield
    worker.stop()
    await task
    print("left", flush=True)

uvicorn.run(Starlette(lifespan=lifespan), port=0, log_level="info")
"""
