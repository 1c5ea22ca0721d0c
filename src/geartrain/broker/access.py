"""Access: what a peer may do where there are rules, right by right and function by function."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Final

from geartrain.broker.policy import WILDCARDS, is_wildcard, text_of
from geartrain.protocol.documents import read_object

SUBMIT: Final = 1
WORK: Final = 2
VIEW: Final = 4
ADMIN: Final = 8
EVERY_RIGHT: Final = SUBMIT | WORK | VIEW | ADMIN
STRANGER_LIMIT: Final = 64 * 1024  # bytes of a packet of a peer without any right
RIGHTS: Final = {"submit": SUBMIT, "work": WORK, "view": VIEW, "admin": ADMIN}

EVERY: Final = "*"  # the pattern of all functions
MOST_KNOWN: Final = 10_000  # functions whose rights are remembered
MOST_WITHHELD: Final = 1000  # abilities of a worker that wait for its rights
MOST_TOLD: Final = 100  # refusals of a peer that are told


class Access:
    """What a peer may do: for each right the names of functions, or wildcards as policies have them.

    Several rights in one number, as ``VIEW | SUBMIT``, are any of them.
    """

    __slots__ = ("known", "patterns", "said")

    def __init__(self, patterns: Mapping[str, Sequence[str]]) -> None:
        self.patterns = [(RIGHTS[right], tuple(patterns.get(right, ()))) for right in RIGHTS]
        self.known: dict[bytes, int] = {}  # rights by function
        named = {right: list(patterns.get(right, ())) for right in RIGHTS}
        self.said = json.dumps(named, separators=(",", ":")).encode()  # as servers of a pool tell each other

    def of(self, name: bytes) -> int:
        """All rights on a function."""
        rights = self.known.get(name)
        if rights is not None:
            return rights
        if len(self.known) >= MOST_KNOWN:
            self.known.clear()
        rights = 0
        shown = text_of(name)
        for right, patterns in self.patterns:
            for pattern in patterns:
                if matches(pattern, shown):
                    rights |= right
                    break
        self.known[name] = rights
        return rights

    def may(self, rights: int, name: bytes) -> bool:
        """Whether the peer has one of the rights on a function."""
        return self.of(name) & rights != 0

    def has(self, rights: int) -> bool:
        """Whether the peer has one of the rights on anything."""
        for right, patterns in self.patterns:
            if right & rights and patterns:
                return True
        return False

    def covers(self, rights: int, wanted: str) -> bool:
        """Whether the peer has one of the rights on whatever a wildcard stands for, now and later."""
        for right, patterns in self.patterns:
            if not right & rights:
                continue
            for pattern in patterns:
                if pattern == wanted or covers(pattern, wanted):
                    return True
        return False

    def has_every(self, rights: int) -> bool:
        """Whether the peer has one of the rights on every function."""
        return self.covers(rights, EVERY)


class Badge:
    """A peer to whom rules apply."""

    __slots__ = ("access", "show", "told", "withheld", "wrong")

    def __init__(self, access: Access, show: Callable[[bytes], Access | None]) -> None:
        self.access = access
        self.show = (
            show  # takes a token that the peer says, and gives what it may do then; None for a wrong one
        )
        self.wrong = 0  # tokens so far
        self.withheld: dict[
            bytes, tuple[int, list[bytes]]
        ] = {}  # CAN_DO packets of what it may not do, by function
        self.told: dict[tuple[str, str], None] = {}  # what it was refused: a client may ask a million times

    def withhold(self, name: bytes, command: int, arguments: list[bytes]) -> None:
        """Remember what a worker can do for when it may."""
        if len(self.withheld) < MOST_WITHHELD:
            self.withheld[name] = command, arguments

    def is_news(self, what: str, on: str) -> bool:
        """Whether a refusal is to be told: once for each thing."""
        if (what, on) in self.told or len(self.told) >= MOST_TOLD:
            return False
        self.told[(what, on)] = None
        return True


def payload_limit(badge: Badge | None, limit: int, running: bool) -> int:
    """Bytes that a packet of a peer may have: few while it has no right on anything, and runs no job."""
    if badge is None or running or badge.access.has(EVERY_RIGHT):
        return limit
    return min(limit, STRANGER_LIMIT)


def matches(pattern: str, name: str) -> bool:
    """Whether a pattern is a name, or stands for it."""
    return pattern == name or (is_wildcard(pattern) and fnmatchcase(name, pattern))


def covers(pattern: str, wanted: str) -> bool:
    """Whether a pattern stands for all that another one stands for, as far as that can be seen at once."""
    beginning = pattern[:-1]
    return pattern.endswith(EVERY) and not is_wildcard(beginning) and fixed(wanted).startswith(beginning)


def fixed(pattern: str) -> str:
    """What every name that a pattern stands for begins with."""
    for place, sign in enumerate(pattern):
        if sign in WILDCARDS:
            return pattern[:place]
    return pattern


def union(accesses: Sequence[Access]) -> Access:
    """What a peer may do that has several roles."""
    patterns: dict[str, list[str]] = {}
    for name, right in RIGHTS.items():
        found: dict[str, None] = {}
        for access in accesses:
            for other, theirs in access.patterns:
                if other == right:
                    found.update(dict.fromkeys(theirs))
        patterns[name] = list(found)
    return Access(patterns)


def access_of(said: bytes) -> Access:
    """What another server says of its peer; raises ValueError where it cannot be read."""
    given = read_object(said)
    patterns: dict[str, list[str]] = {}
    for right in RIGHTS:
        theirs = given.get(right, [])
        if not isinstance(theirs, list):
            raise ValueError(f"the right {right} wants a list of patterns, got {theirs!r}")
        patterns[right] = [str(pattern) for pattern in theirs]
    return Access(patterns)


NOTHING: Final = Access({})
EVERYTHING: Final = Access(dict.fromkeys(RIGHTS, (EVERY,)))
