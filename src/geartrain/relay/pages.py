"""One page of the pages that shards answer with, and the cursor for the next one of all."""

from __future__ import annotations

from geartrain.broker.answers import json_lines
from geartrain.broker.control import object_of
from geartrain.broker.listing import MOST_ROWS
from geartrain.broker.model import number_of
from geartrain.broker.search import place_of
from geartrain.relay.answers import Row, comparable, refusal, rows_of, sorted_rows, word


def joined_pages(words: list[bytes], answers: list[bytes]) -> bytes:
    """As many jobs as one page has, those of each shard in their order; the next page goes on behind them."""
    refused = refusal(answers)
    if refused:
        return refused
    asked = object_of(word(words, 1))
    limit = asked.get("limit")
    pages = [rows_of([answer]) for answer in answers]
    rows, taken = oldest_first(pages, int(limit) if isinstance(limit, (int, float)) and limit else MOST_ROWS)
    here = [
        reached(page, count, str(asked.get("cursor", ""))) for page, count in zip(pages, taken, strict=True)
    ]
    more = [
        count < len(page) - 1 or page[-1]["next"] is not None
        for page, count in zip(pages, taken, strict=True)
    ]
    cursor = ",".join(here)
    end: Row = {"next": cursor if True in more else None, "here": cursor}
    return json_lines([*rows, end])


def oldest_first(pages: list[list[Row]], limit: int) -> tuple[list[Row], list[int]]:
    """The rows of one page, and how many of each shard's are among them; the last row of each is none."""
    taken = [0] * len(pages)
    rows: list[Row] = []
    while len(rows) < min(limit, MOST_ROWS):
        ahead = [
            (comparable(page[count]["submitted_at"]), shard)
            for shard, (page, count) in enumerate(zip(pages, taken, strict=True))
            if count < len(page) - 1
        ]
        if not ahead:
            break
        shard = min(ahead)[1]
        rows.append(pages[shard][taken[shard]])
        taken[shard] += 1
    return rows, taken


def reached(page: list[Row], taken: int, cursor: str) -> str:
    """The cursor behind the rows of a shard that were taken."""
    here = str(page[-1]["here"])
    if taken == len(page) - 1:
        return here
    shard = int(here.partition(".")[0])
    last = number_of(str(page[taken - 1]["handle"]).encode()) if taken else place_of(cursor, shard)
    return f"{shard}.{last}"


def joined_events(words: list[bytes], answers: list[bytes]) -> bytes:
    """What happened in all shards, in the order of time; one cursor of all."""
    refused = refusal(answers)
    if refused:
        return refused
    rows: list[Row] = []
    cursors: list[str] = []
    missed: int | None = 0
    for answer in answers:
        *events, end = rows_of([answer])
        rows += events
        cursors.append(str(end["cursor"]))
        count = end["missed"]
        missed = missed + count if missed is not None and isinstance(count, int) else None
    end = {"cursor": ",".join(cursors), "missed": missed}
    return json_lines([*sorted_rows(rows, "at"), end])
