"""Losses: what a server knows of its pool beside the engine, so that a loss of the engine's data is noticed."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

from geartrain.pool.card import Card

MOST: Final = 20  # losses that are told, the latest ones


class Losses:
    """The highest numbers of jobs, by shard, as far as any leader has said, and the losses that were seen."""

    def __init__(self, log: logging.Logger, shards: int) -> None:
        self.log = log
        self.numbers = [0] * shards
        self.seen: list[str] = []  # for people, with their times

    def learn(self, cards: Iterable[Card]) -> None:
        """Know what leaders say of their shards."""
        for card in cards:
            for shard, about in card.led.items():
                number = about.get("number")
                if isinstance(number, int) and shard.isdecimal() and int(shard) < len(self.numbers):
                    self.numbers[int(shard)] = max(self.numbers[int(shard)], number)

    def tell(self, shard: int, what: str) -> None:
        """Say it in the log, and to whoever asks how the server is."""
        text = f"the engine has lost the data of shard {shard}: {what}"
        self.log.error(text)
        moment = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        self.seen = [*self.seen, f"{moment} {text}"][-MOST:]
