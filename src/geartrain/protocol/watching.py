"""The questions about what there is and what happens, which only Geartrain's own server answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from geartrain.protocol.admin import Query, as_objects, words
from geartrain.protocol.control import as_row, json_word

FROM_NOW: Final = "-"


class JobPage(NamedTuple):
    """Jobs that were sought, each as ``job`` shows it."""

    jobs: list[dict[str, object]]
    next: str  # the cursor for those behind them; empty where there are no more


class EventPage(NamedTuple):
    """What happened to jobs since a cursor."""

    events: list[dict[str, object]]
    cursor: str  # for what happens after that
    missed: int | None  # events that came between and are not among them; None where nobody can say how many


def as_job_page(lines: list[str]) -> JobPage:
    """The answer to ``find``."""
    *jobs, end = as_objects(lines)
    return JobPage(jobs, str(end["next"] or ""))


def as_event_page(lines: list[str]) -> EventPage:
    """The answer to ``events``."""
    *events, end = as_objects(lines)
    missed = end["missed"]
    return EventPage(events, str(end["cursor"]), missed if isinstance(missed, int) else None)


def as_first(lines: list[str]) -> dict[str, object]:
    """The only object of an answer."""
    return as_objects(lines)[0]


def as_any(lines: list[str]) -> bool:
    """Whether there was anything to answer with."""
    return bool(lines)


PEERS: Final = Query("peers", True, as_objects, True)
STATS: Final = Query("stats", True, as_first, True)


def job(handle: str) -> Query[dict[str, object] | None]:
    """Ask what is known of a job that is not over."""
    return Query(words("job", handle), True, as_row, True)


def find_jobs(wanted: Mapping[str, object]) -> Query[JobPage]:
    """Seek jobs; fields that are empty say nothing."""
    return Query(
        words("find", json_word({name: value for name, value in wanted.items() if value})),
        True,
        as_job_page,
        True,
    )


def workload(handle: str) -> Query[dict[str, object] | None]:
    """Ask what a job carries."""
    return Query(words("workload", handle), True, as_row, True)


def drain_peer(number: int) -> Query[bool]:
    """Let a worker get no new jobs."""
    return Query(words("peer-drain", str(number)), True, as_any, True)


def resume_peer(number: int) -> Query[bool]:
    """Let a worker get jobs again."""
    return Query(words("peer-resume", str(number)), True, as_any, True)


def events(cursor: str, function: str, limit: int, which: str) -> Query[EventPage]:
    """Ask what happened since a cursor."""
    asked = ("events", cursor, function, str(limit), *filter(None, (which,)))
    return Query(words(*asked), True, as_event_page, True)
