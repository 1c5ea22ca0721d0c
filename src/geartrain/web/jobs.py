"""The API's jobs: submit, find, show and end them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final, cast

from starlette.responses import Response
from starlette.types import ASGIApp

from geartrain.errors import ServerError
from geartrain.protocol.admin import cancel_job, json_lines
from geartrain.protocol.control import dead_letter, json_word, result, retry_dead
from geartrain.web.answers import EVENTS, JSON, answer, in_rows, with_payload
from geartrain.web.calls import Call
from geartrain.web.operations import Operation, read_bytes
from geartrain.web.problems import Problem, not_found, wrong
from geartrain.web.results import bytes_in
from geartrain.web.rows import HANDLE, JOB_ROW, NEXT, OUTCOME, PROBLEM, listed
from geartrain.web.schemas import Schema, choice, integer, members, named, span, text
from geartrain.web.streams import EventStream, unless_gone
from geartrain.web.submits import (
    PARAMETERS,
    PRIORITIES,
    SUBMIT,
    Submitter,
    handle_of,
    task_of,
    workload_of,
)
from geartrain.web.waiting import Waiter, outcome, stream

STATES: Final = ("queued", "delayed", "running")
FILTERS: Final[Mapping[str, Schema]] = {
    "function": named("Only jobs of this function"),
    "state": choice("Only jobs in this state", *STATES),
    "unique": named("Only those with this unique"),
    "handle": text("Only those whose handle begins so"),
    "worker": text("Only those that the worker with this id, or on this host, has"),
    "priority": choice("Only those of this priority", *PRIORITIES),
    "older_than": span("Only those submitted so long ago, or longer"),
    "younger_than": span("Only those submitted since then"),
    "cursor": text("Where the page before ended: its next"),
    "limit": integer("The most jobs of an answer, without it 100", 1, 1000),
}


async def list_jobs(call: Call) -> Response:
    wanted = {"limit": 100, **{name: value for name, value in call.query.items() if value != ""}}
    *rows, end = await call.rows("find", json_word(wanted))
    return in_rows("jobs", rows, next=json.loads(end)["next"])


async def submit_job(call: Call) -> ASGIApp:
    """Without ``wait`` in the background; a caller that waits and hangs up is a client that left."""
    fields = {**call.query, **call.body}
    workload = await workload_sent(call)
    if "function" not in fields:
        raise wrong("function", None, "to be given")
    if call.kind == EVENTS:
        waiter = Waiter(call, fields, workload)
        await waiter.begin()
        return EventStream(stream(waiter))
    if "wait" in fields:
        return await unless_gone(call.request, wait_for(call, fields, workload))
    return await submit_in_background(call, fields, workload)


async def submit_in_background(call: Call, fields: Mapping[str, object], workload: bytes) -> Response:
    submitter = Submitter(call.enter())
    task = task_of(fields, workload, True)
    submitter.submit(task)
    await submitter.answered(task)
    handle = handle_of(task)
    return answer({"handle": handle}, 202, {"Location": call.place("jobs", handle)})


async def wait_for(call: Call, fields: Mapping[str, object], workload: bytes) -> Response:
    waiter = Waiter(call, fields, workload)
    await waiter.begin()
    told, said = await outcome(waiter, call.around.max_output)
    return with_payload(told, "result", said)


async def workload_sent(call: Call) -> bytes:
    """The workload in the body, or the body itself where it is not JSON."""
    if call.body:
        workload = workload_of(call.body)
    else:
        workload = await read_bytes(call.request, call.around.max_workload)
    if len(workload) > call.around.max_workload:
        raise wrong("workload", len(workload), f"at most {call.around.max_workload} bytes", 413)
    return workload


async def show_job(call: Call) -> Response:
    """A job that is over is known as a dead letter, or by its result."""
    return answer(await find_job(call, call.path["handle"]))


async def find_job(call: Call, handle: str) -> dict[str, object]:
    """What is known of a job; raises Problem where nothing is. Of a dead letter something can be made still."""
    rows = await call.ask(json_lines(("job", handle)))
    if rows:
        return rows[0]
    row = await call.ask(dead_letter(handle))
    if row is not None:
        return {**row, "state": "dead"}
    row = await call.ask(result(handle, 0))
    if row is not None:
        return {name: value for name, value in row.items() if name != "result"}
    raise not_found("handle", handle, "the handle of a job that is known")


async def cancel(call: Call) -> Response:
    try:
        await call.ask(cancel_job(call.path["handle"]))
    except ServerError as error:
        if error.error_code != "UNKNOWN_JOB":
            raise
        raise not_found("handle", call.path["handle"], "the handle of a job that is not over") from None
    return answer({"handle": call.path["handle"], "state": "cancelled"})


async def retry(call: Call) -> Response:
    handle = call.path["handle"]
    if await call.ask(dead_letter(handle)) is None:
        raise not_found("handle", handle, "the handle of a dead letter")
    await call.ask(retry_dead(handle))
    return answer({"handle": handle}, 202, {"Location": call.place("jobs", handle)})


async def resubmit(call: Call) -> Response:
    """A job that lives has its unique still, so a new one like it gets none."""
    handle = call.path["handle"]
    job = await find_job(call, handle)
    carried = await call.ask(json_lines(("workload", handle)))
    if not carried:
        raise Problem(409, f"job {handle} is over, and what it carried is not known any more", handle=handle)
    workload = bytes_in(carried[0], "workload")
    if len(workload) < cast(int, carried[0]["workload_bytes"]):
        raise Problem(409, f"job {handle} carries more than is shown: submit it anew", handle=handle)
    like = {name: job[name] for name in ("function", "priority", "metadata", "reducer") if job.get(name)}
    if job["state"] == "dead":
        like["unique"] = job["unique"]
    return await submit_in_background(call, like, workload)


OPERATIONS: Final = (
    Operation(
        "GET",
        "/jobs",
        list_jobs,
        "Jobs that are not over, by the time of their submit",
        parameters=FILTERS,
        answers={200: listed("jobs", JOB_ROW, next=NEXT)},
    ),
    Operation(
        "POST",
        "/jobs",
        submit_job,
        "Submit a job, and perhaps wait for its result, or for everything that is said of it",
        parameters=PARAMETERS,
        body=SUBMIT,
        raw_body=True,
        answers={
            200: OUTCOME,
            202: members({"handle": HANDLE}, "handle"),
            504: PROBLEM,
        },
        kinds=(JSON, EVENTS),
    ),
    Operation("GET", "/jobs/{handle}", show_job, "A job, also one that is over", answers={200: JOB_ROW}),
    Operation(
        "DELETE",
        "/jobs/{handle}",
        cancel,
        "Cancel a job that is queued or runs",
        answers={200: members({"handle": HANDLE, "state": text("cancelled")}, "handle", "state")},
    ),
    Operation(
        "POST",
        "/jobs/{handle}/retry",
        retry,
        "Queue a dead letter again",
        answers={202: members({"handle": HANDLE}, "handle")},
    ),
    Operation(
        "POST",
        "/jobs/{handle}/resubmit",
        resubmit,
        "Submit a new job like this one, in the background",
        answers={202: members({"handle": HANDLE}, "handle")},
    ),
)
