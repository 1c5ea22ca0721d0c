"""The panes of ``geartrain top``: what each asks of a server, and how it shows the rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from geartrain.cli import jobs, questions, workers
from geartrain.cli.output import Column, Row
from geartrain.sync.admin import Admin

MOST: Final = 200  # jobs that are asked for
STATES: Final = ("", "running", "queued", "delayed")  # of jobs that are shown; the first is any


class Filter(NamedTuple):
    """Which jobs are shown."""

    function: str = ""  # empty is any
    state: str = ""


class Pane(NamedTuple):
    """A list on the screen."""

    name: str
    ask: Callable[[Admin, Filter], list[Row]]
    columns: tuple[Column, ...]
    key: str  # the field that names a row
    style: Callable[[Row], str]
    keys: str  # what one can do here


def functions_of(server: Admin, wanted: Filter) -> list[Row]:
    return sorted(questions.functions(server), key=place_of_function)


def place_of_function(row: Row) -> tuple[bool, bool, str]:
    """Those with jobs first, then those with workers: rows that stand still while numbers change."""
    return not (row["running"] or sum(row["queued"].values())), not row["workers"], str(row["function"])


def jobs_of(server: Admin, wanted: Filter) -> list[Row]:
    """Jobs as far as the filter lets them through: a C server knows no more than all."""
    if wanted == Filter():
        return list(questions.jobs(server, questions.ANY, MOST))
    return list(questions.jobs_like(server, {"function": wanted.function, "state": wanted.state}, MOST))


def workers_of(server: Admin, wanted: Filter) -> list[Row]:
    return [row for row in questions.peers(server) if row["functions"]]


def rate(name: str) -> Callable[[Row], str]:
    """A cell with a rate; empty before it is known, and where nothing happens."""

    def cell(row: Row) -> str:
        per_second = row.get("rates", {}).get(name, 0.0)
        return f"{per_second:,.0f}" if per_second >= 10 else f"{per_second:.1f}" if per_second else ""

    return cell


def function_state(row: Row) -> str:
    words = [word for word in ("paused", "draining") if row.get(word)]
    if row.get("dead"):
        words.append(f"{row['dead']} dead")
    return ", ".join(words)


def function_style(row: Row) -> str:
    if row.get("paused") or row.get("draining"):
        return "yellow"
    waits = sum(row["queued"].values()) and not row["workers"]
    return "red" if waits else "green" if row["running"] else ""


def job_style(row: Row) -> str:
    return {"running": "green", "delayed": "cyan"}.get(row["state"], "")


def worker_style(row: Row) -> str:
    return "yellow" if row.get("draining") else "green" if row.get("running") else ""


def job_age(row: Row) -> str:
    return jobs.age(row, "started_at") if row.get("started_at") else jobs.age(row)


FUNCTIONS: Final = Pane(
    "Functions",
    functions_of,
    (
        Column("FUNCTION", lambda row: row["function"]),
        Column("QUEUED", lambda row: sum(row["queued"].values()), right=True),
        Column("RUNNING", lambda row: row["running"], right=True),
        Column("WORKERS", lambda row: row["workers"], right=True),
        Column("DONE/s", rate("completed"), right=True),
        Column("FAILED/s", rate("failed"), right=True),
        Column("OLDEST", lambda row: jobs.age(row, "oldest_at"), right=True),
        Column("STATE", function_state),
    ),
    "function",
    function_style,
    "p pause/resume  Enter its jobs",
)
JOBS: Final = Pane(
    "Jobs",
    jobs_of,
    (
        Column("HANDLE", lambda row: row["handle"]),
        Column("FUNCTION", lambda row: row.get("function", "")),
        Column("STATE", lambda row: row["state"]),
        Column("PROGRESS", jobs.progress, right=True),
        Column("PRIORITY", lambda row: row.get("priority", "")),
        Column("SINCE", job_age, right=True),
        Column("WORKER", lambda row: row.get("worker") or ""),
    ),
    "handle",
    job_style,
    "c cancel  s state  Esc all functions",
)
WORKERS: Final = Pane(
    "Workers",
    workers_of,
    (
        Column("NUMBER", lambda row: row["number"], right=True),
        Column("ID", lambda row: row["id"]),
        Column("HOST", lambda row: row["host"]),
        Column("STATE", workers.state),
        Column("FUNCTIONS", workers.functions),
    ),
    "number",
    worker_style,
    "d drain/resume",
)
PANES: Final = (FUNCTIONS, JOBS, WORKERS)
