"""A trial: a pool under load, what happens to it, and what came of that.

``ROUNDS=10 SEED=1`` in the environment makes trials longer, and repeats the choices of a run (`make torture`).
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import Awaitable, Callable

from tests.pool.ledger import Ledger
from tests.pool.load import FUNCTIONS, Load
from tests.support.machine import DEADLINE
from tests.support.pools import Pool, fenced
from tests.support.processes import ServerProgram

ROUNDS = int(os.environ.get("ROUNDS", "2"))
SEED = int(os.environ.get("SEED", random.randrange(1_000_000)))
PATIENCE = 5.0  # seconds
LATE = "late result of a job"
LONGEST = 60 + ROUNDS * 20  # seconds


class Trial:
    """What happens is done in threads, beside the load."""

    def __init__(self, members: Pool) -> None:
        print(f"SEED={SEED}")
        self.members = members
        self.chance = random.Random(SEED)
        self.ledger = Ledger()
        self.load = Load([server.port for server in members.servers], self.ledger, self.chance)

    def run(self, happens: Callable[[int], Awaitable[None]], rounds: int = ROUNDS) -> None:
        """Have something happen once a round, and check what came of it."""

        async def events() -> None:
            for round in range(rounds):
                await asyncio.sleep(self.chance.uniform(0.3, 1.0))
                began_at = time.monotonic()
                await happens(round)
                await self.until_served()
                self.ledger.disturbed.append((began_at, time.monotonic()))

        try:
            asyncio.run(self.load.while_doing(events))
        finally:
            for server in self.members.servers:
                print(server.address, server.output())
        self.note_late()
        print(self.ledger.summary())
        self.ledger.check()
        assert len(self.ledger.submitted) > 20 * rounds

    async def victim(self, round: int) -> ServerProgram:
        """The leader and a follower by turns."""
        if round % 2:
            return self.chance.choice(await asyncio.to_thread(self.members.followers))
        return await asyncio.to_thread(self.members.leader)

    async def kill(self, server: ServerProgram) -> None:
        """End a server without a word."""
        await asyncio.to_thread(self.note_fenced, server)
        await asyncio.to_thread(server.kill)
        self.load.died(server.port)

    async def stop(self, server: ServerProgram) -> None:
        """End a server as it should be ended; what it has refused by then is in its log."""
        await asyncio.to_thread(server.stop)
        self.ledger.fenced += server.output().count(LATE)
        self.load.ended(server.port)

    def note_fenced(self, *servers: ServerProgram) -> None:
        """Count what servers have refused, before they are gone."""
        for server in servers:
            self.ledger.fenced += fenced(server)

    def note_late(self) -> None:
        """Count what servers have refused by now, and those late results that are still on their way."""
        earlier, late = self.ledger.fenced, len(self.ledger.late())
        until = time.monotonic() + PATIENCE
        while True:
            self.ledger.fenced = earlier
            self.note_fenced(*self.members.servers)
            if self.ledger.fenced >= late or time.monotonic() > until:
                return
            time.sleep(0.05)

    async def until_served(self) -> None:
        """Wait until jobs of every function were acknowledged that were submitted later than now."""
        since = time.monotonic()
        async with asyncio.timeout(DEADLINE):
            while self.ledger.acknowledged_since(since) < set(FUNCTIONS):
                await asyncio.sleep(0.02)
