"""The table of limits in docs/security.md: each default in it is the one that the code has."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from geartrain.broker import (
    access,
    archive,
    events,
    forgetting,
    lateness,
    lists,
    model,
    refusals,
    rows,
    schedule_fields,
    schedules,
    session,
    submit_options,
    ticks,
)
from geartrain.errors import LONGEST_RETRY, LONGEST_TOLD
from geartrain.pool import links, neighbours
from geartrain.protocol import documents, numbers, packet, submission
from geartrain.relay import frames
from geartrain.server import gear_web, http_protocol, quota
from geartrain.server.settings import OPTIONS
from geartrain.store import committer, database
from geartrain.web import batches, feeds, operations, sessions

DOCUMENT: Final = Path(__file__).parents[2] / "docs" / "security.md"
UNITS: Final = {"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "years": 366 * 86400}
NUMBER: Final = re.compile(r"2\^(\d+)|(\d+(?:,\d{3})*)(?: (KiB|MiB|GiB|years))?")
DEFAULTS: Final = {option.name: option.default for option in OPTIONS}

FIXED: Final[dict[str, tuple[float, ...]]] = {
    "bytes of a packet of a peer without any right": (access.STRANGER_LIMIT,),
    "bytes of a function's name": (model.FUNCTION_LIMIT,),
    "bytes of a reducer's name": (submit_options.REDUCER_LIMIT,),
    "bytes of a job's metadata": (submission.METADATA_LIMIT,),
    "bytes of a schedule's name": (schedule_fields.NAME_LIMIT,),
    "bytes of a client id": (refusals.LONGEST_CLIENT_ID,),
    "bytes of an option": (refusals.LONGEST_OPTION,),
    "bytes of a text line": (packet.LINE_LIMIT,),
    "bytes of a peer's name that a log quotes": (refusals.QUOTED,),
    "jobs and functions beyond which one peer is answered one long question in a turn": (session.MANY,),
    "rows and bytes of lists in one turn, for all peers together": (lists.ROWS, lists.BYTES),
    "rows that unfinished lists remember": (lists.MOST_KEYS,),
    "bytes that a peer hears behind a list": (lists.MOST_BEHIND,),
    "levels, and numbers, of JSON": (documents.MOST_LEVELS, numbers.LARGEST + 1),
    "bytes of an HTTP request beside its body": (http_protocol.MOST_HEAD, gear_web.GEAR_HEAD_LIMIT),
    "HTTP requests of a connection that wait for the one before": (http_protocol.MOST_PIPELINED,),
    "bytes of a JSON body over HTTP": (operations.MOST_JSON,),
    "jobs of one batch over HTTP": (batches.MOST_JOBS,),
    "sessions of the page": (sessions.MOST,),
    "refusals of one address in the audit log": (quota.MOST,),
    "jobs and functions whose events are watched, of a shard": (events.MOST_WATCHED,),
    "events of all jobs that are remembered in 0.2 seconds, of a shard": (events.MOST,),
    "answers that a stream of events may be behind": (feeds.ROUNDS,),
    "functions of one worker": (model.MOST_ABILITIES,),
    "idle functions that are remembered; those that have never had a job": (
        forgetting.MOST_IDLE,
        forgetting.MOST_UNUSED,
    ),
    "waits of one connection for one job": (model.MOST_WAITS,),
    "characters of an exception at our workers": (LONGEST_TOLD,),
    "seconds of a `Retry`": (LONGEST_RETRY,),
    "late workers of a job that are still heard": (lateness.MOST_LATE,),
    "links to a member of a pool that have proven nothing yet": (neighbours.MOST_UNPROVEN,),
    "bytes of the greeting of a link": (links.LONGEST_GREETING,),
    "bytes of a frame on a link": (frames.LONGEST,),
    "bytes of the workloads of all schedules": (schedules.MOST_BYTES,),
    "ticks of schedules that are submitted in one turn": (ticks.MOST_SUBMITS,),
    "bytes of a handle, also of an imported job": (model.LONGEST_HANDLE,),
    "number at the end of a handle in a file of jobs": (rows.LARGEST_NUMBER,),
    "seconds until a changed file of jobs is noticed": (committer.PROBE,),
    "damaged rows that are named": (database.TOLD, archive.MOST_NAMES),
}
"""The limits that no option changes: what the table calls them, and their numbers in the code."""


class Limit(NamedTuple):
    """A row of the table."""

    what: str
    default: str
    options: tuple[str, ...]  # by their names without dashes
    hears: str

    def numbers(self) -> tuple[float, ...]:
        """What the column of defaults says."""
        if self.default == "no limit":
            return (0,)
        return tuple(number_in(found) for found in NUMBER.finditer(self.default))


def number_in(found: re.Match[str]) -> float:
    power, plain, unit = found.groups()
    return 2 ** int(power) if power else int(plain.replace(",", "")) * UNITS.get(unit or "", 1)


def limits() -> list[Limit]:
    """The rows of the table, in order."""
    _, _, after = DOCUMENT.read_text().partition("\n## Limits\n")
    lines = [line for line in after.partition("\n## ")[0].splitlines() if line.startswith("| ")]
    found = []
    for line in lines[2:]:
        what, default, option, hears = (cell.strip() for cell in line.split("|")[1:-1])
        found.append(Limit(what, default, tuple(re.findall(r"`--([a-z-]+)`", option)), hears))
    return found


LIMITS: Final = limits()


def test_the_table_names_each_limit_once() -> None:
    names = [limit.what for limit in LIMITS]
    assert len(names) > 30
    assert [name for name in names if names.count(name) > 1] == []


@pytest.mark.parametrize("limit", [each for each in LIMITS if each.options], ids=lambda each: each.what)
def test_the_default_of_an_option_is_the_one_that_the_table_says(limit: Limit) -> None:
    said = limit.numbers() or (DEFAULTS[limit.options[0]],)  # "the same" as a row above
    assert said == tuple(DEFAULTS[name] for name in limit.options)


def test_the_numbers_that_no_option_changes_are_those_of_the_code() -> None:
    assert {limit.what: limit.numbers() for limit in LIMITS if not limit.options} == FIXED


def test_each_option_of_a_limit_is_in_the_table() -> None:
    told = {name for limit in LIMITS for name in limit.options}
    assert {name for name in DEFAULTS if name.startswith("max-")} - told == set()
