"""Text commands that list what there is: jobs, functions and connections, as a JSON object a line."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Final

from geartrain.broker.access import ADMIN, VIEW
from geartrain.broker.answers import END, json_line, json_lines, limit_of, text
from geartrain.broker.broker import Broker
from geartrain.broker.lists import Rows
from geartrain.broker.model import HIGH, LOW, NORMAL, PRIORITIES, Connection, Function, Job, job_by_handle
from geartrain.broker.policy import NO_POLICY
from geartrain.broker.sight import ANY, jobs_in, may, peers_for

SHOWN: Final = VIEW | ADMIN  # the rights for which a connection's functions and jobs are shown
MOST_ROWS: Final = 1000  # of a list when no limit is given
MOST_SHOWN: Final = 100  # jobs or peers within a row


def jobs(broker: Broker, words: list[bytes]) -> Rows:
    """``jobs [FUNCTION|*] [LIMIT]``: the oldest jobs first, 1000 of them without a limit."""
    name = ANY if len(words) < 2 else words[1]
    limit = MOST_ROWS if len(words) < 3 else limit_of(words[2]) or MOST_ROWS
    return Rows(len(broker.jobs), job_rows(broker, name, limit))


def job_rows(broker: Broker, name: bytes, limit: int) -> Iterator[bytes]:
    """Some jobs of a function, or of any."""
    for job in jobs_in(broker, name):
        if job is None:
            yield b""
            continue
        yield json_line(describe_job(job))
        limit -= 1
        if not limit:
            break
    yield END


def job(broker: Broker, words: list[bytes]) -> bytes:
    """``job HANDLE``: one line, or none when the handle is not known."""
    known = job_by_handle(broker.jobs, words[1]) if len(words) > 1 else None
    return json_lines([] if known is None else [describe_job(known)])


def functions(broker: Broker, words: list[bytes]) -> Rows:
    """``functions [FUNCTION|*] [LIMIT] [SKIP]``: what each function has queued and who works on it.

    All of them without a limit; the first ones that became known are left out where some are to be skipped.
    """
    name = ANY if len(words) < 2 else words[1]
    limit = limit_of(words[2]) if len(words) > 2 else 0
    skipped = limit_of(words[3]) if len(words) > 3 else 0
    return Rows(len(broker.functions) if name == ANY else 1, function_rows(broker, name, limit, skipped))


def function_rows(broker: Broker, name: bytes, limit: int, skipped: int) -> Iterator[bytes]:
    """A function, or some of all, or all where the limit is 0."""
    last = skipped + limit
    shown = 0
    for each in list(broker.functions) if name == ANY else [name]:
        function = broker.functions.get(each)
        if function is None or not may(broker, VIEW, each):
            yield b""
            continue
        shown += 1
        if limit and shown > last:
            break
        yield json_line(describe_all(broker, function)) if shown > skipped else b""
    yield END


def describe_all(broker: Broker, function: Function) -> dict[str, object]:
    """All that is known of a function."""
    dead = broker.archive.dead_of.get(function.name, 0)
    return describe_function(function) | describe_policy(broker, function, dead)


def peers(broker: Broker, words: list[bytes]) -> Rows:
    """``peers``: every connection with what it can do, runs and waits for."""
    return Rows(len(broker.connections), peer_rows(broker))


def peer_rows(broker: Broker) -> Iterator[bytes]:
    for peer in peers_for(broker):
        yield b"" if peer is None else json_line(describe_peer(broker, peer))
    yield END


def describe_job(job: Job) -> dict[str, object]:
    return {
        "handle": text(job.handle),
        "function": text(job.function.name),
        "unique": text(job.unique),
        "state": job_state(job),
        "priority": PRIORITIES[job.priority],
        "background": job.background,
        "waiting": len(job.clients or ()),
        "attempts": job.attempts,
        "numerator": job.numerator,
        "denominator": job.denominator,
        "workload_bytes": job.size,
        "submitted_at": job.submitted_at,
        "run_at": job.run_at or None,
        "worker": None if job.worker is None else text(job.worker.client_id),
        "worker_host": None if job.worker is None else text(job.worker.host),
        "started_at": None if job.worker is None else job.started_at,
        "clients": [
            {"id": text(client.client_id), "host": text(client.host)}
            for client in (job.clients or [])[:MOST_SHOWN]
        ],
        "metadata": json.loads(job.metadata) if job.metadata else None,
        "reducer": text(job.reducer) or None,
    }


def job_state(job: Job) -> str:
    if job.worker is not None:
        return "running"
    return "queued" if job.queued else "delayed"


def describe_function(function: Function) -> dict[str, object]:
    return {
        "function": text(function.name),
        "queued": {PRIORITIES[priority]: function.queued(priority) for priority in (HIGH, NORMAL, LOW)},
        "delayed": sum(function.delayed),
        "running": function.running,
        "workers": len(function.workers),
        "sleeping": len(function.sleepers),
        "max_queue": dict(zip(PRIORITIES, (function.policy or NO_POLICY).max_queue, strict=True)),
    }


def describe_policy(broker: Broker, function: Function, dead: int) -> dict[str, object]:
    policy = function.policy or NO_POLICY
    return {
        "oldest_at": oldest_at(function),
        "dead": dead,
        "lost_at": function.lost_at or None,
        "paused": policy.paused,
        "draining": policy.draining,
        "policy": broker.policies.fields(function.name),
        **describe_work(function),
    }


def describe_work(function: Function) -> dict[str, object]:
    """What has been done of a function, and by whom it is."""
    tally = function.tally
    busy = len([worker for worker in function.workers if worker.running])
    return {
        "idle": len(function.workers) - busy,
        "busy": busy,
        "totals": tally.totals(),
        "wait": {"counts": tally.wait, "sum": tally.wait_seconds},
        "run": {"counts": tally.run, "sum": tally.run_seconds},
    }


def oldest_at(function: Function) -> float | None:
    """When the oldest of the jobs that are first in their queues was submitted."""
    firsts = [queue.first() for queue in function.queues]
    times = [job.submitted_at for job in firsts if job is not None]
    if function.due:
        times.append(function.due[0][1].submitted_at)
    return min(times) if times else None


def describe_peer(broker: Broker, peer: Connection) -> dict[str, object]:
    running, waiting = seen(broker, peer.running.values()), seen(broker, peer.waiting)
    return {
        "number": peer.number,
        "host": text(peer.host),
        "id": text(peer.client_id),
        "functions": [
            text(function.name) for function in peer.abilities if may(broker, SHOWN, function.name)
        ],
        "running": [text(job.handle) for job in running[:MOST_SHOWN]],
        "waiting": [text(job.handle) for job in waiting[:MOST_SHOWN]],
        "asleep": peer.asleep,
        "draining": peer.draining,
        "jobs": [
            {"handle": text(job.handle), "function": text(job.function.name), "started_at": job.started_at}
            for job in running[:MOST_SHOWN]
        ],
        "running_count": len(running),
        "waiting_count": len(waiting),
    }


def seen(broker: Broker, jobs: Iterable[Job]) -> list[Job]:
    """Jobs without those that the asker must not see."""
    return [job for job in jobs if may(broker, SHOWN, job.function.name)]
