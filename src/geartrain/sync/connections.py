"""The connections of a blocking client: shared by its threads, opened again when they break."""

from __future__ import annotations

import contextlib
import math
import threading
import time
from collections.abc import Sequence
from typing import Final

from geartrain.errors import (
    ConnectError,
    ConnectionLost,
    ExtensionMissing,
    JobTimeout,
    NoServers,
    ProtocolError,
)
from geartrain.protocol.client import ClientProtocol
from geartrain.protocol.commands import LAST
from geartrain.protocol.moving import again, candidates, end_unmoved
from geartrain.protocol.servers import Server, ServerList
from geartrain.protocol.settings import check_seconds
from geartrain.protocol.standing import job_timeout
from geartrain.protocol.task import Pending, Question, Task
from geartrain.sync.network import AnyLink, Network, wait_for_any

OTHER_READER_CHECK: Final = 0.05  # seconds


class Connection:
    """A link to one server, and the client's protocol on it."""

    def __init__(self, link: AnyLink, exceptions: bool) -> None:
        self.link = link
        self.server = link.server
        self.protocol = ClientProtocol(link.server.name, exceptions)
        self.reading = False  # a thread is waiting for its bytes
        self.lost = False  # nothing more will come


class Connections:
    """What the threads of a client share; every method but ``close`` wants ``lock`` to be held.

    One thread at a time reads from a connection, for all; the others wait until it has news, or has what it wants
    itself and leaves the reading to them. Nobody holds the lock while waiting.
    """

    def __init__(
        self,
        servers: ServerList,
        timeout: float | None,
        connect_timeout: float,
        exceptions: bool,
        network: Network,
    ) -> None:
        check_seconds(timeout, "timeout")
        check_seconds(connect_timeout, "connect_timeout")
        self.servers = servers
        self.timeout = timeout  # seconds, for calls that name none
        self.connect_timeout = connect_timeout
        self.exceptions = exceptions
        self.network = network
        self.lock = threading.Lock()
        self.news = threading.Condition(self.lock)
        self.sleepers = 0  # threads that wait for news while another one reads
        self.open: dict[str, Connection] = {}
        self.closed = False

    def start_over(self) -> None:
        """Forget all connections, in a child process: they and their threads belong to its parent."""
        self.lock = threading.Lock()
        self.news = threading.Condition(self.lock)
        self.sleepers = 0
        self.open = {}

    def deadline(self, timeout: float | None) -> float | None:
        """When a call that may take ``timeout`` seconds must be over, by the monotonic clock; None is never."""
        if timeout is None:
            timeout = self.timeout
        return None if timeout is None else time.monotonic() + timeout

    def to(self, server: Server, deadline: float | None) -> Connection:
        """The connection to a server, opened if there is none; raises ConnectError."""
        connection = self.open.get(server.name)
        if connection is not None:
            return connection
        if self.closed:
            raise ConnectError("the client is closed", server=server.name)
        return self.connect(server, deadline)

    def connect(self, server: Server, deadline: float | None) -> Connection:
        """A new connection; other threads go on while it comes about."""
        timeout = self.connect_timeout
        if deadline is not None:
            timeout = max(0.001, min(timeout, deadline - time.monotonic()))
        self.lock.release()
        try:
            link = self.network.connect(server, timeout)
        except ConnectError:
            self.servers.failed(server, time.monotonic())
            raise
        finally:
            self.lock.acquire()
        server.worked()
        if server.name in self.open or self.closed:
            link.close()  # another thread was faster
            return self.to(server, deadline)
        connection = Connection(link, self.exceptions)
        self.open[server.name] = connection
        return connection

    def submit(self, task: Task, deadline: float | None) -> Connection:
        """Send the task to the best server that can be reached; raises NoServers."""
        connection = self.place(task, deadline)
        self.flush(connection)
        return connection

    def submit_all(self, tasks: Sequence[Task], deadline: float | None) -> list[Connection]:
        """The same for many tasks, with one write for each server."""
        connections = [self.place(task, deadline) for task in tasks]
        for connection in set(connections):
            self.flush(connection)
        return connections

    def place(self, task: Task, deadline: float | None) -> Connection:
        """Have the task's packet ready for the best server that can be reached; raises NoServers, ExtensionMissing."""
        reasons = []
        for server in candidates(task, self.servers, time.monotonic()):
            try:
                connection = self.to(server, deadline)
                if task.extended:
                    connection = self.extended(connection, deadline)
            except (ConnectError, ConnectionLost) as error:
                reasons.append(str(error))
                continue
            if task.done:
                task.start_over()
            connection.protocol.submit(task)
            return connection
        nobody = NoServers("; ".join(reasons))
        task.tell_watch(nobody)
        raise nobody

    def again(self, task: Task) -> bool:
        """Whether a task that ended with an error is to be submitted to another server."""
        return not self.closed and again(task, self.servers, time.monotonic())

    def resubmit(self, task: Task, connection: Connection, deadline: float | None) -> Connection:
        """Submit the task once more; where no server takes it, that is its end, and the connection the old one."""
        self.look()
        try:
            return self.submit(task, deadline)
        except (NoServers, ExtensionMissing) as error:
            if deadline is not None and time.monotonic() >= deadline:
                raise job_timeout(task, connection.server.name) from error
            end_unmoved(task, error)
            return connection

    def look(self) -> None:
        """Take what other servers have said meanwhile, without waiting: when one goes, others may have gone, too."""
        for connection in list(self.open.values()):
            if not connection.reading and connection.link.readable():
                with contextlib.suppress(JobTimeout):  # another thread took what there was
                    self.pump(connection, 0.0)

    def ask(
        self, server: Server, command: int, argument: bytes, deadline: float | None
    ) -> tuple[Connection, Question]:
        """Send a question to a server; raises ConnectError, ConnectionLost or ExtensionMissing."""
        connection = self.to(server, deadline)
        if command > LAST:
            connection = self.extended(connection, deadline)
        question = connection.protocol.ask(command, argument)
        self.flush(connection)
        return connection, question

    def extended(self, connection: Connection, deadline: float | None) -> Connection:
        """The connection once it is known whether its server has the extension; a new one where it has died."""
        try:
            self.wait_extension(connection, deadline)
        except ConnectionLost:
            connection = self.to(connection.server, deadline)
            self.wait_extension(connection, deadline)
        return connection

    def wait_extension(self, connection: Connection, deadline: float | None) -> None:
        """Wait until it is known whether the server has the extension; raises ConnectionLost."""
        question = connection.protocol.ask_extension()
        self.flush(connection)
        self.wait_answered(question, connection, deadline)
        if isinstance(question.error, ConnectionLost):
            raise question.error

    def wait_created(self, task: Task, connection: Connection, deadline: float | None) -> Connection:
        """Wait until a server has acknowledged the task, and say which; raises what went wrong."""
        self.wait_answered(task, connection, deadline)
        while not task.handle and self.again(task):
            connection = self.resubmit(task, connection, deadline)
            self.wait_answered(task, connection, deadline)
        if task.error is not None and not task.handle:
            raise task.error
        return connection

    def wait_answered(self, pending: Pending, connection: Connection, deadline: float | None) -> None:
        """Wait for the server's direct answer."""
        while not pending.answered:
            self.pump(connection, deadline)

    def flush(self, connection: Connection) -> None:
        """Write what the protocol has to say."""
        try:
            connection.link.send(connection.protocol.take_outgoing())
        except ConnectionLost as error:
            self.drop(connection, error)

    def pump(self, connection: Connection, deadline: float | None) -> None:
        """Take the next bytes of a connection, or let another thread do it; raises JobTimeout."""
        if connection.lost:
            return None  # whoever waits for it has its error
        if connection.reading:
            return self.wait_for_reader(connection, deadline)
        connection.reading = True
        self.lock.release()
        try:
            chunk = connection.link.receive(deadline)
        except ConnectionLost as error:
            self.lock.acquire()
            connection.reading = False
            self.drop(connection, error)
        except BaseException:
            self.lock.acquire()
            connection.reading = False
            self.wake_sleepers()
            raise
        else:
            self.lock.acquire()
            connection.reading = False
            self.take(connection, chunk)

    def pump_any(self, connections: Sequence[Connection], deadline: float | None) -> None:
        """Take the next bytes of any of these connections; raises JobTimeout."""
        wanted = set(connections)
        if any(connection.lost for connection in wanted):
            return None
        if len(wanted) == 1:
            return self.pump(wanted.pop(), deadline)
        mine = [connection for connection in wanted if not connection.reading]
        until = deadline
        if len(mine) < len(wanted):
            # Another thread reads for us there, and has no way to end our wait for the rest.
            until = min(time.monotonic() + OTHER_READER_CHECK, deadline or math.inf)
        self.read_any(mine, until)
        if deadline is not None and time.monotonic() >= deadline:
            raise JobTimeout("no server answered in time")

    def read_any(self, connections: list[Connection], until: float | None) -> None:
        """Wait for any of the connections, as their reader, and take what those bring that have something."""
        for connection in connections:
            connection.reading = True
        self.lock.release()
        try:
            ready = wait_for_any(self.network, [connection.link for connection in connections], until)
        finally:
            self.lock.acquire()
            for connection in connections:
                connection.reading = False
            self.wake_sleepers()
        for connection in connections:
            if connection.link in ready and not connection.reading:
                with contextlib.suppress(JobTimeout):  # another thread took what there was
                    self.pump(connection, 0.0)

    def take(self, connection: Connection, chunk: bytes) -> None:
        """Give the protocol what a connection brought."""
        try:
            connection.protocol.receive(chunk)
        except ProtocolError as error:
            self.drop(connection, ConnectionLost(str(error), server=connection.server.name))
        self.wake_sleepers()

    def wait_for_reader(self, connection: Connection, deadline: float | None) -> None:
        """Wait until the thread that reads has news; write on meanwhile, if that is what is missing."""
        if connection.link.unsent:
            return self.drain(connection, deadline)
        self.wait_for_news(connection.server, deadline)

    def wait_for_news(self, server: Server, deadline: float | None) -> None:
        """Wait until another thread has done something for all; raises JobTimeout."""
        remaining = None if deadline is None else deadline - time.monotonic()
        self.sleepers += 1
        try:
            in_time = self.news.wait(remaining)
        finally:
            self.sleepers -= 1
        if not in_time:
            raise JobTimeout(f"{server.name} did not answer in time", server=server.name)

    def drain(self, connection: Connection, deadline: float | None) -> None:
        """Write what the socket did not take at once."""
        self.lock.release()
        try:
            connection.link.drain(deadline)
        except ConnectionLost as lost:
            error: ConnectionLost | None = lost
        else:
            error = None
        finally:
            self.lock.acquire()
        if error is not None:
            self.drop(connection, error)

    def wake_sleepers(self) -> None:
        """Let the other threads look whether they have what they wait for."""
        if self.sleepers:
            self.news.notify_all()

    def drop(self, connection: Connection, error: ConnectionLost) -> None:
        """A connection ended: whatever waits for its answers ends with the error."""
        connection.lost = True
        connection.link.close()
        if self.open.get(connection.server.name) is connection:
            del self.open[connection.server.name]
            self.servers.failed(connection.server, time.monotonic())
        connection.protocol.lost(error)
        self.wake_sleepers()

    def close(self) -> int:
        """End all connections; how many foreground jobs were still waited for."""
        with self.lock:
            self.closed = True
            connections = list(self.open.values())
            unfinished = sum(connection.protocol.unfinished() for connection in connections)
            for connection in connections:
                self.drop(connection, ConnectionLost("the client was closed", server=connection.server.name))
        return unfinished
