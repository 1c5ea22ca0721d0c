"""A leader that takes nothing: its fronts read no more from their peers than they can pass on."""

from __future__ import annotations

import signal

from geartrain.protocol.commands import SUBMIT_JOB, WORK_COMPLETE, WORK_DATA
from geartrain.protocol.packet import request
from tests.server.links import Link
from tests.server.test_backpressure import MIB, PIECE, send_until_refused
from tests.support.engines import EngineSet
from tests.support.machine import DEADLINE
from tests.support.pools import pool


def test_a_front_does_not_read_what_its_leader_does_not_take_and_passes_on_all_of_it_later(
    engine: EngineSet,
) -> None:
    with pool(engine.url, 2, "--heartbeat", "60") as members:
        leader, front = members.leader(), members.followers()[0]
        with Link(front.connect()) as source, Link(leader.connect()) as client:
            handle = client.submits(SUBMIT_JOB, b"flood")
            assert source.grabs(b"flood")[0] == handle
            leader.process.send_signal(signal.SIGSTOP)
            piece = request(WORK_DATA, handle, PIECE)
            sent = send_until_refused(source, piece)
            assert sent < 32 * MIB
            leader.process.send_signal(signal.SIGCONT)
            source.endpoint.settimeout(DEADLINE)
            source.endpoint.sendall(piece[sent % len(piece) :] + request(WORK_COMPLETE, handle, b""))
            for _ in range(sent // len(piece) + 1):
                assert client.hears() == (WORK_DATA, handle, PIECE)
            assert client.hears() == (WORK_COMPLETE, handle, b"")
