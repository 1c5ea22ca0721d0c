"""An exception that nobody expected in a leader: the end of the peer that asked, and no server hears of another one."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from geartrain.protocol.commands import (
    CAN_DO,
    ECHO_REQ,
    ECHO_RES,
    GET_STATUS,
    GRAB_JOB,
    JOB_ASSIGN,
    JOB_CREATED,
    SUBMIT_JOB,
    SUBMIT_JOB_BG,
    WORK_COMPLETE,
)
from geartrain.protocol.packet import request
from geartrain.relay.seat import FAULT
from tests.relay.leader import A, B, Leader
from tests.server.test_accidents import explode

PACKETS = {
    SUBMIT_JOB: (b"f", b"", b"x"),
    SUBMIT_JOB_BG: (b"f", b"", b"x"),
    CAN_DO: (b"f",),
    GRAB_JOB: (),
    GET_STATUS: (b"H:test:1",),
    WORK_COMPLETE: (b"H:test:1", b""),
}
LINE = 0  # stands for a line of text
PEERS = [(server, number) for server in (A, B) for number in range(1, 4)]


def breaks(leader: Leader, peer: tuple[str, int], command: int) -> None:
    """Let one peer's packets of a type raise."""
    stream = leader.seat.guests[peer].session.stream
    if command == LINE:
        stream.line = explode
        return
    stream.handlers = list(stream.handlers)
    stream.handlers[command] = explode


@settings(max_examples=50, deadline=None)
@given(
    victims=st.dictionaries(st.sampled_from(PEERS), st.sampled_from([LINE, *sorted(PACKETS)]), min_size=1),
    order=st.permutations(PEERS),
)
def test_whoever_meets_an_exception_at_the_leader_every_other_peer_is_answered(
    victims: dict[tuple[str, int], int], order: list[tuple[str, int]]
) -> None:
    leader = Leader().opened()
    for server, number in PEERS:
        leader.attaches(server, number)
    for peer, command in victims.items():
        breaks(leader, peer, command)
    for server, number in order:
        command = victims.get((server, number), ECHO_REQ)
        said = request(command, *PACKETS.get(command, (b"%d" % number,))) if command else b"status\n"
        leader.hears(server, number, said)
    for server, number in PEERS:
        if (server, number) in victims:
            assert leader.closed(server, number) == [b"", FAULT]
        else:
            assert leader.heard(server, number) == [(ECHO_RES, b"%d" % number)]
    assert len(leader.broker.accidents) == len(victims)
    for server in (A, B):
        assert leader.frames(server) == []


def test_the_job_of_a_worker_that_met_an_exception_is_handed_to_one_of_another_server() -> None:
    leader = Leader().opened()
    for server in (A, B):
        leader.attaches(server, 1, request(CAN_DO, b"f"))
    leader.attaches(A, 2)
    leader.says(A, 2, SUBMIT_JOB_BG, b"f", b"", b"x")
    leader.commits()
    assert leader.heard(A, 2) == [(JOB_CREATED, b"H:test:1")]
    assert leader.asks(A, 1, GRAB_JOB) == [(JOB_ASSIGN, b"H:test:1", b"f", b"x")]
    breaks(leader, (A, 1), ECHO_REQ)
    leader.says(A, 1, ECHO_REQ, b"")
    assert leader.closed(A, 1) == [b"", FAULT]
    assert leader.asks(B, 1, GRAB_JOB) == [(JOB_ASSIGN, b"H:test:1", b"f", b"x")]
