"""When the server takes a turn though nobody says anything."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
import uvloop

from tests.server.test_inside import serving


@pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_the_nearest_of_the_times_that_it_was_told_counts_also_where_that_is_now(
    new_loop: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    async def turns() -> None:
        async with serving() as server:
            for wait in (60.0, 0.0, 0.0, 60.0):
                server.set_alarm(wait)
            server.turned.clear()
            await server.turned.wait()
            assert server.alarm is None

    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(turns())
