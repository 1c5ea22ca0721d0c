"""The API's events: what happens to jobs, as it happens."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Mapping
from typing import Final

from starlette.types import ASGIApp

from geartrain.errors import GearmanError
from geartrain.protocol.watching import events
from geartrain.web.answers import EVENTS
from geartrain.web.calls import Call
from geartrain.web.jobs import STATES, find_job
from geartrain.web.looks import Row
from geartrain.web.operations import Operation
from geartrain.web.problems import Problem, as_word, problem_of
from geartrain.web.schemas import integer
from geartrain.web.streams import HEARTBEAT, PULSE, EventStream, event
from geartrain.web.submits import FUNCTION

PAUSE: Final = 0.25  # seconds between two questions for what has happened
MOST: Final = 1000  # events of one answer
AT_ONCE: Final = 100  # events that are sent in one go: to send costs more than to write an event
NOW: Final = "-"  # the cursor of whoever wants what is to come
ANY: Final = "*"
SAMPLE: Final = integer(
    f"At most so many events of each kind every {PAUSE} seconds; how many others there were is told", 1, MOST
)
LAST: Final = ("completed", "failed", "dead", "cancelled", "abandoned")  # kinds after which a job is over


class Tail:
    """What happens from now on, or from a cursor on."""

    def __init__(self, call: Call, function: str, limit: int = MOST, which: str = "") -> None:
        self.call = call
        self.asked = (function, limit, which)
        self.cursor = NOW
        self.silent_since = time.monotonic()

    async def news(self) -> list[Row]:
        """What has happened since the last question, and a row where some of it is forgotten."""
        page = await self.call.ask(events(self.cursor, *self.asked))
        self.cursor = page.cursor
        return [{"kind": "missed", "count": page.missed}, *page.events] if page.missed else page.events

    async def wait(self) -> bytes:
        """Wait until it is worth to ask again; what is sent meanwhile, so that the listener knows we are there."""
        await asyncio.sleep(PAUSE)
        if time.monotonic() - self.silent_since < PULSE:
            return b""
        self.silent_since = time.monotonic()
        return HEARTBEAT

    def told(self, row: Row) -> bytes:
        """An event as it is sent."""
        self.silent_since = time.monotonic()
        return event(str(row["kind"]), row)


async def list_events(call: Call) -> ASGIApp:
    function = as_word("function", call.text("function") or ANY)
    sample = call.whole("sample", 0)
    tail = Tail(call, function, sample, "sample") if sample else Tail(call, function)
    await tail.news()
    return EventStream(follow(tail), call.around.stopping)


async def follow(tail: Tail) -> AsyncGenerator[bytes]:
    """Everything that happens."""
    try:
        while True:
            rows = await tail.news()
            for first in range(0, len(rows), AT_ONCE):
                yield b"".join(map(tail.told, rows[first : first + AT_ONCE]))
            yield await tail.wait()
    except GearmanError as error:
        yield event("lost", problem_of(error).body())


async def follow_job(call: Call) -> ASGIApp:
    """First the job as it is, then what happens to it."""
    job = await find_job(call, call.path["handle"])
    tail = Tail(call, ANY, which=str(job["handle"]))
    if is_over(job):
        return EventStream(only(event("job", job)), call.around.stopping)
    await tail.news()
    return EventStream(follow_to_end(tail, call.path["handle"]), call.around.stopping)


def is_over(job: Mapping[str, object]) -> bool:
    return job["state"] not in STATES


async def only(chunk: bytes) -> AsyncGenerator[bytes]:
    yield chunk


async def follow_to_end(tail: Tail, handle: str) -> AsyncGenerator[bytes]:
    """What happens to one job, until it is over."""
    try:
        job = await find_job(tail.call, handle)
        yield event("job", job)
        while not is_over(job):
            for row in await tail.news():
                yield tail.told(row)
                if row["kind"] in LAST:
                    return
            yield await tail.wait()
    except Problem as problem:
        yield event("over", problem.body())
    except GearmanError as error:
        yield event("lost", problem_of(error).body())


OPERATIONS: Final = (
    Operation(
        "GET",
        "/events",
        list_events,
        "Everything that happens to jobs, from now on",
        parameters={"function": FUNCTION, "sample": SAMPLE},
        kinds=(EVENTS,),
    ),
    Operation(
        "GET",
        "/jobs/{handle}/events",
        follow_job,
        "A job as it is, and everything that happens to it until it is over",
        kinds=(EVENTS,),
    ),
)
