"""How many Python calls a packet costs: a number that is the same on every machine, unlike time.

Compiled calls cannot be seen, so tests/conftest.py collects this file for the uncompiled build only.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType

from geartrain.broker.rules import Rules
from geartrain.protocol.commands import (
    CAN_DO,
    GRAB_JOB,
    JOB_ASSIGN,
    JOB_CREATED,
    SUBMIT_JOB,
    SUBMIT_JOB_BG,
    WORK_COMPLETE,
)
from geartrain.protocol.packet import PAYLOAD_LIMIT, request, response
from geartrain.relay.front import Front
from geartrain.relay.hub import Hub
from tests.wire import MemoryServer, Peer

PACKETS = 100
SUBMITS = request(SUBMIT_JOB_BG, b"resize", b"", b"cat.png") * PACKETS
UNIQUE_SUBMITS = b"".join(request(SUBMIT_JOB, b"resize", b"%d" % number, b"") for number in range(PACKETS))
GRABS = request(GRAB_JOB) * PACKETS
RESULTS = b"".join(request(WORK_COMPLETE, b"H:test:%d" % (1 + number), b"") for number in range(PACKETS))


def python_calls(action: Callable[[], object]) -> int:
    """How many Python functions are called while an action runs."""
    calls = 0

    def count(frame: FrameType, event: str, argument: object) -> None:
        nonlocal calls
        calls += event == "call"

    sys.setprofile(count)
    try:
        action()
    finally:
        sys.setprofile(None)
    return calls


def calls_for_each_packet(peer: Peer, packets: bytes) -> float:
    """Of ``PACKETS`` packets in one chunk, the end of their turn included."""
    peer.heard()
    return python_calls(lambda: peer.sends(packets)) / PACKETS


def test_a_background_submit_stays_within_its_budget() -> None:
    assert calls_for_each_packet(MemoryServer().connect(), SUBMITS) <= 10


def test_a_foreground_submit_with_a_unique_stays_within_its_budget() -> None:
    assert calls_for_each_packet(MemoryServer().connect(), UNIQUE_SUBMITS) <= 12


def test_a_grab_stays_within_its_budget() -> None:
    server = MemoryServer()
    server.connect().sends(SUBMITS)
    assert calls_for_each_packet(server.worker(b"resize"), GRABS) <= 10


def test_a_result_stays_within_its_budget() -> None:
    server = MemoryServer()
    server.connect().sends(SUBMITS)
    worker = server.worker(b"resize")
    worker.sends(GRABS)
    assert calls_for_each_packet(worker, RESULTS) <= 6


def test_a_result_for_a_client_stays_within_its_budget() -> None:
    server = MemoryServer()
    server.connect().sends(UNIQUE_SUBMITS)
    worker = server.worker(b"resize")
    worker.sends(GRABS)
    assert calls_for_each_packet(worker, RESULTS) <= 10


def test_a_grab_that_finds_nothing_stays_within_its_budget() -> None:
    assert calls_for_each_packet(MemoryServer().worker(b"resize"), GRABS) <= 6


# What a server of a pool adds to that for its peers


def led_front() -> Front:
    """A worker at a server of a pool whose only shard has a leader that takes everything."""
    hub = Hub(1, Rules(), PAYLOAD_LIMIT, 5.0)
    hub.lead(0, print_nowhere)
    front = hub.connect(1, b"127.0.0.1")
    front.receive(request(CAN_DO, b"resize"))
    return front


def print_nowhere(kind: int, shard: int, number: int, body: bytes) -> None:
    """A leader is not part of the budget."""


def calls_to_relay(front: Front, said: bytes, answers: list[bytes]) -> float:
    """For each of ``PACKETS`` packets in one chunk and of their answers in one frame."""
    hub = front.hub

    def relay() -> None:
        front.receive(said)
        hub.hear(0, front.number, answers)
        hub.wait()

    return python_calls(relay) / PACKETS


def created(front: Front, command: int) -> float:
    """The calls that submits and their JOB_CREATED cost."""
    handles = [response(JOB_CREATED, b"H:test:%d" % (1 + number)) for number in range(PACKETS)]
    return calls_to_relay(front, request(command, b"resize", b"", b"cat.png") * PACKETS, handles)


def assigned(front: Front) -> float:
    """The calls that grabs and their JOB_ASSIGN cost."""
    jobs = [response(JOB_ASSIGN, b"H:test:%d" % (1 + number), b"resize", b"") for number in range(PACKETS)]
    return calls_to_relay(front, GRABS, jobs)


def test_relaying_a_background_submit_stays_within_its_budget() -> None:
    assert created(led_front(), SUBMIT_JOB_BG) <= 9


def test_relaying_a_foreground_submit_stays_within_its_budget() -> None:
    assert created(led_front(), SUBMIT_JOB) <= 10


def test_relaying_a_grab_stays_within_its_budget() -> None:
    assert assigned(led_front()) <= 10


def test_relaying_a_result_stays_within_its_budget() -> None:
    front = led_front()
    assigned(front)
    assert calls_to_relay(front, RESULTS, []) <= 8


def test_relaying_a_result_to_a_client_stays_within_its_budget() -> None:
    front = led_front()
    created(front, SUBMIT_JOB)
    results = [response(WORK_COMPLETE, b"H:test:%d" % (1 + number), b"") for number in range(PACKETS)]
    assert calls_to_relay(front, b"", results) <= 5
