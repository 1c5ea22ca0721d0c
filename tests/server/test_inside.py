"""Insiders: peers of the server within its process."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from functools import partial

import pytest

from geartrain.errors import ConnectionLost, GearmanError, ServerError
from geartrain.protocol.admin import VERSION, json_lines
from geartrain.protocol.commands import (
    CAN_DO,
    ECHO_REQ,
    GRAB_JOB,
    JOB_ASSIGN,
    JOB_CREATED,
    NO_JOB,
    SUBMIT_JOB,
    SUBMIT_JOB_BG,
    WORK_COMPLETE,
    WORK_DATA,
)
from geartrain.protocol.control import FUNCTIONS
from geartrain.protocol.packet import request, response
from geartrain.server.life import own_desk
from geartrain.server.peer import HIGH_WATER
from geartrain.server.server import Server
from geartrain.server.settings import Settings
from geartrain.version import __version__
from tests.support.machine import DEADLINE

KIB = 1024


@asynccontextmanager
async def serving(max_output: int = 256 * KIB * KIB) -> AsyncIterator[Server]:
    """A server in memory that nobody outside can reach."""
    chosen = Settings(job_handle_prefix="H:test", max_output=max_output)
    server = Server(chosen, logging.getLogger("geartrain.test"), partial(own_desk, None))
    await server.start([])
    async with asyncio.timeout(DEADLINE):
        yield server
        if not server.epoll.closed:
            await server.stop(0.0)


def run(conversation: Coroutine[None, None, None]) -> None:
    asyncio.run(conversation)


def test_an_insider_hears_what_any_peer_hears() -> None:
    async def conversation() -> None:
        async with serving() as server:
            client, worker = server.admit(b"here"), server.admit(b"here")
            client.say(request(SUBMIT_JOB, b"f", b"", b"x"))
            assert await client.hear() == response(JOB_CREATED, b"H:test:1")
            worker.say(request(CAN_DO, b"f") + request(GRAB_JOB))
            assert await worker.hear() == response(JOB_ASSIGN, b"H:test:1", b"f", b"x")
            worker.say(request(WORK_COMPLETE, b"H:test:1", b"cat"))
            assert await client.hear() == response(WORK_COMPLETE, b"H:test:1", b"cat")

    run(conversation())


def test_text_commands_are_answered_in_their_order_and_refusals_are_errors() -> None:
    async def conversation() -> None:
        async with serving() as server:
            insider = server.admit(b"here")
            assert await insider.ask(VERSION) == __version__
            wrong = json_lines(("policy", "f", "x"))
            answers = await insider.ask_all([FUNCTIONS, wrong, FUNCTIONS])
            assert answers[0] == answers[2] == []
            assert isinstance(answers[1], GearmanError)
            with pytest.raises(ServerError, match="expected an object of JSON"):
                await insider.ask(wrong)
            (row,) = await insider.ask(json_lines(("peers",)))
            assert (row["number"], row["host"]) == (insider.number, "here")

    run(conversation())


def test_an_insider_that_closes_is_a_client_that_left_and_what_it_said_before_counts() -> None:
    async def conversation() -> None:
        async with serving() as server:
            client = server.admit(b"here")
            client.say(request(SUBMIT_JOB, b"f", b"", b"x") + request(SUBMIT_JOB_BG, b"g", b"", b"x"))
            client.close()
            client.close()
            await server.until(lambda: not server.peers)
            asker = server.admit(b"here")
            rows = await asker.ask(json_lines(("jobs",)))
            assert [row["function"] for row in rows] == ["g"]
            with pytest.raises(ConnectionLost):
                await client.hear()

    run(conversation())


def test_while_too_much_is_unheard_no_more_is_taken() -> None:
    async def conversation() -> None:
        async with serving() as server:
            insider = server.admit(b"here")
            echo = request(ECHO_REQ, b"x" * HIGH_WATER)
            for _ in range(10):
                insider.say(echo)
                await asyncio.sleep(0)
            await asyncio.sleep(0.05)
            assert HIGH_WATER < insider.unheard_bytes < 3 * HIGH_WATER
            heard = 0
            while heard < 10 * len(echo):
                heard += len(await insider.hear())
            assert heard == 10 * len(echo)

    run(conversation())


def test_an_insider_that_leaves_too_much_unheard_is_cut_off() -> None:
    async def conversation() -> None:
        async with serving(max_output=100 * KIB) as server:
            client, worker = server.admit(b"here"), server.admit(b"here")
            client.say(request(SUBMIT_JOB, b"f", b"", b"x"))
            await client.hear()
            worker.say(request(CAN_DO, b"f") + request(GRAB_JOB))
            await worker.hear()
            for _ in range(10):
                worker.say(request(WORK_DATA, b"H:test:1", b"x" * 60 * KIB))
                await asyncio.sleep(0)
            with pytest.raises(ConnectionLost, match="listens too slowly"):
                await client.hear()
            worker.say(request(GRAB_JOB))
            assert await worker.hear() == response(NO_JOB)

    run(conversation())


def test_the_end_of_the_server_is_heard() -> None:
    async def conversation() -> None:
        async with serving() as server:
            insider = server.admit(b"here")
            hearing = asyncio.create_task(insider.hear())
            await asyncio.sleep(0)
            await server.stop(0.0)
            with pytest.raises(ConnectionLost, match="stops"):
                await hearing
            insider.say(request(GRAB_JOB))
            insider.close()

    run(conversation())


def test_insiders_have_numbers_that_no_socket_has() -> None:
    async def conversation() -> None:
        async with serving() as server:
            assert [server.admit(b"here").number for _ in range(2)] == [1_000_000, 1_000_001]

    run(conversation())
