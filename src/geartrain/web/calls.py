"""A call: one request to the API, with what was read of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from starlette.requests import Request

from geartrain.protocol.admin import Query
from geartrain.protocol.packet import LINE_LIMIT
from geartrain.web.identity import Identity
from geartrain.web.ports import Inside, Surroundings
from geartrain.web.problems import Problem

Answer = TypeVar("Answer")


class Call:
    """A request whose path, parameters and body are as the description says."""

    def __init__(
        self,
        request: Request,
        around: Surroundings,
        identity: Identity,
        path: Mapping[str, str],
        query: Mapping[str, object],
        body: Mapping[str, object],
    ) -> None:
        self.request = request
        self.around = around
        self.identity = identity
        self.path = path
        self.query = query
        self.body = body  # empty where the operation has none, or one that is not JSON
        self.opened: list[Inside] = []  # connections to the job server, which end with the call

    def enter(self) -> Inside:
        """A connection to the job server."""
        inside = self.around.admit(self.identity.host.encode())
        self.opened.append(inside)
        return inside

    async def ask(self, query: Query[Answer]) -> Answer:
        """The answer to a text command."""
        length = len(query.line.encode("utf-8", "surrogateescape"))
        if length > LINE_LIMIT - 2:
            raise Problem(413, f"{length} bytes as a text command, expected at most {LINE_LIMIT - 2}")
        inside = self.opened[0] if self.opened else self.enter()
        return await inside.ask(query)

    def leave(self) -> None:
        """End its connections."""
        for inside in self.opened:
            inside.close()

    def text(self, name: str) -> str | None:
        """A parameter that is a text; None where it is not given."""
        value = self.query.get(name)
        return None if value is None else str(value)

    def number(self, name: str, otherwise: int) -> int:
        """A parameter that is a whole number."""
        value = self.query.get(name)
        return value if isinstance(value, int) else otherwise
