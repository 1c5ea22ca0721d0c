"""The connections of a blocking worker: it asks one server at a time for a job, and sleeps at all of them."""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
import time
from typing import Final

from geartrain.errors import ConnectError, ConnectionLost, JobCancelled, ProtocolError
from geartrain.printable import printable
from geartrain.protocol.assignment import Assignment
from geartrain.protocol.servers import Server, ServerList
from geartrain.protocol.worker import REGRAB_AFTER, Offer, WorkerProtocol
from geartrain.sockets import READABLE
from geartrain.sync.network import AnyLink, Network

LOOK_AGAIN: Final = 0.02  # seconds between two looks at what the server has said while a function runs
LONGEST_SILENCE: Final = 30  # seconds that a server may take to answer a grab

log = logging.getLogger("geartrain.worker")


class WorkerConnection:
    """A link to one server, and the worker's protocol on it."""

    def __init__(self, link: AnyLink, protocol: WorkerProtocol) -> None:
        self.link = link
        self.server = link.server
        self.protocol = protocol
        self.looking = threading.Lock()  # one thread at a time looks, and none while the worker receives
        self.watched = False  # a function runs, and another thread may look for it
        self.look_at = 0.0  # when it is worth while to look again, by the monotonic clock

    def send(self, packet: bytes) -> None:
        """Send a packet of a running job at once; raises JobCancelled where the job is lost with its connection."""
        self.protocol.send(packet)
        try:
            self.flush()
        except ConnectionLost as error:
            self.protocol.lost()
            raise JobCancelled(str(error), server=self.server.name) from error

    def flush(self) -> None:
        """Write all that the protocol has to say; raises ConnectionLost."""
        self.link.send(self.protocol.take_outgoing())
        self.link.drain(None)

    def look(self) -> None:
        """Find out whether running jobs were taken away, without waiting; for the threads of a job's function."""
        if self.looking.acquire(blocking=False):
            try:
                self.look_now()
            finally:
                self.looking.release()

    def watch(self) -> None:
        """The same, for a thread that does not know whether a function runs: it does while ``watched`` is true."""
        with self.looking:
            if self.watched:
                self.look_now()

    def look_now(self) -> None:
        """Look, as the only one who does."""
        now = time.monotonic()
        for job in list(self.protocol.running.values()):
            if job.limit and job.began and now >= job.began + job.limit:
                job.cancel("timeout")
        if now < self.look_at:
            return
        self.look_at = now + LOOK_AGAIN
        try:
            if self.link.readable():
                self.receive()
        except ConnectionLost:  # the thread of the worker sees it again
            self.protocol.lost()

    def set_watched(self, watched: bool) -> None:
        """Say whether a function runs that may be watched; waits for the end of a look."""
        with self.looking:
            self.watched = watched

    def receive(self) -> None:
        """Take the next bytes; raises ConnectionLost. Nobody else may look meanwhile."""
        try:
            self.protocol.receive(self.link.receive(None))
            self.link.arrived.clear()
        except ProtocolError as error:
            raise ConnectionLost(str(error), server=self.server.name) from error
        for reason in self.protocol.take_denied():
            log.error("%s does not allow it: %s", self.server.name, printable(reason))


class WorkerConnections:
    """What a worker has of its servers: connections come about by themselves, again and again."""

    def __init__(self, servers: ServerList, offer: Offer, connect_timeout: float, network: Network) -> None:
        self.servers = servers
        self.offer = offer  # the worker's: a new connection offers what it offers then
        self.connect_timeout = connect_timeout
        self.network = network
        self.open: list[WorkerConnection] = []
        self.turn = 0  # of the servers, in asking for jobs
        self.alarm, self.bell = socket.socketpair()
        self.bell.setblocking(False)

    def wake(self) -> None:
        """End ``wait`` in whatever thread; may be called in a signal handler."""
        with contextlib.suppress(OSError):  # it has been rung often enough, or nobody listens any more
            self.bell.send(b"!")

    def connect(self) -> None:
        """Open the connections that are missing and whose time has come."""
        now = time.monotonic()
        connected = {connection.server.name for connection in self.open}
        for server in self.servers.servers:
            if server.name not in connected and server.retry_at <= now:
                self.connect_to(server)

    def connect_to(self, server: Server) -> None:
        """Open a connection, or leave the server alone for a while."""
        try:
            link = self.network.connect(server, self.connect_timeout)
        except ConnectError as error:
            self.servers.failed(server, time.monotonic())
            log.warning("%s; next try in %.1f s", error, server.retry_at - time.monotonic())
            return
        server.worked()
        link.limit_silence(LONGEST_SILENCE)
        self.open.append(WorkerConnection(link, WorkerProtocol(server.name, self.offer)))

    def next_job(self, deadline: float | None) -> tuple[WorkerConnection, Assignment] | None:
        """The next job; None when the deadline has passed, or somebody rang."""
        while True:
            if len(self.open) < len(self.servers.servers):
                self.flush()  # the last outcome is not to wait for a server that is away
                self.connect()
            asked = self.ask()
            self.flush()
            if asked is None:
                if not self.wait(deadline):
                    return None
                continue
            self.receive(asked)
            if asked.protocol.assigned:
                return asked, asked.protocol.assigned.popleft()

    def ask(self) -> WorkerConnection | None:
        """Grab at the next server that may have work; None where all of them let us sleep."""
        for _ in range(len(self.open)):
            self.turn = (self.turn + 1) % len(self.open)
            connection = self.open[self.turn]
            if not connection.protocol.asleep:
                connection.protocol.seek(1 - connection.protocol.grabbing)
                return connection
        return None

    def flush(self) -> None:
        """Write what the protocols have to say."""
        for connection in list(self.open):
            if connection.protocol.outgoing:
                try:
                    connection.flush()
                except ConnectionLost as error:
                    self.drop(connection, str(error))

    def receive(self, connection: WorkerConnection) -> None:
        """Take what a server says next."""
        if connection not in self.open:
            return
        try:
            connection.receive()
        except ConnectionLost as error:
            self.drop(connection, str(error))

    def wait(self, deadline: float | None) -> bool:
        """Sleep until there may be news; False when the deadline passes, or somebody rings."""
        regrab_at = time.monotonic() + REGRAB_AFTER
        ready = self.poll(min([regrab_at, *self.retry_times(), *([] if deadline is None else [deadline])]))
        if self.alarm.fileno() in ready:
            self.alarm.recv(64)
            return False
        for connection in list(self.open):
            if connection.link.fileno() in ready:
                self.receive(connection)
            elif time.monotonic() >= regrab_at:
                connection.protocol.asleep = False
        return deadline is None or time.monotonic() < deadline

    def poll(self, until: float) -> set[int]:
        """The descriptors that have something to read, if there are any by then."""
        descriptors = [self.alarm.fileno(), *(connection.link.fileno() for connection in self.open)]
        return self.network.poll(dict.fromkeys(descriptors, READABLE), until)

    def retry_times(self) -> list[float]:
        """When servers that failed may be tried again."""
        connected = {connection.server.name for connection in self.open}
        return [server.retry_at for server in self.servers.servers if server.name not in connected]

    def ping(self) -> dict[str, float]:
        """Seconds that each server takes to answer."""
        self.connect()
        seconds = {}
        for connection in list(self.open):
            begin = time.perf_counter()
            echoes = connection.protocol.echoes
            connection.protocol.echo(b"ping")
            self.flush()
            while connection in self.open and connection.protocol.echoes == echoes:
                self.receive(connection)
            if connection in self.open:
                seconds[connection.server.name] = time.perf_counter() - begin
        return seconds

    def drop(self, connection: WorkerConnection, reason: str) -> None:
        """End a connection; the server queues its running job again."""
        connection.link.close()
        connection.protocol.lost()
        if connection in self.open:
            self.open.remove(connection)
            self.servers.failed(connection.server, time.monotonic())
            log.warning("%s", printable(reason))

    def close(self) -> None:
        """Take leave of every server, for good."""
        for connection in self.open:
            connection.protocol.reset_abilities()
        self.flush()
        for connection in self.open:
            connection.link.close()
        self.open = []
        self.alarm.close()
        self.bell.close()
