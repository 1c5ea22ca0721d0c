"""What a peer with rights on ``pub*`` hears of functions named ``secret…``: nothing, whatever it asks.

The questions are made of the tables: each text command with each kind of argument in each place, and each packet with
each kind of its arguments. Two things hold for every answer. Beside the words of the question nothing in it is secret.
And it is the answer to the same question about something that does not exist.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from itertools import count, product, starmap
from typing import Final, NamedTuple

import pytest

from geartrain.broker.access import RIGHTS
from geartrain.broker.admin import COMMANDS
from geartrain.broker.rights import PACKETS, VERBS
from geartrain.broker.search import NUMBERS, TEXTS
from geartrain.broker.shards import shard_of
from geartrain.errors import ProtocolError
from geartrain.protocol.commands import (
    BY_NUMBER,
    CAN_DO,
    EXTENSION_OPTION,
    GRAB_JOB,
    GRAB_JOB_EXTENDED,
    NAMES,
    OPTION_REQ,
    SET_CLIENT_ID,
    SUBMIT_JOB,
    SUBMIT_JOB_BG,
    SUBMIT_JOB_EPOCH,
    SUBMIT_JOB_SCHED,
    WORK_COMPLETE,
    WORK_FAIL,
)
from geartrain.protocol.packet import request
from tests.wire import START, MemoryServer, Packet, Peer

SECRET: Final = b"secret"
PUBLIC: Final = {right: ["pub*"] for right in RIGHTS}
HANDLES: Final = re.compile(rb"H:test:\d+")  # a job of the asker's own has another one each time
LONG: Final = 6  # bytes of a word that is found again in an answer


def written(name: bytes) -> list[bytes]:
    """A name as it is, in other letters, and beside other blanks."""
    return [name, name.upper(), name + b"\0", b"\t" + name]


def shards_of(name: bytes) -> list[int]:
    return [shard_of(each, 3) for each in written(name)]


TWIN: Final = next(
    name
    for name in (b"secret-%05d" % number for number in count())
    if shards_of(name) == shards_of(b"secret-alpha")
)
"""A function that does not exist; in a pool it would be in the same shard as the one that does, however written."""


class Word(NamedTuple):
    """A word of a question, and the same about something that does not exist."""

    said: bytes
    twin: bytes = b""  # empty where the word is about nothing secret

    @property
    def other(self) -> bytes:
        return self.twin or self.said


def plain(*words: bytes) -> list[Word]:
    return [Word(word) for word in words]


class World:
    """A server with the same things of a public function and of a secret one."""

    def __init__(self, server: MemoryServer) -> None:
        self.server = server
        for broker in self.server.inside.brokers:
            broker.schedules.calendar = next_minute
        self.server.sets_policy("*", dead_letter=True, keep_result=360_000)
        self.operator = self.server.connect()
        self.operator.lists(b"events -")
        self.handles: list[bytes] = []
        self.number = b""
        for name in (b"pub-one", b"secret-alpha"):
            self.fill(name, name.partition(b"-")[0])
        both = self.server.worker(b"pub-one", b"secret-alpha")
        both.says(SET_CLIENT_ID, b"both")

    def fill(self, name: bytes, kind: bytes) -> None:
        """Have a dead letter, a result, jobs in all states, a worker, schedules and a policy of a function."""
        server, client = self.server, self.server.connect()
        worker = server.worker(name)
        worker.says(SET_CLIENT_ID, kind + b"-worker")
        for end in ("dead", "done", "runs"):
            client.says(SUBMIT_JOB_BG, name, b"%b-%b" % (kind, end.encode()), kind + b" workload")
            handle = told(worker.asks(GRAB_JOB)[-1])
            if end == "dead":
                worker.says(WORK_FAIL, handle)
            elif end == "done":
                worker.says(WORK_COMPLETE, handle, kind + b" result")
        client.says(SUBMIT_JOB, name, kind + b"-waits", kind)
        client.says(SUBMIT_JOB_EPOCH, name, kind + b"-later", b"%d" % (START + 10**8), kind)
        client.says(SUBMIT_JOB_SCHED, name, kind + b"-sched", b"1", b"*", b"*", b"*", b"*", kind)
        self.handles += [told(packet) for packet in client.heard()]
        self.number = b"%d" % worker.outside.number
        fields = {"function": name.decode(), "every": 3600, "workload": kind.decode()}
        definition = json.dumps(fields, separators=(",", ":")).encode()
        self.operator.lists(b"schedule-add %b-nightly %b" % (kind, definition))
        self.operator.lists(b'policy %b {"timeout":77777}' % name)

    def asker(self, rights: dict[str, list[str]]) -> Peer:
        """A peer with rights, and with the extension."""
        peer = self.server.connect()
        peer.says(OPTION_REQ, EXTENSION_OPTION)
        peer.may(**rights)
        peer.read()
        return peer

    def secrets(self) -> list[object]:
        """All that the operator sees of what is secret."""
        lines = (b"functions", b"jobs", b"dead", b"schedules", b"peers", b"policy secret-alpha", b"result")
        rows = [row for line in lines for row in self.operator.lists(line)]
        return [row for row in rows if "secret-alpha" in (row.get("function"), *row.get("functions", ()))]

    # Words

    def names(self) -> list[Word]:
        """Functions, and what may stand for several."""
        same = plain(b"pub-one", b"*", b"pub*", b"p*", b"s*", b"secret", b"[ps]*", b"??????-alpha", b"")
        return [*starmap(Word, zip(written(b"secret-alpha"), written(TWIN), strict=True)), *same]

    def known(self) -> list[Word]:
        """Handles, and numbers of workers."""
        half = len(self.handles) // 2
        handles = [Word(handle, b"H:test:987654") for handle in self.handles[half:]]
        return [*handles, *plain(self.handles[0], b"H:test:"), Word(self.number, b"987654")]

    def texts(self) -> list[Word]:
        """Uniques, ids, names of schedules."""
        kinds = (b"dead", b"done", b"runs", b"waits", b"later", b"nightly", b"worker")
        return [Word(b"secret-" + kind, b"secret-" + b"x" * len(kind)) for kind in kinds]

    def places(self) -> list[Word]:
        """Cursors, limits, and words that commands know."""
        handles = [word for word in self.known() if word.twin and word.said in self.handles]
        cursors = [Word(b"0,%b" % word.said, b"0,%b" % word.twin) for word in handles]
        events = json.loads(self.operator.types(b"events -").splitlines()[0])["cursor"]
        first = ",".join(f"{part.rsplit('.', 2)[0]}.0.0" for part in events.split(",")).encode()
        return [*cursors, *plain(first, b"-", b"0.0", b"1", b"100", b"sample", b"jobs", b"job", b"function")]

    def filters(self) -> list[Word]:
        """Objects of JSON: each field that ``find`` knows, and those of schedules and policies."""
        words = [*self.names(), *self.known(), *self.texts()]
        of_function = self.names()  # that of a handle would be in another shard than that of its twin
        wanted = [
            (name, word)
            for name in TEXTS
            for word in (of_function if name == "function" else words)
            if word.said
        ]
        found = [Word(fields(**{name: word.said}), fields(**{name: word.other})) for name, word in wanted]
        counts = plain(*(b'{"%b":1}' % name.encode() for name in NUMBERS))
        planned = [Word(planned_of(word.said), planned_of(word.other)) for word in self.names()]
        same = plain(b"{}", b'{"timeout":5}', b'{"state":"running"}', b'{"limit":1,"state":"queued"}')
        return [*found, *counts, *planned, *same]

    def words(self) -> list[Word]:
        return [*self.names(), *self.known(), *self.texts(), *self.places(), *self.filters()]

    def kind(self, argument: str) -> list[Word]:
        """What a packet's argument may be; a kind that this test does not know fails it."""
        return {
            "function": self.names(),
            "reducer": self.names()[:3],
            "unique": [*self.texts()[:4], Word(b"")],
            "handle": self.known(),
            "option": [*plain(b"exceptions", b"geartrain", b"token:x"), *self.names()[:1]],
            "id": self.texts()[-1:],
            "timeout": plain(b"1000"),
            "epoch": plain(b"0", b"4000000000"),
            "delay": plain(b"1"),
            "options": plain(b"{}"),
            **dict.fromkeys(("minute", "hour", "mday", "month", "wday"), plain(b"*", b"1")[:1]),
            **dict.fromkeys(("numerator", "denominator"), plain(b"1")),
            **dict.fromkeys(("workload", "result", "echo", "exception"), plain(b"w")),
            **dict.fromkeys(("chunk", "warning", "error", "unused"), plain(b"w")),
        }[argument]

    def lines(self) -> Iterator[list[Word]]:
        """Each command with nothing, and with words of each kind in each place."""
        names, known, texts, places, filters = (
            self.names(), self.known(), self.texts(), self.places(), self.filters(),
        )  # fmt: skip
        short = [*names, *known, *texts, *places]
        one_each = [names[0], names[4], names[5], known[0], texts[0], places[-6], *places[-4:-2], filters[0]]
        for verb in VERBS:
            yield [Word(verb)]
            yield [Word(verb.upper()), names[0]]
            for word in [*short, *filters]:
                yield [Word(verb), word]
            for pair in product(short, one_each):
                yield [Word(verb), *pair]
            for word in filters:
                yield [Word(verb), names[0], word]
            for rest in product(places[-9:], names[:4], [places[-5], places[-4], *known[:4]]):
                yield [Word(verb), *rest]


def told(packet: Packet) -> bytes:
    """The first argument of a packet."""
    _, *arguments = packet
    return arguments[0]


def next_minute(cron: str, timezone: str, after: float) -> float:
    return after + 60.0


def fields(**given: bytes) -> bytes:
    named = {name: value.decode() for name, value in given.items()}
    return json.dumps(named, separators=(",", ":")).encode()


def planned_of(function: bytes) -> bytes:
    return json.dumps({"function": function.decode(), "every": 60}, separators=(",", ":")).encode()


def without(answer: bytes, words: Iterable[Word]) -> bytes:
    """An answer without the words of its question, which it may repeat."""
    asked = {
        part
        for word in words
        for part in (word.said, word.other, *names_in(word.said), *names_in(word.other))
    }
    asked |= {part.strip(b"\0\t") for part in asked}
    for part in sorted(asked, key=len, reverse=True):
        if part.isdigit():
            answer = re.sub(rb"(?<![\w.])%b(?![\w.])" % part, b"?", answer)
        elif len(part) >= LONG:
            answer = answer.replace(part, b"?").replace(part.lower(), b"?")
    return answer


def names_in(word: bytes) -> list[bytes]:
    """The texts in an object of JSON."""
    if not word.startswith(b"{"):
        return []
    return [value.encode() for value in json.loads(word).values() if isinstance(value, str)]


def takes_a_name(line: list[Word]) -> bool:
    """Whether a line would give a secret name to something of the asker's own, or say that somebody has it."""
    return line[0].said.lower() == b"schedule-add" and len(line) > 1


def heard_of(peer: Peer, line: list[Word], twins: bool) -> bytes:
    peer.server.now += 0.001  # what is answered in one turn is bounded
    peer.server.inside.set_time(peer.server.now, peer.server.clock)
    said = b" ".join(word.other if twins else word.said for word in line)
    try:
        return without(peer.types(said), line)
    except ProtocolError as error:
        return str(error).encode()


def test_no_line_of_text_tells_of_what_one_may_not_view() -> None:
    ask_all_lines(World(MemoryServer()), PUBLIC)


@pytest.mark.one_server
@pytest.mark.parametrize("right", RIGHTS)
def test_nor_does_one_where_there_is_one_right_alone(right: str) -> None:
    ask_all_lines(World(MemoryServer()), {right: ["pub*"]})


def test_a_name_that_is_percent_encoded_is_heard_as_the_name_that_it_is() -> None:
    world = World(MemoryServer())
    peer = world.asker(PUBLIC)
    before = world.secrets()
    for verb, name in product(COMMANDS, [word for word in world.names() if word.twin]):
        encoded = b"".join([b"%%%02X" % octet for octet in name.said])
        for rest in (b"", b" 1", b' {"timeout":5}'):
            answer = heard_of(peer, [Word(verb + b" " + name.said + rest)], False)
            asked = [Word(b"%" + verb + b" " + encoded + rest)]
            assert verb == b"events" or heard_of(peer, asked, False) == answer, (verb, name, rest)
    assert world.secrets() == before


def ask_all_lines(world: World, rights: dict[str, list[str]]) -> None:
    """Have a peer with these rights say every line, and look at every byte that it hears."""
    peer = world.asker(rights)
    before = world.secrets()
    asked = 0
    for line in world.lines():
        if takes_a_name(line):
            continue
        answer = heard_of(peer, line, False)
        assert SECRET not in answer.lower(), (line, answer)
        if any(word.twin for word in line):
            assert answer == heard_of(peer, line, True), line
        asked += 1
    assert asked > 1000, asked
    assert world.secrets() == before


def test_no_packet_tells_of_what_one_may_not_view() -> None:
    for command in PACKETS:
        world = World(MemoryServer())
        before = world.secrets()
        names = BY_NUMBER[command].arguments
        kinds = [world.kind(name) for name in names]
        for arguments in product(*kinds) if kinds else [()]:
            line = [Word(NAMES[command].encode()), *arguments]
            answer = heard_on(world, command, [word.said for word in arguments])
            assert SECRET not in without(answer, line).lower(), (line, answer)
            if any(word.twin for word in line):
                twin = heard_on(world, command, [word.other for word in arguments])
                assert without(answer, line) == without(twin, line), line
        assert world.secrets() == before


def heard_on(world: World, command: int, arguments: list[bytes]) -> bytes:
    """What a worker with the extension hears that says a packet, and asks for jobs then."""
    peer = world.asker(PUBLIC)
    peer.says(CAN_DO, b"secret-alpha")
    peer.read()
    try:
        peer.sends(request(command, *arguments))
        if BY_NUMBER[command].sender == "worker":
            peer.sends(request(GRAB_JOB_EXTENDED))
        packets = [b" ".join([NAMES[packet[0]].encode(), *packet[1:]]) for packet in peer.heard()]
        return HANDLES.sub(b"H:test:?", b"\n".join(packets))
    except ProtocolError as error:
        return str(error).encode()
    finally:
        peer.leaves()
