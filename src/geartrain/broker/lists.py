"""Lists: answers of many rows. A turn makes some of them, so that no other peer waits for all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from geartrain.broker.access import Access
from geartrain.broker.deadlines import NEVER
from geartrain.broker.model import LISTED, LISTING, NO_LIST, Connection

ROWS: Final = 1000  # that one turn looks at, for all lists together
BYTES: Final = 128 * 1024  # that one turn makes, for all lists together
ANY_NUMBER: Final = 1 << 60
MOST_KEYS: Final = 10_000_000  # of rows that unfinished lists remember, 8 bytes each, before others may begin
MOST_BEHIND: Final = 16 * 1024 * 1024  # bytes that one peer hears behind its list
HELD: Final = 0.01  # seconds until a list goes on whose peer hears something else first


class Rows:
    """The rows of an answer, as lines; one that is empty was looked at and is not shown."""

    def __init__(self, size: int, lines: Iterator[bytes]) -> None:
        self.size = size  # keys that it remembers until it is over
        self.lines = lines
        self.told = 0  # bytes that were made


class Listing:
    """An answer that is not whole yet."""

    def __init__(self, connection: Connection, rows: Rows, asker: Access | None) -> None:
        self.connection = connection
        self.rows = rows
        self.asker = asker  # None where no rules apply
        self.begun = False
        self.over = False
        self.pieces: list[bytes] = []  # lines that the peer was not told
        self.said = 0  # packets of this turn that are not behind the list
        self.behind: list[bytes] = []  # what the peer hears when the list is over
        self.bytes_behind = 0


class Lists:
    """The lists that are not whole, in the order in which they go on."""

    def __init__(self) -> None:
        self.unfinished: dict[Connection, Listing] = {}
        self.used = False  # in this turn, or there are unfinished ones
        self.most_rows = ROWS
        self.most_bytes = BYTES
        self.rows = ROWS  # that may still be looked at in this turn
        self.bytes = BYTES  # that may still be made in this turn
        self.most_keys = MOST_KEYS
        self.keys = 0  # that the lists remember which have begun
        self.whole: list[Connection] = []  # heard again soon; whoever reads on clears the list
        self.ended: list[Connection] = []  # must end; whoever sees to that clears the list
        self.held: Callable[[Connection], bool] = never  # whether a peer waits for the store

    def may_go_on(self) -> bool:
        """Whether this turn may make more."""
        return self.rows > 0 and self.bytes > 0

    def refill(self) -> None:
        """Let the next turn make as much again."""
        self.rows = self.most_rows
        self.bytes = self.most_bytes

    def set_bounds(self, rows: int, size: int) -> None:
        """Let a turn make so many rows and bytes."""
        self.most_rows = rows
        self.most_bytes = size
        self.refill()

    def add(self, listing: Listing) -> None:
        """The rest of a list is for the next turns."""
        listing.said = len(listing.connection.outgoing)
        listing.connection.listing = LISTING
        self.unfinished[listing.connection] = listing

    def rest(self, connection: Connection) -> bool:
        """Whether a peer has to wait for the next turn with what it says behind a question that may take long."""
        if self.most_rows == ANY_NUMBER:  # nobody else would wait
            return False
        connection.listing = LISTING
        self.whole.append(connection)
        return True

    def judge(self, connection: Connection, asker: Access | None) -> None:
        """Another access holds for a peer: also for the rest of its list."""
        listing = self.unfinished.get(connection)
        if listing is not None:
            listing.asker = asker

    def is_blocked(self, listing: Listing) -> bool:
        """Whether the peer has to read, or to hear something else, before the list goes on."""
        return listing.connection.clogged or self.held(listing.connection)

    def begin(self, listing: Listing) -> bool:
        """Whether a list may begin; if not, a list whose peer does not read may have to make room."""
        if listing.begun:
            return True
        if self.keys and self.keys + listing.rows.size > self.most_keys:
            self.end_idle()
            return False
        listing.begun = True
        self.keys += listing.rows.size
        return True

    def end_idle(self) -> None:
        """End the first peer that does not read its list, if there is one."""
        for listing in list(self.unfinished.values()):
            if listing.begun and listing.connection.clogged:
                self.end(listing)
                return

    def end(self, listing: Listing) -> None:
        """Give a peer up."""
        self.forget(listing.connection)
        self.ended.append(listing.connection)

    def finish(self, listing: Listing) -> None:
        """A list is whole: its peer hears what came behind it, and is heard again."""
        connection = listing.connection
        self.forget(connection)
        for packet in listing.behind:
            connection.send(packet)
        connection.listing = LISTED
        self.whole.append(connection)

    def forget(self, connection: Connection) -> None:
        """A peer's list is over, or nobody will hear the rest."""
        listing = self.unfinished.pop(connection, None)
        connection.listing = NO_LIST
        if listing is not None and listing.begun:
            self.keys -= listing.rows.size

    def wait(self) -> float:
        """How many seconds may pass until a list goes on; NEVER while all peers have to read first."""
        soonest = NEVER
        for listing in self.unfinished.values():
            if listing.connection.clogged:
                continue
            if not self.held(listing.connection):
                return 0.0
            soonest = HELD
        return soonest


def never(connection: Connection) -> bool:
    """Where no store keeps jobs, nothing is held back."""
    return False
