"""Records as they stand in the engine: rows of bytes for jobs, JSON for what is rarer.

Servers of two releases and Python versions read the same ones, so each has a version and is plain to read.
"""

from __future__ import annotations

import json
import struct
from typing import Any, Final

from geartrain.broker.batch import DeadRecord, Document, JobRecord, ResultRecord
from geartrain.broker.model import CONTENT
from geartrain.broker.rows import record_of

VERSION: Final = 1
LENGTH: Final = struct.Struct(">I")  # of the head, before it


def row_bytes(head: bytes, workload: bytes) -> bytes:
    """A row of a job."""
    return b"".join((LENGTH.pack(len(head)), head, workload))


def end_of_head(row: bytes) -> int:
    """Where the workload of a row begins; its end, where it is no row."""
    if len(row) < LENGTH.size:
        return len(row)
    length: int = LENGTH.unpack_from(row)[0]
    return min(LENGTH.size + length, len(row))


def job_in(number: int, row: bytes, cut: int = 0) -> JobRecord:
    """The job of a row, from which a workload of ``cut`` bytes was cut off; raises ValueError."""
    start = end_of_head(row)
    workload = None if cut else row[start:]
    return record_of(number, row[LENGTH.size : start], workload, cut or len(row) - start)


def has_workload_for_key(number: int, row: bytes) -> bool:
    """Whether equal jobs are found by the workload, so that it must be at hand."""
    try:
        return job_in(number, row).unique == CONTENT
    except ValueError:
        return False


def workload_in(row: bytes | None) -> bytes | None:
    """The workload in a whole row; None where there is no row."""
    return None if row is None else row[end_of_head(row) :]


def dead_bytes(dead: DeadRecord) -> bytes:
    """A dead letter, whose job has a row of its own."""
    return packed(
        reason=dead.reason, worker=as_text(dead.worker), error=as_text(dead.error), died_at=dead.died_at
    )


def dead_in(number: int, data: bytes) -> DeadRecord:
    """The dead letter; raises ValueError."""
    fields, _ = unpacked(data)
    try:
        return DeadRecord(
            number,
            str(fields["reason"]),
            as_bytes(fields["worker"]),
            as_bytes(fields["error"]),
            float(fields["died_at"]),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"no dead letter: {error!r}") from None


def result_bytes(result: ResultRecord) -> bytes:
    """A result: what is said of it, and behind the line's end the result itself."""
    about = packed(
        handle=as_text(result.handle),
        function=as_text(result.function),
        unique=as_text(result.unique),
        state=result.state,
        submitted_at=result.submitted_at,
        started_at=result.started_at,
        finished_at=result.finished_at,
        expires_at=result.expires_at,
        attempts=result.attempts,
        worker=as_text(result.worker),
    )
    return about + b"\n" + result.result


def result_in(number: int, data: bytes) -> ResultRecord:
    """The result; raises ValueError."""
    fields, result = unpacked(data)
    try:
        return ResultRecord(
            number,
            as_bytes(fields["handle"]),
            as_bytes(fields["function"]),
            as_bytes(fields["unique"]),
            str(fields["state"]),
            result,
            float(fields["submitted_at"]),
            float(fields["started_at"]),
            float(fields["finished_at"]),
            float(fields["expires_at"]),
            int(fields["attempts"]),
            as_bytes(fields["worker"]),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"no result: {error!r}") from None


def document_key(kind: str, name: str) -> bytes:
    """The field of a document."""
    return f"{kind}\n{name}".encode("utf-8", "surrogateescape")


def document_in(key: bytes, text: bytes) -> Document:
    """The document."""
    kind, _, name = key.decode("utf-8", "surrogateescape").partition("\n")
    return Document(kind, name, text.decode("utf-8", "surrogateescape"))


def aside_bytes(reason: str, at: float, row: bytes) -> bytes:
    """A row that is no job, with what is wrong with it."""
    return packed(reason=reason, at=at) + b"\n" + row


def aside_in(data: bytes) -> tuple[str, float, bytes, bytes]:
    """Why a row is no job, when that was found, and what looks like its head and its workload."""
    about, _, row = data.partition(b"\n")
    fields = json.loads(about)
    head = LENGTH.size + (LENGTH.unpack_from(row)[0] if len(row) >= LENGTH.size else 0)
    return str(fields["reason"]), float(fields["at"]), row[LENGTH.size : head], row[head:]


def packed(**fields: str | float) -> bytes:
    """A JSON object with our version."""
    return json.dumps({"version": VERSION, **fields}, separators=(",", ":")).encode()


def unpacked(data: bytes) -> tuple[dict[str, Any], bytes]:
    """The JSON object and what is behind it; raises ValueError where it is none, or of another version."""
    line, _, rest = data.partition(b"\n")
    fields = json.loads(line)
    if not isinstance(fields, dict) or fields.get("version") != VERSION:
        raise ValueError(f"{line[:80]!r}: JSON of version {VERSION} is expected")
    return fields, rest


def as_text(data: bytes) -> str:
    """Any bytes as a text of JSON: a character each."""
    return data.decode("latin-1")


def as_bytes(text: str) -> bytes:
    """The same, back; raises ValueError."""
    return text.encode("latin-1")
