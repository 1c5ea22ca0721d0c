"""Spans of time as people write them: 90, 90s, 15m, 2h, 7d."""

from __future__ import annotations

import re
import time
from typing import Final

import click

UNITS: Final = ((86400, "d"), (3600, "h"), (60, "m"), (1, "s"))  # seconds, the largest first
DURATION: Final = re.compile(r"(\d{1,12}(?:\.\d{1,9})?)([smhd]?)")


def seconds_of(given: str) -> float | None:
    """A duration in seconds; None for what is none."""
    match = DURATION.fullmatch(given.strip())
    if match is None:
        return None
    sizes = {unit: size for size, unit in UNITS}
    return float(match[1]) * sizes.get(match[2], 1)


def duration(ctx: click.Context, parameter: click.Parameter, given: str | None) -> float | None:
    """An option that is a duration, in seconds."""
    seconds = None if given is None else seconds_of(given)
    if given is not None and seconds is None:
        expected = "expected seconds, or one such as 90s, 15m, 2h or 7d"
        raise click.BadParameter(f"{given!r} is no duration; {expected}", ctx, parameter)
    return seconds


def rounded(seconds: float) -> str:
    """A span of time in the largest unit that fits."""
    whole = max(0, int(seconds))
    size, unit = next((pair for pair in UNITS if whole >= pair[0]), UNITS[-1])
    return f"{whole // size}{unit}"


def rounded_since(then: float) -> str:
    """How long ago a Unix time was."""
    return rounded(time.time() - then)


def exactly(seconds: int) -> str:
    """A number of seconds in the largest unit that has no rest."""
    size, unit = next(pair for pair in UNITS if seconds % pair[0] == 0)
    return f"{seconds // size}{unit}"
