"""Text commands by which an operator changes how a function is served, or ends its jobs."""

from __future__ import annotations

from heapq import heapify
from typing import Final

from geartrain.broker.access import ADMIN
from geartrain.broker.answers import age_of, incomplete, json_lines, limit_of, refused, text
from geartrain.broker.broker import Broker
from geartrain.broker.gates import set_policy
from geartrain.broker.listing import describe_peer, job_state
from geartrain.broker.model import Job
from geartrain.broker.policy import is_wildcard
from geartrain.broker.sight import ANY, jobs_for, may_manage
from geartrain.errors import SettingsError
from geartrain.protocol.documents import read_object
from geartrain.protocol.durations import EXPECTED

UNKNOWN_FUNCTION: Final = b"UNKNOWN_FUNCTION"


def policy(broker: Broker, words: list[bytes]) -> bytes:
    """``policy FUNCTION [JSON]``: set fields of a function's policy, null for what the file says; show what holds."""
    if len(words) == 2:
        return shown_policy(broker, words[1])
    if len(words) < 2:
        return incomplete(words[0])
    try:
        return change_policy(broker, words[1], fields_in(words, 2))
    except ValueError as error:
        return refused(f"policy {error}")


def pause(broker: Broker, words: list[bytes]) -> bytes:
    """``pause FUNCTION``: hand out none of its jobs. A function that is not known yet has no pause: ``policy`` has."""
    return unknown_function(broker, words) or change_policy(broker, words[1], {"paused": True})


def drain(broker: Broker, words: list[bytes]) -> bytes:
    """``drain FUNCTION``: take no new jobs of it."""
    return unknown_function(broker, words) or change_policy(broker, words[1], {"draining": True})


def resume(broker: Broker, words: list[bytes]) -> bytes:
    """``resume FUNCTION``: hand out its jobs and take new ones, whatever the file says."""
    held = len(words) > 1 and broker.policies.fields(words[1])
    answer = unknown_function(broker, words)
    if answer and not (held and (held.get("paused") or held.get("draining"))):
        return answer
    change_policy(broker, words[1], {"paused": None, "draining": None})
    holds = broker.policies.fields(words[1])
    fields: dict[str, object] = {name: False for name in ("paused", "draining") if name in holds}
    return change_policy(broker, words[1], fields)


def unknown_function(broker: Broker, words: list[bytes]) -> bytes:
    """The answer where the second word names nothing; empty for a function, a wildcard and what has a policy."""
    if len(words) < 2:
        return incomplete(words[0])
    name = text(words[1])
    plans, dead = broker.schedules.counts, broker.archive.dead_of
    if any(words[1] in known for known in (broker.functions, plans, dead)):
        return b""
    if is_wildcard(name) or broker.policies.has(name):
        return b""
    return refused(f"no function named {name!r}", UNKNOWN_FUNCTION)


def change_policy(broker: Broker, name: bytes, fields: dict[str, object]) -> bytes:
    """Set fields of a function's policy, and show what holds then."""
    try:
        set_policy(broker, text(name), fields)
    except SettingsError as error:
        return refused(str(error))
    return shown_policy(broker, name)


def shown_policy(broker: Broker, name: bytes) -> bytes:
    row: dict[str, object] = {
        "function": text(name),
        "policy": broker.policies.fields(name),
        "set": broker.policies.at_run_time(text(name)),
    }
    return json_lines([row])


def fields_in(words: list[bytes], place: int) -> dict[str, object]:
    """The object of JSON that is the last word of a line; raises ValueError with what came instead."""
    said = text(b" ".join(words[place:]))
    if len(words) != place + 1:
        raise ValueError(f"{said!r}, expected an object of JSON without blanks")
    try:
        return read_object(words[place])
    except ValueError as error:
        raise ValueError(f"{said!r}, expected an object of JSON without blanks: {error}") from None


def object_of(word: bytes) -> dict[str, object]:
    """An object of JSON; empty for what is none."""
    try:
        return read_object(word)
    except ValueError:
        return {}


def purge(broker: Broker, words: list[bytes]) -> bytes:
    """``purge FUNCTION|* [AGE]``: cancel the jobs that no worker has, submitted at least AGE seconds ago."""
    if len(words) < 2:
        return incomplete(words[0])
    age = age_of(words[2]) if len(words) > 2 else 0.0
    if age < 0:
        return refused(f"age {text(words[2])!r}, expected {EXPECTED}")
    latest = broker.clock - age
    doomed = [
        job
        for job in jobs_for(broker, ADMIN)
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


def peer_drain(broker: Broker, words: list[bytes]) -> bytes:
    """``peer-drain NUMBER``: a worker gets no new jobs, and what it runs may end; its row, or no line."""
    return change_peers(broker, words, True)


def peer_resume(broker: Broker, words: list[bytes]) -> bytes:
    """``peer-resume NUMBER``: a worker gets jobs again."""
    return change_peers(broker, words, False)


def change_peers(broker: Broker, words: list[bytes], draining: bool) -> bytes:
    """Let a peer get no jobs, or get them again."""
    if len(words) < 2:
        return incomplete(words[0])
    number = limit_of(words[1])
    found = [peer for peer in broker.connections if peer.number == number and may_manage(broker, peer)]
    for peer in found:
        broker.sleepers.drain(peer, draining)
    if broker.relayed:
        broker.drained += found
    return json_lines([describe_peer(broker, peer) for peer in found])


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


def store_reattach(broker: Broker, words: list[bytes]) -> bytes:
    """``store-reattach``: begin to write all jobs to a new file, as theirs is lost; ``stats`` says how that ends."""
    hindrance = broker.reattach()
    return refused(f"store-reattach: {hindrance}") if hindrance else json_lines([{"renewal": "running"}])
