"""The API's schedules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from starlette.responses import Response

from geartrain.errors import ServerError
from geartrain.protocol.schedules import (
    SCHEDULES,
    add_schedule,
    pause_schedule,
    remove_schedule,
    resume_schedule,
    run_schedule,
)
from geartrain.web.answers import answer
from geartrain.web.calls import Call
from geartrain.web.operations import Operation, about_name
from geartrain.web.problems import Problem, not_found
from geartrain.web.rows import HANDLE, SCHEDULE_ROW, TEXT, listed
from geartrain.web.schemas import Schema, apart, choice, members, one_of, text
from geartrain.web.submits import FUNCTION, NO_NUL, PRIORITIES, from_base64

DEFINITION: Final[Schema] = apart(
    one_of(
        members(
            {
                "function": FUNCTION,
                "workload": text("What is to be done"),
                "workload_base64": text("The same in base64, for what is no text", contentEncoding="base64"),
                "cron": text("When, as a line of a crontab"),
                "every": {
                    "type": ["integer", "string"],
                    "description": "How often: whole seconds, or such as 5m, 12h, 1d",
                },
                "timezone": text("Whose time cron means, such as Europe/Berlin"),
                "priority": choice("Which of the function's queues its jobs wait in", *PRIORITIES),
                "unique": text(
                    "Its jobs share this one, instead of having their own", maxLength=255, pattern=NO_NUL
                ),
                "catch_up": text("What is done about ticks that were missed: see the guide to schedules"),
                "paused": {"type": "boolean", "description": "It rests"},
            },
            "function",
        ),
        "cron",
        "every",
    ),
    ("workload", "workload_base64"),
    ("every", "timezone"),
)


async def list_schedules(call: Call) -> Response:
    return answer({"schedules": await call.ask(SCHEDULES)})


async def show_schedule(call: Call) -> Response:
    name = call.path["name"]
    for row in await call.ask(SCHEDULES):
        if row["name"] == name:
            return answer(row)
    raise not_found("schedule", name, "a schedule that is known")


async def put_schedule(call: Call) -> Response:
    """A new schedule, or another definition for one that was made so."""
    name = call.path["name"]
    if not name.isprintable() or " " in name:
        raise not_found("name", name, "a name without blanks and control characters")
    rows = await call.ask(add_schedule(name, definition_of(call.body)))
    return answer(rows[0])


def definition_of(body: Mapping[str, object]) -> dict[str, object]:
    """A schedule's fields as the text command takes them: bytes that are no text are surrogates there."""
    fields = dict(body)
    coded = fields.pop("workload_base64", None)
    if coded is not None:
        workload = from_base64(str(coded), "workload_base64")
        fields["workload"] = workload.decode("utf-8", "surrogateescape")
    return fields


async def delete_schedule(call: Call) -> Response:
    name = call.path["name"]
    try:
        rows = await call.ask(remove_schedule(name))
    except ServerError as error:
        if error.error_code != "INVALID_ARGUMENTS":
            raise
        raise Problem(409, error.text, name="schedule", value=name) from None
    return answer(rows[0])


OPERATIONS: Final = (
    Operation(
        "GET",
        "/schedules",
        list_schedules,
        "Every schedule, by name",
        answers={200: listed("schedules", SCHEDULE_ROW)},
    ),
    Operation("GET", "/schedules/{name}", show_schedule, "A schedule", answers={200: SCHEDULE_ROW}),
    Operation(
        "PUT",
        "/schedules/{name}",
        put_schedule,
        "Have a schedule, or change the one of that name",
        body=DEFINITION,
        answers={200: SCHEDULE_ROW},
    ),
    Operation(
        "DELETE",
        "/schedules/{name}",
        delete_schedule,
        "Have a schedule no more; the answer is what it was",
        answers={200: SCHEDULE_ROW},
    ),
    Operation(
        "POST",
        "/schedules/{name}/run",
        about_name(run_schedule, 202),
        "Submit its job now",
        answers={202: members({"name": TEXT, "handle": HANDLE}, "name", "handle")},
    ),
    Operation(
        "POST",
        "/schedules/{name}/pause",
        about_name(pause_schedule),
        "Let a schedule rest",
        answers={200: SCHEDULE_ROW},
    ),
    Operation(
        "POST",
        "/schedules/{name}/resume",
        about_name(resume_schedule),
        "Let a schedule go on",
        answers={200: SCHEDULE_ROW},
    ),
)
