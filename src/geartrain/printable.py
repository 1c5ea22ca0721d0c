"""Printable: the one way in which what a peer chose is shown on a terminal or in a log."""

from __future__ import annotations

import re
from typing import Final

CUT: Final = "..."  # stands for what was left out
LONGEST: Final = 4  # bytes of a character
FIRST_BYTE: Final = 0xDC80  # bytes from 0x80 to 0xFF that are not UTF-8 are these characters in Python's text
LAST_BYTE: Final = 0xDCFF

UNSEEN: Final = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
"""What Python calls printable, though nothing is seen of it: fillers, variation selectors, empty Braille."""


def printable(said: str | bytes, limit: int = 0, *, lines: bool = False) -> str:
    """A text in one line. No character of it is obeyed by a terminal, changes the order of others, or is unseen.

    Control characters (C0, DEL, C1), bidirectional and zero-width ones, separators of lines, blanks other than
    the space, lone surrogates and code points without a meaning are shown as Python writes them: ``\\x1b``,
    ``\\u202e``. A byte that is not UTF-8 is shown as ``\\xff``. A backslash stays as it is, so the text cannot be
    read back.

    Text of more than ``limit`` bytes is cut, and ``...`` says so; 0 is no limit. With ``lines`` newlines and tabs stay.
    """
    text = said if isinstance(said, str) else decoded(said, limit)
    kept = before(text, limit) if limit else text
    end = "" if len(kept) == len(text) else CUT
    if kept.isprintable() and (kept.isascii() or UNSEEN.search(kept) is None):
        return kept + end
    stays = "\n\t" if lines else ""
    return "".join(sign if sign in stays else shown(sign) for sign in kept) + end


def decoded(octets: bytes, limit: int) -> str:
    """The text of bytes; where there is a limit, no more of it than shows whether it is reached."""
    return (octets[: limit + LONGEST] if limit else octets).decode("utf-8", "surrogateescape")


def before(text: str, limit: int) -> str:
    """The characters that fit into so many bytes."""
    octets = 0
    for place, sign in enumerate(text[: limit + 1]):
        octets += size(ord(sign))
        if octets > limit:
            return text[:place]
    return text


def size(code: int) -> int:
    """The bytes of a character."""
    if code < 0x80 or FIRST_BYTE <= code <= LAST_BYTE:
        return 1
    return 2 if code < 0x800 else 3 if code < 0x10000 else LONGEST


def shown(sign: str) -> str:
    """A character as it may be printed."""
    if sign.isprintable() and UNSEEN.match(sign) is None:
        return sign
    code = ord(sign)
    if FIRST_BYTE <= code <= LAST_BYTE:
        return f"\\x{code & 0xFF:02x}"
    return sign.encode("unicode_escape").decode("ascii")
