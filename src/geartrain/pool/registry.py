"""Registry: which servers the pool has, and which of them leads which shard."""

from __future__ import annotations

import secrets
from typing import Final, NamedTuple

from geartrain.errors import SettingsError
from geartrain.pool.address import CLUSTER, Address
from geartrain.pool.engine import HOLD, Call, Engine
from geartrain.pool.keys import Keys, PoolKeys
from geartrain.pool.node import Argument, Reply
from geartrain.pool.script import BEAT, JOIN, LEAD, RELEASE, RENEW, SECRETS

FORM: Final = 1  # of the pool's data
FORGOTTEN: Final = 3600.0  # seconds of silence after which a server is no longer told of


class Member(NamedTuple):
    """A server of the pool."""

    server: str
    text: str  # what it says of itself
    age: float = 0.0  # seconds since it was heard of, by the engine's clock


class Lease(NamedTuple):
    """Who leads a shard."""

    token: str
    text: str  # what the leader says of itself
    seconds: float  # for which it lasts
    lost: bool = False  # the engine had lost it, and has it again


class Registry:
    """What the servers of a pool know of each other; everything raises StoreError where the engine is lost."""

    def __init__(self, address: Address, hold: float = HOLD, ack: str = "auto") -> None:
        self.address = address
        self.ack = ack  # who must have a lease that is taken: a replica without it would know an old leader
        self.keys = PoolKeys(address)
        self.shards = [Keys(address, shard) for shard in range(address.shards)]
        self.engine = Engine(address, None, hold)
        self.engines = [
            Engine(address, shard, hold) if address.kind == CLUSTER else self.engine
            for shard in range(address.shards)
        ]
        self.round_trips = self.engine.round_trips
        for engine in self.engines:
            engine.round_trips = self.round_trips

    async def join(self, secret: str = "") -> None:
        """Join the pool, which is made if there is none.

        A pool that the engine has lost is made again, with the ``secret`` that we know. Raises SettingsError where the
        pool is another one than the URL says.
        """
        arguments: list[Argument] = [FORM, self.address.shards, secret or secrets.token_hex(16)]
        form, shards, _ = await self.engine.call(JOIN, [self.keys.facts], arguments)
        name = self.address.name
        if int(form) > FORM:
            raise SettingsError(
                f"the pool at {name} is of a newer Geartrain: its form is version {int(form)},"
                f" this one knows versions up to {FORM}"
            )
        if int(shards) != self.address.shards:
            raise SettingsError(
                f"the pool at {name} has {int(shards)} shards for good: shards={int(shards)} is expected,"
                f" not {self.address.shards}"
            )

    async def secrets(self) -> list[bytes]:
        """The secrets that the servers of the pool have in common, the newest first; none where there is no pool."""
        return await self.exchange_secret("", 0.0)

    async def rotate_secret(self, seconds: float) -> bool:
        """Have another secret; the one before is accepted for so long. Whether there is such a pool."""
        return bool(await self.exchange_secret(secrets.token_hex(16), seconds))

    async def exchange_secret(self, secret: str, seconds: float) -> list[bytes]:
        arguments: list[Argument] = [secret, int(seconds * 1000)]
        return list(await self.engine.call(SECRETS, [self.keys.facts], arguments))

    async def beat(self, server: str, text: str) -> list[Member]:
        """Say that a server lives, and hear of all that do or did within the last hour, this one too."""
        return await self.heard(server, text)

    async def members(self) -> list[Member]:
        """The servers of the pool."""
        return await self.heard("", "")

    async def heard(self, server: str, text: str) -> list[Member]:
        arguments: list[Argument] = [server, text, int(FORGOTTEN * 1000)]
        found = await self.engine.call(BEAT, [self.keys.members], arguments)
        members = [Member(name.decode(), said.decode(), age / 1000) for name, age, said in found]
        return sorted(members)

    async def leave(self, server: str) -> None:
        """Have a server forgotten."""
        await self.engine.ask(b"HDEL", self.keys.members, server)

    async def lead(self, shard: int, token: str, text: str, seconds: float, instead_of: str = "") -> Lease:
        """Take the lease of a shard if it is free or held with the token ``instead_of``; the lease as it is then."""
        arguments: list[Argument] = [token, text, int(seconds * 1000), instead_of]
        call = Call(LEAD, self.shards[shard].lease_keys, arguments)
        (reply,) = await self.engines[shard].run([call], self.ack)
        return lease_in(reply)

    async def renew(
        self, shard: int, token: str, seconds: float, text: str = "", number: int = 0
    ) -> Lease | None:
        """Keep the lease, if nobody else has led the shard since it was taken; None where nobody leads it now.

        It is taken again where nobody leads, and the engine does not know that a job with that number was made.
        """
        arguments: list[Argument] = [token, int(seconds * 1000), text, number or ""]
        reply = await self.engines[shard].call(RENEW, self.shards[shard].renew_keys, arguments)
        return lease_in(reply) if reply else None

    async def release(self, shard: int, token: str) -> None:
        """Give up the lease, if it is ours."""
        await self.engines[shard].call(RELEASE, self.shards[shard].lease_keys, [token])

    async def number(self, shard: int) -> int:
        """The number up to which no job of a shard may have one again, as far as the engine knows."""
        return int(await self.engines[shard].ask(b"GET", self.shards[shard].number) or 0)

    async def lease(self, shard: int) -> Lease | None:
        """Who leads a shard; None where nobody does."""
        key = self.shards[shard].lease
        text, milliseconds = await self.engines[shard].run([(b"GET", key), (b"PTTL", key)])
        return lease_in((text, milliseconds)) if text else None

    async def leases(self) -> list[Lease | None]:
        """Who leads the shards, one after the other."""
        return [await self.lease(shard) for shard in range(self.address.shards)]

    async def close(self) -> None:
        """Let go of the engine."""
        for engine in (self.engine, *self.engines):
            await engine.close()


def lease_in(reply: Reply) -> Lease:
    """The lease in an answer."""
    lease, milliseconds, *lost = reply
    token, _, text = lease.partition(b" ")
    return Lease(token.decode(), text.decode(), max(milliseconds, 0) / 1000, lost == [1])
