"""Pulse: how late the loop is."""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import Final

from geartrain.store.durations import Durations

PERIOD: Final = 0.5  # seconds between two looks


class Pulse:
    """Looks at the loop's clock again and again, and remembers by how much each look was late."""

    def __init__(self) -> None:
        self.lag = Durations()
        self.loop = asyncio.get_running_loop()
        self.due = 0.0  # when the next look is to be, in monotonic seconds
        self.timer: asyncio.TimerHandle | None = None  # None while nobody looks

    def start(self) -> None:
        """Look from now on."""
        self.due = monotonic() + PERIOD
        self.timer = self.loop.call_later(PERIOD, self.look)

    def look(self) -> None:
        self.lag.add(max(monotonic() - self.due, 0.0))
        self.start()

    def stop(self) -> None:
        """Look no more."""
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
