"""Members of pools in the place of single servers, so that what holds for one is seen to hold for the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import count

from tests.support.engines import EngineSet, standalone
from tests.support.machine import wait_until
from tests.support.processes import GeartrainProgram, Place

LEADER = "leader"  # the server is alone in its pool
FOLLOWER = "follower"  # another server leads: everything passes a link
SHARDS = "shards"  # there are three shards, and another server leads two of them
WAYS = (LEADER, FOLLOWER, SHARDS)

OF_ITS_OWN = (
    "--listen",
    "--listen-tls",
    "--http",
    "--http-port",
    "--log-file",
    "--user",
    "--grace",
)  # what the other server must not have, too
NUMBERS = count(1)


class Membership:
    """Makes members of servers: each is in a pool of its own, all of them on one engine."""

    def __init__(self, engine: EngineSet, way: str) -> None:
        self.engine = engine
        self.way = way

    @contextmanager
    def __call__(self, options: Sequence[str]) -> Iterator[Place]:
        """A server's place in a pool that ends with the block."""
        shards = 3 if self.way == SHARDS else 1
        store = ("--store", f"{self.engine.url}?namespace=member-{next(NUMBERS)}&shards={shards}")
        if self.way == LEADER:
            yield Place((*options, *store), ())
            return
        with GeartrainProgram(*shared(options), *store) as leader:
            # Its log says so: it may speak TLS only, or have rules by which nobody may ask.
            wait_until(partial(leads, leader, shards), "the other server leads")
            yield Place((*options, *store), [leader])
            leader.kill()  # it has nothing to lose, and would take its time


def leads(server: GeartrainProgram, shards: int) -> bool:
    """Whether a server has begun to lead so many shards."""
    return server.output().count("leading") >= shards


def shared(options: Sequence[str]) -> list[str]:
    """Those of a server's options that all servers of its pool should have; the others have a value."""
    own = [place for place, option in enumerate(options) if option in OF_ITS_OWN]
    return [option for place, option in enumerate(options) if place not in own and place - 1 not in own]


@contextmanager
def follower(*options: str) -> Iterator[GeartrainProgram]:
    """Our server as a member of a pool that another one leads, and an engine for them."""
    with (
        standalone() as engine,
        GeartrainProgram(*options, membership=Membership(engine, FOLLOWER)) as program,
    ):
        yield program


@contextmanager
def members(way: str) -> Iterator[None]:
    """Within the block each server of ours that is not told where to keep its jobs is a member of a pool."""
    assert way in WAYS, f"GEARTRAIN_POOL={way}, one of {', '.join(WAYS)} is expected"
    with standalone() as engine:
        GeartrainProgram.membership = Membership(engine, way)
        try:
            yield
        finally:
            GeartrainProgram.membership = None
