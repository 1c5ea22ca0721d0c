"""A job as a row of a store: a head of bytes, and the workload beside it.

A head begins with the version of its form.

The code stands here, and not with the stores, because it is compiled here: a row costs a third of what it does
uncompiled.
"""

from __future__ import annotations

import struct
from typing import Final

from geartrain.broker.batch import JobRecord
from geartrain.broker.model import number_of

VERSION: Final = 2
# version, priority, attempts, losses, two times, the lengths of five texts
HEAD: Final = struct.Struct("<BBIIddHHHHH")
OLD_VERSION: Final = 1  # without losses; it is read, and written no more
OLD_HEAD: Final = struct.Struct("<BBIddHHHHH")

LOWEST_PRIORITY: Final = 2
LARGEST_NUMBER: Final = 2**62  # of a job: a server can go on after it
LATEST: Final = float(2**63)  # Unix time

Row = tuple[int, bytes, bytes | None]  # number, head, workload


def row_of(record: JobRecord) -> Row:
    """A job as it is written."""
    handle = record.handle
    function = record.function
    unique = record.unique
    reducer = record.reducer
    metadata = record.metadata
    head = HEAD.pack(
        VERSION,
        record.priority,
        record.attempts,
        record.losses,
        record.run_at,
        record.submitted_at,
        len(handle),
        len(function),
        len(unique),
        len(reducer),
        len(metadata),
    )
    return record.number, b"".join((head, handle, function, unique, reducer, metadata)), record.workload


def record_of(number: int, head: bytes, workload: bytes | None, size: int) -> JobRecord:
    """The job of a row; raises ValueError saying what is wrong with it."""
    check_size(head, OLD_HEAD.size)
    if head[0] not in (OLD_VERSION, VERSION):
        raise ValueError(f"a head of version {head[0]}, {VERSION} is expected")
    losses = 0
    if head[0] == OLD_VERSION:
        start = OLD_HEAD.size
        _, priority, attempts, run_at, submitted_at, *lengths = OLD_HEAD.unpack_from(head)
    else:
        start = HEAD.size
        check_size(head, start)
        _, priority, attempts, losses, run_at, submitted_at, *lengths = HEAD.unpack_from(head)
    if len(head) != start + sum(lengths):
        raise ValueError(f"a head of {len(head)} bytes, {start + sum(lengths)} are expected")
    texts = []
    for length in lengths:
        texts.append(head[start : start + length])
        start += length
    handle, function, unique, reducer, metadata = texts
    record = JobRecord(
        number,
        handle,
        function,
        unique,
        reducer,
        workload,
        size,
        priority,
        run_at,
        submitted_at,
        attempts,
        metadata,
        losses,
    )
    check_values(record)
    return record


def check_size(head: bytes, least: int) -> None:
    """Raises ValueError where a head is too short for its numbers."""
    if len(head) < least:
        raise ValueError(f"a head of {len(head)} bytes, at least {least} are expected")


def check_values(record: JobRecord) -> None:
    """Raises ValueError where a broker could not go on with what the record says."""
    if record.priority > LOWEST_PRIORITY:
        raise ValueError(f"the priority {record.priority}, 0 to {LOWEST_PRIORITY} is expected")
    if not record.handle or not record.function:
        raise ValueError("no handle or no function")
    if not 0 < record.number <= LARGEST_NUMBER:
        raise ValueError(f"the number {record.number}, 1 to {LARGEST_NUMBER} is expected")
    if number_of(record.handle) != record.number:
        raise ValueError(f"the handle {record.handle!r} at the number {record.number}")
    if not (0 <= record.run_at <= LATEST and 0 <= record.submitted_at <= LATEST):
        raise ValueError(f"the times {record.run_at} and {record.submitted_at}, Unix seconds are expected")
