"""What is wrong at a server, and what to do about it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Final

from geartrain.cli import questions
from geartrain.cli.durations import rounded
from geartrain.cli.output import Row, counted
from geartrain.cli.secrecy import tls_given
from geartrain.errors import ConnectError, GearmanError
from geartrain.protocol.servers import Server
from geartrain.store.health import OK, PROBLEM, WARNING, Finding
from geartrain.sync.admin import Admin

LONG: Final = (
    3600.0  # seconds that a job has waited although its function has workers, or since a worker died
)
PATIENCE: Final = 10.0  # seconds for a server's answer


def examine_server(server: Server) -> Iterator[Finding]:
    """Ask a server what it has, and how it is."""
    name = server.name
    try:
        with Admin(name, timeout=PATIENCE, tls=tls_given()) as admin:
            version = admin.version()
            rows = questions.ours(admin, "functions")
            if rows is None:
                yield stranger(name, version)
                rows = questions.status_of_functions(admin)
            else:
                yield Finding(OK, name, f"Geartrain {version}, {counted(len(rows), 'function')}")
                for row in questions.ours(admin, "stats") or ():
                    yield from examine_store(name, row)
    except ConnectError as error:
        yield Finding(
            PROBLEM, name, str(error), "start a server there (geartrain server), or name another one"
        )
        return
    except GearmanError as error:
        yield Finding(PROBLEM, name, f"it does not answer as a job server: {error}", "look at its log")
        return
    yield from examine_functions(name, rows, time.time())


def examine_store(name: str, row: Row) -> Iterator[Finding]:
    """Whether a server can keep jobs, and what it has set aside."""
    for fault in row.get("faults") or ():
        yield Finding(
            PROBLEM, name, f"it takes no jobs: {fault}", "look at its log, and at docs/troubleshooting.md"
        )
    for warning in row.get("warnings") or ():
        yield Finding(WARNING, name, warning, "look at its log, and at docs/pool.md")
    count = row.get("set_aside")
    if count:
        rows = row.get("set_aside_rows") or []
        told = f"{counted(count, 'damaged row')} set aside since its start: {', '.join(rows)}"
        yield Finding(WARNING, name, told, "ask geartrain doctor --store where the file is")


def stranger(name: str, version: str) -> Finding:
    return Finding(
        WARNING,
        name,
        f"no Geartrain: its version is {version or 'not told'}",
        "its jobs may be lost when it ends; geartrain import-gearmand takes those in its database",
    )


def examine_functions(name: str, rows: Sequence[Row], now: float) -> Iterator[Finding]:
    """What is wrong with the functions of a server at a Unix time; what it does not tell is not looked at."""
    for row in sorted(rows, key=lambda row: str(row["function"])):
        yield from examine_queue(name, row, now)
        yield from examine_workers(name, row, now)
        yield from examine_policy(name, row)


def examine_queue(name: str, row: Row, now: float) -> Iterator[Finding]:
    """Whether somebody works on what is queued."""
    function = str(row["function"])
    ready = sum(row["queued"].values()) - row.get("delayed", 0)
    if ready <= 0:
        return
    age = now - row["oldest_at"] if row.get("oldest_at") else 0.0
    waiting = f"{function}: {counted(ready, 'job')} queued" + (
        f", the oldest {rounded(age)} ago" if age else ""
    )
    if row.get("paused"):
        yield Finding(WARNING, name, f"{waiting}, and it is paused", f"geartrain functions resume {function}")
    elif not row["workers"]:
        yield Finding(PROBLEM, name, f"{waiting}, and no worker does it", "start one, or look at its log")
    elif age > LONG:
        yield Finding(
            WARNING, name, f"{waiting}, for {counted(row['workers'], 'worker')}", "start more workers"
        )
    else:
        yield Finding(OK, name, f"{waiting}, for {counted(row['workers'], 'worker')}")


def examine_workers(name: str, row: Row, now: float) -> Iterator[Finding]:
    """Whether the function's workers died or hung in their jobs a short time ago."""
    if not row.get("lost_at") or now - row["lost_at"] > LONG:
        return
    function, totals = str(row["function"]), row["totals"]
    yield Finding(
        WARNING,
        name,
        f"{function}: {counted(totals['lost'], 'execution')} lost the worker and "
        f"{totals['timed_out']} took too long, the last {rounded(now - row['lost_at'])} ago",
        f"look at the workers' log; geartrain dead list -f {function} has the jobs that ended so too often",
    )


def examine_policy(name: str, row: Row) -> Iterator[Finding]:
    """What an operator has stopped, and what has ended badly."""
    function = str(row["function"])
    if row.get("draining"):
        yield Finding(
            WARNING, name, f"{function}: new jobs are refused", f"geartrain functions resume {function}"
        )
    if row.get("dead"):
        dead = counted(row["dead"], "dead letter")
        yield Finding(WARNING, name, f"{function}: {dead}", f"geartrain dead list -f {function}")
