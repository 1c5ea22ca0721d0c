"""What the answers of the text protocol are made of."""

from __future__ import annotations

import json
from typing import Final

from geartrain.protocol.durations import seconds_of

END: Final = b".\n"


def text(name: bytes) -> str:
    """Names are bytes: those that are not UTF-8 show their odd bytes as \\xNN."""
    return name.decode("utf-8", "backslashreplace")


def octets(shown: str) -> bytes:
    """The bytes of a name in JSON of ours, where a surrogate from U+DC80 to U+DCFF is a byte that is no text."""
    try:
        return shown.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return shown.encode("utf-8", "surrogatepass")  # nothing has such a name


def json_line(row: dict[str, object]) -> bytes:
    """A row of a list."""
    return json.dumps(row).encode() + b"\n"


def json_lines(rows: list[dict[str, object]]) -> bytes:
    """A JSON object a line, and the line that ends the answer."""
    return b"".join([json_line(row) for row in rows]) + END


def incomplete(word: bytes) -> bytes:
    return b"ERR INVALID_ARGUMENTS An+incomplete+set+of+arguments+was+sent+to+this+command+" + word + b"\r\n"


def refused(reason: str, code: bytes = b"INVALID_ARGUMENTS") -> bytes:
    """The reason names the value and what was expected."""
    return b"ERR " + code + b" " + "+".join(reason.split()).encode() + b"\r\n"


def limit_of(word: bytes) -> int:
    """What is not a positive number is no limit."""
    return int(word) if word.isdigit() and len(word) < 19 else 0


def age_of(word: bytes) -> float:
    """Seconds, as a number or a time such as 90s; -1 for what is neither."""
    try:
        return seconds_of(text(word))
    except ValueError:
        return -1.0
