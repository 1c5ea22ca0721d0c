"""Farewell: the end of a connection, such that the peer hears what it was told last."""

from __future__ import annotations

import asyncio
from typing import Final

PATIENCE: Final = 5.0  # seconds in which the peer may hang up by itself


class Farewell(asyncio.Protocol):
    """Takes over a connection that has nothing more to say, and throws away what the peer still sends.

    A socket that is closed with input unread resets the connection, and a peer that is busy sending would then find
    an error of its system instead of our answer. ``over`` is done when the connection is gone.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self.over: asyncio.Future[None] = loop.create_future()
        self.limit = loop.call_later(PATIENCE, transport.abort)
        transport.set_protocol(self)
        if transport.is_closing():
            return
        transport.resume_reading()
        try:
            transport.write_eof()
        except OSError:  # the peer is gone
            transport.abort()

    def connection_lost(self, error: Exception | None) -> None:
        self.limit.cancel()
        self.over.set_result(None)
