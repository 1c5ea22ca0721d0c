"""The connections of a blocking client: shared by its threads, opened again when they break."""

from __future__ import annotations

import contextlib
import math
import threading
import time
from collections.abc import Callable, Sequence
from typing import Final, TypeVar, TypeVarTuple, Unpack

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
LOOK_AGAIN: Final = 0.5  # seconds after which a thread looks whether the one that read for it was interrupted

Arguments = TypeVarTuple("Arguments")
Value = TypeVar("Value")


class Connection:
    """A link to one server, and the client's protocol on it."""

    def __init__(self, link: AnyLink, exceptions: bool) -> None:
        self.link = link
        self.server = link.server
        self.protocol = ClientProtocol(link.server.name, exceptions)
        self.reading = 0  # the thread that waits for its bytes; 0 is none
        self.lost = False  # nothing more will come


class Connections:
    """What the threads of a client share.

    One thread at a time reads from a connection, for all; the others wait until it has news, or has what it wants
    itself and leaves the reading to them. Nobody holds the lock while waiting.

    A handler of signals may raise between any two steps of a call. The client is usable afterwards:

    * the lock is held in ``with`` blocks only, which Python leaves in one step;
    * ``change`` notes the connection that it changes. An exception that is not of this library ends that connection,
      and its jobs go on as after a lost connection. If even that is interrupted, the next thread finds the note;
    * the thread that reads is noted in one step, and forgotten in one step in ``finally``;
    * a thread that waits for another one looks again after a while.

    ``told`` counts what may be news for a waiting thread. A thread reads it before it looks whether it has what it
    wants, and passes it on: if it has grown since then, there is no waiting.
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
        self.lock = threading.RLock()
        self.told = 0  # how often there was news
        self.sleepers: list[threading.Lock] = []  # each is released when there is news
        self.changing: Connection | None = None  # None while nothing is half done
        self.open: dict[str, Connection] = {}
        self.closed = False

    def start_over(self) -> None:
        """Forget all connections, in a child process: they and their threads belong to its parent."""
        self.lock = threading.RLock()
        self.sleepers = []
        self.changing = None
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
        try:
            link = self.network.connect(server, timeout)
        except ConnectError:
            with self.lock:
                self.servers.failed(server, time.monotonic())
            raise
        connection = Connection(link, self.exceptions)
        with self.lock:
            server.worked()
            if server.name not in self.open and not self.closed:
                self.open[server.name] = connection
                return connection
        link.close()  # another thread was faster
        return self.to(server, deadline)

    def change(
        self,
        connection: Connection,
        action: Callable[[Unpack[Arguments]], Value],
        *arguments: *Arguments,
    ) -> Value:
        """Do what changes a connection; raises ConnectionLost where it has ended, and what the action raises."""
        with self.lock:
            if self.changing is not None:
                self.settle()
            if connection.lost:
                name = connection.server.name
                raise ConnectionLost(f"the connection to {name} has ended", server=name)
            self.changing = connection
            try:
                value = action(*arguments)
            except (ExtensionMissing, ProtocolError):
                self.changing = None
                raise
            except BaseException:  # whatever it is, the action may be half done
                self.settle()
                raise
            self.changing = None
            return value

    def settle(self) -> None:
        """End the connection in whose change a thread was interrupted. The lock is held."""
        if self.changing is not None:
            name = self.changing.server.name
            self.drop(self.changing, ConnectionLost(f"a call to {name} was interrupted", server=name))

    def submit(self, task: Task, deadline: float | None) -> Connection:
        """Send the task to the best server that can be reached; raises NoServers."""
        return self.place(task, deadline, self.begin_and_write)

    def submit_all(self, tasks: Sequence[Task], deadline: float | None) -> list[Connection]:
        """The same for many tasks, with one write for each server."""
        connections = [self.place(task, deadline, begin) for task in tasks]
        for connection in set(connections):
            self.flush(connection)
        return connections

    def begin_and_write(self, connection: Connection, task: Task) -> None:
        """Have the protocol submit a task, and write it."""
        begin(connection, task)
        self.write(connection)

    def place(
        self, task: Task, deadline: float | None, action: Callable[[Connection, Task], None]
    ) -> Connection:
        """Do ``begin`` or more at the best server that can be reached; raises NoServers, ExtensionMissing."""
        reasons = []
        for server in candidates(task, self.servers, time.monotonic()):
            try:
                return self.place_at(server, task, deadline, action)
            except (ConnectError, ConnectionLost) as error:
                reasons.append(str(error))
        nobody = NoServers("; ".join(reasons))
        task.tell_watch(nobody)
        raise nobody

    def place_at(
        self, server: Server, task: Task, deadline: float | None, action: Callable[[Connection, Task], None]
    ) -> Connection:
        """The same for one server; raises ConnectError, ConnectionLost or ExtensionMissing."""
        while True:
            connection = self.to(server, deadline)
            if task.extended:
                connection = self.extended(connection, deadline)
            try:
                self.change(connection, action, connection, task)
            except ConnectionLost:  # another thread saw its end
                continue
            except ExtensionMissing:
                raise
            except BaseException:  # nobody may wait for a task that is half submitted
                task.refuse(ConnectionLost(f"a call to {server.name} was interrupted", server=server.name))
                raise
            return connection

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
                    self.pump(connection, self.told, 0.0)

    def ask(
        self, server: Server, command: int, argument: bytes, deadline: float | None
    ) -> tuple[Connection, Question]:
        """Send a question to a server; raises ConnectError, ConnectionLost or ExtensionMissing."""
        while True:
            connection = self.to(server, deadline)
            if command > LAST:
                connection = self.extended(connection, deadline)
            with contextlib.suppress(ConnectionLost):  # another thread saw its end
                return connection, self.ask_at(connection, command, argument)

    def ask_at(self, connection: Connection, command: int, argument: bytes) -> Question:
        """Send a question; raises ConnectionLost where the connection has ended already, or ExtensionMissing."""
        question = self.change(connection, connection.protocol.ask, command, argument)
        self.flush(connection)
        return question

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
        question = self.change(connection, connection.protocol.ask_extension)
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
        while True:
            told = self.told
            if connection.lost:
                self.end_forgotten(pending, connection)
            if pending.answered:
                return
            self.pump(connection, told, deadline)

    def end_forgotten(self, pending: Pending, connection: Connection) -> None:
        """End what the protocol of a lost connection had in hand when a call was interrupted."""
        with self.lock:
            self.settle()
            if isinstance(pending, Task) and pending.answered and not pending.done:
                pending.lose(connection.server.name)
            elif not pending.answered:
                name = connection.server.name
                pending.refuse(ConnectionLost(f"a call to {name} was interrupted", server=name))

    def flush(self, connection: Connection) -> None:
        """Write what the protocol has to say."""
        with contextlib.suppress(ConnectionLost):  # whoever waits for it has its error
            self.change(connection, self.write, connection)

    def write(self, connection: Connection) -> None:
        """The same, as the one that changes the connection."""
        try:
            connection.link.send(connection.protocol.take_outgoing())
        except ConnectionLost as error:
            self.drop(connection, error)

    def pump(self, connection: Connection, told: int, deadline: float | None) -> None:
        """Take the next bytes of a connection, or let another thread do it; raises JobTimeout.

        Returns at once where there was news after ``told``.
        """
        me = threading.get_ident()
        try:
            with self.lock:  # as ``claim``, for the usual case of one connection
                if self.changing is not None:
                    self.settle()
                if self.told != told or connection.lost:
                    return None
                if not connection.reading:
                    connection.reading = me
                elif connection.reading == me:  # by the call that a handler of signals has interrupted
                    name = connection.server.name
                    self.drop(connection, ConnectionLost(f"a call to {name} was interrupted", server=name))
            if connection.reading != me:
                return self.wait_for_reader(connection, told, deadline)
            self.take(connection, connection.link.receive(deadline))
        except ConnectionLost as error:
            self.drop(connection, error)
        except ProtocolError as error:
            self.drop(connection, ConnectionLost(str(error), server=connection.server.name))
        except BaseException:  # bytes may be lost that were read and not yet taken
            if connection.link.is_torn():
                name = connection.server.name
                self.drop(connection, ConnectionLost(f"a call to {name} was interrupted", server=name))
            raise
        finally:
            if connection.reading == me:
                connection.reading = 0  # in one step, whatever becomes of the next
                self.leave(connection)

    def claim(self, connections: Sequence[Connection], me: int, told: int) -> bool:
        """Become the reader of those that have none; False where there was news after ``told``."""
        with self.lock:
            if self.changing is not None:
                self.settle()
            if self.told != told:
                return False
            for connection in connections:
                if connection.lost:
                    return False
                if not connection.reading:
                    connection.reading = me
                elif connection.reading == me:  # by the call that a handler of signals has interrupted
                    name = connection.server.name
                    self.drop(connection, ConnectionLost(f"a call to {name} was interrupted", server=name))
            return True

    def pump_any(self, connections: Sequence[Connection], told: int, deadline: float | None) -> None:
        """Take the next bytes of any of these connections; raises JobTimeout. Else as ``pump``."""
        wanted = list(set(connections))
        if len(wanted) == 1:
            return self.pump(wanted[0], told, deadline)
        self.read_any(wanted, told, deadline)
        if deadline is not None and time.monotonic() >= deadline:
            raise JobTimeout("no server answered in time")

    def read_any(self, connections: list[Connection], told: int, deadline: float | None) -> None:
        """Wait for any of the connections, as their reader, and take what those bring that have something."""
        me = threading.get_ident()
        ready: set[AnyLink] = set()
        try:
            if not self.claim(connections, me, told):
                return
            mine = [connection for connection in connections if connection.reading == me]
            until = deadline
            if len(mine) < len(connections):
                # Another thread reads for us there, and has no way to end our wait for the rest.
                until = min(time.monotonic() + OTHER_READER_CHECK, deadline or math.inf)
            ready = wait_for_any(self.network, [connection.link for connection in mine], until)
        finally:
            for connection in connections:
                if connection.reading == me:
                    connection.reading = 0
            self.wake_sleepers()
        for connection in mine:
            if connection.lost:
                connection.link.close()
            elif connection.link in ready:
                with contextlib.suppress(JobTimeout):  # another thread took what there was
                    self.pump(connection, self.told, 0.0)

    def take(self, connection: Connection, chunk: bytes) -> None:
        """Give the protocol what a connection brought, and leave the reading to others; raises ProtocolError."""
        with self.lock:
            if self.changing is not None:
                self.settle()
            if connection.lost:
                return
            self.changing = connection
            connection.protocol.receive(chunk)
            connection.link.arrived.clear()
            connection.reading = 0
            self.changing = None
            self.told += 1
            if self.sleepers:
                self.wake_sleepers()

    def leave(self, connection: Connection) -> None:
        """Read from it no longer: another thread may."""
        connection.reading = 0
        if connection.lost:
            connection.link.close()
        self.wake_sleepers()

    def wait_for_reader(self, connection: Connection, told: int, deadline: float | None) -> None:
        """Wait until the thread that reads has news; write on meanwhile, if that is what is missing."""
        if connection.link.unsent:
            return connection.link.drain(deadline)
        self.wait_for_news(connection.server, told, deadline)

    def wait_for_news(self, server: Server, told: int, deadline: float | None) -> None:
        """Wait until another thread has done something for all; raises JobTimeout. May return without news."""
        remaining = LOOK_AGAIN if deadline is None else min(LOOK_AGAIN, deadline - time.monotonic())
        bell = threading.Lock()
        bell.acquire()
        with self.lock:
            if self.told != told:
                return
            self.sleepers.append(bell)
        if remaining > 0 and bell.acquire(timeout=remaining):
            return
        with self.lock, contextlib.suppress(ValueError):  # the bell rings just now
            self.sleepers.remove(bell)
        if deadline is not None and time.monotonic() >= deadline:
            raise JobTimeout(f"{server.name} did not answer in time", server=server.name)

    def wake_sleepers(self) -> None:
        """Let the other threads look whether they have what they wait for."""
        self.told += 1
        while self.sleepers:
            with contextlib.suppress(IndexError):  # another thread has woken the last
                self.sleepers.pop().release()

    def drop(self, connection: Connection, error: ConnectionLost) -> None:
        """A connection ended: whatever waits for its answers ends with the error."""
        with self.lock:
            self.changing = connection  # should this be interrupted, somebody does it again
            connection.lost = True
            if connection.reading in (0, threading.get_ident()):
                connection.reading = 0
                connection.link.close()
            else:  # the thread that reads closes it: its descriptor must not become another connection's meanwhile
                connection.link.hang_up()
            if self.open.get(connection.server.name) is connection:
                del self.open[connection.server.name]
                self.servers.failed(connection.server, time.monotonic())
            connection.protocol.lost(error)
            self.changing = None
            self.wake_sleepers()

    def give_up(self, task: Task, connection: Connection) -> None:
        """Nobody waits for the task any more."""
        with contextlib.suppress(ConnectionLost):
            self.change(connection, connection.protocol.abandon, task)

    def close(self) -> int:
        """End all connections; how many foreground jobs were still waited for."""
        with self.lock:
            self.closed = True
            connections = list(self.open.values())
            unfinished = sum(connection.protocol.unfinished() for connection in connections)
            for connection in connections:
                self.drop(connection, ConnectionLost("the client was closed", server=connection.server.name))
        return unfinished


def begin(connection: Connection, task: Task) -> None:
    """Have the protocol submit a task, perhaps not for the first time."""
    if task.done:
        task.start_over()
    connection.protocol.submit(task)
