"""A job's coroutine function that ends when the server takes the job away."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar, cast

from geartrain.jobs import cancelled
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
            raise cancelled(assignment) from error
        raise
    finally:
        assignment.wake = None
        if assignment.cancelled:
            task.uncancel()
