"""What an operator sees and does in a pool: events of all shards, and workers that stay drained."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

from geartrain.broker.broker import Broker
from geartrain.broker.rules import Rules
from geartrain.broker.shards import shard_of
from geartrain.protocol.commands import GRAB_JOB, JOB_ASSIGN, NO_JOB, SUBMIT_JOB_BG
from geartrain.protocol.packet import PAYLOAD_LIMIT
from geartrain.relay.seat import Seat
from tests.relay.member import Member
from tests.wire import MemoryServer, Peer

SHARDS = 3


def a_pool() -> tuple[MemoryServer, Member, list[bytes]]:
    """A server, what is behind it, and a function of each shard."""
    server = MemoryServer(build=partial(Member, SHARDS))
    assert isinstance(server.inside, Member)
    names = [b"f%d" % number for number in range(100)]
    functions = [next(name for name in names if shard_of(name, SHARDS) == shard) for shard in range(SHARDS)]
    return server, server.inside, functions


def elect(server: MemoryServer, member: Member, shard: int) -> None:
    """The leader of a shard is gone, and another one, that knows nothing, follows."""
    member.hub.part(shard)
    broker = Broker(Rules(prefix=b"H:test", shard=shard, shards=SHARDS))
    broker.last_handle = member.brokers[shard].last_handle
    broker.set_time(server.now, server.clock)
    member.brokers[shard] = broker
    member.seats[shard] = Seat(broker, shard, PAYLOAD_LIMIT, member.tell)
    member.hub.lead(shard, member.send)
    server.ends_turn()
    member.seats[shard].open()
    server.ends_turn()


def look(peer: Peer, cursor: bytes) -> tuple[list[Any], dict[str, Any]]:
    *events, end = peer.lists(b"events " + cursor)
    return events, end


def test_events_of_all_shards_are_told_in_the_order_of_time() -> None:
    server, _, functions = a_pool()
    watcher, client = server.connect(), server.connect()
    _, end = look(watcher, b"-")
    for function in reversed(functions):
        client.asks(SUBMIT_JOB_BG, function, b"", b"")
        server.passes(1)
    events, end = look(watcher, end["cursor"].encode())
    assert [(event["kind"], event["shard"]) for event in events] == [
        ("submitted", shard) for shard in (2, 1, 0)
    ]
    assert end["missed"] == 0
    assert look(watcher, end["cursor"].encode())[0] == []


def test_a_new_leader_tells_what_it_knows_and_that_more_may_have_been() -> None:
    server, member, functions = a_pool()
    watcher, client = server.connect(), server.connect()
    _, end = look(watcher, b"-")
    client.asks(SUBMIT_JOB_BG, functions[0], b"", b"")
    server.passes(1)
    elect(server, member, 1)
    events, end = look(watcher, end["cursor"].encode())
    assert ([event["function"].encode() for event in events], end["missed"]) == ([functions[0]], None)
    client.asks(SUBMIT_JOB_BG, functions[1], b"", b"")
    events, end = look(watcher, end["cursor"].encode())
    assert ([event["function"].encode() for event in events], end["missed"]) == ([functions[1]], 0)


def test_a_drained_worker_gets_nothing_of_a_new_leader_until_it_is_resumed() -> None:
    server, member, functions = a_pool()
    operator = server.connect()
    worker = server.worker(*functions)
    operator.lists(b"peer-drain 2")
    for shard in range(SHARDS):
        elect(server, member, shard)
        operator.asks(SUBMIT_JOB_BG, functions[shard], b"", b"")
    assert [row["draining"] for row in operator.lists(b"peers") if row["functions"]] == [True]
    assert worker.asks(GRAB_JOB) == [(NO_JOB,)]
    (row,) = operator.lists(b"peer-resume 2")
    assert row["functions"] == [function.decode() for function in functions]
    assert worker.asks(GRAB_JOB)[0][0] == JOB_ASSIGN


def test_a_worker_that_is_drained_and_resumed_at_once_is_told_so_once_by_each_shard() -> None:
    server, member, functions = a_pool()
    operator = server.connect()
    worker = server.worker(*functions)
    operator.sends(b"peer-drain 2\npeer-resume 2\npeer-drain 2\n")
    answers = [json.loads(line) for line in operator.read().split(b"\n") if line[:1] == b"{"]
    assert [row["draining"] for row in answers] == [True, False, True]
    assert all(seat.broker.drained == [] for seat in member.seats)
    operator.asks(SUBMIT_JOB_BG, functions[0], b"", b"")
    assert worker.asks(GRAB_JOB) == [(NO_JOB,)]
