"""Promises and the store: JOB_CREATED of a background job leaves after the commit that holds it."""

from __future__ import annotations

import asyncio
import logging
import pickle
import socket
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest

from geartrain.broker.batch import Batch, JobRecord, Kept, Outcome
from geartrain.broker.model import Connection
from geartrain.errors import Fenced, StoreError
from geartrain.protocol.commands import (
    CAN_DO,
    ECHO_REQ,
    ECHO_RES,
    ERROR,
    GET_STATUS,
    GRAB_JOB,
    JOB_ASSIGN,
    JOB_CREATED,
    STATUS_RES,
    SUBMIT_JOB,
    SUBMIT_JOB_BG,
    SUBMIT_JOB_SCHED,
    WORK_COMPLETE,
)
from geartrain.protocol.packet import HEADER_SIZE, request, response
from geartrain.server.life import own_desk
from geartrain.server.listeners import bind
from geartrain.server.server import Server
from geartrain.server.settings import Settings
from geartrain.store.committer import Committer
from tests.wire import MemoryServer, Packet, packets


class FileStore:
    """A store in one file, whose commits happen when the test lets them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.allowed = asyncio.Event()
        self.allowed.set()
        self.failure = ""  # why the next commit fails
        self.fenced = False  # another server's, for good
        self.batches = 0
        self.closed = False

    async def load(self) -> AsyncIterator[Kept]:
        yield Kept(jobs=list(self.records().values()))

    async def commit(self, batch: Batch) -> Outcome:
        await self.allowed.wait()
        if self.fenced:
            raise Fenced("the lease is server B's")
        failure, self.failure = self.failure, ""
        if failure:
            raise StoreError(failure)
        self.batches += 1
        records = self.records() | {record.number: record for record in batch.records}
        for number in batch.removed:
            records.pop(number, None)
        self.path.write_bytes(pickle.dumps(records))
        return Outcome(workloads={number: records[number].workload for number in batch.wanted})

    async def close(self, last_number: int) -> None:
        self.closed = True

    def records(self) -> dict[int, JobRecord]:
        kept: dict[int, JobRecord] = pickle.loads(self.path.read_bytes()) if self.path.exists() else {}
        return kept


class Wire:
    """A connection to the server of the test."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def says(self, command: int, *arguments: bytes) -> None:
        self.writer.write(request(command, *arguments))

    async def hears(self) -> Packet:
        async with asyncio.timeout(10):
            header = await self.reader.readexactly(HEADER_SIZE)
            payload = await self.reader.readexactly(int.from_bytes(header[8:], "big"))
        return packets(header + payload)[0]


class Host:
    """A server with a FileStore, on a free port."""

    def __init__(self, path: Path) -> None:
        self.store = FileStore(path)
        self.listener = bind(socket.AF_INET, ("127.0.0.1", 0), 16)
        self.address = self.listener.getsockname()
        self.wires: list[Wire] = []

    async def __aenter__(self) -> Host:
        self.server = Server(
            Settings(job_handle_prefix="H:test"), logging.getLogger("test"), partial(own_desk, self.store)
        )
        await self.server.start([self.listener])
        return self

    async def __aexit__(self, *_: object) -> None:
        self.store.allowed.set()
        for wire in self.wires:
            wire.writer.close()
            await wire.writer.wait_closed()
        await self.server.stop(0)

    async def connect(self) -> Wire:
        self.wires.append(Wire(*await asyncio.open_connection(*self.address[:2])))
        return self.wires[-1]

    async def reads_all(self) -> None:
        """Wait until the server has read what was sent to it."""
        canary = await self.connect()
        for _ in range(3):
            canary.says(ECHO_REQ, b"")
            await canary.hears()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "jobs"


def test_a_background_job_is_acknowledged_only_when_the_store_has_it(path: Path) -> None:
    async def conversation() -> None:
        async with Host(path) as host:
            client, other = await host.connect(), await host.connect()
            host.store.allowed.clear()
            client.says(SUBMIT_JOB_BG, b"resize", b"", b"cat.png")
            client.says(ECHO_REQ, b"behind the promise")
            other.says(SUBMIT_JOB, b"resize", b"", b"dog.png")
            assert await other.hears() == (JOB_CREATED, b"H:test:2")
            assert not host.store.records()
            host.store.allowed.set()
            assert await client.hears() == (JOB_CREATED, b"H:test:1")
            assert await client.hears() == (ECHO_RES, b"behind the promise")
            assert list(host.store.records()) == [1]

    asyncio.run(conversation())


def test_what_an_operator_changes_is_answered_only_when_the_store_has_it(path: Path) -> None:
    async def conversation() -> None:
        async with Host(path) as host:
            client, operator = await host.connect(), await host.connect()
            client.says(SUBMIT_JOB_BG, b"resize", b"", b"cat.png")
            await client.hears()
            host.store.allowed.clear()
            operator.writer.write(b"purge resize\n")
            await host.reads_all()
            assert list(host.store.records()) == [1]
            host.store.allowed.set()
            assert await operator.reader.readline() == b'{"function": "resize", "cancelled": 1}\n'
            assert not host.store.records()

    asyncio.run(conversation())


@pytest.mark.parametrize("ending", [b"", bytes(12)], ids=["half-closed", "ended by the server"])
def test_a_peer_that_is_on_its_way_out_still_hears_what_the_store_kept(path: Path, ending: bytes) -> None:
    async def conversation() -> None:
        async with Host(path) as host:
            client = await host.connect()
            host.store.allowed.clear()
            client.says(SUBMIT_JOB_BG, b"resize", b"", b"cat.png")
            client.writer.write(ending)
            client.writer.write_eof()
            other = await host.connect()
            for _ in range(3):  # by now the server has read all of it
                other.says(ECHO_REQ, b"")
                await other.hears()
            host.store.allowed.set()
            assert await client.hears() == (JOB_CREATED, b"H:test:1")
            assert await client.reader.read() == b""

    asyncio.run(conversation())


def test_submits_that_come_during_a_commit_share_the_next_one(path: Path) -> None:
    async def conversation() -> None:
        async with Host(path) as host:
            clients = [await host.connect() for _ in range(20)]
            host.store.allowed.clear()
            for client in clients:
                client.says(SUBMIT_JOB_BG, b"resize", b"", b"cat.png")
            await host.reads_all()
            host.store.allowed.set()
            for client in clients:
                assert (await client.hears())[0] == JOB_CREATED
            assert host.store.batches < len(clients)

    asyncio.run(conversation())


def test_a_finished_job_is_removed_from_the_store_and_the_others_outlive_the_server(path: Path) -> None:
    async def conversation() -> None:
        async with Host(path) as host:
            client, worker = await host.connect(), await host.connect()
            for workload in (b"one", b"two", b"three"):
                client.says(SUBMIT_JOB_BG, b"count", workload, workload)
                await client.hears()
            worker.says(CAN_DO, b"count")
            worker.says(GRAB_JOB)
            assert await worker.hears() == (JOB_ASSIGN, b"H:test:1", b"count", b"one")
            worker.says(WORK_COMPLETE, b"H:test:1", b"")
            worker.says(GRAB_JOB)
            assert await worker.hears() == (JOB_ASSIGN, b"H:test:2", b"count", b"two")
        assert host.store.closed

        async with Host(path) as host:
            client, worker = await host.connect(), await host.connect()
            client.says(SUBMIT_JOB_BG, b"count", b"three", b"joins the one that was kept")
            assert await client.hears() == (JOB_CREATED, b"H:test:3")
            client.says(SUBMIT_JOB_BG, b"count", b"", b"four")
            assert await client.hears() == (JOB_CREATED, b"H:test:4")
            worker.says(CAN_DO, b"count")
            for handle, workload in ((b"H:test:2", b"two"), (b"H:test:3", b"three"), (b"H:test:4", b"four")):
                worker.says(GRAB_JOB)
                assert await worker.hears() == (JOB_ASSIGN, handle, b"count", workload)

    asyncio.run(conversation())


def test_a_failed_commit_refuses_what_it_would_have_promised_and_foreground_work_goes_on(path: Path) -> None:
    async def conversation() -> None:
        async with Host(path) as host:
            client = await host.connect()
            host.store.failure = "no space left"
            client.says(SUBMIT_JOB_BG, b"resize", b"", b"cat.png")
            client.says(SUBMIT_JOB, b"resize", b"", b"dog.png")
            assert await client.hears() == (ERROR, b"QUEUE_ERROR", b"no space left")
            assert await client.hears() == (JOB_CREATED, b"H:test:2")
            client.says(GET_STATUS, b"H:test:1")
            assert await client.hears() == (STATUS_RES, b"H:test:1", b"0", b"0", b"0", b"0")
            client.says(SUBMIT_JOB_BG, b"resize", b"", b"cow.png")
            assert await client.hears() == (JOB_CREATED, b"H:test:3")
            assert list(host.store.records()) == [3]

    asyncio.run(conversation())


def test_a_foreground_job_that_is_joined_in_the_background_is_kept(path: Path) -> None:
    async def conversation() -> None:
        async with Host(path) as host:
            client = await host.connect()
            client.says(SUBMIT_JOB, b"resize", b"cat", b"cat.png")
            assert await client.hears() == (JOB_CREATED, b"H:test:1")
            assert not host.store.records()
            client.says(SUBMIT_JOB_BG, b"resize", b"cat", b"cat.png")
            assert await client.hears() == (JOB_CREATED, b"H:test:1")
            assert list(host.store.records()) == [1]

    asyncio.run(conversation())


def test_a_job_joined_while_its_batch_is_under_way_lives_or_ends_with_the_next_batch(path: Path) -> None:
    async def conversation() -> None:
        async with Host(path) as host:
            first, second = await host.connect(), await host.connect()
            host.store.allowed.clear()
            first.says(SUBMIT_JOB_BG, b"resize", b"cat", b"cat.png")
            await host.reads_all()
            second.says(SUBMIT_JOB_BG, b"resize", b"cat", b"cat.png")
            await host.reads_all()
            host.store.failure = "no space left"
            host.store.allowed.set()
            assert await first.hears() == (ERROR, b"QUEUE_ERROR", b"no space left")
            assert await second.hears() == (JOB_CREATED, b"H:test:1")
            assert list(host.store.records()) == [1]

    asyncio.run(conversation())


def test_a_recurring_job_is_acknowledged_only_when_the_store_has_it(path: Path) -> None:
    async def conversation() -> None:
        async with Host(path) as host:
            client = await host.connect()
            await host.reads_all()
            host.store.failure = "no space left"
            for expected in ((ERROR, b"QUEUE_ERROR", b"no space left"), (JOB_CREATED, b"H:test:2")):
                client.says(SUBMIT_JOB_SCHED, b"resize", b"", b"0", b"0", b"1", b"1", b"*", b"cat.png")
                assert await client.hears() == expected
            for handle, known in ((b"H:test:1", b"0"), (b"H:test:2", b"1")):
                client.says(GET_STATUS, handle)
                assert await client.hears() == (STATUS_RES, handle, known, b"0", b"0", b"0")

    asyncio.run(conversation())


class Turns:
    """A committer beside a server in memory, and what it lets the peers hear."""

    def __init__(self, store: FileStore) -> None:
        self.server = MemoryServer(has_store=True)
        self.written: list[list[bytes]] = []
        self.fenced = asyncio.Event()
        self.committer = Committer(
            store, self.server.broker, self.write, self.end, logging.getLogger("test"), self.fenced.set
        )

    def write(self, connection: Connection, packets: list[bytes]) -> None:
        self.written.append(packets)

    def end(self) -> None:
        self.committer.hold(self.server.broker.dirty)
        self.server.broker.dirty.clear()
        self.committer.begin(True)


def test_what_was_held_back_is_handed_over_packet_by_packet(path: Path) -> None:
    async def conversation() -> None:
        turns = Turns(FileStore(path))
        client = turns.server.connect()
        client.says(SUBMIT_JOB_BG, b"resize", b"", b"cat.png")
        client.says(ECHO_REQ, b"behind the promise")
        turns.end()
        await turns.committer.close()
        assert turns.written == [
            [response(JOB_CREATED, b"H:test:1"), response(ECHO_RES, b"behind the promise")]
        ]

    asyncio.run(conversation())


def test_a_workload_that_a_batch_reads_before_the_turn_ends_comes_to_who_asked_for_it(path: Path) -> None:
    async def conversation() -> None:
        turns = Turns(FileStore(path))
        client = turns.server.connect()
        client.says(SUBMIT_JOB_BG, b"resize", b"", b"cat.png")
        turns.end()
        await until_kept(turns.committer)
        turns.server.broker.jobs[1].workload = None  # as of a queue that memory has no room for
        worker = turns.server.connect()
        worker.says(CAN_DO, b"resize")
        worker.says(GRAB_JOB)
        turns.committer.begin_now()
        turns.end()
        await turns.committer.close()
        assert turns.written[-1] == [response(JOB_ASSIGN, b"H:test:1", b"resize", b"cat.png")]

    asyncio.run(conversation())


async def until_kept(committer: Committer) -> None:
    while committer.commit is not None:
        await committer.commit


def test_when_the_store_is_another_servers_nothing_is_committed_and_nothing_is_promised_any_more(
    path: Path,
) -> None:
    async def conversation() -> None:
        store = FileStore(path)
        store.fenced = True
        turns = Turns(store)
        client = turns.server.connect()
        client.says(SUBMIT_JOB_BG, b"resize", b"", b"cat.png")
        turns.end()
        await turns.fenced.wait()
        store.fenced = False
        client.says(ECHO_REQ, b"behind the promise")
        turns.end()
        await turns.committer.close()
        assert store.batches == 0
        assert not turns.written
        assert not client.heard()

    asyncio.run(conversation())
