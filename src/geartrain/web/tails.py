"""The API's events: what happens to jobs, as it happens."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from typing import Final

from starlette.types import ASGIApp

from geartrain.errors import GearmanError
from geartrain.web.answers import EVENTS
from geartrain.web.calls import Call
from geartrain.web.feeds import MOST, PAUSE, Asked, Listener
from geartrain.web.jobs import STATES, find_job
from geartrain.web.operations import Operation
from geartrain.web.problems import Problem, as_word, problem_of
from geartrain.web.schemas import integer
from geartrain.web.streams import HEARTBEAT, EventStream, event
from geartrain.web.submits import FUNCTION

SAMPLES: Final = "sample"
ANY: Final = "*"
SAMPLE: Final = integer(
    f"At most so many events of each kind every {PAUSE} seconds; how many others there were is told", 1, MOST
)
LAST: Final = ("completed", "failed", "dead", "cancelled", "abandoned")  # kinds after which a job is over


async def list_events(call: Call) -> ASGIApp:
    function = as_word("function", call.text("function") or ANY)
    sample = call.whole("sample", 0)
    listener = listener_of(call, Asked(function, sample, SAMPLES) if sample else Asked(function))
    await listener.begin()
    return EventStream(follow(listener), call.around.streams, listener.leave)


def listener_of(call: Call, asked: Asked) -> Listener:
    return Listener(call.around.feeds, call.identity, asked)


async def follow(listener: Listener) -> AsyncGenerator[bytes]:
    """Everything that happens."""
    try:
        while True:
            rounds = await listener.next()
            for each in rounds:
                for chunk in each.chunks():
                    yield chunk
            if not rounds:
                yield HEARTBEAT
    except GearmanError as error:
        yield event("lost", problem_of(error).body())


async def follow_job(call: Call) -> ASGIApp:
    """First the job as it is, then what happens to it."""
    job = await find_job(call, call.path["handle"])
    if is_over(job):
        return EventStream(only(event("job", job)), call.around.streams)
    listener = listener_of(call, Asked(ANY, which=str(job["handle"])))
    await listener.begin()
    events = follow_to_end(call, listener, call.path["handle"])
    return EventStream(events, call.around.streams, listener.leave)


def is_over(job: Mapping[str, object]) -> bool:
    return job["state"] not in STATES


async def only(chunk: bytes) -> AsyncGenerator[bytes]:
    yield chunk


async def follow_to_end(call: Call, listener: Listener, handle: str) -> AsyncGenerator[bytes]:
    """What happens to one job, until it is over."""
    try:
        job = await find_job(call, handle)
        yield event("job", job)
        while not is_over(job):
            rounds = await listener.next()
            for row in [row for each in rounds for row in each.rows]:
                yield event(str(row["kind"]), row)
                if row["kind"] in LAST:
                    return
            if not rounds:
                yield HEARTBEAT
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
