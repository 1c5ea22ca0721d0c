"""Checksums of the rows in a file of jobs.

A checksum is the last four bytes of one column of its row: of a job's head, of a dead letter's error, of a result and
of a document's text. It covers the whole row, its number too.
"""

from __future__ import annotations

from math import isfinite
from typing import Any, Final, NamedTuple
from zlib import crc32

from geartrain.broker.batch import JobRecord
from geartrain.broker.rows import LARGEST_NUMBER, LATEST, sealed_record_of

SIZE: Final = 4
ORDER: Final = "little"
DAMAGED: Final = "the checksum does not fit"

Row = tuple[Any, ...]


class Form(NamedTuple):
    """What the rows of a table are."""

    table: str
    columns: str
    key: str
    types: tuple[type, ...]
    place: int  # of the column with the checksum


DEAD: Final = Form(
    "dead", "number, reason, worker, error, died_at", "number", (int, str, bytes, bytes, float), 3
)
RESULT: Final = Form(
    "result",
    'number, handle, function, "unique", state, result,'
    " submitted_at, started_at, finished_at, expires_at, attempts, worker",
    "number",
    (int, bytes, bytes, bytes, str, bytes, float, float, float, float, int, bytes),
    5,
)
DOCUMENT: Final = Form("document", "kind, name, text", "kind, name", (str, bytes, bytes), 2)
FORMS: Final = (DEAD, RESULT, DOCUMENT)


# Jobs


def job_in(number: int, sealed: object, workload: bytes | None, size: int) -> JobRecord:
    """The job of a row, whose workload may have been left in the file; raises ValueError saying what is wrong.

    Without its workload its checksum is not looked at: that is done when the workload is read.
    """
    if not isinstance(sealed, bytes):
        raise ValueError(f"a head of type {type(sealed).__name__}, bytes are expected")
    return sealed_record_of(number, sealed, workload, size)


def named(number: int, stored: object) -> str:
    """A job's row as a message names it, with what its head tells of it."""
    try:
        job = job_in(number, stored, None, 0)
    except ValueError:
        return f"job {number}"
    unique = f", unique {text_of(job.unique)}" if job.unique else ""
    return f"job {number} ({text_of(job.handle)}, function {text_of(job.function)}{unique})"


def text_of(data: bytes) -> str:
    return data.decode("utf-8", "backslashreplace")


# All else


def sealed(form: Form, row: Row) -> Row:
    """A row as it stands in the file."""
    place = form.place
    return (*row[:place], row[place] + checksum_of(form, row), *row[place + 1 :])


def opened(form: Form, row: Row, has_checksum: bool) -> Row:
    """A row as it was given to be kept; raises ValueError saying what is wrong with it."""
    for value, wanted in zip(row, form.types, strict=True):
        check_value(value, wanted)
    if not has_checksum:
        return row
    place = form.place
    whole = row[place]
    plain = (*row[:place], whole[:-SIZE], *row[place + 1 :])
    if checksum_of(form, plain) != whole[-SIZE:]:
        raise ValueError(DAMAGED)
    return plain


def check_value(value: object, wanted: type) -> None:
    """Raises ValueError where a column has something that was never written there."""
    if type(value) is not wanted:
        raise ValueError(f"a column has {type(value).__name__}, {wanted.__name__} is expected")
    if isinstance(value, float) and not (isfinite(value) and 0 <= value <= LATEST):
        raise ValueError(f"the time {value}, Unix seconds are expected")
    if isinstance(value, int) and not 0 <= value <= LARGEST_NUMBER:
        raise ValueError(f"the number {value}, 0 to {LARGEST_NUMBER} is expected")


def checksum_of(form: Form, row: Row) -> bytes:
    """The checksum of all that is in a row."""
    found = 0
    for value, wanted in zip(row, form.types, strict=True):
        data = as_data(wanted(value) if wanted is float else value)
        found = crc32(data, crc32(b"%d:" % len(data), found))
    return found.to_bytes(SIZE, ORDER)


def as_data(value: object) -> bytes:
    if isinstance(value, bytes):
        return value
    return value.encode("utf-8", "surrogatepass") if isinstance(value, str) else repr(value).encode()
