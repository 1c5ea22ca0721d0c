"""Numbers as they stand on the wire. A peer may send any number of digits; Python refuses those over 4,300."""

from __future__ import annotations

from typing import Final

LARGEST: Final = (1 << 63) - 1
MOST_DIGITS: Final = 18  # a number of so many is below ``LARGEST``


def count(digits: bytes) -> int:
    """A number of a status, 0 to 2^63 - 1: workers may send fractions, nothing at all, or what no number is."""
    if digits.isdigit() and len(digits) <= MOST_DIGITS:
        return int(digits)
    try:
        number = float(digits)
    except ValueError:
        return 0
    if number >= LARGEST:
        return LARGEST
    return int(number) if number > 0 else 0  # NaN is not above 0 either


def whole(digits: str | bytes) -> int:
    """A whole number, 0 or more, of at most 18 digits; raises ValueError naming what came instead."""
    if (
        not digits.isdigit()
        or len(digits) > MOST_DIGITS
        or (isinstance(digits, str) and not digits.isascii())
    ):
        raise ValueError(f"{shown(digits)}: expected a whole number of at most {MOST_DIGITS} digits")
    return int(digits)


def shown(digits: str | bytes) -> str:
    """What came, as an error names it."""
    return repr(digits if len(digits) <= 40 else digits[:40]) + ("" if len(digits) <= 40 else "…")
