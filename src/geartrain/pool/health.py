"""What is wrong with the engine of a pool, and what to do about it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Final

from redis.exceptions import ResponseError

from geartrain.errors import StoreError
from geartrain.pool.address import CLUSTER, Address
from geartrain.pool.card import card_in
from geartrain.pool.engine import Engine
from geartrain.pool.keys import Keys
from geartrain.pool.node import Node, at
from geartrain.pool.registry import Lease, Registry
from geartrain.pool.store import LEASE
from geartrain.store.health import OK, PROBLEM, WARNING, Finding, in_mib

OLDEST: Final = (7, 0)
OLDEST_WITH_DISK: Final = (7, 2)  # WAITAOF
LITTLE_ROOM: Final = 0.9  # of maxmemory that is used
HOLD: Final = 1.0  # seconds: who asks does not want to wait for an engine that changes

Said = Mapping[str, str]  # what a process says of itself


async def check(address: Address, ack: str, hold: float) -> list[str]:
    """Look whether the engine can be relied on; what is doubtful about it, for the log.

    Raises StoreError with what to change where it cannot, and where it cannot be reached within ``hold`` seconds.
    """
    doubts = []
    async for finding in examine_primaries(address, ack, hold):
        if finding.mark == PROBLEM:
            raise StoreError(f"{finding.subject}: {finding.text}: {finding.advice}")
        if finding.mark == WARNING:
            doubts.append(f"{finding.subject}: {finding.text}: {finding.advice}")
    return doubts


async def examine(address: Address, ack: str = "auto") -> AsyncIterator[Finding]:
    """Look at an engine and the pool in it, whatever uses them; nothing is changed."""
    yield Finding(OK, "store", address.name)
    try:
        async for finding in examine_primaries(address, ack, HOLD):
            yield finding
        async for finding in examine_pool(address):
            yield finding
    except StoreError as error:
        yield Finding(PROBLEM, "engine", str(error), "look whether it runs, and whether --store says where")


# The processes


async def examine_primaries(address: Address, ack: str, hold: float) -> AsyncIterator[Finding]:
    """Look at each primary that has a shard; raises StoreError where one cannot be reached within ``hold`` seconds."""
    seen = set()
    for shard in range(address.shards if address.kind == CLUSTER else 1):
        engine = Engine(address, shard, hold)
        try:
            await engine.ask(b"PING")  # waits while another primary is found
            node = await engine.connected()
            if node.place not in seen:
                seen.add(node.place)
                said = await said_by(node)
                for finding in examine_process(said, ack):
                    yield finding._replace(subject=f"{finding.subject} {at(node.place)}")
        finally:
            await engine.close()


async def said_by(node: Node) -> Said:
    """What a process says of itself, of its settings those that it tells us."""
    (info, *settings) = await node.ask(
        [("INFO",), *(("CONFIG", "GET", name) for name in ("save", "appendfsync", "min-replicas-to-write"))]
    )
    if isinstance(info, ResponseError):
        raise StoreError(f"{at(node.place)}: {info}: the user of the pool needs the command INFO")
    lines = info.decode("utf-8", "replace").splitlines()
    said = dict(line.partition(":")[::2] for line in lines if ":" in line)
    for setting in settings:
        if isinstance(setting, list) and len(setting) == 2:
            said[setting[0].decode()] = setting[1].decode()
    return said


def examine_process(said: Said, ack: str) -> Iterator[Finding]:
    """Look at what a process said."""
    yield examine_version(said, ack)
    yield examine_memory(said)
    yield examine_persistence(said, ack)
    yield examine_replicas(said, ack)


def examine_version(said: Said, ack: str) -> Finding:
    name = "valkey_version" if "valkey_version" in said else "redis_version"
    text = f"{name.removesuffix('_version')} {said.get(name, 'of no version')}"
    version = tuple(int(part) for part in said.get(name, "0").split(".")[:2] if part.isdecimal())
    if version < OLDEST:
        return Finding(PROBLEM, "engine", text, "use Valkey, or Redis 7.0 or later")
    if ack == "disk" and version < OLDEST_WITH_DISK:
        return Finding(PROBLEM, "engine", text, "ack=disk needs Valkey, or Redis 7.2 or later")
    return Finding(OK, "engine", text)


def examine_memory(said: Said) -> Finding:
    used, most = int(said.get("used_memory", "0")), int(said.get("maxmemory", "0"))
    policy = said.get("maxmemory_policy", "noeviction")
    text = f"{in_mib(used)} used" + (f" of {in_mib(most)}, {policy}" if most else ", no maxmemory")
    if policy != "noeviction" and most:
        return Finding(
            PROBLEM,
            "memory",
            text,
            "set maxmemory-policy noeviction: any other throws away jobs when memory is short",
        )
    if policy != "noeviction":
        return Finding(
            WARNING,
            "memory",
            f"{text}, {policy}",
            "set maxmemory-policy noeviction before anybody sets maxmemory",
        )
    if most and used > most * LITTLE_ROOM:
        return Finding(WARNING, "memory", text, "make room: without it background jobs are refused")
    return Finding(OK, "memory", text)


def examine_persistence(said: Said, ack: str) -> Finding:
    """AOF, snapshots, or neither."""
    aof, save, fsync = said.get("aof_enabled") == "1", said.get("save"), said.get("appendfsync")
    if ack == "disk" and (not aof or fsync not in ("always", None)):
        return Finding(
            PROBLEM,
            "persistence",
            f"appendonly {'yes' if aof else 'no'}, appendfsync {fsync}",
            "ack=disk needs appendonly yes and appendfsync always",
        )
    if aof and fsync is None:
        return Finding(
            WARNING,
            "persistence",
            "appendonly yes",
            "let the pool's user do CONFIG GET: it is not known how often",
        )
    if aof:
        return Finding(OK, "persistence", f"appendonly yes, appendfsync {fsync}")
    if save is None:
        return Finding(
            WARNING,
            "persistence",
            "appendonly no, and whether there are snapshots is not known",
            "set appendonly yes, or let the pool's user do CONFIG GET",
        )
    if not save:
        return Finding(
            PROBLEM,
            "persistence",
            "none: all jobs are gone when the process ends",
            "set appendonly yes",
        )
    return Finding(
        WARNING,
        "persistence",
        f"snapshots only, save {save}",
        "set appendonly yes: a process that ends loses what came after the last snapshot",
    )


def examine_replicas(said: Said, ack: str) -> Finding:
    replicas = int(said.get("connected_slaves", "0"))
    text = f"{replicas} connected"
    if ack == "replica" and not replicas:
        return Finding(WARNING, "replicas", text, "ack=replica refuses background jobs until there is one")
    if not replicas:
        return Finding(
            WARNING,
            "replicas",
            text,
            "start one: without it jobs are out of reach while this process is, and the last ones may be lost",
        )
    return Finding(OK, "replicas", text)


# The pool


async def examine_pool(address: Address) -> AsyncIterator[Finding]:
    """Look at what the pool has in the engine."""
    registry = Registry(address, HOLD)
    try:
        shards = await registry.engine.ask(b"HGET", registry.keys.facts, b"shards")
        if shards is None:
            yield Finding(OK, "pool", f"no server has used the namespace {address.namespace} yet")
            return
        if int(shards) != address.shards:
            text = f"it has {int(shards)} shards for good, and the URL says {address.shards}"
            yield Finding(PROBLEM, "pool", text, f"say shards={int(shards)}")
            return
        members = await registry.members()
        alive = sum(member.age < LEASE for member in members)
        yield Finding(OK, "servers", f"{alive} alive, {len(members) - alive} silent")
        for shard, lease in enumerate(await registry.leases()):
            async for finding in examine_shard(registry.engines[shard], registry.shards[shard], alive, lease):
                yield finding._replace(subject=f"{finding.subject} {shard}")
    finally:
        await registry.close()


async def examine_shard(
    engine: Engine, keys: Keys, alive: int, lease: Lease | None
) -> AsyncIterator[Finding]:
    hashes = (keys.jobs, keys.dead, keys.results, keys.documents, keys.aside)
    jobs, dead, results, documents, aside = await engine.run([(b"HLEN", key) for key in hashes])
    text = (
        f"jobs: {jobs - dead}, dead letters: {dead}, results: {results}, policies and schedules: {documents}"
    )
    if lease is not None:
        yield Finding(OK, "shard", f"led by {card_in(lease).address}, {text}")
    elif alive:
        yield Finding(PROBLEM, "shard", f"led by no server, {text}", "look into the servers' logs")
    else:
        yield Finding(OK, "shard", text)
    if aside:
        yield Finding(
            WARNING,
            "set aside in shard",
            f"{aside} rows are no jobs of this release, and in nobody's way",
            f"look at them: they are in the hash {keys.aside.decode()}",
        )
