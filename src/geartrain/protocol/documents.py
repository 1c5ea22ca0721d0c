"""JSON of a peer, a file or an engine: read in one place, and bounded before anybody looks at it."""

from __future__ import annotations

import json
from typing import Final

from geartrain.protocol.numbers import LARGEST

MOST_BYTES: Final = 1 << 20
MOST_KEPT: Final = 1 << 29  # bytes of what a store kept for us: a schedule has a workload
MOST_LEVELS: Final = 32  # of lists and objects within each other; no document of ours has more than five


def read_json(said: str | bytes, most: int = MOST_BYTES) -> object:
    """The value in a text of JSON.

    Raises ValueError, with a reason in a few words, for a text that is no JSON or no UTF-8, is longer than ``most``
    bytes, nests deeper than 32 levels, or has a number that is not finite or beyond 2^63.
    """
    if len(said) > most:
        raise ValueError(f"{len(said)} bytes, expected at most {most}")
    try:
        value: object = json.loads(said, parse_constant=refuse_constant)
    except RecursionError:
        raise ValueError(f"expected at most {MOST_LEVELS} levels of lists and objects") from None
    check(value)
    return value


def read_object(said: str | bytes, most: int = MOST_BYTES) -> dict[str, object]:
    """The object in a text of JSON; raises ValueError as ``read_json``, and for any other value."""
    value = read_json(said, most)
    if not isinstance(value, dict):
        raise ValueError("expected an object")
    return value


def refuse_constant(word: str) -> object:
    """Python's JSON has NaN and Infinity, which JSON has not."""
    raise ValueError(f"{word} is no number of JSON")


def check(value: object) -> None:
    """Raise ValueError for what nests too deep, and for numbers that are too large."""
    level: list[object] = [value]  # level by level, as a call for each would overflow
    for _ in range(MOST_LEVELS + 1):
        below: list[object] = []
        for each in level:
            if isinstance(each, dict):
                below.extend(each.values())
            elif isinstance(each, list):
                below.extend(each)
            elif isinstance(each, (int, float)) and not -LARGEST <= each <= LARGEST:
                raise ValueError(f"expected numbers from -{LARGEST} to {LARGEST}")
        if not below:
            return
        level = below
    raise ValueError(f"expected at most {MOST_LEVELS} levels of lists and objects")
