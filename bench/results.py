"""Measuring all rows, and what comes of it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
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
        if row.step_by_step:
            stack.enter_context(one_processor())
        try:
            contestants = row.contestants(scale, stack)
        except NotMeasured as reason:
            return Result(row, {}, str(reason))
        samples: dict[str, list[Sample]] = {contestant: [] for contestant in contestants}
        for _ in range(rounds * row.turns):
            for contestant, take in contestants.items():
                samples[contestant].append(take())
    return Result(row, samples)


@contextmanager
def one_processor() -> Iterator[None]:
    """What is started meanwhile runs on one processor."""
    processors = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(processors)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, processors)


def chosen(groups: Iterable[Group], names: Iterable[str]) -> list[Group]:
    """The groups with only the rows that are named, or whose group is; with all of them where nothing is."""
    wanted = set(names)
    kept = [
        Group(group.title, tuple(row for row in group.rows if not wanted or wanted & {row.name, group.name}))
        for group in groups
    ]
    return [group for group in kept if group.rows]
