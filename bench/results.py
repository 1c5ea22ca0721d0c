"""Measuring all rows, and what comes of it."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from typing import NamedTuple

from bench.row import Group, NotMeasured, Row
from bench.sample import Sample, median


class Result(NamedTuple):
    """A row with the samples of each of its contestants."""

    row: Row
    samples: dict[str, list[Sample]]
    reason: str = ""  # why there are none

    def medians(self) -> dict[str, Sample]:
        """What each contestant came to."""
        return {contestant: median(samples) for contestant, samples in self.samples.items()}


def measure(row: Row, rounds: int, scale: float) -> Result:
    """Measure the contestants of a row in turn (A B A B), as the machine is not the same from minute to minute."""
    with ExitStack() as stack:
        try:
            contestants = row.contestants(scale, stack)
        except NotMeasured as reason:
            return Result(row, {}, str(reason))
        samples: dict[str, list[Sample]] = {contestant: [] for contestant in contestants}
        for _ in range(rounds * row.turns):
            for contestant, take in contestants.items():
                samples[contestant].append(take())
    return Result(row, samples)


def chosen(groups: Iterable[Group], names: Iterable[str]) -> list[Group]:
    """The groups with only the named rows; with all of them where no names are given."""
    wanted = set(names)
    kept = [
        Group(group.title, tuple(row for row in group.rows if not wanted or row.name in wanted))
        for group in groups
    ]
    return [group for group in kept if group.rows]
