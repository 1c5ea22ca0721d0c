"""Streams of events: how many there may be, and what becomes of a reader that does not read."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncGenerator

import pytest
from starlette.types import Message

from geartrain.web.streams import EventStream, Streams
from tests.support.machine import DEADLINE, HOST
from tests.web.sites import site

ASKS = b"GET /api/v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n\r\n"


def test_one_stream_more_than_there_may_be_hears_503_until_another_ends() -> None:
    with site("--http-streams", "3") as alone:
        port = alone.http.base_url.port
        assert port is not None
        readers = [socket.create_connection((HOST, port), DEADLINE) for _ in range(3)]
        for reader in readers:
            reader.sendall(ASKS)
            assert reader.recv(15) == b"HTTP/1.1 200 OK"
        refused = alone.http.get("/events", headers={"Accept": "text/event-stream"})
        assert refused.status_code == 503
        assert refused.json()["detail"] == "3 streams are open, as many as --http-streams lets be"
        for reader in readers:
            reader.close()
        assert alone.gets("/functions")["functions"] == []


def test_a_reader_that_does_not_read_is_dropped(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("geartrain.web.streams.UNREAD", 0.01)
    closed: list[str] = []
    streams = Streams(1, asyncio.Event())

    async def events() -> AsyncGenerator[bytes]:
        try:
            while True:
                yield b"event: x\n\n"
        finally:
            closed.append("events")

    async def send(message: Message) -> None:
        if message["type"] == "http.response.body":
            await asyncio.Event().wait()

    async def receive() -> Message:
        await asyncio.Event().wait()
        raise AssertionError

    async def run() -> None:
        async with asyncio.timeout(DEADLINE):
            stream = EventStream(events(), streams, lambda: closed.append("stream"))
            await stream({"type": "http", "method": "GET"}, receive, send)

    asyncio.run(run())
    assert closed == ["events", "stream"]
    assert streams.open == 0
    assert "its reader has not read" in caplog.text
