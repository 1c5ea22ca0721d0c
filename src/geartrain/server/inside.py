"""Insider: a peer within the server's own process."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeVar

from geartrain.errors import ConnectionLost, GearmanError, ProtocolError
from geartrain.protocol.admin import AdminProtocol, Query, refusal
from geartrain.server.peer import FAULT
from geartrain.server.visitors import Visitor

if TYPE_CHECKING:
    from geartrain.server.server import Server

Answer = TypeVar("Answer")

NAME = "the server"  # for error messages


class Insider:
    """A peer without a socket: it says packets or text commands, and hears what any other peer would hear.

    While it leaves too much unheard, nothing more that it says is taken, and past the ``max_output`` of the settings
    it is cut off, as a ``Peer``.
    """

    def __init__(self, server: Server, number: int, host: bytes, visitor: Visitor | None) -> None:
        self.server = server
        self.number = number
        self.connection, self.receive = server.desk.connect(number, host)
        self.visitor = visitor  # None for the server itself
        self.outgoing = self.connection.outgoing
        self.unsaid: list[bytes] = []  # what the server has not taken
        self.unheard: list[bytes] = []
        self.unheard_bytes = 0
        self.news = asyncio.Event()
        self.reading = True  # False while too much is unheard
        self.at_end = False  # never: an insider leaves with ``close``
        self.closed = False  # it says no more
        self.leaving = False  # the broker has forgotten it
        self.parted = False  # nothing more will be written
        self.reason = "the server stops"  # why it is parted with

    # The asking side

    def say(self, chunk: bytes) -> None:
        """Say packets or text; they are taken soon, with what other peers say."""
        self.unsaid.append(chunk)
        self.read_soon()

    async def hear(self) -> bytes:
        """The next bytes of the server; raises ConnectionLost when it has parted."""
        while not self.unheard:
            if self.parted:
                raise ConnectionLost(f"{NAME} has ended the connection: {self.reason}", server=NAME)
            self.news.clear()
            await self.news.wait()
        heard = b"".join(self.unheard)
        self.drop_unheard()
        if self.connection.listing:  # it goes on with the next turn
            self.server.read_later(self)
            self.server.loop.call_soon(self.server.read_turns)
        if not self.reading:
            self.reading = True
            self.read_soon()
        return heard

    async def ask(self, query: Query[Answer]) -> Answer:
        """The answer to a text command; raises ServerError where it is refused. Not while packets may come."""
        answer = (await self.ask_all([query]))[0]
        if isinstance(answer, GearmanError):
            raise answer
        return answer

    async def ask_all(self, queries: Sequence[Query[Answer]]) -> list[Answer | GearmanError]:
        """The answers to text commands that are asked at once, or why one was refused."""
        asked = deque(AdminProtocol(NAME) for _ in queries)
        for protocol, query in zip(asked, queries, strict=True):
            protocol.ask(query.line, query.listing)
        self.say(b"".join([protocol.take_outgoing() for protocol in asked]))
        answers: list[Answer | GearmanError] = []
        unfinished = b""
        while asked:
            lines = (unfinished + await self.hear()).split(b"\n")
            unfinished = lines.pop()
            for line in lines:
                asked[0].take(line.removesuffix(b"\r").decode("utf-8", "surrogateescape"))
                if asked[0].answered:
                    answer: Answer | GearmanError = read(asked.popleft(), queries[len(answers)])
                    answers.append(answer)
        return answers

    def close(self) -> None:
        """Hang up, when what was said is taken: nobody waits for its foreground jobs any more."""
        self.closed = True
        self.reading = True
        self.drop_unheard()
        self.read_soon()

    # The server's side

    def read_soon(self) -> None:
        """Have what is unsaid taken with the next turn."""
        if not self.leaving and (self.unsaid or self.closed):
            self.server.read_later(self)
            self.server.loop.call_soon(self.server.read_turns)

    def read(self) -> bool:
        """Take what was said; False when there is nothing, or the server cannot take more for now."""
        if not self.server.reading:
            self.server.read_later(self)
            return False
        if self.connection.listing and not self.closed and not self.goes_on():
            return False
        unsaid, self.unsaid = self.unsaid, []
        if unsaid and not self.leaving:
            self.take(b"".join(unsaid))
        if self.closed:
            self.leave()
        return bool(unsaid)

    def take(self, chunk: bytes) -> None:
        try:
            self.receive(chunk)
        except ProtocolError as error:
            self.reason = str(error)
            self.leave()

    def goes_on(self) -> bool:
        """As a ``Peer``."""
        try:
            return self.server.desk.go_on(self.connection)
        except ProtocolError as error:
            self.reason = str(error)
            self.leave()
            return True

    def read_to_end(self) -> None:
        """An insider's end comes by ``close``."""

    def write(self, packets: bytes) -> None:
        """The one write of a turn."""
        if self.parted or self.closed:
            return None
        self.unheard.append(packets)
        self.unheard_bytes += len(packets)
        self.connection.clogged = True
        if self.unheard_bytes > self.server.settings.max_output:
            return self.overflow(0)
        if self.unheard_bytes > self.server.high_water:
            self.reading = False
        self.news.set()

    def overflow(self, size: int) -> None:
        """Give an insider up that would have to hear more than it may leave unheard."""
        self.drop_unheard()
        self.reason = "it listens too slowly"
        self.leave()
        self.part()

    def drop_unheard(self) -> None:
        self.unheard.clear()
        self.connection.clogged = False
        self.unheard_bytes = 0

    def meet_fault(self) -> None:
        """The server has a fault of its own in what the insider asked for."""
        self.reason = FAULT
        self.leave()

    def leave(self) -> None:
        """The broker forgets the insider; its connection ends when it was told everything."""
        if not self.leaving:
            self.leaving = True
            self.server.desk.disconnect(self.connection)
            self.server.leaving.append(self)

    def part(self) -> None:
        """All is said."""
        self.parted = True
        self.news.set()
        if self.server.peers.pop(self.connection, None) is not None:
            self.server.own_insiders -= self.visitor is None
        if self.visitor is not None:
            self.visitor.leave()


def read(protocol: AdminProtocol, query: Query[Answer]) -> Answer | GearmanError:
    """The answer to a text command."""
    return query.read(protocol.lines) if protocol.error is None else refusal(protocol.error, query)
