"""The API's job servers: this one, and the pool it is in."""

from __future__ import annotations

import socket
from typing import Final

from starlette.responses import Response

from geartrain.errors import ServerError
from geartrain.protocol.admin import json_lines
from geartrain.protocol.control import POOL
from geartrain.version import __version__
from geartrain.web.answers import answer
from geartrain.web.calls import Call
from geartrain.web.operations import Operation
from geartrain.web.rows import OBJECT, listed, row

UNKNOWN_COMMAND: Final = "UNKNOWN_COMMAND"


async def show_server(call: Call) -> Response:
    return answer((await call.ask(json_lines(("stats",))))[0])


async def show_pool(call: Call) -> Response:
    """A server that is in no pool is alone, and leads no shard."""
    try:
        rows = await call.ask(POOL)
    except ServerError as error:
        if error.error_code != UNKNOWN_COMMAND:
            raise
        alone: dict[str, object] = {
            "id": socket.gethostname(),
            "address": None,
            "version": __version__,
            "here": True,
            "shards": [],
        }
        return answer({"servers": [{**alone, "connections": call.around.connections()}], "shards": []})
    servers = [row for row in rows if "id" in row]
    return answer({"servers": servers, "shards": [row for row in rows if "shard" in row]})


OPERATIONS: Final = (
    Operation("GET", "/server", show_server, "What this server holds", answers={200: row({})}),
    Operation(
        "GET",
        "/pool",
        show_pool,
        "The servers of the pool, and its shards",
        answers={200: listed("servers", OBJECT, shards={"type": "array", "items": OBJECT})},
    ),
)
