"""Clients and workers that use a server until it is gone, and write down what they did."""

from __future__ import annotations

import asyncio
import random
import time

from geartrain.protocol.commands import (
    CAN_DO,
    GRAB_JOB_ALL,
    JOB_ASSIGN_UNIQ,
    JOB_CREATED,
    NO_JOB,
    NOOP,
    PRE_SLEEP,
    SUBMIT_JOB,
    SUBMIT_JOB_BG,
    SUBMIT_JOB_EPOCH,
    SUBMIT_JOB_HIGH_BG,
    SUBMIT_JOB_LOW_BG,
    WORK_COMPLETE,
    WORK_FAIL,
)
from geartrain.protocol.packet import HEADER_SIZE, request
from tests.crash.ledger import Executed, Ledger, Submitted
from tests.wire import Packet, packets

FUNCTIONS = (b"resize", b"count", b"mail")
BACKGROUND = (SUBMIT_JOB_HIGH_BG, SUBMIT_JOB_BG, SUBMIT_JOB_LOW_BG)
GONE = (ConnectionError, asyncio.IncompleteReadError)


class Wire:
    """A connection that speaks packets."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def says(self, *said: bytes) -> None:
        self.writer.write(b"".join(said))
        await self.writer.drain()

    async def hears(self) -> Packet:
        header = await self.reader.readexactly(HEADER_SIZE)
        return packets(header + await self.reader.readexactly(int.from_bytes(header[8:], "big")))[0]

    def hangs_up(self) -> None:
        self.writer.transport.abort()


class Load:
    """One life of a server: who uses it, until it ends."""

    def __init__(self, port: int, round: int, ledger: Ledger, chance: random.Random) -> None:
        self.port = port
        self.round = round
        self.ledger = ledger
        self.chance = chance
        self.wires: list[Wire] = []

    async def connect(self) -> Wire:
        wire = Wire(*await asyncio.open_connection("127.0.0.1", self.port))
        self.wires.append(wire)
        return wire

    # Clients

    def new_job(self) -> tuple[Submitted, bytes]:
        """A job that is like no other, and the packet that submits it."""
        key = b"%016d" % len(self.ledger.submitted)
        chance = self.chance
        padding = chance.randbytes(chance.choice((0, 0, 7, 300, 5000)))
        has_unique = chance.random() < 0.6
        unique = key if has_unique else b""
        workload = padding if has_unique else key + padding
        priority = chance.randrange(3)
        function = chance.choice(FUNCTIONS)
        run_at = int(time.time()) + 1 if chance.random() < 0.05 else 0
        if run_at:
            job = Submitted(key, function, unique, workload, 1, run_at)
            packet = request(SUBMIT_JOB_EPOCH, function, unique, b"%d" % run_at, workload)
        else:
            job = Submitted(key, function, unique, workload, priority, 0)
            packet = request(BACKGROUND[priority], function, unique, workload)
        self.ledger.submitted[key] = job
        return job, packet

    async def submits(self) -> None:
        """Submit in bursts, and take what is acknowledged."""
        wire = await self.connect()
        while True:
            jobs = [self.new_job() for _ in range(self.chance.randint(1, 40))]
            await wire.says(*(packet for _, packet in jobs))
            for job, _ in jobs:
                self.acknowledged(job, await wire.hears())

    def acknowledged(self, job: Submitted, answer: Packet) -> None:
        command, *arguments = answer
        assert command == JOB_CREATED, answer
        self.ledger.handles[job.key] = arguments[0]

    async def calls(self) -> None:
        """Submit in the foreground, one job after the other."""
        wire = await self.connect()
        while True:
            key = b"%016d" % len(self.ledger.submitted)
            self.ledger.submitted[key] = Submitted(key, b"count", key, b"in the foreground", 1, 0)
            await wire.says(request(SUBMIT_JOB, b"count", key, b"in the foreground"))
            while (await wire.hears())[0] not in (WORK_COMPLETE, WORK_FAIL):
                pass

    # Workers

    async def works(self) -> None:
        """Work for ever; now and then in a new connection, with a job left behind."""
        while True:
            wire = await self.connect()
            await wire.says(*(request(CAN_DO, function) for function in FUNCTIONS))
            while await self.works_once(wire):
                pass

    async def works_once(self, wire: Wire) -> bool:
        """Take a job and end it in some way; False when the worker has hung up."""
        execution = await self.grabs(wire)
        key = self.ledger.got(execution)
        what = self.chance.random()
        if what < 0.02:
            self.ledger.abandoned.add((self.round, execution.handle))
            wire.hangs_up()
            return False
        ending = WORK_FAIL if what < 0.1 else WORK_COMPLETE
        arguments = (execution.handle,) if ending == WORK_FAIL else (execution.handle, b"done")
        await wire.says(request(ending, *arguments))
        if what > 0.8:
            await self.settles(wire, key)
        return True

    async def settles(self, wire: Wire, key: bytes) -> None:
        """Submit another job behind the result: when it is acknowledged, the result is kept as well."""
        job, packet = self.new_job()
        await wire.says(packet)
        self.acknowledged(job, await wire.hears())
        self.ledger.settled[key] = self.round

    async def grabs(self, wire: Wire) -> Executed:
        """Wait for a job."""
        while True:
            execution = await self.grabs_once(wire)
            if execution is not None:
                return execution
            await self.sleeps(wire)

    async def grabs_once(self, wire: Wire) -> Executed | None:
        """Take a job, if there is one."""
        await wire.says(request(GRAB_JOB_ALL))
        command, *arguments = await wire.hears()
        if command == NO_JOB:
            return None
        assert command == JOB_ASSIGN_UNIQ, command
        handle, function, unique, workload = arguments
        return Executed(self.round, handle, function, unique, workload)

    async def sleeps(self, wire: Wire) -> None:
        """Sleep until there may be a job."""
        await wire.says(request(PRE_SLEEP))
        assert (await wire.hears())[0] == NOOP

    # All of them

    async def until_gone(self, clients: int, workers: int) -> None:
        """Use the server until it is gone."""
        users = [self.submits() for _ in range(clients)] + [self.works() for _ in range(workers)]
        ends = await asyncio.gather(*users, self.calls(), return_exceptions=True)
        for wire in self.wires:
            wire.hangs_up()
        for end in ends:
            if not isinstance(end, GONE):
                raise end if isinstance(end, BaseException) else AssertionError(end)

    async def drains(self) -> None:
        """Alone, take and complete every job that there is, delayed ones included."""
        wire = await self.connect()
        await wire.says(*(request(CAN_DO, function) for function in FUNCTIONS))
        while True:
            execution = await self.grabs_once(wire)
            if execution is not None:
                self.ledger.got(execution)
                self.ledger.ordered.append(execution)
                await wire.says(request(WORK_COMPLETE, execution.handle, b""))
            elif await self.has_jobs():
                await self.sleeps(wire)
            else:
                return wire.hangs_up()

    async def has_jobs(self) -> bool:
        """Whether the server has any job."""
        wire = await self.connect()
        await wire.says(b"show jobs\n")
        first = await wire.reader.readline()
        wire.hangs_up()
        return first != b".\n"
