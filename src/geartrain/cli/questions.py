"""What the commands ask of a server: in our own text commands, or in gearmand's where the server has no others."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

from geartrain.cli.output import Row
from geartrain.cli.secrecy import tls_given
from geartrain.errors import GearmanError, ServerError
from geartrain.jobs import JobHandle, JobStatus
from geartrain.protocol.control import dead_letters
from geartrain.protocol.servers import parse_servers
from geartrain.sync.admin import Admin
from geartrain.sync.client import Client

ANY: Final = "*"  # every function
PAGE: Final = 1000  # rows that are asked for at a time
PRIORITIES: Final = ("high", "normal", "low")


def ask_each(servers: tuple[str, ...], question: Callable[[Admin], Iterable[Row]]) -> list[Row]:
    """The rows of every server, each with its ``server``; one server answers for all of its pool."""
    return list(rows_of_each(servers, question))


def rows_of_each(servers: tuple[str, ...], question: Callable[[Admin], Iterable[Row]]) -> Iterator[Row]:
    """The same, as they come."""
    given = parse_servers(servers or None, os.environ)
    asked: set[object] = set()  # ids of servers of pools that have answered
    for server in given:
        with Admin(server.name, tls=tls_given()) as admin:
            members = pool(admin) if len(given) > 1 else []
            if any(row["here"] and row["id"] in asked for row in members if "id" in row):
                continue
            asked.update(row["id"] for row in members if "id" in row)
            for row in question(admin):
                yield {"server": server.name, **row}


def number_of(servers: tuple[str, ...]) -> int:
    """How many servers are asked."""
    return len(parse_servers(servers or None, os.environ))


def administrators(servers: tuple[str, ...], timeout: float) -> list[Admin]:
    """One that goes on asking for each server; one server answers for all of its pool."""
    found: list[Admin] = []
    asked: set[object] = set()  # ids of servers of pools that have answered
    for server in parse_servers(servers or None, os.environ):
        admin = Admin(server.name, timeout=timeout, connect_timeout=timeout, tls=tls_given())
        members = pool(admin)
        if any(row["here"] and row["id"] in asked for row in members if "id" in row):
            admin.close()
            continue
        asked.update(row["id"] for row in members if "id" in row)
        found.append(admin)
    return found


def ask_each_of(
    servers: tuple[str, ...], question: Callable[[Admin, str], list[Row]], target: str
) -> list[Row]:
    """The rows of every server for a question about a target: a handle, or a function."""
    return ask_each(servers, lambda server: question(server, target))


def ours(server: Admin, *words: str) -> Sequence[Row] | None:
    """The rows of one of our own commands; None when the server does not know it."""
    try:
        return server.json_lines(*words)
    except ServerError as error:
        if error.error_code != "UNKNOWN_COMMAND":
            raise
        return None


def pool(server: Admin) -> list[Row]:
    """The servers and shards of a server's pool; nothing where it is in none."""
    return list(ours(server, "pool") or ())


def functions(server: Admin) -> list[Row]:
    rows = ours(server, "functions")
    return status_of_functions(server) if rows is None else list(rows)


def status_of_functions(server: Admin) -> list[Row]:
    """The same, as far as gearmand tells."""
    queues = {row.function: row for row in server.priority_status()}
    return [
        {
            "function": row.function,
            "queued": {name: getattr(queues.get(row.function), name, 0) for name in PRIORITIES},
            "running": row.running,
            "workers": row.workers,
        }
        for row in server.status()
    ]


def jobs(server: Admin, function: str, limit: int) -> Iterable[Row]:
    """The oldest jobs of a function, or of all; those of our own server page by page."""
    rows = ours(server, "jobs", function, str(min(limit, PAGE)))
    if rows is not None and limit > PAGE == len(rows):
        return jobs_like(server, {} if function == ANY else {"function": function}, limit)
    if rows is None and function != ANY:
        raise GearmanError(
            f"{server.server.name} does not say which jobs are of {function!r}: it is no Geartrain"
        )
    return shown_jobs(server, limit) if rows is None else rows


def jobs_like(server: Admin, wanted: Row, limit: int) -> Iterator[Row]:
    """The jobs that are like what is wanted, page by page; only our own server can say."""
    cursor = ""
    while limit:
        page = server.find_jobs(**wanted, limit=min(limit, PAGE), cursor=cursor)
        yield from page.jobs
        limit -= len(page.jobs)
        cursor = page.next
        if not cursor:
            return


def workload(server: Admin, handle: str) -> list[Row]:
    """What a job carries, in a row, or no row where the server does not know it."""
    row = server.workload(handle)
    return [] if row is None else [row]


def shown_jobs(server: Admin, limit: int) -> list[Row]:
    """The same, as far as gearmand tells."""
    shown = server.show_jobs()[:limit]
    with Client(server.server.name, tls=tls_given()) as client:
        statuses = client.job_statuses([job.handle for job in shown])
    return [
        {**status_row(job.handle, statuses[JobHandle(job.handle)]), "attempts": job.retries} for job in shown
    ]


def job(server: Admin, handle: str) -> list[Row]:
    """The job in a row, or no row when the server does not know it."""
    rows = ours(server, "job", handle)
    if rows is not None:
        return list(rows)
    with Client(server.server.name, tls=tls_given()) as client:
        status = client.job_status(handle)
    return [status_row(handle, status)] if status.known else []


def status_row(handle: str, status: JobStatus) -> Row:
    return {
        "handle": handle,
        "state": "running" if status.running else "queued",
        "numerator": status.numerator,
        "denominator": status.denominator,
    }


def peers(server: Admin) -> list[Row]:
    rows = ours(server, "peers")
    if rows is not None:
        return list(rows)
    return [
        {
            "number": int(peer.descriptor),
            "host": peer.address,
            "id": peer.id,
            "functions": list(peer.functions),
        }
        for peer in server.workers()
    ]


def drain_workers(server: Admin, target: str) -> list[Row]:
    """Give workers no new jobs: the one with a number, or all with an id."""
    return [
        {"number": number, "id": name, "draining": True}
        for number, name in workers_named(server, target)
        if server.drain_peer(number)
    ]


def resume_workers(server: Admin, target: str) -> list[Row]:
    """Give workers jobs again: the one with a number, or all with an id."""
    return [
        {"number": number, "id": name, "draining": False}
        for number, name in workers_named(server, target)
        if server.resume_peer(number)
    ]


def workers_named(server: Admin, target: str) -> list[tuple[int, str]]:
    """The numbers and ids of workers with a number or an id."""
    rows = [row for row in server.peers() if row["functions"]]
    numbers = [(int(str(row["number"])), str(row["id"])) for row in rows]
    return [pair for pair in numbers if target in (str(pair[0]), pair[1])]


def cancel(server: Admin, handle: str) -> list[Row]:
    """The cancelled job in a row, or no row when the server does not know it."""
    try:
        server.cancel_job(handle)
    except ServerError as error:
        if error.error_code != "UNKNOWN_JOB":
            raise
        return []
    return [{"handle": handle, "cancelled": True}]


def limit(server: Admin, function: str, numbers: Sequence[int]) -> list[Row]:
    server.max_queue(function, *numbers)
    return [{"function": function, "max_queue": list(numbers)}]


def create(server: Admin, function: str) -> list[Row]:
    server.create_function(function)
    return [{"function": function, "created": True}]


def drop(server: Admin, function: str) -> list[Row]:
    server.drop_function(function)
    return [{"function": function, "dropped": True}]


# What only our own server knows


def function(server: Admin, function: str) -> list[Row]:
    """A function with its queues, or what is set for a name, and the policy that holds; no row for neither."""
    rows = server.json_lines("functions", function) if function != ANY else []
    policies = server.json_lines("policy", function)
    if not rows and not policies[0]["set"]:
        return []
    return [{**(rows[0] if rows else {}), **policies[0]}]


def set_policy(server: Admin, function: str, fields: Row) -> list[Row]:
    server.set_policy(function, **fields)
    return list(server.json_lines("policy", function))


def known(question: Callable[[Admin, str], list[Row]]) -> Callable[[Admin, str], list[Row]]:
    """A question that has no row where the server does not know the function."""

    def ask(server: Admin, function: str) -> list[Row]:
        try:
            return question(server, function)
        except ServerError as error:
            if error.error_code != "UNKNOWN_FUNCTION":
                raise
            return []

    return ask


def pause(server: Admin, function: str) -> list[Row]:
    server.pause(function)
    return [{"function": function, "paused": True}]


def resume(server: Admin, function: str) -> list[Row]:
    server.resume(function)
    return [{"function": function, "paused": False, "draining": False}]


def drain(server: Admin, function: str) -> list[Row]:
    server.drain(function)
    return [{"function": function, "draining": True}]


def purge(server: Admin, function: str, age: float) -> list[Row]:
    return [{"function": function, "cancelled": server.purge(function, older_than=age)}]


def cancel_unique(server: Admin, function: str, unique: str) -> list[Row]:
    """The cancelled job in a row, or no row when the server has none with that unique."""
    handle = server.cancel_unique(function, unique)
    return [] if handle is None else [{"handle": handle, "unique": unique, "cancelled": True}]


def dead(server: Admin, function: str, limit: int) -> Iterator[Row]:
    """Dead letters, the oldest first, page by page."""
    cursor = ""
    while limit:
        page = server.ask(dead_letters(function, min(limit, PAGE), cursor))
        yield from page
        limit -= len(page)
        if len(page) < PAGE:
            return
        cursor = f"{page[-1]['died_at']!r},{page[-1]['handle']}"


def dead_letter(server: Admin, handle: str) -> list[Row]:
    """The dead letter in a row, or no row when the server has none with that handle."""
    row = server.dead_letter(handle)
    return [] if row is None else [row]


def retry_dead(server: Admin, target: str) -> list[Row]:
    """How many were queued again, in a row; no row for none."""
    count = server.retry_dead(target)
    return [{"target": target, "retried": count}] if count else []


def discard_dead(server: Admin, target: str) -> list[Row]:
    """How many were forgotten, in a row; no row for none."""
    count = server.discard_dead(target)
    return [{"target": target, "discarded": count}] if count else []
