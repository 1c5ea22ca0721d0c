"""Text commands that tell what happens: events since the last question, and the server in one row."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from geartrain.broker.access import VIEW
from geartrain.broker.answers import incomplete, json_lines, limit_of, refused, text
from geartrain.broker.broker import Broker
from geartrain.broker.events import INTEREST, Events, row_of
from geartrain.broker.listing import ANY, MOST_ROWS
from geartrain.broker.sight import may

FROM_NOW: Final = b"-"
PLACES: Final = re.compile(rb"\d{1,9}\.\d{1,20}\.\d{1,20}(,\d{1,9}\.\d{1,20}\.\d{1,20})*")


class Place(NamedTuple):
    """How far somebody has read a shard's events."""

    began: int  # names the series
    last: int  # id


def events(broker: Broker, words: list[bytes]) -> bytes:
    """``events CURSOR|- [FUNCTION|*] [LIMIT]``: what happened since the cursor; ``-`` is from now on.

    The last row has the cursor for the next question, and how many events were ``missed``: null where nobody can say.
    """
    if len(words) < 2:
        return incomplete(words[0])
    if words[1] != FROM_NOW and not PLACES.fullmatch(words[1]):
        return refused(f"cursor {text(words[1])!r}, expected - or the cursor of the last answer")
    if broker.events is None:
        broker.events = Events(broker.clock, broker.now)
    seen = broker.events
    seen.until = broker.now + INTEREST
    shard = broker.rules.shard
    place = Place(seen.began, seen.last) if words[1] == FROM_NOW else places_of(words[1]).get(shard)
    known = place is not None and place.began == seen.began
    last = place.last if place is not None and known else 0
    function = b"" if len(words) < 3 or words[2] == ANY else words[2]
    limit = (limit_of(words[3]) if len(words) > 3 else 0) or MOST_ROWS
    found = seen.after(last, function, limit)
    reached = found[-1].id if len(found) == limit else seen.last
    rows = [row_of(event, shard) for event in found if may(broker, VIEW, event.function)]
    missed = seen.missed(last) if known else None
    rows.append({"cursor": f"{shard}.{seen.began}.{reached}", "missed": missed})
    return json_lines(rows)


def places_of(cursor: bytes) -> dict[int, Place]:
    """The places in a cursor, by shard."""
    places: dict[int, Place] = {}
    for part in cursor.split(b","):
        shard, began, last = part.split(b".")
        places[int(shard)] = Place(int(began), int(last))
    return places
