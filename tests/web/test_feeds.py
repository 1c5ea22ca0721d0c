"""Feeds: streams that ask for the same with the same rights share one reading."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import TypeVar, cast

import pytest

from geartrain.errors import ConnectionLost, GearmanError
from geartrain.protocol.admin import Query
from geartrain.protocol.watching import EventPage
from geartrain.web.feeds import ROUNDS, Asked, Feeds, Listener
from geartrain.web.ports import Identity, Inside, Keeper
from tests.support.machine import DEADLINE

Answer = TypeVar("Answer")

ALL = Asked("*")
ADA, BOB, EVE = Identity("ada"), Identity("bob"), Identity("eve")


class Door:
    """A keeper whose rules a test sets, and a server to which that number of things has happened."""

    def __init__(self) -> None:
        self.rules: dict[str, dict[str, list[str]]] = {}  # rights by host; nothing where there are no rules
        self.happened = 0
        self.told = 0
        self.asked_by: list[str] = []
        self.error: GearmanError | None = None
        self.who = ""

    def admit(self, identity: Identity) -> Inside:
        self.who = identity.host
        return cast(Inside, self)

    def guards(self) -> bool:
        return bool(self.rules)

    def rights(self, identity: Identity) -> dict[str, list[str]]:
        return self.rules[identity.host]

    async def ask(self, query: Query[Answer]) -> Answer:
        self.asked_by.append(self.who)
        if self.error is not None:
            raise self.error
        ids: Sequence[int] = range(self.told, self.happened) if " - " not in query.line else []
        self.told = self.happened
        return cast(Answer, EventPage([{"kind": "submitted", "id": number} for number in ids], "c", 0))

    def close(self) -> None:
        """Hang up."""


@pytest.fixture
def door(monkeypatch: pytest.MonkeyPatch) -> Door:
    monkeypatch.setattr("geartrain.web.feeds.PAUSE", 0.0)
    return Door()


def run(story: Callable[[], Coroutine[None, None, None]]) -> None:
    async def within() -> None:
        async with asyncio.timeout(DEADLINE):
            await story()

    asyncio.run(within())


async def listens(feeds: Feeds, *identities: Identity) -> list[Listener]:
    listeners = [Listener(feeds, identity, ALL) for identity in identities]
    await asyncio.gather(*[listener.begin() for listener in listeners])
    return listeners


async def hears(listener: Listener) -> list[object]:
    """The ids of the next events, or how many were missed."""
    rounds: list[object] = []
    while not rounds:
        rounds = [row.get("id", row.get("count")) for each in await listener.next() for row in each.rows]
    return rounds


def test_streams_with_the_same_question_share_one_reading(door: Door) -> None:
    async def story() -> None:
        feeds = Feeds(cast(Keeper, door))
        listeners = await listens(feeds, *[ADA] * 30)
        assert len(feeds.feeds) == 1
        door.happened = 2
        asked = len(door.asked_by)
        (feed,) = feeds.feeds.values()
        await feed.catch_up(ADA)
        assert len(door.asked_by) == asked + 1
        assert [await hears(listener) for listener in listeners] == [[0, 1]] * 30
        assert (
            len({id(chunk) for listener in listeners for each in feed.rounds for chunk in each.chunks()}) == 1
        )
        for listener in listeners:
            listener.leave()
        assert feeds.feeds == {}

    run(story)


def test_streams_with_other_rights_share_nothing(door: Door) -> None:
    async def story() -> None:
        door.rules = {"ada": {"view": ["a*"]}, "bob": {"view": ["b*"]}, "eve": {"view": ["a*"]}}
        feeds = Feeds(cast(Keeper, door))
        await listens(feeds, ADA, BOB, EVE)
        assert sorted(len(feed.listeners) for feed in feeds.feeds.values()) == [1, 2]

    run(story)


def test_who_loses_a_right_hears_nothing_more_of_those_who_have_it(door: Door) -> None:
    async def story() -> None:
        door.rules = {"ada": {"view": ["*"]}, "bob": {"view": ["*"]}}
        feeds = Feeds(cast(Keeper, door))
        ada, bob = await listens(feeds, ADA, BOB)
        shared = ada.feed
        assert shared is not None
        assert shared is bob.feed
        door.rules = {"ada": {"view": ["*"]}, "bob": {"view": []}}
        door.happened = 1
        await shared.catch_up(ADA)
        assert await bob.next() == []
        assert await hears(ada) == [0]
        assert bob.feed is not shared

    run(story)


def test_an_answer_that_came_while_rights_changed_is_told_to_nobody(door: Door) -> None:
    async def story() -> None:
        door.rules = {"ada": {"view": ["*"]}, "bob": {"view": ["*"]}}
        feeds = Feeds(cast(Keeper, door))
        ada, _ = await listens(feeds, ADA, BOB)
        shared = ada.feed
        assert shared is not None
        door.rules = {"ada": {"view": ["*"], "admin": ["*"]}, "bob": {"view": ["*"]}}
        door.happened = 1
        await shared.catch_up(ADA)
        assert list(shared.rounds) == []

    run(story)


def test_a_slow_stream_hears_how_much_it_has_missed(door: Door) -> None:
    async def story() -> None:
        feeds = Feeds(cast(Keeper, door))
        (slow,) = await listens(feeds, ADA)
        (feed,) = feeds.feeds.values()
        for happened in range(1, ROUNDS + 6):
            door.happened = happened
            await feed.catch_up(ADA)
        assert await hears(slow) == [5, *range(5, ROUNDS + 5)]

    run(story)


def test_all_who_listen_hear_why_there_is_nothing_more(door: Door) -> None:
    async def story() -> None:
        feeds = Feeds(cast(Keeper, door))
        listeners = await listens(feeds, ADA, BOB)
        door.error = ConnectionLost("the server is gone")
        for listener in listeners:
            with pytest.raises(ConnectionLost, match="the server is gone"):
                await hears(listener)
        door.error = None
        (again,) = await listens(feeds, EVE)
        assert again.feed is not listeners[0].feed

    run(story)
