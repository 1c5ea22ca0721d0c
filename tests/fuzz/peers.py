"""Peers that talk noise, and a canary that must be served all the time."""

from __future__ import annotations

import select
import socket
import struct
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from random import Random

from geartrain import Client, Worker, WorkerJob
from geartrain.protocol.commands import (
    CAN_DO,
    GRAB_JOB,
    JOB_ASSIGN,
    SUBMIT_JOB,
    WORK_COMPLETE,
    WORK_DATA,
    WORK_STATUS,
    WORK_WARNING,
)
from geartrain.protocol.packet import HEADER, HEADER_SIZE, request
from tests.support.machine import DEADLINE, HOST

MOMENT = 0.02  # seconds in which an answer may come
RESET = struct.pack("ii", 1, 0)  # SO_LINGER: a close that resets


class Talker(threading.Thread):
    """Connects to a port again and again and says what ``say`` makes up, in chunks of any size."""

    def __init__(self, random: Random, port: int, say: Callable[[], bytes], until: float) -> None:
        super().__init__(name=say.__name__)
        self.random = random
        self.port = port
        self.say = say
        self.until = until
        self.said = 0
        self.heard = 0
        self.failure: BaseException | None = None

    def run(self) -> None:
        try:
            while time.monotonic() < self.until:
                self.talk()
        except BaseException as error:
            self.failure = error

    def talk(self) -> None:
        """One connection's life."""
        random = self.random
        with socket.create_connection((HOST, self.port), DEADLINE) as link:
            link.setblocking(False)
            for _ in range(random.randrange(1, 30)):
                message = self.say()
                self.said += 1
                cut = random.randrange(len(message) + 1) if random.random() < 0.3 else len(message)
                for part in (message[:cut], message[cut:]):
                    if not self.send(link, part):
                        return
                if random.random() < 0.5:
                    self.hear(link)
            self.leave(link)

    def send(self, link: socket.socket, part: bytes) -> bool:
        """Send what goes at once; False where the server has hung up."""
        try:
            link.send(part)
        except BlockingIOError:
            self.hear(link)
        except OSError:
            return False
        return True

    def hear(self, link: socket.socket) -> bytes:
        """What comes at once."""
        chunk = b""
        with suppress(OSError):
            if select.select([link], [], [], MOMENT)[0]:
                chunk = link.recv(65536)
        self.heard += len(chunk)
        return chunk

    def leave(self, link: socket.socket) -> None:
        """Go in one of the ways there are."""
        way = self.random.randrange(3)
        if way == 0:
            link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        elif way == 1:
            with suppress(OSError):
                link.shutdown(socket.SHUT_WR)
                link.settimeout(0.2)
                while link.recv(65536):
                    pass


class Joiner(Talker):
    """Joins one job by its unique, on one connection or on many, and has its worker flood who waits for it."""

    def talk(self) -> None:
        random = self.random
        submit = request(SUBMIT_JOB, b"joined", self.say(), b"")
        with ExitStack() as links:
            clients = [links.enter_context(self.connect()) for _ in range(random.choice((1, 1, 30)))]
            for client in clients:
                self.send(client, submit * random.choice((1, 40, 1100)))
                self.said += 1
            with self.connect() as worker:
                self.send(worker, request(CAN_DO, b"joined") + request(GRAB_JOB))
                handle = handle_in(self.hear(worker))
                flood = b"".join(
                    [
                        request(WORK_DATA, handle, bytes(random.choice((0, 1, 1000)))),
                        request(WORK_STATUS, handle, b"9" * random.choice((1, 20, 5000)), b"%d" % self.said),
                        request(WORK_WARNING, handle, b"x"),
                    ]
                )
                end = request(WORK_COMPLETE, handle, b"") if random.random() < 0.5 else b""
                self.send(worker, flood * random.choice((1, 20, 100)) + end)
                for client in clients:
                    self.hear(client)
                    self.leave(client)

    def connect(self) -> socket.socket:
        link = socket.create_connection((HOST, self.port), DEADLINE)
        link.setblocking(False)
        return link


class Watcher(Talker):
    """Opens streams: some it reads, some not, and it leaves them in the middle."""

    def talk(self) -> None:
        random = self.random
        with ExitStack() as links:
            for _ in range(random.choice((1, 3, 30, 130))):
                link = links.enter_context(socket.create_connection((HOST, self.port), DEADLINE))
                link.setblocking(False)
                self.send(link, self.say())
                self.said += 1
                if random.random() < 0.5:
                    self.hear(link)
                if random.random() < 0.3:
                    self.leave(link)
            time.sleep(random.random())


def handle_in(heard: bytes) -> bytes:
    """The handle of the job that a worker got; another one where it got none."""
    if len(heard) > HEADER_SIZE and HEADER.unpack_from(heard)[1] == JOB_ASSIGN:
        return heard[HEADER_SIZE:].partition(b"\0")[0]
    return b"H:nobody:1"


class Gauge(threading.Thread):
    """Looks at a process' memory until a time."""

    def __init__(self, pid: int, until: float) -> None:
        super().__init__(name="gauge")
        self.pid = pid
        self.until = until
        self.seen: list[int] = []  # bytes, ten times a second

    def run(self) -> None:
        while time.monotonic() < self.until:
            self.seen.append(memory_of(self.pid))
            time.sleep(0.1)

    def parts(self) -> tuple[int, int]:
        """The most bytes in the second third of the time, and in the last one."""
        third = len(self.seen) // 3
        return max(self.seen[third : -third or None]), max(self.seen[-third:])


class Canary(threading.Thread):
    """A client and a worker that mind their own business; each job must be done within ``DEADLINE`` seconds."""

    def __init__(self, address: str, until: float) -> None:
        super().__init__(name="canary")
        self.address = address
        self.until = until
        self.served = 0
        self.failure: BaseException | None = None

    def run(self) -> None:
        worker = Worker(self.address)
        worker.function("canary")(sing)
        working = threading.Thread(target=worker.run, daemon=True)
        working.start()
        try:
            with Client(self.address) as client:
                while time.monotonic() < self.until:
                    song = str(self.served).encode()
                    assert client.do("canary", song, timeout=DEADLINE) == song
                    self.served += 1
                    time.sleep(0.005)
        except BaseException as error:
            self.failure = error
        finally:
            worker.stop()
            working.join(DEADLINE)


def sing(job: WorkerJob) -> bytes:
    return job.workload


def memory_of(pid: int) -> int:
    """Bytes of memory that a process has."""
    with open(f"/proc/{pid}/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmRSS"))
