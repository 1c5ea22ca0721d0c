"""The standard streams: a command ends in one line where its output cannot be written."""

from __future__ import annotations

import os
import select
import sys
from io import BufferedReader, BufferedWriter, FileIO, TextIOWrapper
from typing import TYPE_CHECKING, Final

from geartrain.errors import GearmanError

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

STDIN: Final = 0
STDOUT: Final = 1
STDERR: Final = 2


class OutputLost(OSError):
    """Standard output cannot be written."""


class StandardInput(FileIO):
    """Reads standard input; raises GearmanError where it cannot be read."""

    def readinto(self, room: WriteableBuffer, /) -> int | None:
        try:
            return super().readinto(room)
        except OSError as error:
            raise unreadable(error) from error

    def readall(self) -> bytes:
        try:
            return super().readall() or b""
        except OSError as error:
            raise unreadable(error) from error


def unreadable(error: OSError) -> GearmanError:
    """What to raise where standard input cannot be read."""
    return GearmanError(f"cannot read standard input: {error.strerror}")


class StandardOutput(FileIO):
    """Writes to standard output; raises OutputLost. It waits for a full pipe that does not block."""

    def write(self, piece: ReadableBuffer, /) -> int:
        try:
            while (written := super().write(piece)) is None:
                select.select([], [self], [])
        except OSError as error:
            raise OutputLost(error.errno, error.strerror) from error
        return written


class StandardError(FileIO):
    """Writes to standard error; what cannot be written there is left out, as there is nobody to tell."""

    def write(self, piece: ReadableBuffer, /) -> int:
        try:
            return super().write(piece) or 0
        except OSError:
            return memoryview(piece).nbytes


def prepare() -> None:
    """Make the streams such that each fault of theirs is one of ours, whichever of them are closed."""
    fill_gaps()
    if is_plain(sys.stdin, STDIN):
        sys.stdin = TextIOWrapper(
            BufferedReader(StandardInput(STDIN, closefd=False)), errors="surrogateescape"
        )
    if is_plain(sys.stdout, STDOUT):
        sys.stdout = text_on(StandardOutput(STDOUT, "w", closefd=False))
    if is_plain(sys.stderr, STDERR):
        sys.stderr = text_on(StandardError(STDERR, "w", closefd=False))


def fill_gaps() -> None:
    """Let no other file become a standard stream: for one that is closed there is a file that cannot be used.

    Reading or writing it fails as it would without; only complaints go nowhere.
    """
    for number, way in ((STDIN, os.O_WRONLY), (STDOUT, os.O_RDONLY), (STDERR, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            opened = os.open(os.devnull, way)  # the lowest number that is free
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)
            os.set_inheritable(number, True)


def is_plain(stream: object, number: int) -> bool:
    """Whether a stream is the process's own: a test's is left alone."""
    return stream is None or (isinstance(stream, TextIOWrapper) and stream.fileno() == number)


def text_on(raw: FileIO) -> TextIOWrapper:
    """A stream for text; names are bytes, and may be no text."""
    encoding = getattr(sys.stdout or sys.stderr, "encoding", None)
    return TextIOWrapper(
        BufferedWriter(raw), encoding=encoding, errors="backslashreplace", line_buffering=raw.isatty()
    )


def flush() -> None:
    """Write what is left; raises OutputLost."""
    sys.stdout.flush()
    sys.stderr.flush()


def give_up() -> None:
    """Throw away what is left of the output: the interpreter shall not try once more."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, STDOUT)
    os.close(nowhere)
