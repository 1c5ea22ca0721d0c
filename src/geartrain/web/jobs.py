"""The API's jobs."""

from __future__ import annotations

from starlette.responses import Response

from geartrain.protocol.admin import json_lines
from geartrain.protocol.control import dead_letter, result
from geartrain.web.answers import answer
from geartrain.web.calls import Call
from geartrain.web.operations import Operation
from geartrain.web.problems import not_found
from geartrain.web.schemas import integer, text
from geartrain.web.submits import SUBMIT, submit_job


async def list_jobs(call: Call) -> Response:
    rows = await call.ask(json_lines(("jobs", call.text("function") or "*", str(call.number("limit", 100)))))
    return answer({"jobs": rows, "next": None})


async def show_job(call: Call) -> Response:
    """A job that is over is known by its result, or as a dead letter."""
    handle = call.path["handle"]
    rows = await call.ask(json_lines(("job", handle)))
    if rows:
        return answer(rows[0])
    row = await call.ask(result(handle))
    if row is None:
        row = await call.ask(dead_letter(handle))
        if row is None:
            raise not_found("handle", handle, "the handle of a job that is known")
        row = {**row, "state": "dead"}
    return answer(row)


OPERATIONS = (
    Operation(
        "GET",
        "/jobs",
        list_jobs,
        "Jobs that are not over, the oldest first",
        {"function": text("Only this function's"), "limit": integer("The most rows", 1, 1000)},
    ),
    Operation("POST", "/jobs", submit_job, "Submit a job", body=SUBMIT),
    Operation("GET", "/jobs/{handle}", show_job, "A job"),
)
