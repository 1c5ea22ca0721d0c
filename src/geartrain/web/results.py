"""The API's workloads and results: what a job carries, and what came of it."""

from __future__ import annotations

import base64
import json
from typing import Final

from starlette.responses import Response

from geartrain.protocol.admin import json_lines
from geartrain.protocol.commands import GET_RESULT
from geartrain.protocol.history import LIVE
from geartrain.web.answers import JSON, OCTETS, answer, octets, with_payload
from geartrain.web.calls import Call
from geartrain.web.operations import Operation
from geartrain.web.problems import Problem, not_found
from geartrain.web.rows import HANDLE, TEXT, payload_fields, row
from geartrain.web.schemas import Schema
from geartrain.web.submits import Submitter

RAW: Final[dict[str, Schema]] = {"raw": {"type": "boolean", "description": "The bytes, instead of JSON"}}


async def show_workload(call: Call) -> Response:
    """The first 64 KiB; raw too."""
    handle = call.path["handle"]
    rows = await call.ask(json_lines(("workload", handle)))
    if not rows:
        raise not_found("handle", handle, "the handle of a job that is not over, or of a dead letter")
    if not call.query.get("raw"):
        return answer(rows[0])
    return octets(bytes_in(rows[0], "workload"))


def bytes_in(fields: dict[str, object], name: str) -> bytes:
    """A payload in a row; raises Problem where the server could not read it."""
    coded = fields.get(f"{name}_base64")
    if coded is not None:
        return base64.b64decode(str(coded))
    if fields[name] is None:
        raise Problem(
            503, f"the {name} of {fields['handle']} cannot be read for now", handle=fields["handle"]
        )
    return str(fields[name]).encode()


async def show_result(call: Call) -> Response:
    handle = call.path["handle"]
    state, details, result = await fate(call, handle)
    if state == "unknown":
        raise not_found("handle", handle, "the handle of a job whose result is kept: see keep_result")
    if state in LIVE:
        raise Problem(409, f"job {handle} is {state}: it has no result yet", handle=handle, state=state)
    if call.query.get("raw"):
        return octets(result)
    fields = {"handle": handle, "state": state, **json.loads(details), "result_bytes": len(result)}
    return with_payload(fields, "result", result)


async def fate(call: Call, handle: str) -> tuple[str, bytes, bytes]:
    """What became of a job: its state, details in JSON, and the result."""
    submitter = Submitter(call.enter())
    submitter.protocol.stream.extended = True  # the server is our own
    question = submitter.protocol.ask(GET_RESULT, handle.encode())
    await submitter.answered(question)
    if question.error is not None:
        raise question.error
    _, state, details, result = question.arguments
    return state.decode(), details, result


OPERATIONS: Final = (
    Operation(
        "GET",
        "/jobs/{handle}/workload",
        show_workload,
        "What a job carries: the first 64 KiB",
        parameters=RAW,
        answers={200: row({"handle": HANDLE, **payload_fields("workload")}, "handle")},
        kinds=(JSON, OCTETS),
    ),
    Operation(
        "GET",
        "/jobs/{handle}/result",
        show_result,
        "What came of a job that is over, if its function's policy has it kept",
        parameters=RAW,
        answers={200: row({"handle": HANDLE, "state": TEXT, **payload_fields("result")}, "handle", "state")},
        kinds=(JSON, OCTETS),
    ),
)
