"""A call: one request to the API, with what was read of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar, cast
from urllib.parse import quote

from starlette.requests import Request

from geartrain.errors import GearmanError
from geartrain.protocol.admin import Query, as_lines, words
from geartrain.protocol.packet import LINE_LIMIT
from geartrain.web.gate import API
from geartrain.web.ports import Identity, Inside, Surroundings
from geartrain.web.problems import wrong
from geartrain.web.sessions import Sessions

Answer = TypeVar("Answer")

LONGEST_LINE = LINE_LIMIT - 2  # bytes of a text command without its line end


class Call:
    """A request whose path, parameters and body are as the description says."""

    def __init__(
        self,
        request: Request,
        around: Surroundings,
        sessions: Sessions,
        identity: Identity,
        kind: str,
        path: Mapping[str, str],
        query: Mapping[str, object],
        body: Mapping[str, object],
    ) -> None:
        self.request = request
        self.around = around
        self.sessions = sessions
        self.identity = identity
        self.kind = kind  # of the answer that is wanted, of those that the operation gives
        self.path = path
        self.query = query
        self.body = body  # empty where the operation has none, or one that is not JSON
        self.opened: list[Inside] = []  # connections to the job server, which end with the call

    def enter(self) -> Inside:
        """A connection to the job server, which hears packets."""
        inside = self.around.keeper.admit(self.identity)
        self.opened.append(inside)
        return inside

    async def ask(self, query: Query[Answer]) -> Answer:
        """The answer to a text command; raises ServerError where it is refused."""
        answer = (await self.ask_all([query]))[0]
        if isinstance(answer, GearmanError):
            raise answer
        return answer

    async def rows(self, *verb: str) -> list[str]:
        """The rows that a text command lists, in JSON."""
        return await self.ask(Query(words(*verb), True, as_lines, True))

    async def ask_all(self, queries: Sequence[Query[Answer]]) -> list[Answer | GearmanError]:
        """The answers to text commands, or why one was refused."""
        for query in queries:
            length = len(query.line.encode("utf-8", "surrogateescape"))
            if length > LONGEST_LINE:
                raise wrong("request", length, f"at most {LONGEST_LINE} bytes as a text command", 413)
        inside = self.enter()
        try:
            return await inside.ask_all(queries)
        finally:
            inside.close()
            self.opened.remove(inside)

    def leave(self) -> None:
        """End its connections."""
        for inside in self.opened:
            inside.close()

    def text(self, name: str) -> str | None:
        """A parameter that is a text; None where it is not given."""
        return cast("str | None", self.query.get(name))

    def whole(self, name: str, otherwise: int) -> int:
        """A parameter that is a whole number."""
        return cast(int, self.query.get(name, otherwise))

    def place(self, *parts: str) -> str:
        """The path of something in the API, for Location."""
        return "/".join([self.around.prefix + API, *[quote(part, safe="") for part in parts]])
