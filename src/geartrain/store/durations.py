"""Durations: how long something took each time, as numbers that only grow."""

from __future__ import annotations

from bisect import bisect_left
from typing import Final

BOUNDS: Final = (
    *(0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05),
    *(0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
)
"""Seconds: each bucket has what took at most so long, and longer than the one before."""


class Durations:
    """How often something was done and how long it took, by ``BOUNDS`` and all in all."""

    __slots__ = ("counts", "failures", "last", "seconds")

    def __init__(self) -> None:
        self.counts = [0] * (len(BOUNDS) + 1)  # the last bucket has what took longer than all bounds
        self.seconds = 0.0  # all of them together
        self.last = 0.0  # seconds
        self.failures = 0  # times that it was not done, which are not among the others

    def add(self, seconds: float) -> None:
        """It was done once more."""
        self.counts[bisect_left(BOUNDS, seconds)] += 1
        self.seconds += seconds
        self.last = seconds
