"""Engines for tests: real redis-server processes in folders and on ports of their own."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import IO

from tests.support.machine import HOST, free_port, require, wait_until
from tests.support.processes import Program

SERVICE = "jobs"
RELIABLE = ("--appendonly", "yes", "--save", "", "--repl-diskless-sync-delay", "0")
SLOTS = 16384


class Redis(Program):
    """A redis-server or a sentinel, which keeps its files in a folder of its own."""

    def __init__(
        self,
        *options: str,
        port: int | None = None,
        program: str = "redis-server",
        files: Sequence[str] = (),
        folder: tempfile.TemporaryDirectory[str] | None = None,
    ) -> None:
        self.port = port or free_port()
        self.files = files  # that go with it
        self.folder = folder or tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        self.options = options
        place = ("--port", str(self.port), "--bind", HOST, "--dir", self.folder.name)
        super().__init__(require(program), *options, *place)

    def again(self) -> Redis:
        """The same process once more, with what the first one left behind."""
        folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        shutil.copytree(self.folder.name, folder.name, dirs_exist_ok=True)
        return Redis(*self.options, port=self.port, folder=folder)

    @property
    def place(self) -> str:
        return f"{HOST}:{self.port}"

    def ask(self, *words: str | bytes) -> str:
        """The answer to one command, as text; of an array its parts, each on a line of its own."""
        with socket.create_connection((HOST, self.port), 2) as link, link.makefile("rb") as lines:
            parts = [word.encode() if isinstance(word, str) else word for word in words]
            command = b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)
            link.sendall(b"*%d\r\n%s" % (len(parts), command))
            return answer_in(lines.readline(), lines)

    def answers(self) -> bool:
        """Whether the process takes commands."""
        try:
            return self.ask("PING").startswith(("PONG", "NOAUTH"))
        except OSError:
            return False

    def wait_until_ready(self) -> None:
        wait_until(lambda: self.answers() or not self.running(), f"an engine answers on port {self.port}")
        assert self.running(), self.output()

    def pause(self) -> None:
        """Have the process stand still."""
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def end(self, by: signal.Signals) -> int:
        if self.running():
            self.go_on()
        return super().end(by)

    def __exit__(self, *exception: object) -> None:
        # It has nothing to lose, and would take its time to write.
        self.kill()
        os.close(self.log)
        for file in self.files:
            os.unlink(file)
        self.folder.cleanup()


def answer_in(line: bytes, lines: IO[bytes]) -> str:
    """One answer in the engine's protocol, as text."""
    kind, text = line[:1], line[1:].strip().decode("utf-8", "replace")
    if kind == b"$":
        return "" if text == "-1" else lines.read(int(text) + 2)[:-2].decode("utf-8", "replace")
    if kind == b"*":
        return "\n".join(answer_in(lines.readline(), lines) for _ in range(int(text)))
    return text


class EngineSet:
    """Some processes that are one engine: ``nodes`` keep jobs, the first of them as a primary when it begins."""

    def __init__(
        self, stack: ExitStack, url: str, nodes: Sequence[Redis], watchers: Sequence[Redis] = ()
    ) -> None:
        self.stack = stack  # ends the processes
        self.url = url
        self.nodes = list(nodes)
        self.watchers = list(watchers)
        self.paused: list[Redis] = []

    @property
    def primary(self) -> Redis:
        """The first node that is a primary now."""
        return next(node for node in self.nodes if role_of(node) == "master")

    @property
    def replicas(self) -> list[Redis]:
        return [node for node in self.nodes if role_of(node) == "slave"]

    def kill_primary(self) -> Redis:
        """End the primary, without a word."""
        primary = self.primary
        primary.kill()
        return primary

    def revive(self, ended: Redis, primary: Redis) -> None:
        """Have a node that was ended follow the one that is in its place."""
        node = self.stack.enter_context(ended.again())
        self.nodes[self.nodes.index(ended)] = node
        node.wait_until_ready()
        if self.watchers:
            node.ask("REPLICAOF", HOST, str(primary.port))
        wait_until(partial(tells, node, "INFO", "replication", "master_link_status:up"), "it follows")

    def is_calm(self) -> bool:
        """Whether all sentinels take the same node for the primary, and know one that can take its place."""
        chosen = {watcher.ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", SERVICE) for watcher in self.watchers}
        return len(chosen) <= 1 and all(is_calm(watcher) for watcher in self.watchers)

    def pause_replicas(self) -> None:
        """Have the replicas stand still."""
        self.paused = self.replicas
        for replica in self.paused:
            replica.pause()

    def go_on(self) -> None:
        """Have those go on that stand still."""
        for replica in self.paused:
            replica.go_on()


def role_of(node: Redis) -> str:
    """ "master" or "slave"; empty where the process is gone or does not answer."""
    if not node.running():
        return ""
    try:
        return node.ask("ROLE").split("\n")[0]
    except OSError:
        return ""


@contextmanager
def standalone(*options: str) -> Iterator[EngineSet]:
    """One process."""
    with ExitStack() as stack:
        node = stack.enter_context(Redis(*(options or RELIABLE)))
        node.wait_until_ready()
        yield EngineSet(stack, f"valkey://{node.place}", [node])


@contextmanager
def replicated(replicas: int = 1) -> Iterator[EngineSet]:
    """A primary that has replicas, and nobody who would put one of them in its place."""
    with ExitStack() as stack:
        nodes = primary_and_replicas(stack, replicas)
        yield EngineSet(stack, f"valkey://{nodes[0].place}", nodes)


def primary_and_replicas(stack: ExitStack, replicas: int) -> list[Redis]:
    primary = stack.enter_context(Redis(*RELIABLE))
    primary.wait_until_ready()
    nodes = [primary]
    for _ in range(replicas):
        of = ("--replicaof", f"{HOST} {primary.port}")
        nodes.append(stack.enter_context(Redis(*RELIABLE, *of)))
    for replica in nodes[1:]:
        replica.wait_until_ready()
        wait_until(
            partial(tells, replica, "INFO", "replication", "master_link_status:up"), "a replica follows"
        )
    wait_until(lambda: primary.ask("INFO", "replication").count("state=online") == replicas, "all follow")
    return nodes


@contextmanager
def sentinels(replicas: int = 2, watchers: int = 3) -> Iterator[EngineSet]:
    """A primary, replicas, and sentinels who put one of those in its place."""
    with ExitStack() as stack:
        nodes = primary_and_replicas(stack, replicas)
        watching = [stack.enter_context(sentinel_of(nodes[0])) for _ in range(watchers)]
        for watcher in watching:
            watcher.wait_until_ready()
        for watcher in watching:
            wait_until(partial(sees, watcher, replicas, watchers - 1), "the sentinels know all")
        places = ",".join(watcher.place for watcher in watching)
        yield EngineSet(stack, f"valkey+sentinel://{places}/{SERVICE}", nodes, watching)


def sentinel_of(primary: Redis) -> Redis:
    with tempfile.NamedTemporaryFile("w", prefix="sentinel", delete=False) as file:
        file.write(
            f"sentinel monitor {SERVICE} {HOST} {primary.port} 2\n"
            f"sentinel down-after-milliseconds {SERVICE} 1000\n"
            f"sentinel failover-timeout {SERVICE} 2000\n"
        )
    return Redis(file.name, program="redis-sentinel", files=[file.name])


def sees(watcher: Redis, replicas: int, others: int) -> bool:
    """Whether a sentinel knows the replicas and the other sentinels."""
    (known,) = told(watcher, "MASTER")
    return (known["num-slaves"], known["num-other-sentinels"]) == (str(replicas), str(others))


def is_calm(watcher: Redis) -> bool:
    """Whether a sentinel finds the primary in order, and a replica that follows it."""
    primary = told(watcher, "MASTER")[0]
    return primary["flags"] == "master" == primary["role-reported"] and any(
        (replica["flags"], replica["master-link-status"], replica["master-port"])
        == ("slave", "ok", primary["port"])
        for replica in told(watcher, "REPLICAS")
    )


def told(watcher: Redis, what: str) -> list[dict[str, str]]:
    """What a sentinel says of a node or several, by field."""
    _, *nodes = f"\n{watcher.ask('SENTINEL', what, SERVICE)}".split("\nname\n")
    found = []
    for node in nodes:
        lines = ["name", *node.split("\n")]
        found.append(dict(zip(lines[::2], lines[1::2], strict=True)))
    return found


@contextmanager
def cluster(primaries: int = 3) -> Iterator[EngineSet]:
    """A Cluster in which each primary has a replica; the primaries are the first nodes."""
    with ExitStack() as stack:
        nodes = [stack.enter_context(cluster_node()) for _ in range(2 * primaries)]
        for node in nodes:
            node.wait_until_ready()
        for number, node in enumerate(nodes):
            node.ask("CLUSTER", "SET-CONFIG-EPOCH", str(number + 1))
            first = nodes[0]
            node.ask("CLUSTER", "MEET", HOST, str(first.port), first.options[-1])
        for number, node in enumerate(nodes[:primaries]):
            first_slot, next_slot = SLOTS * number // primaries, SLOTS * (number + 1) // primaries
            node.ask("CLUSTER", "ADDSLOTSRANGE", str(first_slot), str(next_slot - 1))
        for node in nodes:
            wait_until(partial(knows, node, len(nodes)), "the nodes of the Cluster know each other")
        for primary, replica in zip(nodes[:primaries], nodes[primaries:], strict=True):
            replica.ask("CLUSTER", "REPLICATE", primary.ask("CLUSTER", "MYID"))
        for replica in nodes[primaries:]:
            wait_until(
                partial(tells, replica, "INFO", "replication", "master_link_status:up"), "a replica follows"
            )
        for primary in nodes[:primaries]:
            wait_until(partial(tells, primary, "INFO", "replication", "state=online"), "its primary knows")
        for node in nodes:
            wait_until(partial(tells, node, "CLUSTER", "INFO", "cluster_state:ok"), "the Cluster is whole")
        places = ",".join(node.place for node in nodes)
        yield EngineSet(stack, f"valkey+cluster://{places}", nodes)


def cluster_node() -> Redis:
    return Redis(
        *RELIABLE,
        "--cluster-enabled",
        "yes",
        "--cluster-node-timeout",
        "1000",
        "--cluster-port",
        str(free_port()),
    )


def knows(node: Redis, nodes: int) -> bool:
    """Whether a node of a Cluster has met all of them."""
    told = node.ask("CLUSTER", "NODES").splitlines()
    return len(told) == nodes and all("handshake" not in line for line in told)


def tells(node: Redis, command: str, about: str, text: str) -> bool:
    """Whether a node says something of itself."""
    return text in node.ask(command, about)
