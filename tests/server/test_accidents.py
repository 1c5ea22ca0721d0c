"""An exception that nobody expected, wherever it is raised: the end of one peer or one timer, and of nothing else."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import NoReturn

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from geartrain.protocol.commands import (
    CAN_DO,
    ECHO_REQ,
    ECHO_RES,
    GRAB_JOB,
    JOB_ASSIGN,
    JOB_CREATED,
    SUBMIT_JOB,
    SUBMIT_JOB_BG,
)
from geartrain.protocol.packet import request, response
from geartrain.server.desk import OwnDesk
from geartrain.server.listeners import Listener
from geartrain.server.peer import Peer
from geartrain.server.server import Server
from tests.server.test_inside import serving
from tests.support.machine import HOST

PACKETS = {SUBMIT_JOB: (b"f", b"", b"x"), SUBMIT_JOB_BG: (b"f", b"", b"x"), CAN_DO: (b"f",), GRAB_JOB: ()}
TOLD = response(19, b"INTERNAL_ERROR", b"the server has a fault; its log says more")


class Unexpected(Exception):
    """What no code is written for."""


def explode(*_: object) -> NoReturn:
    raise Unexpected


class Crowd:
    """Connections to a server in this process, which says what it hears of each."""

    def __init__(self, server: Server, size: int) -> None:
        self.server = server
        self.listener = Listener(socket.AF_INET, socket.SOCK_STREAM)
        self.listener.bind((HOST, 0))
        self.listener.listen(size)
        self.peers: list[Peer] = []
        self.ends: list[socket.socket] = []
        for _ in range(size):
            end = socket.create_connection(self.listener.getsockname())
            accepted, _ = self.listener.accept()
            accepted.setblocking(False)
            end.setblocking(False)
            peer = Peer(server, accepted, self.listener)
            server.welcome(peer)
            self.peers.append(peer)
            self.ends.append(end)

    def break_handler(
        self, who: int, command: int, handler: Callable[[object, list[bytes]], None] = explode
    ) -> None:
        """Let one peer's packets of a type raise."""
        desk = self.server.desk
        assert isinstance(desk, OwnDesk)
        stream = desk.sessions[self.peers[who].connection].stream
        stream.handlers = list(stream.handlers)
        stream.handlers[command] = handler

    async def hear(self, who: int, size: int) -> bytes:
        """What one hears, up to so many bytes or its end."""
        heard = b""
        while len(heard) < size:
            chunk = await self.server.loop.sock_recv(self.ends[who], size - len(heard))
            if not chunk:
                break
            heard += chunk
        return heard

    def close(self) -> None:
        for end in [*self.ends, self.listener]:
            end.close()


@asynccontextmanager
async def crowded(size: int) -> AsyncIterator[tuple[Server, Crowd]]:
    """A server with so many peers."""
    async with serving() as server:
        crowd = Crowd(server, size)
        try:
            yield server, crowd
        finally:
            crowd.close()


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    logging.getLogger("geartrain.test").setLevel(logging.CRITICAL)
    yield
    logging.getLogger("geartrain.test").setLevel(logging.NOTSET)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    victims=st.dictionaries(st.integers(0, 7), st.sampled_from(sorted(PACKETS)), min_size=1, max_size=4),
    order=st.permutations(range(8)),
)
def test_whoever_meets_an_exception_every_other_peer_of_the_turn_is_answered(
    victims: dict[int, int], order: list[int]
) -> None:
    async def conversation() -> None:
        async with crowded(8) as (server, crowd):
            for who, command in victims.items():
                crowd.break_handler(who, command)
            for who in order:
                command = victims.get(who, ECHO_REQ)
                arguments = PACKETS.get(command, (b"%d" % who,))
                crowd.ends[who].send(request(command, *arguments))
            for who in range(8):
                expected = TOLD if who in victims else response(ECHO_RES, b"%d" % who)
                assert await crowd.hear(who, len(expected)) == expected
            for who in victims:
                assert await crowd.hear(who, 1) == b""
            assert server.accidents == len(victims)

    asyncio.run(conversation())


def test_the_job_of_a_worker_that_met_an_exception_is_handed_to_another() -> None:
    async def conversation() -> None:
        async with crowded(3) as (_, crowd):
            created, assigned = (
                response(JOB_CREATED, b"H:test:1"),
                response(JOB_ASSIGN, b"H:test:1", b"f", b"x"),
            )
            crowd.ends[0].send(request(SUBMIT_JOB_BG, b"f", b"", b"x"))
            assert await crowd.hear(0, len(created)) == created
            crowd.ends[1].send(request(CAN_DO, b"f") + request(GRAB_JOB))
            assert await crowd.hear(1, len(assigned)) == assigned
            crowd.break_handler(1, ECHO_REQ)
            crowd.ends[1].send(request(ECHO_REQ, b""))
            assert await crowd.hear(1, len(TOLD)) == TOLD
            crowd.ends[2].send(request(CAN_DO, b"f") + request(GRAB_JOB))
            assert await crowd.hear(2, len(assigned)) == assigned

    asyncio.run(conversation())


@pytest.mark.parametrize("place", ["end_turn", "wait"])
def test_the_end_of_a_turn_that_fails_leaves_what_was_said_to_be_written(place: str) -> None:
    async def conversation() -> None:
        async with crowded(2) as (server, crowd):
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(server.desk, place, explode)
                crowd.ends[0].send(request(ECHO_REQ, b"a"))
                assert await crowd.hear(0, 13) == response(ECHO_RES, b"a")
            crowd.ends[1].send(request(ECHO_REQ, b"b"))
            assert await crowd.hear(1, 13) == response(ECHO_RES, b"b")
            assert server.accidents >= 1

    asyncio.run(conversation())


def test_a_peer_that_cannot_be_written_to_keeps_nobody_from_the_answers_of_the_turn() -> None:
    async def conversation() -> None:
        async with crowded(3) as (_, crowd):
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(crowd.peers[0], "write", explode)
                for end in crowd.ends:
                    end.send(request(ECHO_REQ, b"a"))
                assert [await crowd.hear(who, 13) for who in (1, 2)] == [response(ECHO_RES, b"a")] * 2

    asyncio.run(conversation())


def test_a_place_in_the_code_is_told_with_its_traceback_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR, "geartrain.test")

    async def conversation() -> None:
        async with crowded(3) as (_, crowd):
            for who in range(3):
                crowd.break_handler(who, ECHO_REQ)
                crowd.ends[who].send(request(ECHO_REQ, b""))
            for who in range(3):
                await crowd.hear(who, len(TOLD))

    asyncio.run(conversation())
    assert [record.getMessage() for record in caplog.records] == [
        "a fault of the server, met by a packet of a peer"
    ] * 3
    assert [record.exc_info is not None for record in caplog.records] == [True, False, False]
