"""The API's job servers: this one, and the pool it is in."""

from __future__ import annotations

from starlette.responses import Response

from geartrain.protocol.admin import VERSION
from geartrain.web.answers import answer
from geartrain.web.calls import Call
from geartrain.web.operations import Operation


async def show_server(call: Call) -> Response:
    return answer({"version": await call.ask(VERSION)})


OPERATIONS = (Operation("GET", "/server", show_server, "This server"),)
