"""The API's functions."""

from __future__ import annotations

from starlette.responses import Response

from geartrain.protocol.control import FUNCTIONS
from geartrain.web.answers import answer
from geartrain.web.calls import Call
from geartrain.web.operations import Operation


async def list_functions(call: Call) -> Response:
    return answer({"functions": await call.ask(FUNCTIONS)})


OPERATIONS = (
    Operation("GET", "/functions", list_functions, "Every function with its queues, workers and policy"),
)
