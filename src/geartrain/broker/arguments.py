"""Arguments of packets, as the peers that send them mean them."""

from __future__ import annotations

import re
from typing import Final

NUMBER: Final = re.compile(rb"\s*([+-]?\d{1,19})")


def leading_number(text: bytes) -> int:
    """The number a text begins with, as C's strtoll reads it: 0 where there is none."""
    match = NUMBER.match(text)
    return int(match[1]) if match else 0


def without_nul(argument: bytes) -> bytes:
    """A last argument as it was meant: some libraries end it with a NUL."""
    return argument[:-1] if argument.endswith(b"\0") else argument
