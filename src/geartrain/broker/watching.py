"""Text commands that tell what happens: events since the last question, and the server in one row."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from geartrain.broker.answers import incomplete, json_lines, limit_of, refused, text
from geartrain.broker.broker import Broker
from geartrain.broker.events import MOST_WATCHED, Events, Watch
from geartrain.broker.listing import MOST_ROWS
from geartrain.broker.sight import ANY

FROM_NOW: Final = b"-"
SAMPLE: Final = b"sample"
PLACES: Final = re.compile(rb"\d{1,9}(\.\d{1,20}){3}(,\d{1,9}(\.\d{1,20}){3})*")


class Place(NamedTuple):
    """How far somebody has read a shard's events."""

    began: int  # names the series
    last: int  # id
    kept: int  # events that were remembered until then


def events(broker: Broker, words: list[bytes]) -> bytes:
    """``events CURSOR|- [FUNCTION|* [LIMIT [sample|HANDLE]]]``: what happened since the cursor; ``-`` is from now on.

    With ``sample`` up to LIMIT events of each kind are told and the others skipped, with a handle those of one job.
    The last row has the cursor for the next question, and how many events were ``missed``: null where nobody can say.
    """
    if len(words) < 2:
        return incomplete(words[0])
    if words[1] != FROM_NOW and not PLACES.fullmatch(words[1]):
        return refused(f"cursor {text(words[1])!r}, expected - or the cursor of the last answer")
    if broker.events is None:
        broker.events = Events(broker.clock, broker.now)
    seen = broker.events
    watch = watch_of(words[2:])
    if not seen.expect(watch, broker.now):
        return refused(f"{MOST_WATCHED} jobs and functions are watched, as many as may be", b"QUEUE_ERROR")
    shard = broker.rules.shard
    place = (
        Place(seen.began, seen.last, seen.kept) if words[1] == FROM_NOW else places_of(words[1]).get(shard)
    )
    if place is None or place.began != seen.began:
        place = Place(0, 0, 0)
    found, reached, kept, missed = seen.after(place.last, place.kept, watch, broker.asker)
    cursor = f"{shard}.{seen.began}.{reached}.{kept}"
    end: dict[str, object] = {"cursor": cursor, "missed": missed if place.began else None}
    return b"".join([seen.line(event, shard) for event in found]) + json_lines([end])


def watch_of(words: list[bytes]) -> Watch:
    """What somebody asks for, of the words behind the cursor."""
    function, limit, which, *_ = [*words, b"", b"", b""]
    is_sample = which == SAMPLE
    return Watch(
        function=b"" if function == ANY else function,
        handle=b"" if is_sample else which,
        most=limit_of(limit) or MOST_ROWS,
        is_sample=is_sample,
    )


def places_of(cursor: bytes) -> dict[int, Place]:
    """The places in a cursor, by shard."""
    places: dict[int, Place] = {}
    for part in cursor.split(b","):
        shard, began, last, kept = map(int, part.split(b"."))
        places[shard] = Place(began, last, kept)
    return places
