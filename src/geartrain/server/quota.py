"""Quota: how many refusals of one address the audit log takes in a minute. A peer may bring about a million."""

from __future__ import annotations

from typing import Final

MOST: Final = 100  # refusals of an address in a period
PERIOD: Final = 60.0  # seconds
MOST_ADDRESSES: Final = 10_000  # that are remembered; what is beyond them shares one quota
OTHERS: Final = "others"


class Quota:
    """Counts refusals by address; ``now`` is any clock's seconds."""

    def __init__(self) -> None:
        self.begun = 0.0  # when the period began
        self.counts: dict[str, int] = {}  # refusals of the period

    def takes(self, address: str, now: float) -> bool:
        """Whether one more refusal is told. Ask for ``left_out`` first: a new period forgets what was counted."""
        if now >= self.begun + PERIOD:
            self.begun = now
            self.counts = {}
        if address not in self.counts and len(self.counts) >= MOST_ADDRESSES:
            address = OTHERS
        self.counts[address] = self.counts.get(address, 0) + 1
        return self.counts[address] <= MOST

    def left_out(self, now: float) -> list[tuple[str, int]]:
        """The addresses of a period that is over of which refusals were left out, and how many."""
        if now < self.begun + PERIOD:
            return []
        found = [(address, count - MOST) for address, count in self.counts.items() if count > MOST]
        self.counts = {}
        return found
