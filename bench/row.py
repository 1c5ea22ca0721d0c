"""The form of the benchmark: groups of rows, each of which measures the same thing of several contestants."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import NamedTuple, TypeAlias

from bench.sample import Sample

Contestants: TypeAlias = dict[str, Callable[[], Sample]]
"""What is compared, by name, ours first. Each call measures once."""


class Row(NamedTuple):
    """One thing to measure."""

    name: str
    what: str
    contestants: Callable[[float, ExitStack], Contestants]
    """For a scale (1.0 is the full size); what must end with the row goes into the stack. May raise NotMeasured."""
    turns: int = 1  # in each round: more where a measurement is short
    step_by_step: bool = False
    """Only one of the processes has something to do at any time: they share a processor.

    With a processor each, most of the time would go into waking these, on a virtual machine up to a tenth of a
    millisecond each time, and chance would decide who gets how many.
    """


class Group(NamedTuple):
    """Rows that stand in one table."""

    title: str
    rows: tuple[Row, ...]

    @property
    def name(self) -> str:
        """By which all of its rows are chosen."""
        return self.title.lower()


class NotMeasured(Exception):
    """This machine cannot do it; the text says why."""


def scaled(jobs: int, scale: float) -> int:
    """A number of jobs for a smaller run."""
    return max(100, round(jobs * scale))
