"""Pieces: how an answer of many rows is told, as much in each turn as there is room for."""

from __future__ import annotations

from geartrain.broker.accidents import Accident
from geartrain.broker.broker import Broker
from geartrain.broker.lists import MOST_BEHIND, Listing, Rows
from geartrain.broker.model import Connection


def begin(broker: Broker, connection: Connection, rows: Rows) -> bool:
    """Answer with rows. True where that was all; if not, the peer must not be heard before the rest is told."""
    lists = broker.lists
    lists.used = True
    listing = Listing(connection, rows, broker.asker)
    if lists.may_go_on() and lists.begin(listing):
        make(broker, listing)
    tell(broker, listing)
    if listing.over:
        lists.keys -= rows.size
        return True
    lists.add(listing)
    return False


def go_on(broker: Broker) -> None:
    """The end of a turn: tell more of the lists that are not whole, each in its turn."""
    lists = broker.lists
    lists.refill()
    for listing in list(lists.unfinished.values()):
        try:
            tell_more(broker, listing)
        except Exception as error:  # whatever it is: the other lists go on
            broker.accidents.append(Accident("a list", error, listing.connection))
            lists.forget(listing.connection)
    lists.refill()
    lists.used = bool(lists.unfinished)


def tell_more(broker: Broker, listing: Listing) -> None:
    """The next piece of a list, if there is room in this turn and the peer reads."""
    lists = broker.lists
    if not broker.relayed:
        keep_behind(listing)
        if listing.bytes_behind > MOST_BEHIND:
            return lists.end(listing)
    if not lists.may_go_on() or lists.is_blocked(listing) or not lists.begin(listing):
        return None
    make(broker, listing)
    tell(broker, listing)
    if listing.over:
        return lists.finish(listing)
    # The others come first in the next turn.
    del lists.unfinished[listing.connection]
    lists.unfinished[listing.connection] = listing


def keep_behind(listing: Listing) -> None:
    """Keep back what the peer has to hear and what is no part of the list."""
    outgoing = listing.connection.outgoing
    packets = outgoing[listing.said :]
    if packets:
        listing.behind += packets
        listing.bytes_behind += sum(map(len, packets))
        del outgoing[listing.said :]
    listing.said = 0


def make(broker: Broker, listing: Listing) -> None:
    """Make rows as long as the turn may."""
    lists = broker.lists
    before = broker.asker
    broker.asker = listing.asker
    try:
        for line in listing.rows.lines:
            listing.pieces.append(line)
            lists.rows -= 1
            lists.bytes -= len(line)
            listing.rows.told += len(line)
            if not lists.may_go_on():
                return
        listing.over = True
    finally:
        broker.asker = before


def tell(broker: Broker, listing: Listing) -> None:
    """Tell what is made; another server is told the whole answer at once."""
    if listing.pieces and (listing.over or not broker.relayed):
        listing.connection.send(b"".join(listing.pieces))
        listing.pieces = []
