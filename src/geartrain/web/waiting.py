"""Submitting a job and waiting for it: for its result, or with everything that its worker says."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from typing import Final, cast

from geartrain.errors import ConnectionLost, GearmanError, JobException, JobFailed
from geartrain.protocol.events import Complete, Created, Data, Event, Progress, Warning
from geartrain.protocol.task import Task
from geartrain.web.answers import payload
from geartrain.web.calls import Call
from geartrain.web.problems import Problem, problem_of
from geartrain.web.streams import HEARTBEAT, PULSE, event
from geartrain.web.submits import (
    LONGEST_WAIT,
    Submitter,
    handle_of,
    is_due_later,
    task_of,
    with_unique,
)

LARGE: Final = 192 * 1024  # bytes: what is larger comes in several events; a multiple of 3


class Waiter:
    """A job that somebody waits for."""

    def __init__(self, call: Call, fields: Mapping[str, object], workload: bytes) -> None:
        self.submitter = Submitter(call.enter())
        self.tasks: list[Task] = []
        if fields.get("background") or is_due_later(fields):
            # In the background first: that is what keeps it when nobody waits any more.
            fields = with_unique(fields)
            self.tasks.append(task_of(fields, workload, True))
        self.task = task_of(fields, workload, False)
        self.tasks.append(self.task)
        self.until = time.monotonic() + cast(float, fields.get("wait", LONGEST_WAIT))
        self.handle = ""

    async def begin(self) -> None:
        """Submit the job; raises why it is not taken."""
        for task in self.tasks:
            self.submitter.submit(task)
        await self.submitter.answered(*self.tasks)
        for task in self.tasks:
            self.handle = handle_of(task)

    async def events(self) -> AsyncIterator[Event | None]:
        """What is said of the job until it ends; None after a time of silence. Raises TimeoutError."""
        while True:
            while self.task.events:
                yield self.task.events.popleft()
            if self.task.done:
                return
            left = self.until - time.monotonic()
            try:
                async with asyncio.timeout(min(PULSE, left)):
                    await self.submitter.hear()
            except TimeoutError:
                if left <= PULSE:
                    raise
                yield None

    def too_late(self) -> Problem:
        """What is answered when the time is over."""
        seconds = f"job {self.handle} is not over in time"
        after = "it goes on" if len(self.tasks) > 1 else "it goes on only where somebody else waits for it"
        return Problem(504, f"{seconds}: {after}", handle=self.handle)


async def outcome(waiter: Waiter, most: int) -> tuple[dict[str, object], bytes]:
    """How the job ended, and its result, of ``most`` bytes; raises Problem when its time is over."""
    warnings: list[dict[str, object]] = []
    parts: list[bytes] = []
    size = 0
    try:
        async for happened in waiter.events():
            if isinstance(happened, Data | Complete | Warning):
                size += len(happened.data)
                if size > most:
                    raise Problem(
                        413, f"the result of {waiter.handle} is over {most} bytes", handle=waiter.handle
                    )
            if isinstance(happened, Data | Complete):
                parts.append(happened.data)
            elif isinstance(happened, Warning):
                warnings.append(payload("warning", happened.data))
    except TimeoutError:
        raise waiter.too_late() from None
    state, said = ending(waiter.task.error)
    result = b"".join(parts) if state == "complete" else said
    return {"handle": waiter.handle, "state": state, "warnings": warnings}, result


def ending(error: GearmanError | None) -> tuple[str, bytes]:
    """How a job ended, and what the worker said of its failure; raises what is no end of a job."""
    if error is None:
        return "complete", b""
    if isinstance(error, JobException):
        return "exception", error.payload
    if isinstance(error, JobFailed):
        return "failed", b""
    raise error


async def stream(waiter: Waiter) -> AsyncGenerator[bytes]:
    """The job's events as they are sent."""
    try:
        async for happened in waiter.events():
            for chunk in told(waiter, happened):
                yield chunk
        state, said = ending(waiter.task.error)
        if state != "complete":
            yield event(state, payload("exception", said) if said else {})
    except TimeoutError:
        yield event("timeout", waiter.too_late().body())
    except ConnectionLost as error:
        yield event("lost", problem_of(error).body())


def told(waiter: Waiter, happened: Event | None) -> list[bytes]:
    """An event of a job as it is sent: a large piece of a result is several."""
    if happened is None:
        return [HEARTBEAT]
    if isinstance(happened, Created):
        return [event("created", {"handle": waiter.handle})]
    if isinstance(happened, Progress):
        return [event("status", {"numerator": happened.numerator, "denominator": happened.denominator})]
    if isinstance(happened, Warning):
        return [event("warning", payload("warning", happened.data))]
    pieces = [happened.data[at : at + LARGE] for at in range(0, len(happened.data), LARGE)] or [b""]
    last = "complete" if isinstance(happened, Complete) else "data"
    kinds = ["data"] * (len(pieces) - 1) + [last]
    names = {"data": "data", "complete": "result"}
    return [event(kind, payload(names[kind], piece)) for kind, piece in zip(kinds, pieces, strict=True)]
