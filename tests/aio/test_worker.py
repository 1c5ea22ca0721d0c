"""What only the asyncio worker promises: several jobs at once, coroutines and threads."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest

from geartrain import (
    AsyncClient,
    AsyncWorker,
    AsyncWorkerJob,
    JobException,
    Progress,
    Retry,
    SettingsError,
    WorkerJob,
)
from tests.support.machine import DEADLINE
from tests.support.processes import ServerProgram


def run(test: Coroutine[Any, Any, None]) -> None:
    """Run a test's coroutine, not for ever."""
    asyncio.run(asyncio.wait_for(test, DEADLINE))


@asynccontextmanager
async def running(worker: AsyncWorker) -> AsyncIterator[None]:
    """A worker at work."""
    task = asyncio.create_task(worker.run())
    try:
        yield
    finally:
        worker.stop()
        await task


def test_coroutine_functions_run_at_once(server: ServerProgram) -> None:
    async def test() -> None:
        worker = AsyncWorker(server.address, concurrency=20)
        meeting = asyncio.Barrier(20)

        @worker.function("meet")
        async def meet(job: AsyncWorkerJob) -> bytes:
            await meeting.wait()  # no job gets past before all of them are here
            return job.workload

        async with AsyncClient(server.address) as client, running(worker):
            words = [b"%d" % number for number in range(20)]
            assert await asyncio.gather(*[client.do("meet", word) for word in words]) == words

    run(test())


def test_plain_functions_run_in_threads_at_once(server: ServerProgram) -> None:
    async def test() -> None:
        worker = AsyncWorker(server.address, concurrency=4)
        meeting = threading.Barrier(4, timeout=DEADLINE)

        @worker.function("meet")
        def meet(job: WorkerJob) -> None:
            job.send_data(b"before ")
            job.send_status(1, 2)
            meeting.wait()
            job.send_data(b"after")

        async with AsyncClient(server.address) as client, running(worker):
            results = await asyncio.gather(*[client.do("meet") for _ in range(4)])
            assert results == [b"before after"] * 4

    run(test())


def test_it_takes_no_more_jobs_than_it_may_run(server: ServerProgram) -> None:
    async def test() -> None:
        worker = AsyncWorker(server.address, concurrency=3)
        at_once: set[str] = set()
        most = 0

        @worker.function("count")
        async def count(job: AsyncWorkerJob) -> None:
            nonlocal most
            at_once.add(job.handle)
            most = max(most, len(at_once))
            await asyncio.sleep(0.001)
            at_once.remove(job.handle)

        async with AsyncClient(server.address) as client, running(worker):
            await asyncio.gather(*[client.do("count") for _ in range(50)])
        assert most == 3

    run(test())


def test_a_coroutine_reports_and_streams(server: ServerProgram) -> None:
    async def test() -> None:
        worker = AsyncWorker(server.address)

        @worker.function("talk")
        async def talk(job: AsyncWorkerJob) -> str:
            async for number in job.track(range(3)):
                await job.send_data(b"%d" % number)
            await job.send_warning("careful")
            return "end"

        async with AsyncClient(server.address) as client, running(worker):
            job = await client.submit("talk")
            assert [chunk async for chunk in job] == [b"0", b"1", b"2", b"end"]
            assert job.progress == Progress(3, 3)

    run(test())


def test_large_results_wait_for_a_slow_server(server: ServerProgram) -> None:
    async def test() -> None:
        worker = AsyncWorker(server.address, concurrency=2)

        @worker.function("awaited")
        async def awaited(job: AsyncWorkerJob) -> None:
            for _ in range(20):
                await job.send_data(bytes(1 << 20))

        @worker.function("threaded")
        def threaded(job: WorkerJob) -> None:
            for _ in range(20):
                job.send_data(bytes(1 << 20))

        async with AsyncClient(server.address) as client, running(worker):
            results = await asyncio.gather(client.do("awaited"), client.do("threaded"))
            assert [len(result) for result in results] == [20 << 20, 20 << 20]

    run(test())


def test_retries_of_jobs_that_run_at_once_do_not_mix(c_server: ServerProgram) -> None:
    async def test() -> None:
        worker = AsyncWorker(c_server.address, concurrency=10)
        done: set[str] = set()
        all_done = asyncio.Event()

        @worker.function("again")
        async def again(job: AsyncWorkerJob) -> None:
            if job.attempt < 3:
                raise Retry
            done.add(job.unique)
            if len(done) == 20:
                all_done.set()

        async with AsyncClient(c_server.address) as client, running(worker):
            for number in range(20):
                await client.do_background("again", unique=f"job{number}")
            await all_done.wait()
        assert {unique.split("~")[0] for unique in done} == {f"job{number}" for number in range(20)}

    run(test())


def test_a_coroutine_function_is_cancelled_with_its_job(server: ServerProgram) -> None:
    async def test() -> None:
        worker = AsyncWorker(server.address, concurrency=2)
        seen: list[bool] = []

        @worker.function("patient")
        async def patient(job: AsyncWorkerJob) -> bytes:
            await job.send_status(1, 2)
            try:
                return await never()
            except asyncio.CancelledError:
                seen.append(job.cancelled)
                if job.workload == b"stubborn":
                    return b"not sent"
                raise

        worker.add_function("next", lambda job: "fine")
        async with AsyncClient(server.address) as client, running(worker):
            for workload in ("yielding", "stubborn", "yielding"):
                handle = await client.do_background("patient", workload)
                while not (await client.job_status(handle)).numerator:
                    await asyncio.sleep(0.005)
                assert await client.cancel(handle)
            assert list(await asyncio.gather(client.do("next"), client.do("next"))) == [b"fine", b"fine"]
        assert seen == [True] * 3

    run(test())


async def never() -> bytes:
    """Wait for ever."""
    await asyncio.Event().wait()
    return b""


def test_cancelling_run_takes_leave(server: ServerProgram) -> None:
    async def test() -> None:
        worker = AsyncWorker(server.address)
        worker.add_function("f", lambda job: None)
        task = asyncio.create_task(worker.run())
        while "f\t0\t0\t1" not in await asyncio.to_thread(server.ask, "status"):
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        while "f\t0\t0\t0" not in await asyncio.to_thread(server.ask, "status"):
            await asyncio.sleep(0.01)

    run(test())


def test_no_concurrency_is_refused() -> None:
    with pytest.raises(SettingsError, match="concurrency 0"):
        AsyncWorker("127.0.0.1", concurrency=0)


async def cancelled_inside() -> None:
    """A task of the function's own was cancelled."""
    own = asyncio.create_task(never())
    own.cancel()
    await own


async def cancels_itself() -> None:
    asyncio.current_task().cancel()  # type: ignore[union-attr]
    await never()


async def cancels_itself_at_last() -> None:
    asyncio.current_task().cancel()  # type: ignore[union-attr]


async def leaves() -> None:
    sys.exit(3)


@pytest.mark.parametrize("code", [cancelled_inside, cancels_itself, cancels_itself_at_last, leaves])
def test_a_coroutine_that_ends_itself_ends_its_job_alone(
    server: ServerProgram, code: Callable[[], Awaitable[None]]
) -> None:
    async def test() -> None:
        worker = AsyncWorker(server.address, concurrency=2)
        meeting = asyncio.Barrier(2)

        @worker.function("ends")
        async def ends(job: AsyncWorkerJob) -> bytes:
            if job.workload == b"patient":
                await meeting.wait()
                return b"fine"
            await code()
            return b"not reached"

        async with AsyncClient(server.address) as client, running(worker):
            patient = await client.submit("ends", "patient")
            for _ in range(3):
                with pytest.raises(JobException, match=r"CancelledError|SystemExit: 3"):
                    await client.do("ends")
            other = await client.submit("ends", "patient")
            assert await patient.result() + await other.result() == b"finefine"

    run(test())


@pytest.mark.parametrize("way", ["run", "work"])
def test_a_worker_that_is_cancelled_while_it_works_ends_and_gives_its_job_back(
    server: ServerProgram, way: str
) -> None:
    async def test() -> None:
        begun = asyncio.Event()
        async with AsyncClient(server.address) as client:
            async with AsyncWorker(server.address) as worker:

                @worker.function("patient")
                async def patient(job: AsyncWorkerJob) -> bytes:
                    begun.set()
                    return await never()

                handle = await client.do_background("patient")
                task = asyncio.ensure_future(getattr(worker, way)())
                await begun.wait()
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
            while (await client.job_status(handle)).running:
                await asyncio.sleep(0.01)
            assert (await client.job_status(handle)).known

    run(test())


def test_a_time_limit_around_work_ends_it(server: ServerProgram) -> None:
    async def test() -> None:
        worker = AsyncWorker(server.address)

        @worker.function("patient")
        async def patient(job: AsyncWorkerJob) -> bytes:
            return await never()

        async with AsyncClient(server.address) as client, worker:
            await client.do_background("patient")
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.3):
                    await worker.work()

    run(test())
