"""Sampler: looks at the functions now and then, and has the history remember them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final, cast

from geartrain.errors import GearmanError
from geartrain.web.history import STEP, History, Sample
from geartrain.web.looks import Row, function_pages, queued
from geartrain.web.ports import Inside

HOST: Final = b"history"  # where its connections are from, in lists
FUNCTIONS_A_SECOND: Final = 200  # at most, on average: with more functions there are fewer samples


class Sampler:
    """Looks as long as the server runs."""

    def __init__(self, admit: Callable[[bytes], Inside]) -> None:
        self.admit = admit
        self.history = History()
        self.task: asyncio.Task[None] | None = None  # None while nobody looks

    def start(self) -> None:
        """Look from now on."""
        self.task = asyncio.create_task(self.run())

    def stop(self) -> None:
        """Look no more."""
        if self.task is not None:
            self.task.cancel()

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            seen = await self.look()
            due = max(due + STEP, loop.time() + seen / FUNCTIONS_A_SECOND - STEP)
            await asyncio.sleep(due - loop.time())

    async def look(self) -> int:
        """Take a sample; how many functions were seen. One that cannot be had is left out."""
        inside = self.admit(HOST)
        samples: dict[str, Sample] = {}
        try:
            async for rows in function_pages(inside):
                clock = time.time()
                samples.update((str(row["function"]), sample_of(row, clock)) for row in rows)
        except GearmanError:
            return 0
        finally:
            inside.close()
        self.history.add(samples, asyncio.get_running_loop().time(), time.time())
        return len(samples)


def sample_of(row: Row, clock: float) -> Sample:
    """What is remembered of a function's row."""
    totals = cast("dict[str, int]", row["totals"])
    since = cast("float | None", row["oldest_at"])
    return Sample(
        totals["submitted"],
        totals["completed"],
        totals["failed"],
        queued(row),
        cast(int, row["running"]),
        0.0 if since is None else max(clock - since, 0.0),
    )
