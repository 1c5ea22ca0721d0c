"""What only the asyncio client promises: cancelling, many at once, other event loops."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest
import uvloop

from geartrain import AsyncClient, AsyncWorker, JobState, JobTimeout
from tests.support.machine import DEADLINE
from tests.support.processes import ServerProgram


def run(test: Coroutine[Any, Any, None]) -> None:
    """Run a test's coroutine, not for ever."""
    asyncio.run(asyncio.wait_for(test, DEADLINE))


async def reverser(server: ServerProgram, stop: asyncio.Event) -> None:
    """A worker that reverses until it is told to stop."""
    async with AsyncWorker(server.address, concurrency=10) as worker:
        worker.add_function("reverse", lambda job: job.workload[::-1])
        running = asyncio.create_task(worker.run())
        await stop.wait()
        worker.stop()
        await running


def test_coroutines_share_a_client(server: ServerProgram) -> None:
    async def test() -> None:
        stop = asyncio.Event()
        async with AsyncClient(server.address) as client, asyncio.TaskGroup() as group:
            group.create_task(reverser(server, stop))
            words = [b"%04d" % number for number in range(400)]
            results = await asyncio.gather(*[client.do("reverse", word) for word in words])
            assert results == [word[::-1] for word in words]
            stop.set()

    run(test())


def test_it_runs_on_uvloop(server: ServerProgram) -> None:
    async def test() -> None:
        stop = asyncio.Event()
        async with AsyncClient(server.address) as client, asyncio.TaskGroup() as group:
            group.create_task(reverser(server, stop))
            assert await client.do("reverse", "abc") == b"cba"
            stop.set()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(asyncio.wait_for(test(), DEADLINE))


def test_a_cancelled_call_hears_nothing_more(server: ServerProgram) -> None:
    async def test() -> None:
        async with AsyncClient(server.address) as client:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await client.do("reverse", "late")
            stop = asyncio.Event()
            async with asyncio.TaskGroup() as group:
                group.create_task(reverser(server, stop))
                assert await client.do("reverse", "soon") == b"noos"
                stop.set()

    run(test())


def test_two_coroutines_may_wait_for_one_job(server: ServerProgram) -> None:
    async def test() -> None:
        stop = asyncio.Event()
        async with AsyncClient(server.address) as client, asyncio.TaskGroup() as group:
            job = await client.submit("reverse", "ab")
            waiting = [asyncio.create_task(job.exception()) for _ in range(2)]
            await asyncio.sleep(0)
            group.create_task(reverser(server, stop))
            assert await asyncio.gather(*waiting) == [None, None]
            assert job.state is JobState.COMPLETE
            stop.set()

    run(test())


def test_map_gives_up_the_rest_when_its_loop_is_left(server: ServerProgram) -> None:
    async def test() -> None:
        stop = asyncio.Event()
        async with AsyncClient(server.address) as client, asyncio.TaskGroup() as group:
            group.create_task(reverser(server, stop))
            results = client.map("reverse", (b"%d" % number for number in range(10, 1000)), limit=3)
            async for result in results:
                assert result == b"01"
                break
            await results.aclose()
            assert await client.do("reverse", "ab") == b"ba"
            stop.set()

    run(test())


def test_a_deadline_covers_the_events_of_a_job(server: ServerProgram) -> None:
    async def test() -> None:
        async with AsyncClient(server.address) as client:
            job = await client.submit("never")
            with pytest.raises(JobTimeout) as caught:
                async for _ in job.events(timeout=0.05):
                    pass
            assert caught.value.handle == job.handle
            job.abandon()

    run(test())
