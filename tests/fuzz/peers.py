"""Peers that talk noise, and a canary that must be served all the time."""

from __future__ import annotations

import select
import socket
import struct
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from geartrain import Client, Worker, WorkerJob
from tests.fuzz.noise import Noise
from tests.support.machine import DEADLINE, HOST

MOMENT = 0.02  # seconds in which an answer may come
RESET = struct.pack("ii", 1, 0)  # SO_LINGER: a close that resets


class Talker(threading.Thread):
    """Connects to a port again and again and says what ``say`` makes up, in chunks of any size."""

    def __init__(self, noise: Noise, port: int, say: Callable[[Noise], bytes], until: float) -> None:
        super().__init__(name=say.__name__)
        self.noise = noise
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
        random = self.noise.random
        with socket.create_connection((HOST, self.port), DEADLINE) as link:
            link.setblocking(False)
            for _ in range(random.randrange(1, 30)):
                message = self.say(self.noise)
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

    def hear(self, link: socket.socket) -> None:
        with suppress(OSError):
            if select.select([link], [], [], MOMENT)[0]:
                self.heard += len(link.recv(65536))

    def leave(self, link: socket.socket) -> None:
        """Go in one of the ways there are."""
        way = self.noise.random.randrange(3)
        if way == 0:
            link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        elif way == 1:
            with suppress(OSError):
                link.shutdown(socket.SHUT_WR)
                link.settimeout(0.2)
                while link.recv(65536):
                    pass


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
