"""Running a task's function for a job: in a blocking worker, or on a loop."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Final

from geartrain.aio.worker import AsyncWorker
from geartrain.aio.worker_job import AsyncWorkerJob
from geartrain.errors import PayloadError
from geartrain.jobs import RunningJob, WorkerJob
from geartrain.sync.worker import Worker
from geartrain.tasks.definition import Definition

SHOWN_RESULT: Final = 80  # characters of a bad result that a message shows


def begin(definition: Definition, job: RunningJob) -> Any:
    """Call the function with what the job's workload says."""
    args, kwargs = definition.arguments.decode(job.workload)
    return definition.here(job, args, kwargs)


def encoded(definition: Definition, value: Any) -> bytes:
    """A result, or an item of a stream, as it travels; raises PayloadError."""
    try:
        return definition.result.encode(value)
    except (TypeError, ValueError) as error:
        shown = repr(value)[:SHOWN_RESULT]
        raise PayloadError(f"{definition.name} returned {shown}, which cannot be sent: {error}") from error


def run(definition: Definition, job: WorkerJob) -> bytes:
    """The result of a plain function."""
    with definition.running(job):
        return encoded(definition, begin(definition, job))


def run_stream(definition: Definition, job: WorkerJob) -> bytes:
    """Send each item that a generator yields as WORK_DATA; the result is empty."""
    with definition.running(job):
        for item in begin(definition, job):
            job.send_data(encoded(definition, item))
        return b""


async def run_async(definition: Definition, job: AsyncWorkerJob) -> bytes:
    """The result of a coroutine function."""
    with definition.running(job):
        return encoded(definition, await begin(definition, job))


async def run_async_stream(definition: Definition, job: AsyncWorkerJob) -> bytes:
    """Send each item that an asynchronous generator yields as WORK_DATA; the result is empty."""
    with definition.running(job):
        async for item in begin(definition, job):
            await job.send_data(encoded(definition, item))
        return b""


def run_in_a_loop(definition: Definition, job: WorkerJob) -> bytes:
    """Run a coroutine function in a blocking worker, in a loop of its own."""

    async def send(packet: bytes) -> None:
        job.send(packet)

    code = run_async_stream if definition.is_stream else run_async
    return finished(code(definition, AsyncWorkerJob(job.assignment, send, job.look)))


def finished(coroutine: Coroutine[Any, Any, bytes]) -> bytes:
    """What a coroutine returns; in a thread of its own where this one runs a loop already."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(coroutine)
    with ThreadPoolExecutor(1) as threads:
        return threads.submit(asyncio.run, coroutine).result()


def offer(worker: Worker, definition: Definition) -> None:
    """Have a blocking worker run a task."""
    plain = run_stream if definition.is_stream else run
    code = partial(run_in_a_loop if definition.is_async else plain, definition)
    worker.add_function(definition.name, code, timeout=definition.timeout)


def offer_async(worker: AsyncWorker, definition: Definition) -> None:
    """Have an asyncio worker run a task: plain functions run in its threads."""
    if definition.is_async:
        code = run_async_stream if definition.is_stream else run_async
        return worker.add_function(definition.name, partial(code, definition), timeout=definition.timeout)
    plain = run_stream if definition.is_stream else run
    worker.add_function(definition.name, partial(plain, definition), timeout=definition.timeout)
