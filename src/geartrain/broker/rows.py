"""A job as a row of a store: a head of bytes, and the workload beside it.

A head begins with the version of its form.

The code stands here, and not with the stores, because it is compiled here: a row costs a third of what it does
uncompiled.
"""

from __future__ import annotations

import struct
from typing import Final
from zlib import crc32

from geartrain.broker.batch import JobRecord
from geartrain.broker.model import number_of

VERSION: Final = 2
# version, priority, attempts, losses, two times, the lengths of five texts
HEAD: Final = struct.Struct("<BBIIddHHHHH")
CHECKSUM: Final = struct.Struct("<I")  # of a row, behind the head where a store has it so
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
    record = parsed(number, head, workload, size)
    check_values(record)
    return record


def sealed_head(number: int, head: bytes, workload: bytes) -> bytes:
    """A head with the checksum of its row behind it."""
    return head + CHECKSUM.pack(crc32(workload, crc32(head, number)))


def sealed_record_of(number: int, sealed: bytes, workload: bytes | None, size: int) -> JobRecord:
    """The job of a row whose head may be sealed; raises ValueError saying what is wrong with it.

    Without its workload its checksum is not looked at. This is where a large queue spends the time of a start.
    """
    end = len(sealed) - CHECKSUM.size
    if end < OLD_HEAD.size - CHECKSUM.size or sealed[0] == OLD_VERSION:
        return record_of(number, sealed, workload, size)
    head = sealed[:end]
    if workload is None:
        return record_of(number, head, None, size)
    if crc32(workload, crc32(head, number)) != CHECKSUM.unpack_from(sealed, end)[0]:
        check_size(head, HEAD.size)
        raise ValueError("the checksum does not fit")
    return parsed(number, head, workload, size)


def parsed(number: int, head: bytes, workload: bytes | None, size: int) -> JobRecord:
    """What a head says; raises ValueError where it cannot be read."""
    check_size(head, OLD_HEAD.size)
    version = head[0]
    if version == VERSION:
        check_size(head, HEAD.size)
        _, priority, attempts, losses, run_at, submitted_at, *lengths = HEAD.unpack_from(head)
        start = HEAD.size
    elif version == OLD_VERSION:
        _, priority, attempts, run_at, submitted_at, *lengths = OLD_HEAD.unpack_from(head)
        losses = 0
        start = OLD_HEAD.size
    else:
        raise ValueError(f"a head of version {version}, {VERSION} is expected")
    end_of_handle: int = start + lengths[0]
    end_of_function: int = end_of_handle + lengths[1]
    end_of_unique: int = end_of_function + lengths[2]
    end_of_reducer: int = end_of_unique + lengths[3]
    end: int = end_of_reducer + lengths[4]
    if len(head) != end:
        raise ValueError(f"a head of {len(head)} bytes, {end} are expected")
    return JobRecord(
        number,
        head[start:end_of_handle],
        head[end_of_handle:end_of_function],
        head[end_of_function:end_of_unique],
        head[end_of_unique:end_of_reducer],
        workload,
        size,
        priority,
        run_at,
        submitted_at,
        attempts,
        head[end_of_reducer:],
        losses,
    )


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
