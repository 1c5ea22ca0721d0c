"""In which ways a test in memory is done: with one broker, and as a member of a pool of one shard and of three."""

from __future__ import annotations

from functools import partial
from types import CodeType, FunctionType
from typing import Any

from tests.relay.member import Member
from tests.wire import Build, OneBroker

ALONE = "alone"
MEMBER = "member"
SHARDS = "shards"
BUILDS: dict[str, Build] = {ALONE: OneBroker, MEMBER: partial(Member, 1), SHARDS: partial(Member, 3)}
INSIDE = ("broker", "connection", "KeptJobs")  # of a server, of a peer, and the store that a broker may have


def ways_of(item: Any) -> list[str]:
    """The ways of a test, as pytest knows it; what looks into a broker does so where that one has all jobs."""
    test = item.obj
    used = names_used(test.hypothesis.inner_test if hasattr(test, "hypothesis") else test, set())
    if item.get_closest_marker("one_server") or "MemoryServer" not in used:
        return [ALONE]
    if item.get_closest_marker("one_shard") or not used.isdisjoint(INSIDE):
        return [ALONE, MEMBER]
    return [ALONE, MEMBER, SHARDS]


def names_used(function: FunctionType, seen: set[FunctionType]) -> set[str]:
    """The names that a test uses, and those that functions of its module use for it."""
    seen.add(function)
    names = names_in(function.__code__)
    for name in list(names):
        other = function.__globals__.get(name)
        if isinstance(other, FunctionType) and other.__module__ == function.__module__ and other not in seen:
            names |= names_used(other, seen)
    return names


def names_in(code: CodeType) -> set[str]:
    """The names that code uses, that of functions within it included."""
    inner = [names_in(constant) for constant in code.co_consts if isinstance(constant, CodeType)]
    return set(code.co_names).union(*inner)
