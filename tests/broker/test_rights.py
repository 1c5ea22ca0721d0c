"""The tables of rights: that nothing is left out, that the document has them, and that they hold, row by row."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from geartrain.broker.access import RIGHTS, WORK
from geartrain.broker.admin import COMMANDS as TEXT_COMMANDS
from geartrain.broker.rights import LIST, PACKETS, POLICY_CHANGE, SOME, VERBS, Need
from geartrain.protocol.commands import (
    BY_NUMBER,
    CAN_DO,
    COMMANDS,
    ECHO_REQ,
    EXTENSION,
    GRAB_JOB,
    NAMES,
    OPTION_REQ,
    SUBMIT_JOB_BG,
)
from geartrain.relay.asking import POOL
from geartrain.relay.link_words import GREETING
from tests.wire import MemoryServer, Peer

DOCUMENT = Path(__file__).parents[2] / "docs" / "security.md"

LINES = {
    "status": "status",
    "prioritystatus": "prioritystatus",
    "workers": "workers",
    "maxqueue": "maxqueue resize 5",
    "getpid": "getpid",
    "verbose": "verbose",
    "version": "version",
    "show": "show jobs",
    "cancel": "cancel job H:test:1",
    "create": "create function resize",
    "drop": "drop function resize",
    "jobs": "jobs resize",
    "job": "job H:test:1",
    "find": "find {}",
    "workload": "workload H:test:1",
    "functions": "functions",
    "peers": "peers",
    "peer-drain": "peer-drain 2",
    "peer-resume": "peer-resume 2",
    "events": "events 0.1800000000000.0.0",
    "stats": "stats",
    "store-reattach": "store-reattach",
    "policy": "policy resize",
    "policy with JSON": 'policy resize {"timeout":5}',
    "pause": "pause resize",
    "drain": "drain resize",
    "resume": "resume resize",
    "purge": "purge *",
    "cancel-unique": "cancel-unique resize u",
    "dead": "dead *",
    "dead-show": "dead-show H:test:2",
    "dead-retry": "dead-retry *",
    "dead-discard": "dead-discard H:test:2",
    "result": "result H:test:3",
    "schedules": "schedules",
    "schedule-add": 'schedule-add other {"function":"resize","every":60}',
    "schedule-run": "schedule-run nightly",
    "schedule-remove": "schedule-remove nightly",
    "schedule-pause": "schedule-pause nightly",
    "schedule-resume": "schedule-resume nightly",
}
"""A line for each text command of one server, all about the function ``resize``."""

LOCAL = {POOL, GREETING}  # a pool's servers answer these before there is a broker


def needs_of_lines() -> dict[str, Need]:
    needs = {verb.decode(): need for verb, need in VERBS.items()}
    return needs | {"policy with JSON": POLICY_CHANGE}


def roles() -> Iterator[tuple[str, str]]:
    """Each right on the function that all is about, on another one, and none at all."""
    for right in RIGHTS:
        yield right, "resize"
        yield right, "other"
    yield "none", "resize"


def is_allowed(need: Need, right: str, function: str) -> bool:
    """What the table says."""
    if not need.rights:
        return True
    return bool(RIGHTS.get(right, 0) & need.rights) and (function == "resize" or need.on == SOME)


def scene() -> MemoryServer:
    """A server with all that lines and packets may be about."""
    server = MemoryServer()
    server.connect().lists(b"events -")
    server.worker(b"resize")
    server.sets_policy("resize", keep_result=60, ttl=1, dead_letter=True)
    client = server.connect()
    for unique in (b"u1", b"u2"):
        client.says(SUBMIT_JOB_BG, b"resize", unique, b"")
    server.running(b"resize")
    server.passes(2)
    client.says(SUBMIT_JOB_BG, b"resize", b"u", b"")
    client.types(b"cancel job H:test:3")
    client.says(SUBMIT_JOB_BG, b"resize", b"u", b"")
    server.broker.schedules.calendar = lambda cron, timezone, after: after + 60.0
    client.types(b'schedule-add nightly {"function":"resize","every":60}')
    client.types(b"peers")
    client.heard()
    return server


def state(server: MemoryServer) -> list[bytes]:
    """All that could have changed."""
    lines = (b"functions", b"jobs", b"dead", b"schedules", b"result H:test:3", b"policy resize")
    watcher = server.connect()
    return [watcher.types(line) for line in lines]


def with_role(server: MemoryServer, right: str, function: str) -> Peer:
    peer = server.connect()
    peer.may(**({right: [function]} if right != "none" else {}))
    return peer


# The tables


def test_each_packet_of_a_client_or_a_worker_has_a_row() -> None:
    asked = {command.number for command in COMMANDS + EXTENSION if command.sender not in ("server", "nobody")}
    assert set(PACKETS) == asked


def test_each_text_command_has_a_row() -> None:
    assert set(VERBS) == set(TEXT_COMMANDS) | LOCAL
    assert set(LINES) == set(needs_of_lines()) - {verb.decode() for verb in LOCAL}


def test_the_document_has_the_tables() -> None:
    rows = re.findall(r"^\| `([^`]+)` \| ([^|]+) \| ([^|]+) \|", DOCUMENT.read_text(), re.MULTILINE)
    document = {name: (rights, on) for name, rights, on in rows}
    packets = {NAMES[number]: need for number, need in PACKETS.items()}
    assert document == {name: told(need) for name, need in (packets | needs_of_lines()).items()}


def told(need: Need) -> tuple[str, str]:
    """A row as people read it."""
    rights = " or ".join(name for name, right in RIGHTS.items() if right & need.rights) or "nothing"
    return rights, need.on


# Row by row


@pytest.mark.parametrize(("right", "function"), list(roles()))
@pytest.mark.parametrize("name", LINES)
def test_a_line_of_text_is_done_for_who_may_and_for_nobody_else(name: str, right: str, function: str) -> None:
    need = needs_of_lines()[name]
    line = LINES[name].encode()
    free, guarded = scene(), scene()
    before = state(free)
    assert before == state(guarded)
    expected = free.connect().types(line)
    assert not expected.startswith(b"ERR UNKNOWN")
    peer = with_role(guarded, right, function)
    answer = peer.types(line)
    if not is_allowed(need, right, function):
        assert answer != expected
        assert answer.startswith(b"ERR") or b"resize" not in answer
        assert state(guarded) == before
    elif need.on != LIST or name not in ("workers", "peers"):  # these show everybody to who may view all
        assert answer == expected
        assert state(guarded) == state(free)
    else:
        assert b"resize" in answer


ARGUMENTS = {
    "function": b"resize",
    "unique": b"u9",
    "workload": b"",
    "handle": b"H:test:4",
    "option": b"exceptions",
    "options": b'{"background":true}',
    "timeout": b"5000",
    "epoch": b"0",
    "echo": b"x",
}
"""What packets are given, by the names of their arguments; others are empty."""


@pytest.mark.parametrize(("right", "function"), list(roles()))
@pytest.mark.parametrize("command", PACKETS, ids=lambda command: NAMES[command])
def test_a_packet_is_taken_from_who_may_and_from_nobody_else(command: int, right: str, function: str) -> None:
    arguments = [ARGUMENTS.get(name, b"") for name in BY_NUMBER[command].arguments]
    if NAMES[command] == "GET_STATUS_UNIQUE":
        arguments = [b"u"]
    heard, states = [], []
    for limited in (False, True):
        server = scene()
        peer = server.connect()
        peer.asks(OPTION_REQ, b"geartrain")
        before = state(server)
        if limited:
            peer.may(**({right: [function]} if right != "none" else {}))
        heard.append(peer.asks(command, *arguments))
        states.append(state(server))
    expected = is_allowed(PACKETS[command], right, function)
    if PACKETS[command].rights == WORK:
        assert (heard[1] == []) is expected
    elif PACKETS[command].rights:
        assert (heard[0] == heard[1]) is expected
    else:
        assert heard[0] == heard[1]
    assert states[1] == (states[0] if expected else before)


def test_who_may_nothing_can_still_be_there() -> None:
    """Old libraries ask so whether a connection lives, and sleep."""
    peer = with_role(MemoryServer(), "none", "")
    assert peer.asks(ECHO_REQ, b"x")
    peer.says(CAN_DO, b"resize")
    assert len(peer.asks(GRAB_JOB)) == 1
