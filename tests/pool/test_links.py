"""Links between the servers of a pool: who is let in, what a stranger learns, and how the secret changes."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from threading import Thread

import pytest

from geartrain.protocol.commands import CAN_DO, SUBMIT_JOB, SUBMIT_JOB_BG, WORK_COMPLETE
from geartrain.relay.frames import ATTACH, HEAD
from tests.server.links import Link
from tests.support.engines import EngineSet
from tests.support.machine import DEADLINE, HOST, wait_until
from tests.support.pools import Pool, knows_leaders, pool

HEARTBEAT = ("--heartbeat", "1")
NONCE = b"0" * 32


@pytest.fixture(scope="module")
def members(engine: EngineSet) -> Iterator[Pool]:
    """Two servers of a pool of one shard."""
    with pool(f"{engine.url}?namespace=links", 2, *HEARTBEAT) as members:
        yield members


def secret_of(engine: EngineSet, namespace: str) -> bytes:
    """What the engine keeps for the servers."""
    keys = engine.primary.ask("KEYS", f"*{namespace}*facts*").split()
    return engine.primary.ask("HGET", keys[0], "secret").strip().encode()


def said_to(port: int, *chunks: bytes) -> bytes:
    """All that is heard of a server at whose port somebody says this."""
    with socket.create_connection((HOST, port), DEADLINE) as link:
        for chunk in chunks:
            link.sendall(chunk)
        return rest_of(link)


def rest_of(link: socket.socket) -> bytes:
    """All that is heard until the other end closes."""
    heard = b""
    with suppress(ConnectionError):
        while part := link.recv(4096):
            heard += part
    return heard


def test_a_stranger_is_refused_and_learns_nothing(members: Pool, engine: EngineSet) -> None:
    server = members.servers[0]
    assert b"a link of version '1', version 2 is expected" in said_to(
        server.port, b"geartrain-link 1 me secret\n"
    )
    assert b"a greeting of 3 words" in said_to(server.port, b"geartrain-link 2 me\n")
    greeting = b"geartrain-link 2 me %b %b\n" % (b"x" * 20, NONCE)
    bomb = HEAD.pack(0xFFFFFFFF, ATTACH, 0, 1)
    for proof in (b"0" * 5000, b"0" * 64 + b"\n" + bomb * 100):
        heard = said_to(server.port, greeting, proof)
        assert heard.startswith(b"OK 2 ")
        assert heard.count(b"\n") == 1
        assert secret_of(engine, "links") not in heard
    said_to(server.port, greeting * 3)
    wait_until(lambda: "a link is refused" in server.output(), "the log tells of it")
    assert server.output().count("a link is refused") < 10
    assert members.leader() in members.servers
    assert knows_leaders(server)


def test_many_that_prove_nothing_are_few_at_a_time(members: Pool) -> None:
    server = members.servers[0]
    links = [socket.create_connection((HOST, server.port), DEADLINE) for _ in range(100)]
    try:
        for link in links:
            link.sendall(b"geartrain-link 2 me you %b\n" % NONCE)
        answers = [rest_of(link) for link in links[:36]]
        assert all(answer.startswith(b"OK 2 ") for answer in answers if answer)
        late = members.add()
        wait_until(partial(knows_leaders, late), "a server of the pool is let in meanwhile")
    finally:
        for link in links:
            link.close()
    assert knows_leaders(server)


class Rogue:
    """Somebody who listens where a server of a pool was, and notes what is said there."""

    def __init__(self, port: int, answer: bytes) -> None:
        self.heard: list[bytes] = []
        self.answer = answer
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind((HOST, port))
        self.listener.listen()
        Thread(target=self.listen, daemon=True).start()

    def listen(self) -> None:
        while True:
            try:
                link, _ = self.listener.accept()
            except OSError:
                return
            with link:
                link.settimeout(DEADLINE)
                greeting = link.recv(4096)
                self.heard.append(greeting)
                words = greeting.split()
                if len(words) == 5:
                    link.sendall(self.answer % words[3])
                    self.heard.append(link.recv(4096))


@pytest.mark.parametrize(
    "answer", [b"OK 2 %%b %b %b\n" % (NONCE, b"0" * 64), b"OK 2 other %%b %b\n" % NONCE, b"%b"]
)
def test_a_rogue_at_a_dead_leaders_address_hears_no_secret_and_leads_nothing(
    engine: EngineSet, answer: bytes
) -> None:
    namespace = f"rogue{len(answer)}"
    with pool(f"{engine.url}?namespace={namespace}", 2, *HEARTBEAT) as members:
        leader = members.leader()
        (other,) = members.followers()
        leader.kill()
        rogue = Rogue(leader.port, answer)
        try:
            wait_until(lambda: members.leader() is other, "the other one leads")
            with Link(other.connect()) as client:
                assert client.submits(SUBMIT_JOB_BG, b"f")
        finally:
            rogue.listener.close()
        heard = b"".join(rogue.heard)
        assert secret_of(engine, namespace) not in heard
        assert all(len(line.split()) in (0, 5) for line in rogue.heard), "a proof was given to a rogue"


def test_the_secret_is_rotated_while_links_go_on(engine: EngineSet) -> None:
    url = f"{engine.url}?namespace=rotated"
    with pool(url, 2, *HEARTBEAT) as members:
        (follower,) = members.followers()
        with Link(follower.connect()) as worker, Link(follower.connect()) as client:
            worker.says(CAN_DO, b"f")
            handle = client.submits(SUBMIT_JOB, b"f")
            assert worker.waits_for_a_job()[0] == handle
            first = secret_of(engine, "rotated")
            assert rotated(url) == 0
            assert secret_of(engine, "rotated") != first
            newest = members.add()
            wait_until(partial(knows_leaders, newest), "a server that knows the new secret is let in")
            assert rotated(url, "--keep-old", "0") == 0
            last = members.add()
            wait_until(partial(knows_leaders, last), "and so is one that knows the next one alone")
            worker.says(WORK_COMPLETE, handle, b"done")
            assert client.hears() == (WORK_COMPLETE, handle, b"done")
        for server in members.servers:
            assert "a leader is lost" not in server.output()


def rotated(url: str, *options: str) -> int:
    """Rotate the secret as an operator does; the exit status."""
    program = [sys.executable, "-m", "geartrain", "pool", "rotate-secret", "--store", url, *options]
    return subprocess.run(program, timeout=DEADLINE, check=False, capture_output=True).returncode


def test_a_secret_of_no_pool_is_not_rotated(engine: EngineSet) -> None:
    assert rotated(f"{engine.url}?namespace=nowhere") == 1
    assert rotated("sqlite:jobs.db") == 2


def test_links_that_are_plain_beyond_this_machine_are_warned_of(engine: EngineSet) -> None:
    members = Pool(f"{engine.url}?namespace=plain", *HEARTBEAT)
    with members.stack:
        far, near = members.add("--pool-address", "server.test:4730"), members.add()
        far.wait_for_output("links of the pool are not encrypted")
        assert "not encrypted" not in near.output()
