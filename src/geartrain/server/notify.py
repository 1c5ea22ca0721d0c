"""What the server tells the service manager: systemd's notify protocol."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections import deque
from collections.abc import Callable, MutableMapping
from contextlib import suppress
from typing import Final

from geartrain.errors import SettingsError

STATUS_PERIOD: Final = 5.0  # seconds between two looks at what there is to say
PATIENCE: Final = 30  # seconds that a start or an end may take from the last sign of life
MORE_TIME: Final = f"EXTEND_TIMEOUT_USEC={PATIENCE * 1_000_000}"
MOST_UNSENT: Final = 16
VARIABLES: Final = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")


class Notifier:
    """Tells the service manager how the server is; without one it does nothing.

    The signs of life come from the server's own loop, so a loop that hangs gives none: the watchdog ends it. While
    the server starts or ends, each asks for more time.
    """

    def __init__(self, environment: MutableMapping[str, str]) -> None:
        """Where to tell it is taken out of the environment, so that no child speaks for the server.

        Raises SettingsError where nobody can be told there.
        """
        address, watchdog, watched = (environment.pop(name, "") for name in VARIABLES)
        self.address = address_of(address)  # empty where nobody wants to know
        self.watched = bool(watchdog) and watched in ("", str(os.getpid()))
        self.period = min(STATUS_PERIOD, half_of(watchdog)) if self.watched else STATUS_PERIOD
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.setblocking(False)
        self.unsent: deque[bytes] = deque(maxlen=MOST_UNSENT)  # what the manager could not take yet
        self.describe: Callable[[], str] = str  # what to say of the server
        self.trouble = ""  # what is wrong with the configuration that was read last
        self.status = "starting"  # what was said last
        self.ready = False  # from the start's end to the beginning of the end
        self.timer: asyncio.TimerHandle | None = None  # None while no signs of life are given
        self.greet()

    def greet(self) -> None:
        """The first message shows whether anybody can be told."""
        try:
            self.send(f"STATUS={self.status}\n{MORE_TIME}".encode())
        except OSError as error:
            where = self.address.replace("\0", "@")
            self.socket.close()
            raise SettingsError(f"cannot reach NOTIFY_SOCKET {where}: {error.strerror or error}") from None

    def begin(self, describe: Callable[[], str]) -> None:
        """Give signs of life from now on, on the running loop."""
        self.describe = describe
        if self.address:
            self.beat()

    def beat(self) -> None:
        """Give a sign of life, and the next one in time."""
        lines = ["WATCHDOG=1"] if self.watched else []
        if not self.ready:
            lines.append(MORE_TIME)
        said = self.status
        if self.now() != said:
            lines.append(f"STATUS={self.status}")
        if lines or self.unsent:
            self.tell(*lines)
        self.timer = asyncio.get_running_loop().call_later(self.period, self.beat)

    def now(self) -> str:
        """How the server is, in one line."""
        told = f"{self.describe()}; {self.trouble}" if self.trouble else self.describe()
        self.status = " ".join(told.split())
        return self.status

    def is_ready(self) -> None:
        """The server has its jobs, and listens."""
        self.ready = True
        self.tell("READY=1", f"MAINPID={os.getpid()}", f"STATUS={self.now()}")

    def reloading(self) -> None:
        """The server reads its configuration; ``reloaded`` ends it."""
        self.tell("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def reloaded(self, error: str = "") -> None:
        """What was read holds; or it does not, and why."""
        self.trouble = f"the configuration is refused: {error}" if error else ""
        self.tell("READY=1", f"STATUS={self.now()}")

    def stopping(self) -> None:
        """The server ends."""
        self.ready = False
        self.tell("STOPPING=1", MORE_TIME)

    def end(self) -> None:
        """Say no more."""
        if self.timer is not None:
            self.timer.cancel()
        self.address = ""
        self.socket.close()

    def tell(self, *lines: str) -> None:
        """One message; what the manager cannot take now it hears with a later one."""
        with suppress(OSError):  # it starts anew
            self.send("\n".join(lines).encode())

    def send(self, message: bytes) -> None:
        """Send what there is to send, as far as the manager can take it; raises OSError where it is not there."""
        if not self.address:
            return
        if message:
            self.unsent.append(message)
        with suppress(BlockingIOError):
            while self.unsent:
                self.socket.sendto(self.unsent[0], self.address)
                self.unsent.popleft()


def address_of(text: str) -> str:
    """A manager's address as the system has it: a path, or for @NAME a name in the abstract; empty as it is."""
    if text and not text.startswith(("/", "@")):
        raise SettingsError(f"NOTIFY_SOCKET wants an absolute path or @NAME, got {text!r}")
    return f"\0{text[1:]}" if text.startswith("@") else text


def half_of(watchdog: str) -> float:
    """Half of the time after which the watchdog gives the server up, in seconds."""
    if not watchdog.isdecimal() or int(watchdog) == 0:
        raise SettingsError(f"WATCHDOG_USEC wants a number of microseconds, got {watchdog!r}")
    return int(watchdog) / 2_000_000
