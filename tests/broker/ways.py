"""In which ways a test in memory is done: with one broker, and as a member of a pool of one shard and of three."""

from __future__ import annotations

from collections.abc import Callable
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
    if item.get_closest_marker("one_server"):
        return [ALONE]
    test = item.obj
    inner = test.hypothesis.inner_test if hasattr(test, "hypothesis") else test
    if item.get_closest_marker("one_shard") or looks_inside(inner, set()):
        return [ALONE, MEMBER]
    return [ALONE, MEMBER, SHARDS]


def looks_inside(function: Callable[..., object], seen: set[str]) -> bool:
    """Whether a function of a test module, or one that it uses, looks at more than what peers hear."""
    if not isinstance(function, FunctionType) or function.__name__ in seen:
        return False
    seen.add(function.__name__)
    names = names_in(function.__code__)
    used = [function.__globals__.get(name) for name in names]
    return not names.isdisjoint(INSIDE) or any(
        looks_inside(other, seen)
        for other in used
        if isinstance(other, FunctionType) and other.__module__ == function.__module__
    )


def names_in(code: CodeType) -> set[str]:
    """The names that code uses, that of functions within it included."""
    inner = [names_in(constant) for constant in code.co_consts if isinstance(constant, CodeType)]
    return set(code.co_names).union(*inner)
