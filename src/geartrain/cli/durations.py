"""Spans of time on the command line: read from options, and shown in tables."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

import click

from geartrain.protocol.durations import EXPECTED, seconds_of

UNITS: Final = ((86400, "d"), (3600, "h"), (60, "m"), (1, "s"))  # seconds, the largest first


Callback = Callable[[click.Context, click.Parameter, str | None], float | None]


def at_least(least: float) -> Callback:
    """A callback for an option that is a span of time; it gives seconds."""

    def read(ctx: click.Context, parameter: click.Parameter, given: str | None) -> float | None:
        if given is None:
            return None
        try:
            seconds = seconds_of(given)
        except ValueError:
            raise click.BadParameter(
                f"{given!r} is no duration; expected {EXPECTED}", ctx, parameter
            ) from None
        if seconds < least:
            shortest = f"expected {least:g} seconds or more"
            raise click.BadParameter(f"{given!r} is too short; {shortest}", ctx, parameter)
        return seconds

    return read


duration: Final = at_least(0.0)


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
