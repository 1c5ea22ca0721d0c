"""What the server and the process that has the database say to each other: objects, each with its length before it."""

from __future__ import annotations

import marshal
import struct
from collections.abc import Iterator
from typing import Any, Final

LENGTH: Final = struct.Struct("<Q")
RECEIVE_SIZE: Final = 1024 * 1024

COMMIT: Final = "commit"
LOAD: Final = "load"
NEXT: Final = "next"  # part of what is loaded
CLOSE: Final = "close"


def packed(message: Any) -> bytes:
    """An object as it travels."""
    body = marshal.dumps(message)
    return LENGTH.pack(len(body)) + body


def unpacked(received: bytearray) -> Iterator[Any]:
    """The whole objects at the beginning of what was received, which are taken away."""
    while len(received) >= LENGTH.size:
        (length,) = LENGTH.unpack_from(received)
        end = LENGTH.size + length
        if len(received) < end:
            return
        message = marshal.loads(memoryview(received)[LENGTH.size : end])
        del received[:end]
        yield message
