"""How many Python calls a packet costs: a number that is the same on every machine, unlike time.

Compiled calls cannot be seen, so tests/conftest.py collects this file for the uncompiled build only.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType

from geartrain.protocol.commands import GRAB_JOB, SUBMIT_JOB, SUBMIT_JOB_BG, WORK_COMPLETE
from geartrain.protocol.packet import request
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
