"""A client's connections belong to a loop, and go with it."""

from __future__ import annotations

import asyncio
import gc
import os

from geartrain import App, AsyncClient
from tests.support.processes import geartrain_server


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_a_call_in_a_loop_of_its_own_leaves_nothing_open() -> None:
    with geartrain_server() as server:
        app = App(server.address)

        @app.task
        async def greet(name: str) -> str:
            return f"hello {name}"

        asyncio.run(greet.aenqueue("Ada"))
        gc.disable()
        try:
            before = descriptors()
            for _ in range(30):
                asyncio.run(greet.aenqueue("Ada"))
            assert descriptors() == before
        finally:
            gc.enable()
        gc.collect()
        assert not app.own_pool.by_loop


def test_one_client_works_on_one_loop_after_the_other() -> None:
    with geartrain_server() as server:
        client = AsyncClient(server.address)
        handles = [asyncio.run(client.do_background("f", "x")) for _ in range(3)]

    assert [str(handle).rpartition(":")[2] for handle in handles] == ["1", "2", "3"]


def test_calls_of_many_coroutines_share_a_connection_also_on_a_second_loop() -> None:
    async def many(client: AsyncClient) -> int:
        await asyncio.gather(*[client.do_background("f", "x") for _ in range(20)])
        return len(client.connections.open)

    with geartrain_server() as server:
        client = AsyncClient(server.address)
        assert [asyncio.run(many(client)) for _ in range(2)] == [1, 1]
