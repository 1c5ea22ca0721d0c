"""What a store keeps as lines of JSON, that any program can read and write, and back.

Every field of bytes is text where it is UTF-8; else its name ends in ``_base64``, and so nothing is lost.
"""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any, Final, NamedTuple, TypeAlias

from geartrain.broker.batch import DeadRecord, Document, JobRecord, ResultRecord
from geartrain.broker.model import LONGEST_HANDLE, PRIORITIES, number_of
from geartrain.broker.rows import LARGEST_NUMBER
from geartrain.store.fields import BASE64, Fields
from geartrain.store.reading import as_bytes, as_text

JOB: Final = "job"
RESULT: Final = "result"
DOCUMENT: Final = "document"
SET_ASIDE: Final = "set-aside"

ODD_HANDLE: Final = 255  # bytes, as the others: a job with a handle beyond LONGEST_HANDLE gets another one
LONGEST_FUNCTION: Final = 512
LONGEST_UNIQUE: Final = 8192
LONGEST_REDUCER: Final = 64
LONGEST_METADATA: Final = 65535


JSONFields: TypeAlias = dict[str, object]


class DeadJob(NamedTuple):
    """A dead letter."""

    job: JobRecord
    dead: DeadRecord


class Aside(NamedTuple):
    """A row that is no job."""

    number: int
    head: bytes
    workload: bytes
    reason: str
    at: float  # Unix time


Item: TypeAlias = JobRecord | DeadJob | ResultRecord | Document


# Writing


def line_of(item: Item | Aside) -> bytes:
    """An item as a line, with its end."""
    return json.dumps(fields_of(item), ensure_ascii=False).encode() + b"\n"


def fields_of(item: Item | Aside) -> JSONFields:
    if isinstance(item, JobRecord):
        return fields_of_job(item)
    if isinstance(item, DeadJob):
        return fields_of_job(item.job) | fields_of_death(item.dead)
    if isinstance(item, ResultRecord):
        return fields_of_result(item)
    if isinstance(item, Document):
        return {
            "type": DOCUMENT,
            "kind": item.kind,
            **packed("name", as_bytes(item.name)),
            **packed("text", as_bytes(item.text)),
        }
    return {
        "type": SET_ASIDE,
        "number": item.number,
        "reason": item.reason,
        "at": item.at,
        **packed("head", item.head),
        **packed("workload", item.workload),
    }


def fields_of_job(job: JobRecord) -> JSONFields:
    return {
        "type": JOB,
        **packed("handle", job.handle),
        **packed("function", job.function),
        **packed("unique", job.unique),
        "priority": PRIORITIES[job.priority],
        **packed("workload", job.workload or b""),
        **packed("reducer", job.reducer),
        "run_at": job.run_at or None,
        "submitted_at": job.submitted_at,
        "attempts": job.attempts,
        **packed_json("metadata", job.metadata),
    }


def fields_of_death(dead: DeadRecord) -> JSONFields:
    return {
        "reason": dead.reason,
        **packed("worker", dead.worker),
        **packed("error", dead.error),
        "died_at": dead.died_at,
    }


def fields_of_result(result: ResultRecord) -> JSONFields:
    return {
        "type": RESULT,
        **packed("handle", result.handle),
        **packed("function", result.function),
        **packed("unique", result.unique),
        "state": result.state,
        **packed("result", result.result),
        "submitted_at": result.submitted_at,
        "started_at": result.started_at,
        "finished_at": result.finished_at,
        "expires_at": result.expires_at,
        "attempts": result.attempts,
        **packed("worker", result.worker),
    }


def packed(name: str, data: bytes) -> JSONFields:
    """A field of bytes."""
    try:
        return {name: data.decode()}
    except UnicodeDecodeError:
        return {name + BASE64: b64encode(data).decode()}


def packed_json(name: str, data: bytes) -> JSONFields:
    """A field of JSON: as what it says, where the same bytes can be made of that again."""
    content = as_object(data) if data else {}
    return packed(name, data) if content is None else {name: content}


def as_object(data: bytes) -> dict[str, Any] | None:
    """The JSON object of which these bytes can be made again; None where there is none."""
    try:
        content = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) and compact(content) == data else None


def compact(content: object) -> bytes:
    """JSON as a server keeps it."""
    return json.dumps(content, separators=(",", ":")).encode()


# Reading


def item_of(line: bytes, now: float) -> Item:
    """The item in a line: a job where it names no type, submitted ``now`` where it does not say when.

    A job without a handle gets the number 0. Raises ValueError saying what is wrong.
    """
    fields = Fields(line)
    kind = fields.text("type", JOB)
    if kind == JOB:
        item: Item = job_of(fields, now)
    elif kind == RESULT:
        item = result_of(fields)
    elif kind == DOCUMENT:
        item = Document(
            fields.text("kind"),
            as_text(fields.data("name")),
            as_text(fields.data("text")),
        )
    else:
        raise ValueError(f"type {kind!r}: expected {JOB!r}, {RESULT!r} or {DOCUMENT!r}")
    fields.end()
    return item


def job_of(fields: Fields, now: float) -> JobRecord | DeadJob:
    workload = fields.data("workload", b"")
    handle, number = handle_of(fields, ODD_HANDLE) if fields.has("handle") else (b"", 0)
    job = JobRecord(
        number,
        handle,
        fields.name("function", LONGEST_FUNCTION),
        fields.name("unique", LONGEST_UNIQUE, b""),
        fields.name("reducer", LONGEST_REDUCER, b""),
        workload,
        len(workload),
        PRIORITIES.index(fields.word("priority", PRIORITIES, "normal")),
        fields.time("run_at", 0.0),
        fields.time("submitted_at", now),
        fields.count("attempts", 0),
        metadata_of(fields),
    )
    if not fields.has("reason"):
        return job
    return DeadJob(
        job,
        DeadRecord(
            number,
            fields.text("reason"),
            fields.data("worker", b""),
            fields.data("error", b""),
            fields.time("died_at", now),
        ),
    )


def handle_of(fields: Fields, longest: int) -> tuple[bytes, int]:
    """A handle, and its number."""
    handle = fields.name("handle", longest)
    number = number_of(handle)
    if not 0 < number <= LARGEST_NUMBER:
        raise ValueError(f"handle {handle!r}: expected one with a number at its end, such as H:host:1")
    return handle, number


def metadata_of(fields: Fields) -> bytes:
    content = fields.object("metadata")
    if content is None:
        return fields.data("metadata", b"")
    data = compact(content) if content else b""
    if len(data) > LONGEST_METADATA:
        raise ValueError(f"metadata of {len(data)} bytes: expected at most {LONGEST_METADATA}")
    return data


def result_of(fields: Fields) -> ResultRecord:
    handle, number = handle_of(fields, LONGEST_HANDLE)
    return ResultRecord(
        number,
        handle,
        fields.name("function", LONGEST_FUNCTION),
        fields.name("unique", LONGEST_UNIQUE, b""),
        fields.text("state"),
        fields.data("result", b""),
        fields.time("submitted_at"),
        fields.time("started_at", 0.0),
        fields.time("finished_at"),
        fields.time("expires_at"),
        fields.count("attempts", 0),
        fields.data("worker", b""),
    )
