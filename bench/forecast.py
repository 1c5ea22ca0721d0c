"""What N machines would do: a model, of which nothing but the costs of a job is measured.

A server has one thread, and so has an engine's primary: each is thought to have a processor of its own, and clients and
workers more than they need. Then the pool does as many jobs a second as the busiest of those processors allows.

Functions are thought to be spread evenly over the shards, clients and workers over the servers, and a worker to do
the functions of one shard. A network is thought to cost what loopback costs.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from bench.pool_rows import AT_FOLLOWER, ONE
from bench.promises import Medians

MACHINES: Final = (1, 2, 3, 6, 12)
SMALLEST_CLUSTER: Final = 3  # primaries
FEWEST_SHARDS: Final = 6  # of a pool on a Cluster, unless its URL says otherwise

SERVER: Final = "a server"
ENGINE: Final = "the engine"


class Costs(NamedTuple):
    """Seconds of a processor for a job."""

    leader: float  # the leader's, if client and worker are connected to it
    remote: float  # the leader's, if they are connected to another server
    follower: float  # that other server's
    engine: float  # the primary's


class Setup(NamedTuple):
    """Machines with a server each, and an engine."""

    machines: int
    primaries: int
    shards: int


class Forecast(NamedTuple):
    """Jobs a second, and which processor allows no more."""

    rate: float
    busiest: str  # SERVER or ENGINE


def costs_of(row: str, medians: Medians) -> Costs | None:
    """What a run of the benchmark says of the costs; None where it did not measure them."""
    one = medians.get(row, {}).get(ONE)
    other = medians.get(row, {}).get(AT_FOLLOWER)
    if one is None or other is None:
        return None
    costs = (one.leader, other.leader, other.followers, one.engine)
    known = [cost for cost in costs if cost]
    return Costs(*known) if len(known) == len(costs) else None


def forecast(costs: Costs, setup: Setup) -> Forecast:
    """How many jobs a second a pool would do."""
    server = busiest_server(costs, setup)
    engine = costs.engine * largest_share(setup.shards, setup.primaries)
    return Forecast(1 / max(server, engine), ENGINE if engine > server else SERVER)


def busiest_server(costs: Costs, setup: Setup) -> float:
    """What each job of the pool costs that server which leads the most shards."""
    led = largest_share(setup.shards, setup.machines)
    return led * cost_of_leading(costs, setup.machines) + (1 - led) * cost_of_following(costs, setup.machines)


def cost_of_leading(costs: Costs, machines: int) -> float:
    """What a job of a shard costs its leader, which has one of so many parts of all clients and workers."""
    own = 1 / machines
    return own * costs.leader + (1 - own) * costs.remote


def cost_of_following(costs: Costs, machines: int) -> float:
    """What a job costs each server that does not lead its shard."""
    return costs.follower / machines


def largest_share(shards: int, parts: int) -> float:
    """The share of all shards which the one has that has the most."""
    return -(-shards // parts) / shards


def on_one_primary(machines: int) -> Setup:
    return Setup(machines, 1, 1)


def on_cluster(machines: int) -> Setup | None:
    """With a primary and a shard at least for each machine; None where they are too few for a Cluster."""
    if machines < SMALLEST_CLUSTER:
        return None
    return Setup(machines, machines, max(machines, FEWEST_SHARDS))
