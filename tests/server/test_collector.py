"""Memory: what has ended leaves nothing behind, and jobs do not wait for the garbage collector."""

from __future__ import annotations

import asyncio
import gc
import socket
import weakref
from collections.abc import Callable, Iterator
from ipaddress import ip_network

import pytest

from geartrain.broker.access import EVERYTHING
from geartrain.protocol.admin import VERSION
from geartrain.protocol.commands import CAN_DO, GRAB_JOB, SUBMIT_JOB
from geartrain.protocol.packet import request
from geartrain.server.access_rules import AccessRules, Grant
from geartrain.server.certificates import server_context
from geartrain.server.collector import MANY, Collector
from geartrain.server.listeners import Listener
from geartrain.server.peer import Peer
from geartrain.server.server import Server
from geartrain.server.tls_options import TlsFiles
from geartrain.server.tls_peer import TlsPeer
from geartrain.server.visitors import Visitor, nothing
from geartrain.tls import TlsStream
from tests.server.test_inside import run, serving
from tests.support.machine import HOST
from tests.support.tls import shared, trusting

ANYBODY = Grant("all", "network", "127.0.0.0/8", network=ip_network("127.0.0.0/8"))
SAID = request(CAN_DO, b"f") + request(GRAB_JOB) + request(SUBMIT_JOB, b"f", b"", b"x")


@pytest.fixture(autouse=True)
def own_collector() -> Iterator[None]:
    """Python's own collector does nothing meanwhile, and what the tests set aside is its own again."""
    thresholds = gc.get_threshold()
    gc.collect()
    gc.disable()
    yield
    gc.unfreeze()
    gc.set_threshold(*thresholds)
    gc.enable()


class Node:
    """Something that refers to itself."""

    def __init__(self) -> None:
        self.itself = self


# The collector


def looks(jobs: Callable[[], int], *steps: Callable[[], object]) -> None:
    """Do steps, with a look after each of them."""

    async def conversation() -> None:
        collector = Collector(jobs)
        collector.start()
        for step in steps:
            step()
            collector.look()
            assert collector.timer is not None
            collector.timer.cancel()
        collector.stop()

    asyncio.run(conversation())


def test_cycles_are_found_as_soon_as_there_are_many() -> None:
    made: list[weakref.ref[Node]] = []

    def make() -> None:
        made.extend([weakref.ref(Node()) for _ in range(MANY)])

    looks(lambda: 0, make)
    assert not any(node() for node in made)


def test_a_burst_of_jobs_is_set_aside_unseen_and_seen_when_it_is_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("geartrain.server.collector.MOST", 10**9)  # this process may be larger than a server
    jobs: list[list[int]] = []
    cycles: list[weakref.ref[Node]] = []
    frozen: list[int] = []

    def burst() -> None:
        cycles.append(weakref.ref(Node()))
        jobs.extend([[number] for number in range(2 * MANY)])

    def end() -> None:
        frozen.append(gc.get_freeze_count())
        jobs.clear()
        cycles.extend([weakref.ref(Node()) for _ in range(MANY)])

    looks(lambda: len(jobs), burst, end)
    assert frozen[0] > 2 * MANY
    assert not any(node() for node in cycles)


def test_what_lives_on_is_not_looked_through_again_and_again() -> None:
    kept: list[list[int]] = []
    frozen: list[int] = []

    def grow() -> None:
        frozen.append(gc.get_freeze_count())
        kept.extend([[number] for number in range(2 * MANY)])

    looks(lambda: 0, grow, grow)
    assert gc.get_freeze_count() >= frozen[0] + 2 * MANY


# What ends


def ends() -> tuple[socket.socket, socket.socket, Listener]:
    """Both ends of a connection, and where it came in."""
    listener = Listener(socket.AF_INET, socket.SOCK_STREAM)
    listener.bind((HOST, 0))
    listener.listen(1)
    end = socket.create_connection(listener.getsockname())
    accepted, _ = listener.accept()
    listener.close()
    end.setblocking(False)
    accepted.setblocking(False)
    return end, accepted, listener


async def comes_and_goes(server: Server, peer: Peer, end: socket.socket, said: bytes) -> weakref.ref[Peer]:
    """A peer that says something and hangs up when it is answered."""
    server.welcome(peer)
    end.send(said)
    await server.loop.sock_recv(end, 1)
    end.close()
    while server.peers:
        await asyncio.sleep(0.01)
    return weakref.ref(peer)


@pytest.mark.parametrize(
    "rules", [None, AccessRules({"all": EVERYTHING}, (ANYBODY,))], ids=["free", "guarded"]
)
def test_a_peer_that_hangs_up_leaves_no_cycle(rules: AccessRules | None) -> None:
    async def conversation() -> None:
        async with serving() as server:
            server.gatekeeper.take(rules)
            end, accepted, listener = ends()
            peer = Peer(server, accepted, listener)
            gone = await comes_and_goes(server, peer, end, SAID)
            del peer
            assert gone() is None

    run(conversation())


def test_a_peer_in_tls_that_hangs_up_leaves_no_cycle() -> None:
    async def conversation() -> None:
        async with serving() as server:
            end, accepted, listener = ends()
            files = shared().server
            context = server_context(TlsFiles(files.certificate, files.key, "", "", False))
            client, stream = TlsStream(trusting().context(), "localhost"), TlsStream(context, None)
            said = b""
            while not client.shake_hands(said):
                stream.shake_hands(client.take())
                said = stream.take()
            stream.shake_hands(client.take())
            peer = TlsPeer(server, accepted, listener, stream)
            gone = await comes_and_goes(server, peer, end, b"".join(client.seal(SAID)))
            del peer
            assert gone() is None

    run(conversation())


def test_a_visitor_over_http_leaves_no_cycle() -> None:
    async def conversation() -> None:
        async with serving() as server:
            server.gatekeeper.take(AccessRules({"all": EVERYTHING}, (ANYBODY,)))
            visitor = Visitor(HOST, "", nothing)
            insider = server.admit(b"here", visitor)
            assert await insider.ask(VERSION)
            insider.close()
            while server.peers:
                await asyncio.sleep(0)
            gone, nobody = weakref.ref(insider), weakref.ref(visitor)
            del insider, visitor
            assert gone() is None
            assert nobody() is None

    run(conversation())
