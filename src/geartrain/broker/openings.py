"""Openings: functions that are out of their rate, by the moment at which they may hand out jobs again."""

from __future__ import annotations

from heapq import heappop, heappush

from geartrain.broker.bucket import Bucket
from geartrain.broker.model import Function


class Openings:
    """A heap of functions by time; one whose rate has changed since is passed over."""

    def __init__(self) -> None:
        self.heap: list[tuple[float, int, Function, Bucket]] = []
        self.last = 0  # the newest entry

    def watch(self, function: Function, now: float) -> None:
        """Look at the function when it may hand out jobs again, if it may not now."""
        bucket = function.bucket
        if bucket is None or bucket.alarmed or bucket.tokens(now):
            return
        bucket.alarmed = True
        self.last += 1
        heappush(self.heap, (bucket.opens_at(), self.last, function, bucket))

    def next(self) -> float:
        """The earliest time at which a function is to be looked at, if the heap is not empty."""
        return self.heap[0][0]

    def take(self, now: float) -> list[Function]:
        """The functions that may hand out jobs again."""
        open_again: list[Function] = []
        while self.heap and self.heap[0][0] <= now:
            _, _, function, bucket = heappop(self.heap)
            bucket.alarmed = False
            if function.bucket is not bucket:
                continue
            if bucket.tokens(now):
                open_again.append(function)
            else:
                self.watch(function, now)
        return open_again
