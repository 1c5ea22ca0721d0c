"""The API's connections: workers, and all others."""

from __future__ import annotations

from typing import Final

from starlette.responses import Response

from geartrain.protocol.admin import json_lines
from geartrain.web.answers import answer, in_rows
from geartrain.web.calls import Call
from geartrain.web.operations import Handler, Operation
from geartrain.web.problems import not_found
from geartrain.web.rows import PEER_ROW, listed

PEERS: Final = json_lines(("peers",))


async def list_workers(call: Call) -> Response:
    return answer({"workers": [row for row in await call.ask(PEERS) if row["functions"]]})


async def list_connections(call: Call) -> Response:
    return in_rows("connections", await call.rows("peers"))


def change(verb: str) -> Handler:
    """A handler for a text command about a worker."""

    async def handler(call: Call) -> Response:
        number = call.path["number"]
        rows = await call.ask(json_lines((verb, number))) if number.isdecimal() and number.isascii() else []
        if not rows:
            raise not_found("number", number, "the number of a connection")
        return answer(rows[0])

    return handler


OPERATIONS: Final = (
    Operation(
        "GET",
        "/workers",
        list_workers,
        "Connections that can do something",
        answers={200: listed("workers", PEER_ROW)},
    ),
    Operation(
        "GET",
        "/connections",
        list_connections,
        "Every connection",
        answers={200: listed("connections", PEER_ROW)},
    ),
    Operation(
        "POST",
        "/workers/{number}/drain",
        change("peer-drain"),
        "Give a worker no new jobs; what it runs may end",
        answers={200: PEER_ROW},
    ),
    Operation(
        "POST",
        "/workers/{number}/resume",
        change("peer-resume"),
        "Give a worker jobs again",
        answers={200: PEER_ROW},
    ),
)
