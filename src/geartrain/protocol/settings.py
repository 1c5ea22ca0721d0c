"""Values that a program gives as options, checked where they are given."""

from __future__ import annotations

import math
from typing import Final

from geartrain.errors import SettingsError

PING_TIMEOUT: Final = 10.0  # seconds that servers may take to answer where the program names no time


def is_seconds(value: object) -> bool:
    """Whether it is a number of seconds: finite, and not below 0."""
    if isinstance(value, bool):
        return False
    return isinstance(value, int | float) and math.isfinite(value) and value >= 0


def check_seconds(value: object, what: str) -> None:
    """Raise SettingsError unless it is a number of seconds, or None."""
    if value is not None and not is_seconds(value):
        raise SettingsError(f"{what} {value!r}: expected a number of seconds, 0 or more")
