"""Vitals: what a server knows of itself, as the text command ``stats`` tells it."""

from __future__ import annotations

import asyncio
import time
from typing import Final

INTERVAL: Final = 1.0  # seconds between two looks at how late the loop is


class Vitals:
    """The age of a server, the bytes that came and went, and how late its loop does what is due."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.started_at = time.time()
        self.bytes_in = 0
        self.bytes_out = 0
        self.lag = 0.0  # seconds, at the last look
        self.worst_lag = 0.0  # since somebody asked last
        self.due = loop.time() + INTERVAL
        self.timer = loop.call_at(self.due, self.look)

    def look(self) -> None:
        """See how late this is, and look again."""
        now = self.loop.time()
        self.lag = max(now - self.due, 0.0)
        self.worst_lag = max(self.worst_lag, self.lag)
        self.due = now + INTERVAL
        self.timer = self.loop.call_at(self.due, self.look)

    def row(self) -> dict[str, object]:
        """What is known now."""
        worst, self.worst_lag = self.worst_lag, 0.0
        return {
            "started_at": self.started_at,
            "uptime": time.time() - self.started_at,
            "bytes_in": self.bytes_in,
            "bytes_out": self.bytes_out,
            "loop_lag": self.lag,
            "worst_loop_lag": worst,
        }

    def close(self) -> None:
        """Look no more."""
        self.timer.cancel()
