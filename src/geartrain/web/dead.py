"""The API's dead letters: jobs that failed for good and wait for a decision."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, cast

from starlette.responses import Response

from geartrain.errors import GearmanError
from geartrain.protocol.admin import Query
from geartrain.protocol.control import dead_letter, dead_letters, discard_dead, retry_dead
from geartrain.web.answers import answer
from geartrain.web.calls import Call
from geartrain.web.operations import Handler, Operation
from geartrain.web.problems import as_word, not_found
from geartrain.web.rows import COUNT, DEAD_ROW, NEXT, listed
from geartrain.web.schemas import Schema, integer, listing, members, named, one_of, text
from geartrain.web.submits import FUNCTION

ALL: Final = "*"
AT_ONCE: Final = 50  # dead letters of one turn: jobs have to move meanwhile
WHICH: Final[Schema] = one_of(
    members(
        {
            "handles": listing("These", text("A handle", minLength=1, maxLength=255), 1, 1000),
            "function": named("All of this function", minLength=1, maxLength=512),
            "all": {"type": "boolean", "description": "All of all functions", "enum": [True]},
        }
    ),
    "handles",
    "function",
    "all",
)


async def list_dead(call: Call) -> Response:
    limit = call.whole("limit", 100)
    function = as_word("function", call.text("function") or ALL)
    cursor = as_word("cursor", call.text("cursor") or "")
    rows = await call.ask(dead_letters(function, limit, cursor))
    last = rows[-1] if len(rows) == limit else None
    return answer({"dead": rows, "next": last and f"{last['died_at']!r},{last['handle']}"})


async def show_dead(call: Call) -> Response:
    row = await call.ask(dead_letter(call.path["handle"]))
    if row is None:
        raise not_found("handle", call.path["handle"], "the handle of a dead letter")
    return answer(row)


def decide(query: Callable[[str], Query[int]], done: str) -> Handler:
    """A handler for what is decided for many."""

    async def handler(call: Call) -> Response:
        count = 0
        targets = targets_of(call.body)
        for begin in range(0, len(targets), AT_ONCE):
            for told in await call.ask_all([query(target) for target in targets[begin : begin + AT_ONCE]]):
                if isinstance(told, GearmanError):
                    raise told
                count += told
        return answer({done: count})

    return handler


def targets_of(body: Mapping[str, object]) -> Sequence[str]:
    """What text commands are to be told."""
    if "handles" in body:
        return [as_word("handles", handle) for handle in cast(Sequence[str], body["handles"])]
    return [as_word("function", str(body.get("function", ALL)))]


OPERATIONS: Final = (
    Operation(
        "GET",
        "/dead",
        list_dead,
        "Dead letters, the oldest first",
        parameters={
            "function": FUNCTION,
            "cursor": text("Where the page before ended: its next"),
            "limit": integer("The most of an answer", 1, 1000),
        },
        answers={200: listed("dead", DEAD_ROW, next=NEXT)},
    ),
    Operation("GET", "/dead/{handle}", show_dead, "A dead letter with its workload", answers={200: DEAD_ROW}),
    Operation(
        "POST",
        "/dead/retry",
        decide(retry_dead, "retried"),
        "Queue dead letters again",
        body=WHICH,
        answers={200: members({"retried": COUNT}, "retried")},
    ),
    Operation(
        "POST",
        "/dead/discard",
        decide(discard_dead, "discarded"),
        "Forget dead letters",
        body=WHICH,
        answers={200: members({"discarded": COUNT}, "discarded")},
    ),
)
