"""Gates: a function's policy comes to hold for the function, and for the jobs and workers that it has already."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from fnmatch import translate

from geartrain.broker.broker import Broker
from geartrain.broker.bucket import bucket_for
from geartrain.broker.model import PRIORITIES, Function
from geartrain.broker.policy import NO_POLICY, is_wildcard, literal, text_of


def set_policy(broker: Broker, name: str, fields: Mapping[str, object]) -> None:
    """Set fields of the policy of a function, or of all that a wildcard stands for, over those of the file.

    One that is None is the file's or the default again. Raises SettingsError and changes nothing.
    """
    broker.policies.set(name, fields)
    if broker.batch is not None:
        kept = broker.policies.at_run_time(name)
        broker.batch.set("policy", name, json.dumps(kept) if kept else "")
    for function in functions_of(broker, name):
        apply_policy(broker, function)


def functions_of(broker: Broker, name: str) -> list[Function]:
    """The known functions that an entry stands for.

    There may be 100,000 of them, so those that it does not stand for are not looked at twice.
    """
    if not is_wildcard(name) and "\\" not in name:
        function = broker.functions.get(name.encode("utf-8", "replace"))
        return [] if function is None else [function]
    matches = re.compile(translate(name)).match
    found = []
    for function in broker.functions.values():
        text = text_of(function.name)
        if text == name or matches(text):
            found.append(function)
    return found


def limit(broker: Broker, name: bytes, limits: tuple[int, int, int]) -> None:
    """Set a function's queue limits by priority, now and for when it becomes known."""
    if not name:
        return
    entry = literal(text_of(name))
    set_policy(broker, entry, {"max_queue": None})
    policy = broker.policies.of(name) or NO_POLICY
    if policy.max_queue != limits:
        set_policy(broker, entry, {"max_queue": dict(zip(PRIORITIES, limits, strict=True))})


def apply_policies(broker: Broker) -> None:
    """Let what holds now hold for every function that is known."""
    for function in broker.functions.values():
        apply_policy(broker, function)


def apply_policy(broker: Broker, function: Function) -> None:
    """Let what holds now hold for a function: jobs that may run now wake workers at the end of the turn."""
    before = function.policy or NO_POLICY
    function.policy = broker.policies.of(function.name)
    after = function.policy or NO_POLICY
    if after == before:
        return
    if after.rate != before.rate:
        function.bucket = bucket_for(after.rate)
    if after.ttl != before.ttl:
        renew_lifetimes(broker, function)
    if function.sleepers:
        broker.sleepers.call(function, function.ready(broker.now))


def renew_lifetimes(broker: Broker, function: Function) -> None:
    """Let the jobs that wait in a function's queues wait for as long as its policy says now."""
    for job in broker.jobs.values():
        if job.function is not function or not job.queued:
            continue
        if job.alarm:
            broker.lifetimes.cancel(job)
        broker.limit_life(job)
