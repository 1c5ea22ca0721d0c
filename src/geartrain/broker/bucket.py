"""A function's rate: how many of its jobs may be handed out by now, and when the next one may."""

from __future__ import annotations

from typing import Final

BURST: Final = 0.1  # seconds: so much of a rate may be handed out at once, but at least one job
ROUNDING: Final = 1e-6  # jobs: so little less than one is one


class Bucket:
    """A token bucket: it fills at the rate, and each job that is handed out takes one."""

    __slots__ = ("alarmed", "capacity", "empty_at", "interval", "rate")

    def __init__(self, rate: float) -> None:
        self.rate = rate  # jobs a second
        self.interval = 1 / rate
        self.capacity = max(1.0, rate * BURST)
        self.empty_at = float("-inf")  # monotonic time at which it was empty, or would have been
        self.alarmed = False  # it will be looked at when it is not empty any more

    def tokens(self, now: float) -> int:
        """How many jobs may be handed out."""
        if now < self.opens_at():
            return 0
        filled = min((now - self.empty_at) * self.rate, self.capacity)
        return max(int(filled + ROUNDING), 1)

    def take(self, now: float) -> None:
        """A job was handed out."""
        self.empty_at = max(self.empty_at, now - self.capacity * self.interval) + self.interval

    def opens_at(self) -> float:
        """When a job may be handed out again."""
        return self.empty_at + self.interval * (1 - ROUNDING)


def bucket_for(rate: float) -> Bucket | None:
    """A full bucket; None for a rate of 0, which is any."""
    return Bucket(rate) if rate else None
