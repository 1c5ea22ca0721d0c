"""The process in which all hostile peers are: it begins each at its time, and says in the end what they did."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from random import Random
from typing import Final, NamedTuple

from tests.hostile.kinds import KINDS, Kind
from tests.hostile.visit import Ports, Visit

SPEED: Final = 6  # an hour's worth of hostile peers in ten minutes
POLITENESS: Final = 5  # by which others go before us: the server's time is what is looked at
LAST_PATIENCE: Final = 2.0  # seconds that the last peers may take to go by themselves

Tallies = dict[str, Counter[str]]  # by the name of the kind


class Start(NamedTuple):
    """When a peer comes."""

    at: float  # seconds from the beginning
    kind: Kind
    number: int


def starts(seed: str, seconds: float, kinds: Iterable[Kind]) -> Iterator[Start]:
    """All peers: those of each kind evenly over the time."""
    for kind in kinds:
        random = Random(f"{seed} {kind.name()}")
        count = max(1, round(kind.hourly * SPEED * seconds / 3600))
        for number in range(count):
            yield Start((number + random.random()) * seconds / count, kind, number)


class Crowd:
    """The peers that are there."""

    def __init__(self, seed: str, ports: Ports, kinds: Iterable[str] = ()) -> None:
        self.seed = seed
        self.ports = ports
        self.kinds = [kind for kind in KINDS if not kinds or kind.name() in kinds]
        self.tallies: Tallies = {kind.name(): Counter() for kind in self.kinds}

    async def run(self, seconds: float) -> Tallies:
        """Have all peers come, and wait for them to go."""
        loop = asyncio.get_running_loop()
        begun = loop.time()
        visits = []
        coming = starts(self.seed, seconds, self.kinds)
        for start in sorted(coming, key=lambda start: start.at):
            await asyncio.sleep(max(0.0, begun + start.at - loop.time()))
            visits.append(asyncio.create_task(self.visit(start)))
        done, late = await asyncio.wait(visits, timeout=LAST_PATIENCE)
        for task in late:
            task.cancel()
        for task in done:
            task.result()
        return self.tallies

    async def visit(self, start: Start) -> None:
        """One peer's life."""
        name = start.kind.name()
        tally = self.tallies[name]
        visit = Visit(f"{self.seed} {name} {start.number}", self.ports, tally)
        tally["peers"] += 1
        try:
            await start.kind.act(visit)
        except (OSError, TimeoutError):
            tally["turned away"] += 1
        finally:
            visit.leaves()


def main() -> None:
    """Talk to a server: by a seed, for some seconds, at its ports, as peers of these kinds (none stands for all)."""
    seed, seconds, *rest = sys.argv[1:]
    os.nice(POLITENESS)
    ports, kinds = rest[: len(Ports._fields)], rest[len(Ports._fields) :]
    crowd = Crowd(seed, Ports(*map(int, ports)), kinds)
    print(json.dumps(asyncio.run(crowd.run(float(seconds)))))


if __name__ == "__main__":
    main()
