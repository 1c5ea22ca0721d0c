"""Spans of time as people write them. One reader for options, keys of a file, fields of JSON and text commands."""

from __future__ import annotations

import re
from typing import Final

EXPECTED: Final = "a number of seconds from 0 up, or a time such as 15m or 1h30m"
LONGEST: Final = 1e12  # seconds

UNITS: Final = {
    "w": 604800.0,
    "d": 86400.0,
    "h": 3600.0,
    "m": 60.0,
    "s": 1.0,
    "ms": 0.001,
}  # seconds, the largest first
PLAIN: Final = re.compile(r"\d{1,13}(?:\.\d{0,9})?|\.\d{1,9}", re.ASCII)
SPAN: Final = r"(\d{1,12}(?:\.\d{1,9})?)(ms|[wdhms])"
PART: Final = re.compile(SPAN, re.ASCII)


def seconds_of(given: object) -> float:
    """A number of seconds, or a text of a number or of parts such as 1h30m, the largest unit first.

    Raises ValueError, which says what was expected, for anything else, below 0, and above ``LONGEST``.
    """
    if isinstance(given, str):
        seconds = seconds_in(given.strip())
    elif isinstance(given, (int, float)) and not isinstance(given, bool):
        seconds = float(given) if -1 <= given <= LONGEST else -1.0  # a number may be too large to be a float
    else:
        seconds = -1.0
    if not 0 <= seconds <= LONGEST:
        raise ValueError(f"expected {EXPECTED}")
    return seconds


def seconds_in(text: str) -> float:
    """The seconds that a text says; -1 for what says none."""
    if PLAIN.fullmatch(text):
        return float(text)
    total, place, last = 0.0, 0, LONGEST
    while place < len(text):
        part = PART.match(text, place)
        size = 0.0 if part is None else UNITS[part[2]]
        if part is None or size >= last:
            return -1.0
        total += float(part[1]) * size
        place, last = part.end(), size
    return total if text else -1.0


def whole_or_part(seconds: float) -> int | float:
    """The same number, without a fraction where it has none: as files and JSON have it."""
    return int(seconds) if seconds.is_integer() else seconds
