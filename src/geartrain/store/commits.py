"""Commits: how long a store takes to keep a batch, and how often it could not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from geartrain.broker.tally import LONGEST

BUCKETS: Final = LONGEST + 1


class Commits:
    """Numbers that only grow, but for the last commit's time."""

    def __init__(self) -> None:
        self.counts = [0] * BUCKETS  # by milliseconds, as ``Tally`` has them
        self.seconds = 0.0  # all of them together
        self.last = 0.0  # seconds
        self.failures = 0

    def add(self, seconds: float, failed: bool) -> None:
        """A batch was kept, or not."""
        self.counts[min(int(seconds * 1000).bit_length(), LONGEST)] += 1
        self.seconds += seconds
        self.last = seconds
        self.failures += failed

    def row(self) -> dict[str, object]:
        """The numbers as ``stats`` shows them."""
        return {
            "counts": self.counts,
            "sum": self.seconds,
            "last": self.last,
            "failures": self.failures,
        }


def together(several: Sequence[Commits]) -> dict[str, object]:
    """The numbers of several stores; ``last`` is that of the slowest."""
    total = Commits()
    for commits in several:
        total.counts = [one + other for one, other in zip(total.counts, commits.counts, strict=True)]
        total.seconds += commits.seconds
        total.last = max(total.last, commits.last)
        total.failures += commits.failures
    return total.row()
