"""Feeds: what happens to jobs, read once for all streams that ask for the same with the same rights."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final, NamedTuple

from geartrain.protocol.watching import FROM_NOW, events
from geartrain.web.looks import Row
from geartrain.web.ports import Identity, Keeper
from geartrain.web.streams import PULSE, event

PAUSE: Final = 0.25  # seconds between two questions for what has happened
MOST: Final = 1000  # events of one answer
AT_ONCE: Final = 100  # events that are sent in one go: to send costs more than to write an event
ROUNDS: Final = 8  # answers that a slow stream may be behind; of older ones it hears how much it missed


class Asked(NamedTuple):
    """What a stream wants to hear of."""

    function: str
    most: int = MOST
    which: str = ""  # "sample", or a handle


class Key(NamedTuple):
    """What a feed is of, and for whom."""

    asked: Asked
    rights: frozenset[tuple[str, tuple[str, ...]]]  # empty where there are no rules


class Round:
    """One answer: rows, and how they are sent, which is made once."""

    def __init__(self, number: int, before: int, rows: list[Row]) -> None:
        self.number = number
        self.before = before  # events of the feed before these
        self.rows = rows
        self.encoded: list[bytes] = []

    def chunks(self) -> list[bytes]:
        """The rows as events, some in each chunk."""
        if not self.encoded:
            said = [event(str(row["kind"]), row) for row in self.rows]
            self.encoded = [b"".join(said[at : at + AT_ONCE]) for at in range(0, len(said), AT_ONCE)]
        return self.encoded


class Feed:
    """One reading. It goes on while somebody listens."""

    def __init__(self, key: Key, keeper: Keeper) -> None:
        self.key = key
        self.keeper = keeper
        self.cursor = FROM_NOW
        self.listeners: dict[Listener, None] = {}
        self.rounds: deque[Round] = deque(maxlen=ROUNDS)
        self.last = 0  # number of the newest round
        self.events = 0  # so far
        self.lock = asyncio.Lock()
        self.read = asyncio.Event()  # set and made anew with each round
        self.error: Exception | None = None  # why there is nothing more to be heard; None while there is
        self.task: asyncio.Task[None] | None = None

    async def catch_up(self, identity: Identity) -> None:
        """Read what has happened up to now, on behalf of somebody who listens or is about to."""
        async with self.lock:
            inside = self.keeper.admit(identity)
            try:
                page = await inside.ask(events(self.cursor, *self.key.asked))
            finally:
                inside.close()
            self.cursor = page.cursor
            if rights_of(self.keeper, identity) != self.key.rights:
                return  # the rules are others by now: whoever listens looks for another feed
            missed: list[Row] = [{"kind": "missed", "count": page.missed}] if page.missed else []
            self.publish([*missed, *page.events], (page.missed or 0) + len(page.events))

    def publish(self, rows: list[Row], count: int) -> None:
        self.last += 1
        if rows:
            self.rounds.append(Round(self.last, self.events, rows))
            self.events += count
        self.wake()

    def wake(self) -> None:
        self.read.set()
        self.read = asyncio.Event()

    def start(self) -> None:
        """Read from now on, if it does not yet."""
        if self.task is None:
            self.task = asyncio.create_task(self.run())

    def stop(self) -> None:
        if self.task is not None:
            self.task.cancel()

    async def run(self) -> None:
        """Read until nobody listens."""
        while self.listeners:
            await asyncio.sleep(PAUSE)
            reader = next(iter(self.listeners), None)
            if reader is None:
                return
            try:
                await self.catch_up(reader.identity)
            except Exception as error:  # whatever it is: those who listen raise it
                self.error = error
                self.wake()
                return

    def since(self, number: int, heard: int) -> list[Round]:
        """The rounds behind one, after which so many events had been heard; first what is lost of them."""
        rounds = [each for each in self.rounds if each.number > number]
        lost = rounds[0].before - heard if rounds else 0
        if lost > 0:
            rounds.insert(0, Round(rounds[0].number - 1, heard, [{"kind": "missed", "count": lost}]))
        return rounds


class Listener:
    """A stream at its feed. Where the rules change meanwhile it changes to the feed of its new rights."""

    def __init__(self, feeds: Feeds, identity: Identity, asked: Asked) -> None:
        self.feeds = feeds
        self.identity = identity
        self.asked = asked
        self.feed: Feed | None = None  # None before the beginning, and after the end
        self.number = 0  # of the last round that was heard
        self.heard = 0  # events of the feed up to then

    async def begin(self) -> None:
        """Listen from now on; raises GearmanError where that cannot be had."""
        self.leave()
        self.feed = self.feeds.join(self.key(), self)
        await self.feed.catch_up(self.identity)
        self.number, self.heard = self.feed.last, self.feed.events
        self.feed.start()

    def key(self) -> Key:
        return Key(self.asked, rights_of(self.feeds.keeper, self.identity))

    async def next(self) -> list[Round]:
        """What has happened since the last time; nothing after a while in which nothing has.

        Raises GearmanError where there is nothing more to be heard.
        """
        feed = self.feed
        if feed is None or self.key() != feed.key:
            await self.begin()
            return []
        rounds = feed.since(self.number, self.heard)
        if not rounds and feed.error is None:
            try:
                async with asyncio.timeout(PULSE):
                    while not rounds and feed.error is None:
                        await feed.read.wait()
                        rounds = feed.since(self.number, self.heard)
            except TimeoutError:
                return []
        if self.key() != feed.key:
            return []
        if rounds:
            self.number, self.heard = feed.last, feed.events
        elif feed.error is not None:
            raise feed.error
        return rounds

    def leave(self) -> None:
        """Listen no more."""
        if self.feed is not None:
            self.feeds.leave(self.feed, self)
            self.feed = None


class Feeds:
    """All readings that are under way."""

    def __init__(self, keeper: Keeper) -> None:
        self.keeper = keeper
        self.feeds: dict[Key, Feed] = {}

    def join(self, key: Key, listener: Listener) -> Feed:
        """The reading of somebody's question, which goes on as long as somebody is there to listen."""
        feed = self.feeds.get(key)
        if feed is None or feed.error is not None:
            feed = self.feeds[key] = Feed(key, self.keeper)
        feed.listeners[listener] = None
        return feed

    def leave(self, feed: Feed, listener: Listener) -> None:
        """One listens no more; without any a reading ends."""
        del feed.listeners[listener]
        if not feed.listeners:
            if self.feeds.get(feed.key) is feed:
                del self.feeds[feed.key]
            feed.stop()


def rights_of(keeper: Keeper, identity: Identity) -> frozenset[tuple[str, tuple[str, ...]]]:
    """What somebody may do by now."""
    if not keeper.guards():
        return frozenset()
    return frozenset((right, tuple(names)) for right, names in keeper.rights(identity).items())
