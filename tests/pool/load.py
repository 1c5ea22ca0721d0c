"""Clients and workers that use a pool, go on elsewhere when their server is gone, and write down what they did."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

from geartrain.protocol.commands import (
    CAN_DO,
    ERROR,
    GRAB_JOB_UNIQ,
    JOB_ASSIGN_UNIQ,
    JOB_CREATED,
    NO_JOB,
    NOOP,
    PRE_SLEEP,
    STOPPING,
    SUBMIT_JOB,
    SUBMIT_JOB_BG,
    WORK_COMPLETE,
    WORK_DATA,
    WORK_STATUS,
)
from geartrain.protocol.packet import request
from tests.crash.load import GONE, Wire
from tests.pool.ledger import Called, Executed, Ledger, Place, Submitted
from tests.support.machine import HOST
from tests.wire import Packet

FUNCTIONS = (b"resize", b"count", b"mail", b"index")
CALLED = b"call"
PATIENCE = 30.0  # seconds in which all must be done in the end


class Load:
    """Who uses a pool, until it is told that it is enough."""

    def __init__(self, ports: Sequence[int], ledger: Ledger, chance: random.Random) -> None:
        self.ports = list(ports)
        self.ledger = ledger
        self.chance = chance
        self.lives = dict.fromkeys(ports, 0)  # how many lives of the server at a port have ended
        self.wires: list[Wire] = []
        self.calls_begun = 0
        self.enough = False

    async def while_doing(self, events: Callable[[], Awaitable[None]]) -> None:
        """Use the pool while something happens, and then until all is done."""
        try:
            await self.use_while(events)
        finally:
            for wire in self.wires:
                wire.hangs_up()
            await asyncio.sleep(0)

    async def use_while(self, events: Callable[[], Awaitable[None]]) -> None:
        async with asyncio.TaskGroup() as workers:
            working = [workers.create_task(self.works()) for _ in range(8)]
            async with asyncio.TaskGroup() as clients:
                for _ in range(3):
                    clients.create_task(self.submits())
                for _ in range(6):
                    clients.create_task(self.calls())
                await events()
                self.enough = True
                await self.drained()
            for worker in working:
                worker.cancel()

    async def drained(self) -> None:
        """Wait until every client has heard all, and no job is left."""
        until = time.monotonic() + PATIENCE
        while waiting := self.waiting() or await self.jobs():
            assert time.monotonic() < until, f"{len(waiting)} are not done, such as {waiting[:5]}"
            await asyncio.sleep(0.02)

    def waiting(self) -> list[Called]:
        """The calls that have no result yet."""
        return [call for call in self.ledger.called if not call.result]

    async def jobs(self) -> list[bytes]:
        """The jobs that the pool has."""
        wire, _ = await self.connect()
        lines = []
        with suppress(*GONE):
            await wire.says(b"show jobs\n")
            while (line := await wire.reader.readline()) not in (b".\n", b""):
                lines.append(line)
        wire.hangs_up()
        return lines

    # Connections

    async def connect(self) -> tuple[Wire, Place]:
        """A connection to any server that takes one."""
        while True:
            port = self.chance.choice(self.ports)
            place = (port, self.lives[port])
            with suppress(*GONE):
                self.wires.append(Wire(*await asyncio.open_connection(HOST, port)))
                return self.wires[-1], place
            await asyncio.sleep(0.02)

    def ended(self, port: int) -> None:
        """The server at a port has ended."""
        self.lives[port] += 1

    def died(self, port: int) -> None:
        """The server at a port has been killed."""
        self.ledger.dead.add((port, self.lives[port]))
        self.ended(port)

    # Clients

    async def submits(self) -> None:
        """Submit in bursts, and take what is acknowledged."""
        while not self.enough:
            wire, _ = await self.connect()
            with suppress(*GONE):
                while not self.enough:
                    await self.submits_some(wire)
                    await asyncio.sleep(self.chance.uniform(0.0, 0.1))
            wire.hangs_up()

    async def submits_some(self, wire: Wire) -> None:
        jobs = [self.new_job() for _ in range(self.chance.randint(1, 8))]
        await wire.says(*(request(SUBMIT_JOB_BG, job.function, job.unique, job.workload) for job in jobs))
        for job in jobs:
            command, *arguments = await wire.hears()
            if command == ERROR:
                self.is_refused(arguments[-1])
                continue
            assert command == JOB_CREATED, command
            job.handle = arguments[0]
            job.acknowledged_at = time.monotonic()

    def is_refused(self, why: bytes) -> None:
        """A submit was answered with ERROR: the client goes elsewhere if the server is about to end."""
        if why == STOPPING:
            raise ConnectionError(why)
        self.ledger.refused.append(why)

    def new_job(self) -> Submitted:
        """A job that is like no other."""
        key = b"%016d" % len(self.ledger.submitted)
        unique = key if self.chance.random() < 0.6 else b""
        padding = self.chance.randbytes(self.chance.choice((0, 0, 7, 300, 5000)))
        job = self.ledger.submitted[key] = Submitted(self.chance.choice(FUNCTIONS), unique, key + padding)
        return job

    async def calls(self) -> None:
        """Submit in the foreground, one job after the other, most of them while others submit the same."""
        key = self.next_call()
        while not self.enough:
            wire, place = await self.connect()
            with suppress(*GONE):
                while not self.enough:
                    await self.calls_once(wire, Called(key, place))
                    key = self.next_call()
            wire.hangs_up()

    def next_call(self) -> bytes:
        """What to submit next in the foreground: some others will do the same."""
        self.calls_begun += 1
        return b"call %011d" % (self.calls_begun // 3)

    async def calls_once(self, wire: Wire, call: Called) -> None:
        """Wait for the result of a job."""
        await wire.says(request(SUBMIT_JOB, CALLED, call.key, call.key))
        command, *arguments = await wire.hears()
        if command == ERROR:
            return self.is_refused(arguments[-1])
        assert command == JOB_CREATED, f"{command} {arguments} instead of JOB_CREATED, {call}"
        call.handle = arguments[0]
        self.ledger.called.append(call)
        try:
            while not call.result:
                self.hears_of_job(call, await wire.hears())
        except GONE:
            self.ledger.called.remove(call)
            self.ledger.cut.append(call)
            raise

    def hears_of_job(self, call: Called, packet: Packet) -> None:
        command, *arguments = packet
        handle = arguments.pop(0)
        assert handle == call.handle, f"{packet} for {call}"
        if command == WORK_DATA:
            number, place = arguments[0].split()
            call.chunks.append((int(number), int(place)))
        elif command == WORK_COMPLETE:
            call.result = arguments[0]
        else:
            assert command == WORK_STATUS, packet

    # Workers

    async def works(self) -> None:
        """Work for ever; now and then in a new connection, with a job left behind."""
        while True:
            wire, place = await self.connect()
            with suppress(*GONE):
                await wire.says(*(request(CAN_DO, function) for function in (*FUNCTIONS, CALLED)))
                while await self.works_once(wire, place):
                    pass
            wire.hangs_up()

    async def works_once(self, wire: Wire, place: Place) -> bool:
        """Take a job and end it; False when the worker has hung up."""
        run = await self.grabs(wire, place)
        try:
            if self.chance.random() < 0.01:
                run.left = True
                return False
            await self.executes(wire, run)
        except GONE:
            run.lost = True
            raise
        except asyncio.CancelledError:
            run.left = True
            raise
        return True

    async def executes(self, wire: Wire, run: Executed) -> None:
        """Do what a job asks, for a moment or for longer."""
        steps = self.chance.randint(1, 3)
        is_long = self.chance.random() < (0.2 if run.function == CALLED else 0.02)
        pause = 0.3 if is_long else self.chance.choice((0.0, 0.001, 0.01))
        for step in range(steps):
            if run.function == CALLED:
                await wire.says(request(WORK_DATA, run.handle, b"%d %d" % (run.number, step)))
            await asyncio.sleep(pause)
            await wire.says(request(WORK_STATUS, run.handle, b"%d" % (step + 1), b"%d" % steps))
        run.ended_at = time.monotonic()
        await wire.says(request(WORK_COMPLETE, run.handle, b"%d" % run.number))

    async def grabs(self, wire: Wire, place: Place) -> Executed:
        """Wait for a job."""
        while True:
            await wire.says(request(GRAB_JOB_UNIQ))
            command, *arguments = await wire.hears()
            if command == JOB_ASSIGN_UNIQ:
                handle, function, unique, workload = arguments
                run = Executed(len(self.ledger.executed), place, handle, function, unique, workload)
                self.ledger.executed.append(run)
                return run
            assert command == NO_JOB, command
            await wire.says(request(PRE_SLEEP))
            command, *arguments = await wire.hears()
            assert command == NOOP, (command, arguments)
