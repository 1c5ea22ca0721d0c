"""Servers under load whose networks are neither up nor down: nothing acknowledged is lost, all go on soon after."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from geartrain.protocol.commands import ERROR, JOB_CREATED, SUBMIT_JOB_BG
from tests.pool.trial import LONGEST, ROUNDS, Trial
from tests.server.links import Link
from tests.support.engines import EngineSet
from tests.support.machine import HOST, free_port, wait_until
from tests.support.networks import BAD, DEAF, FINE, MUTE, STALLED, Proxy, Weather, proxy
from tests.support.pools import Pool

HEARTBEAT = 1.0
NO_LEADER = (ERROR, b"QUEUE_ERROR", b"the pool has no leader for this function")


class Networks:
    """A pool whose servers reach each other, and the engine, through proxies."""

    def __init__(self, members: Pool, links: list[Proxy], engines: list[Proxy]) -> None:
        self.members = members
        self.links = links  # to each server
        self.engines = engines  # from each server


@contextmanager
def networks(
    engine: EngineSet, servers: int, shards: int, namespace: str, *options: str
) -> Iterator[Networks]:
    """A pool with a proxy to each server, and one from each server to the engine."""
    members = Pool("", "--heartbeat", f"{HEARTBEAT:g}", *options)
    found = Networks(members, [], [])
    with ExitStack() as proxies, members.stack:
        for _ in range(servers):
            port = free_port()
            found.links.append(proxies.enter_context(proxy(port)))
            found.engines.append(proxies.enter_context(proxy(engine.nodes[0].port)))
            url = f"valkey://{HOST}:{found.engines[-1].port}?namespace={namespace}&shards={shards}"
            members.url = url
            members.add("--pool-address", f"{HOST}:{found.links[-1].port}", port=port)
        members.wait_until_led()
        yield found
        for one in [*found.links, *found.engines]:
            one.weather = FINE


@pytest.mark.timeout(LONGEST)
@pytest.mark.parametrize("shards", [1, 6])
@pytest.mark.parametrize("where", ["links", "engines"])
def test_a_network_that_stalls_slows_down_or_passes_one_direction_only(
    engine: EngineSet, where: str, shards: int
) -> None:
    with networks(engine, 3, shards, f"networks-{where}-{shards}") as found:
        trial = Trial(found.members)
        kinds = trial.chance.sample(BAD, len(BAD))

        async def disturb(round: int) -> None:
            proxies = found.links if where == "links" else found.engines
            number = trial.chance.randrange(len(proxies))
            server = found.members.servers[number]
            # Its peers may hear nothing for longer than the heartbeat, as those of a server that stands still.
            trial.ledger.frozen.add((server.port, trial.load.lives[server.port]))
            proxies[number].weather = kinds[round % len(BAD)]
            await asyncio.sleep(trial.chance.uniform(0.1, 2.5 * HEARTBEAT))
            proxies[number].weather = FINE

        trial.run(disturb, ROUNDS)


@pytest.mark.parametrize("weather", [STALLED, DEAF, MUTE])
def test_a_client_whose_server_reaches_no_leader_hears_so_and_goes_on_when_the_network_does(
    engine: EngineSet, weather: Weather
) -> None:
    with networks(engine, 2, 1, f"deaf-{weather.there}-{weather.back}", "--engine-hold", "0.5") as found:
        leader, (follower,) = found.members.leader(), found.members.followers()
        link = found.links[found.members.servers.index(leader)]
        with Link(follower.connect()) as client:
            assert client.asks(SUBMIT_JOB_BG, b"f", b"", b"")[0] == JOB_CREATED
            link.weather = weather
            assert client.asks(SUBMIT_JOB_BG, b"f", b"", b"") == NO_LEADER
            link.weather = FINE
            wait_until(lambda: client.asks(SUBMIT_JOB_BG, b"f", b"", b"")[0] == JOB_CREATED, "it goes on")
