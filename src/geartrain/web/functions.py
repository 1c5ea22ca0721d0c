"""The API's functions: what there is of each, and its policy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, cast

from starlette.responses import Response

from geartrain.errors import ServerError
from geartrain.protocol.admin import drop_function, json_lines
from geartrain.protocol.control import json_word, purge
from geartrain.web.answers import answer, in_rows
from geartrain.web.calls import Call
from geartrain.web.operations import Handler, Operation, about_name
from geartrain.web.problems import Problem, not_found
from geartrain.web.rows import COUNT, FUNCTION_ROW, POLICY_ROW, TEXT, listed
from geartrain.web.schemas import members, span

NOT_FOUND: Final = "function not found"  # gearmand's words for a function that cannot be dropped
EVERY: Final = "*"  # names all functions where one is asked for
IN_USE: Final = "there are still connected workers"


async def list_functions(call: Call) -> Response:
    return in_rows("functions", await call.rows("functions"))


async def show_function(call: Call) -> Response:
    name = call.path["name"]
    rows = await call.ask(json_lines(("functions", name))) if name != EVERY else []
    for row in rows:
        policies = await call.ask(json_lines(("policy", name)))
        return answer({**row, "set": policies[0]["set"]})
    raise not_found("function", name, "a function that is known")


async def set_policy(call: Call) -> Response:
    """null takes a field back to what the configuration says."""
    fields = cast(Mapping[str, object], call.body["policy"])
    rows = await call.ask(json_lines(("policy", call.path["name"], json_word(fields))))
    return answer(rows[0])


async def drop(call: Call) -> Response:
    name = call.path["name"]
    try:
        await call.ask(drop_function(name))
    except ServerError as error:
        if NOT_FOUND in str(error):
            raise not_found("function", name, "a function that is known") from None
        if IN_USE in str(error):
            raise Problem(
                409, f"function {name} has workers or a running job", name="function", value=name
            ) from None
        raise
    return Response(None, 204)


def policy_verb(verb: str) -> Handler:
    """A handler for a text command that changes a function's policy."""
    return about_name(lambda name: json_lines((verb, name)))


async def purge_jobs(call: Call) -> Response:
    name = call.path["name"]
    age = cast(float, call.body.get("older_than", 0.0))
    cancelled = await call.ask(purge(name, age))
    return answer({"function": name, "cancelled": cancelled})


OPERATIONS: Final = (
    Operation(
        "GET",
        "/functions",
        list_functions,
        "Every function with its queues, workers and policy",
        answers={200: listed("functions", FUNCTION_ROW)},
    ),
    Operation("GET", "/functions/{name}", show_function, "A function", answers={200: FUNCTION_ROW}),
    Operation(
        "PATCH",
        "/functions/{name}",
        set_policy,
        "Set fields of a function's policy, or of those whose names a wildcard matches",
        body=members({"policy": {"type": "object", "description": "See the guide to policies"}}, "policy"),
        answers={200: POLICY_ROW},
    ),
    Operation(
        "DELETE", "/functions/{name}", drop, "Forget a function that nobody works on", answers={204: ""}
    ),
    Operation(
        "POST",
        "/functions/{name}/pause",
        policy_verb("pause"),
        "Hand out none of its jobs",
        answers={200: POLICY_ROW},
    ),
    Operation(
        "POST",
        "/functions/{name}/resume",
        policy_verb("resume"),
        "End what pause and drain began",
        answers={200: POLICY_ROW},
    ),
    Operation(
        "POST",
        "/functions/{name}/drain",
        policy_verb("drain"),
        "Take no new jobs of it",
        answers={200: POLICY_ROW},
    ),
    Operation(
        "POST",
        "/functions/{name}/purge",
        purge_jobs,
        "Cancel its jobs that no worker has",
        body=members({"older_than": span("Only those submitted so long ago, or longer", most=1e9)}),
        answers={200: members({"function": TEXT, "cancelled": COUNT}, "function", "cancelled")},
    ),
)
