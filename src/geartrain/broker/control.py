"""Text commands that change what happens to jobs: of a function, of a unique, of all."""

from __future__ import annotations

from heapq import heapify

from geartrain.broker.answers import incomplete, json_lines, refused, seconds_of, text
from geartrain.broker.broker import Broker
from geartrain.broker.listing import ANY, job_state
from geartrain.broker.model import Job


def purge(broker: Broker, words: list[bytes]) -> bytes:
    """``purge FUNCTION|* [AGE]``: cancel the jobs that no worker has, submitted at least AGE seconds ago."""
    if len(words) < 2:
        return incomplete(words[0])
    age = seconds_of(words[2]) if len(words) > 2 else 0.0
    if age < 0:
        return refused(f"age {text(words[2])!r}, expected a number of seconds")
    latest = broker.clock - age
    doomed = [
        job
        for job in broker.jobs.values()
        if job.worker is None and job.submitted_at <= latest and words[1] in (job.function.name, ANY)
    ]
    cancel_queued(broker, doomed)
    return json_lines([{"function": text(words[1]), "cancelled": len(doomed)}])


def cancel_queued(broker: Broker, doomed: list[Job]) -> None:
    """Cancel many jobs that no worker has."""
    functions = {job.function: None for job in doomed}
    due = {function: function.due for function in functions}
    for function in functions:
        function.due = []  # to take them from the heap one by one is slow
    for job in doomed:
        broker.cancel(job)
    for function, entries in due.items():
        function.due = [entry for entry in entries if entry[1].number in broker.jobs]
        heapify(function.due)


def cancel_unique(broker: Broker, words: list[bytes]) -> bytes:
    """``cancel-unique FUNCTION UNIQUE``: the cancelled job as it was, or no line where there is none."""
    if len(words) < 3:
        return incomplete(words[0])
    function = broker.functions.get(words[1])
    job = None if function is None else function.equal(words[2], b"")
    if job is None:
        return json_lines([])
    row: dict[str, object] = {
        "handle": text(job.handle),
        "function": text(job.function.name),
        "unique": text(job.unique),
        "state": job_state(job),
    }
    broker.cancel(job)
    return json_lines([row])
