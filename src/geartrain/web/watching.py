"""The API's views over time: the history of functions, and the stream of snapshots that the page shows."""

from __future__ import annotations

from typing import Final

from starlette.responses import Response
from starlette.types import ASGIApp

from geartrain.web.answers import EVENTS, answer
from geartrain.web.calls import Call
from geartrain.web.history import EVERYTHING, HOUR, SERIES, SPANS
from geartrain.web.operations import Operation
from geartrain.web.rows import TIME, row
from geartrain.web.schemas import Schema, members
from geartrain.web.streams import EventStream
from geartrain.web.submits import FUNCTION

VALUES: Final[Schema] = {"type": "array", "items": {"type": ["number", "null"]}}


async def show_history(call: Call) -> Response:
    span = call.text("span") or HOUR.name
    return answer(call.around.sampler.history.read(span, call.text("function") or EVERYTHING))


async def follow_server(call: Call) -> ASGIApp:
    return EventStream(call.around.live.events(), call.around.stopping)


OPERATIONS: Final = (
    Operation(
        "GET",
        "/history",
        show_history,
        "The last hour in steps of 10 seconds, or the last day in steps of 5 minutes",
        parameters={
            "span": {"type": "string", "enum": list(SPANS), "description": "hour without it"},
            "function": FUNCTION,
        },
        answers={
            200: row(
                {
                    "step": {"type": "number", "description": "Seconds between two times"},
                    "times": {"type": "array", "items": TIME},
                    "series": members(dict.fromkeys(SERIES, VALUES), *SERIES),
                },
                "step",
                "times",
                "series",
            )
        },
    ),
    Operation(
        "GET",
        "/live",
        follow_server,
        "All functions and the server, once a second",
        kinds=(EVENTS,),
    ),
)
