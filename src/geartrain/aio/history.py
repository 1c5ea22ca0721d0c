"""What the asyncio client asks about one job of servers that have the extension."""

from __future__ import annotations

import asyncio
import contextlib

from geartrain.aio.connections import Connections
from geartrain.aio.question import inquire, insist
from geartrain.errors import GearmanError, JobTimeout
from geartrain.jobs import JobHandle
from geartrain.protocol.commands import CANCEL_JOB, GET_RESULT
from geartrain.protocol.history import (
    FIRST_PAUSE,
    JobHistory,
    history_of,
    longer,
    of_holder,
    result_not_kept,
)
from geartrain.protocol.standing import PATIENCE, UNTOLD, not_over_in_time, of_history


async def result(connections: Connections, handle: JobHandle) -> bytes:
    """Wait until the job is over, and give its result."""
    history = await wait_over(connections, handle)
    if history is None:
        raise result_not_kept(handle)
    return history.take_result(handle.server)


async def not_over(connections: Connections, handle: JobHandle) -> JobTimeout:
    """The exception for a deadline that passed, with where the job stands as far as a server says it at once."""
    standing = UNTOLD
    with contextlib.suppress(GearmanError, TimeoutError):  # the caller hears of its own deadline
        async with asyncio.timeout(PATIENCE):
            standing = of_history(await outcome(connections, handle))
    return not_over_in_time(handle, handle.server, standing)


async def wait_over(connections: Connections, handle: JobHandle) -> JobHistory | None:
    """Ask again and again until the job is over."""
    pause = FIRST_PAUSE
    while True:
        history = await outcome(connections, handle)
        if history is None or history.over:
            return history
        await connections.network.sleep(pause)
        pause = longer(pause)


async def outcome(connections: Connections, handle: JobHandle) -> JobHistory | None:
    """What the server that knows the job has of it."""
    answer = await ask_holder(connections, GET_RESULT, handle)
    return None if answer is None else history_of(answer)


async def cancel(connections: Connections, handle: JobHandle) -> bool:
    """Cancel the job at the server that knows it; whether one does."""
    return await ask_holder(connections, CANCEL_JOB, handle) is not None


async def ask_holder(connections: Connections, command: int, handle: JobHandle) -> list[bytes] | None:
    """The answer of the server that knows the job; raises where one that may know it could not be asked."""
    inquiries = await inquire(connections, command, [handle])
    answer = of_holder(inquiries[0].answers)
    if answer is None:
        await insist(connections, command, inquiries)
        answer = of_holder(inquiries[0].answers)
    return answer
