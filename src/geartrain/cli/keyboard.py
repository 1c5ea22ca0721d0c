"""Single keys of a terminal, as they are pressed."""

from __future__ import annotations

import os
import select
import sys
import termios
import tty
from types import TracebackType
from typing import Final, Self

NAMES: Final = {
    "\x1b[A": "up",
    "\x1bOA": "up",
    "\x1b[B": "down",
    "\x1bOB": "down",
    "\x1b[C": "right",
    "\x1bOC": "right",
    "\x1b[D": "left",
    "\x1bOD": "left",
    "\x1b[5~": "page up",
    "\x1b[6~": "page down",
    "\x1b[H": "home",
    "\x1bOH": "home",
    "\x1b[1~": "home",
    "\x1b[F": "end",
    "\x1bOF": "end",
    "\x1b[4~": "end",
    "\x1b[Z": "left",
    "\x1b": "escape",
    "\r": "enter",
    "\n": "enter",
    "\t": "right",
    "\x7f": "escape",
}


class Keyboard:
    """The terminal on stdin, without echo and lines as long as the ``with`` block lasts; Ctrl-C stays what it is."""

    def __init__(self) -> None:
        self.file = sys.stdin.fileno()
        self.before = termios.tcgetattr(self.file)

    def __enter__(self) -> Self:
        tty.setcbreak(self.file)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        termios.tcsetattr(self.file, termios.TCSADRAIN, self.before)

    def read(self, seconds: float) -> list[str]:
        """The names of keys that are pressed by then; raises EOFError where the terminal is gone."""
        if not select.select([self.file], [], [], seconds)[0]:
            return []
        typed = os.read(self.file, 1024)
        if not typed:
            raise EOFError
        return keys_of(typed.decode("utf-8", "replace"))


def keys_of(typed: str) -> list[str]:
    """The keys in what a terminal sent; a letter is its own name."""
    keys: list[str] = []
    while typed:
        known = [sign for sign in NAMES if typed.startswith(sign)]
        sign = max(known, key=len) if known else typed[0]
        keys.append(NAMES.get(sign, sign))
        typed = typed[len(sign) :]
    return keys
