"""Plays the conversations of this folder (README.md has their form) against our server and the C gearmand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple, Protocol

import pytest

from geartrain.protocol.commands import COMMANDS, ECHO_REQ, ECHO_RES
from geartrain.protocol.packet import request, response
from tests.broker.ways import ALONE, BUILDS, MEMBER, SHARDS
from tests.support.engines import standalone
from tests.support.members import FOLLOWER, Membership
from tests.support.processes import GeartrainProgram, ServerProgram, gearmand, geartrain_server
from tests.wire import MemoryServer, Peer

NUMBERS = {command.name: command.number for command in COMMANDS}
WHOLE = 1 << 20  # bytes, more than anybody says at once
HANDLE_PREFIX = ("--job-handle-prefix", "H:test")


class Step(NamedTuple):
    """A peer says these bytes ('>'), hears them ('<'), or leaves."""

    peer: str
    verb: str
    said: bytes


class Conversation(NamedTuple):
    name: str
    like_gearmand: bool
    steps: list[Step]


def bytes_of(text: str) -> bytes:
    return text.encode().decode("unicode_escape").encode("latin-1")


def step_of(line: str) -> Step:
    peer, verb, *rest = line.split(" ", 2)
    text = rest[0] if rest else ""
    if verb in (">>", "<<"):
        return Step(peer, verb[0], bytes_of(text))
    if verb == "leaves":
        return Step(peer, verb, b"")
    name, *arguments = text.split(" ", 1)
    build = {">": request, "<": response}[verb]
    parts = [bytes_of(argument) for argument in arguments[0].split("|")] if arguments else []
    return Step(peer, verb, build(NUMBERS[name], *parts))


def conversation_of(file: Path) -> Conversation:
    _, comparison, *lines = file.read_text().splitlines()
    assert comparison.startswith(("# gearmand: same", "# gearmand differs: ")), file
    return Conversation(file.stem, comparison == "# gearmand: same", [step_of(line) for line in lines])


CONVERSATIONS = [conversation_of(file) for file in sorted(Path(__file__).parent.glob("*.txt"))]


def in_one_breath(steps: list[Step]) -> list[Step]:
    """The same, but what a peer says without waiting for an answer is said at once."""
    joined: list[Step] = []
    for step in steps:
        if joined and step.verb == ">" and joined[-1][:2] == step[:2]:
            joined[-1] = Step(step.peer, ">", joined[-1].said + step.said)
        else:
            joined.append(step)
    return joined


class Link(Protocol):
    """A connection to whatever the conversation is played against."""

    def says(self, said: bytes) -> None: ...
    def hears(self, count: int) -> bytes: ...
    def rest(self) -> bytes: ...
    def leaves(self) -> None: ...


class MemoryLink:
    """A connection to a server in memory, which gets what is said in chunks of a size."""

    def __init__(self, peer: Peer, size: int) -> None:
        self.peer = peer
        self.size = size
        self.received = b""

    def says(self, said: bytes) -> None:
        for start in range(0, len(said), self.size):
            self.peer.sends(said[start : start + self.size])

    def hears(self, count: int) -> bytes:
        self.received += self.peer.read()
        heard, self.received = self.received[:count], self.received[count:]
        return heard

    def rest(self) -> bytes:
        return self.received + self.peer.read()

    def leaves(self) -> None:
        self.peer.leaves()


class SocketLink:
    """A TCP connection; an echo after all that is said shows that the server has done it."""

    QUESTION = request(ECHO_REQ, b"done?")
    ANSWER = response(ECHO_RES, b"done?")

    def __init__(self, program: ServerProgram) -> None:
        self.socket = program.connect()
        self.received = b""

    def says(self, said: bytes) -> None:
        self.socket.sendall(said + self.QUESTION)
        while self.ANSWER not in self.received:
            self.receive()
        self.received = self.received.replace(self.ANSWER, b"")

    def receive(self) -> None:
        chunk = self.socket.recv(65536)
        assert chunk, f"the server closed the connection after {self.received!r}"
        self.received += chunk

    def hears(self, count: int) -> bytes:
        while len(self.received) < count:
            self.receive()
        heard, self.received = self.received[:count], self.received[count:]
        return heard

    def rest(self) -> bytes:
        self.says(b"")
        return self.received

    def leaves(self) -> None:
        self.socket.close()


def play(steps: list[Step], connect: Callable[[], Link]) -> None:
    """Say what the peers say, and let them hear exactly what they must."""
    links: dict[str, Link] = {}
    for step in steps:
        if step.peer not in links:
            links[step.peer] = connect()
        link = links[step.peer]
        if step.verb == ">":
            link.says(step.said)
        elif step.verb == "<":
            assert link.hears(len(step.said)) == step.said, step
        else:
            links.pop(step.peer).leaves()
    for peer, link in links.items():
        assert link.rest() == b"", peer
        link.leaves()


def play_over_tcp(conversation: Conversation, program: ServerProgram) -> None:
    play(conversation.steps, lambda: SocketLink(program))


every_conversation = pytest.mark.parametrize(
    "conversation", CONVERSATIONS, ids=[conversation.name for conversation in CONVERSATIONS]
)


@pytest.mark.parametrize("way", [ALONE, MEMBER])
@pytest.mark.parametrize("size", [1, 2, 3, 5, 11, 13, 64, WHOLE])
@pytest.mark.parametrize("arrange", [list, in_one_breath])
@every_conversation
def test_in_memory_in_chunks_of_every_size(
    conversation: Conversation, arrange: Callable[[list[Step]], list[Step]], size: int, way: str
) -> None:
    server = MemoryServer(build=BUILDS[way])
    play(arrange(conversation.steps), lambda: MemoryLink(server.connect(), size))


@every_conversation
def test_in_memory_in_a_pool_of_several_shards(conversation: Conversation) -> None:
    server = MemoryServer(build=BUILDS[SHARDS])
    play(conversation.steps, lambda: MemoryLink(server.connect(), WHOLE))


@pytest.mark.one_shard("numbers of jobs say which shard they are of")
@every_conversation
def test_over_tcp(conversation: Conversation) -> None:
    with geartrain_server(*HANDLE_PREFIX) as program:
        play_over_tcp(conversation, program)


@pytest.fixture(scope="module")
def membership() -> Iterator[Membership]:
    """The place of a server that does not lead, in a pool of its own each time."""
    with standalone() as engine:
        yield Membership(engine, FOLLOWER)


@every_conversation
def test_over_tcp_to_a_server_of_a_pool(conversation: Conversation, membership: Membership) -> None:
    with GeartrainProgram(*HANDLE_PREFIX, membership=membership) as program:
        play_over_tcp(conversation, program)


@pytest.mark.c_gearmand
@pytest.mark.parametrize(
    "conversation",
    [conversation for conversation in CONVERSATIONS if conversation.like_gearmand],
    ids=lambda conversation: str(conversation.name),
)
def test_with_the_c_gearmand_it_is_the_same(conversation: Conversation) -> None:
    with gearmand(*HANDLE_PREFIX) as program:
        play_over_tcp(conversation, program)
