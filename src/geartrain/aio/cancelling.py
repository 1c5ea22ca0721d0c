"""A job's coroutine function that ends when the server takes the job away."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar, cast

from geartrain.errors import JobCancelled
from geartrain.protocol.assignment import Assignment

Result = TypeVar("Result")


async def until_cancelled(assignment: Assignment, function: Awaitable[Result]) -> Result:
    """What a function returns; raises JobCancelled where it let itself be cancelled with its job."""
    task = cast("asyncio.Task[object]", asyncio.current_task())
    before = task.cancelling()
    assignment.wake = task.cancel
    try:
        return await function
    except asyncio.CancelledError as error:
        # Somebody else may want this task to end at the same time.
        if assignment.cancelled and task.cancelling() == before + 1:
            handle = assignment.handle.decode("utf-8", "replace")
            raise JobCancelled(f"job {handle} was cancelled", handle=handle) from error
        raise
    finally:
        assignment.wake = None
        if assignment.cancelled:
            task.uncancel()
