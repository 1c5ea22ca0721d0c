"""What is in answers, as far as it is promised; there may be more."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from geartrain.web.schemas import Schema, members

TEXT: Final[Schema] = {"type": "string"}
MAYBE_TEXT: Final[Schema] = {"type": ["string", "null"]}
COUNT: Final[Schema] = {"type": "integer", "minimum": 0}
TIME: Final[Schema] = {"type": "number", "description": "Unix time in seconds"}
MAYBE_TIME: Final[Schema] = {"type": ["number", "null"], "description": "Unix time in seconds"}
FLAG: Final[Schema] = {"type": "boolean"}
TEXTS: Final[Schema] = {"type": "array", "items": TEXT}
OBJECT: Final[Schema] = {"type": "object"}
HANDLE: Final[Schema] = {"type": "string", "description": "The name that the server gave the job"}


def row(fields: Mapping[str, Schema], *required: str) -> Schema:
    """A row that may get more fields in later versions."""
    return members(fields, *required, others=True)


def listed(name: str, items: Schema, **more: Schema) -> Schema:
    """A list under its name."""
    return members({name: {"type": "array", "items": items}, **more}, name, *more)


def payload_fields(name: str) -> dict[str, Schema]:
    """A payload: text, or in base64 under a name of its own."""
    return {name: MAYBE_TEXT, f"{name}_base64": {"type": "string", "contentEncoding": "base64"}}


NEXT: Final[Schema] = {
    "type": ["string", "null"],
    "description": "The cursor of the next page; null at the end",
}
PROBLEM: Final[Schema] = row(
    {
        "type": TEXT,
        "title": TEXT,
        "status": COUNT,
        "detail": TEXT,
        "name": {"type": "string", "description": "What is wrong"},
        "value": {"description": "Its value"},
        "expected": {"type": "string", "description": "What it may be"},
    },
    "type",
    "title",
    "status",
    "detail",
)
JOB_ROW: Final = row(
    {
        "handle": HANDLE,
        "function": TEXT,
        "unique": TEXT,
        "state": {
            "type": "string",
            "enum": [
                *("queued", "delayed", "running"),
                *("complete", "failed", "exception", "cancelled", "dead"),
            ],
        },
        "attempts": COUNT,
        "submitted_at": TIME,
        "worker": MAYBE_TEXT,
        "priority": TEXT,
        "background": FLAG,
        "waiting": COUNT,
        "numerator": COUNT,
        "denominator": COUNT,
        "workload_bytes": COUNT,
        "run_at": MAYBE_TIME,
        "started_at": MAYBE_TIME,
        "finished_at": MAYBE_TIME,
    },
    "handle",
    "function",
    "unique",
    "state",
    "attempts",
    "submitted_at",
)
OUTCOME: Final = row(
    {
        "handle": HANDLE,
        "state": {"type": "string", "enum": ["complete", "failed", "exception"]},
        "warnings": {"type": "array", "items": row(payload_fields("warning"))},
        **payload_fields("result"),
    },
    "handle",
    "state",
    "warnings",
)
FUNCTION_ROW: Final = row(
    {
        "function": TEXT,
        "queued": row({"high": COUNT, "normal": COUNT, "low": COUNT}, "high", "normal", "low"),
        "delayed": COUNT,
        "running": COUNT,
        "workers": COUNT,
        "sleeping": COUNT,
        "dead": COUNT,
        "oldest_at": MAYBE_TIME,
        "lost_at": MAYBE_TIME,
        "paused": FLAG,
        "draining": FLAG,
        "policy": OBJECT,
        "totals": OBJECT,
        "wait": OBJECT,
        "run": OBJECT,
    },
    "function",
    "queued",
    "running",
    "workers",
    "policy",
)
POLICY_ROW: Final = row({"function": TEXT, "policy": OBJECT, "set": OBJECT}, "function", "policy", "set")
PEER_ROW: Final = row(
    {
        "number": COUNT,
        "host": TEXT,
        "id": TEXT,
        "functions": TEXTS,
        "running": TEXTS,
        "waiting": TEXTS,
        "asleep": FLAG,
        "draining": FLAG,
    },
    "number",
    "host",
    "id",
    "functions",
)
SCHEDULE_ROW: Final = row(
    {
        "name": TEXT,
        "function": TEXT,
        "cron": MAYBE_TEXT,
        "every": {"type": ["integer", "null"]},
        "timezone": MAYBE_TEXT,
        "next_at": MAYBE_TIME,
        "last_at": MAYBE_TIME,
        "paused": FLAG,
        "origin": TEXT,
        "catch_up": TEXT,
        "unique": TEXT,
        "priority": TEXT,
        "workload_bytes": COUNT,
        "fired": COUNT,
    },
    "name",
    "function",
    "paused",
    "origin",
)
DEAD_ROW: Final = row(
    {
        "handle": HANDLE,
        "function": TEXT,
        "unique": TEXT,
        "reason": TEXT,
        "error": TEXT,
        "worker": MAYBE_TEXT,
        "attempts": COUNT,
        "priority": TEXT,
        "workload_bytes": COUNT,
        "submitted_at": TIME,
        "died_at": TIME,
    },
    "handle",
    "function",
    "reason",
    "died_at",
)
