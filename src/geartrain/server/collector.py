"""Collector: when Python looks for reference cycles, so that memory levels off and jobs do not wait for it."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable
from typing import Final

PERIOD: Final = 0.1  # seconds between two looks at how many objects there are
MANY: Final = 30_000  # new objects that are looked through at once: some ten milliseconds
PATIENCE: Final = 10.0  # seconds after which fewer are looked through, too
LARGE: Final = 60_000  # objects that are looked through again and again, at most
MOST: Final = 150_000  # objects that were set aside and are looked through once more, at most
NEVER_BY_ITSELF: Final = 1_000_000_000


class Collector:
    """Looks for reference cycles among new objects, and leaves those that live on alone.

    A job is in no cycle: it is gone when the last name for it is. But Python's own collector would look through all of
    them again and again: 0.3 s for a million. So whatever has been looked through and lives is set aside (frozen)
    when it is much, and a burst of jobs is set aside unseen. What is set aside is looked through again when few
    jobs are left. (docs/architecture.md has the numbers.)
    """

    def __init__(self, jobs: Callable[[], int]) -> None:
        """``jobs`` counts those in memory."""
        self.jobs = jobs
        self.jobs_then = 0  # at the last look
        self.kept = 0  # objects that were looked through and lived, since some were set aside
        self.set_aside = False  # whether more is set aside than at the start
        self.loop = asyncio.get_running_loop()
        self.looked_at = self.loop.time()
        self.timer: asyncio.TimerHandle | None = None  # None while nobody looks

    def start(self) -> None:
        """Look from now on; what the program itself is made of is set aside."""
        gc.collect()
        gc.freeze()
        gc.set_threshold(NEVER_BY_ITSELF)
        self.jobs_then = self.jobs()
        self.wait()

    def wait(self) -> None:
        self.timer = self.loop.call_later(PERIOD, self.look)

    def stop(self) -> None:
        """Leave it to Python again."""
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
        gc.set_threshold(700, 10, 10)

    def look(self) -> None:
        """Look through new objects where there are many, or it was long ago."""
        self.wait()
        new = gc.get_count()[0]
        if new < MANY and self.loop.time() < self.looked_at + PATIENCE:
            return None
        self.looked_at = self.loop.time()
        jobs = self.jobs()
        came, self.jobs_then = jobs - self.jobs_then, jobs
        if new >= MANY and came > new // 2:
            return self.lay_aside()
        self.kept += new - gc.collect()
        if self.kept > LARGE:
            self.lay_aside()
        elif self.set_aside and jobs < LARGE and gc.get_freeze_count() < MOST:
            self.look_at_all()
        return None

    def lay_aside(self) -> None:
        """Look no more at what there is."""
        gc.freeze()
        self.kept = 0
        self.set_aside = True

    def look_at_all(self) -> None:
        """Look at what was set aside, as it has become little."""
        gc.unfreeze()
        gc.collect()
        gc.freeze()
        self.kept = 0
        self.set_aside = False
