"""The API's views over time: the history of functions, and the stream of snapshots that the page shows."""

from __future__ import annotations

from typing import Final

from starlette.responses import Response
from starlette.types import ASGIApp

from geartrain.web.answers import EVENTS, answer
from geartrain.web.calls import Call
from geartrain.web.history import EVERYTHING, HOUR, SERIES, SPANS
from geartrain.web.operations import Operation
from geartrain.web.problems import Problem
from geartrain.web.rows import TIME, row
from geartrain.web.schemas import Schema, members
from geartrain.web.streams import EventStream
from geartrain.web.submits import FUNCTION

VALUES: Final[Schema] = {"type": "array", "items": {"type": ["number", "null"]}}


async def show_history(call: Call) -> Response:
    check_view(call)
    span = call.text("span") or HOUR.name
    history = call.around.sampler.history
    function = call.text("function") or EVERYTHING
    sees = call.around.keeper.sees(call.identity)
    if sees is None:
        return answer(history.read(span, function))
    if function == EVERYTHING:
        return answer(history.read_sum(span, [name for name in history.own if sees(name)]))
    if not sees(function):
        raise Problem(403, f"history wants the right view on function {function}")
    return answer(history.read_sum(span, [function] if function in history.own else []))


async def follow_server(call: Call) -> ASGIApp:
    check_view(call)
    sees = call.around.keeper.sees(call.identity)
    return EventStream(call.around.live.events(sees), call.around.streams)


def check_view(call: Call) -> None:
    """Raise Problem for who may view nothing."""
    if not call.around.keeper.may_view(call.identity):
        raise Problem(403, f"{call.request.url.path} wants the right view on any function")


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
