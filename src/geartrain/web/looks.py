"""Looks: all functions of the server or its pool, asked a few at a time, as jobs have to move meanwhile."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Final

from geartrain.protocol.admin import json_lines
from geartrain.web.ports import Inside

Row = dict[str, object]

PAGE: Final = 50  # functions of one answer: some milliseconds


async def function_pages(inside: Inside) -> AsyncGenerator[list[Row]]:
    """The rows of all functions, in parts; raises GearmanError where they cannot be had.

    In a pool each leader leaves out as many as were skipped, so a part may have more rows than one server gives.
    """
    skipped = 0
    while True:
        rows = await inside.ask(json_lines(("functions", "*", str(PAGE), str(skipped))))
        if rows:
            yield rows
        if len(rows) < PAGE:
            return
        skipped += PAGE


def queued(row: Row) -> int:
    """How many jobs of a function wait, in all priorities."""
    counts = row["queued"]
    assert isinstance(counts, dict)
    return sum(counts.values())
