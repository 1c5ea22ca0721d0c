"""Numbers as they stand on the wire."""

from __future__ import annotations


def count(digits: bytes) -> int:
    """A number of a status; workers may send fractions or nothing at all."""
    if digits.isdigit():
        return int(digits)
    try:
        return max(0, int(float(digits)))
    except (ValueError, OverflowError):
        return 0
