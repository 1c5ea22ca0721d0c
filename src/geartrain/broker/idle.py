"""Idle: the functions that nobody works on and that have no jobs, until they are forgotten."""

from __future__ import annotations

from geartrain.broker.deadlines import NEVER


class Idle:
    """Names of functions. Which of them are idle still is for ``forgetting.py`` to find out."""

    def __init__(self) -> None:
        self.noted: dict[bytes, None] = {}  # may be idle since this turn
        self.unused: dict[bytes, None] = {}  # have never had a job; the one that is idle the longest is first
        self.latest: dict[bytes, None] = {}  # have had jobs, in the same order
        self.kept: dict[bytes, None] = {}  # have something set for them, or are watched
        self.look_at = NEVER  # when to look at the kept ones, by monotonic time
