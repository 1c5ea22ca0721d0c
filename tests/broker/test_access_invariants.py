"""Whatever a peer with rules says, however it is cut: what passes is allowed, and answers come once and in order."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from geartrain.protocol.commands import (
    CAN_DO,
    ECHO_REQ,
    ECHO_RES,
    ERROR,
    GET_STATUS,
    JOB_CREATED,
    STATUS_RES,
    SUBMIT_JOB,
    SUBMIT_JOB_BG,
)
from geartrain.protocol.packet import request
from tests.wire import MemoryServer

FUNCTIONS = (b"a", b"ab", b"b", b"")
PATTERNS = ("a", "a*", "b", "*", "[ab]")
SAID = st.one_of(
    st.tuples(st.sampled_from((SUBMIT_JOB, SUBMIT_JOB_BG)), st.sampled_from(FUNCTIONS)),
    st.tuples(st.just(CAN_DO), st.sampled_from(FUNCTIONS)),
    st.tuples(st.just(ECHO_REQ), st.binary(max_size=3)),
    st.tuples(st.just(GET_STATUS), st.sampled_from((b"H:test:1", b"H:test:2", b"x"))),
)
RIGHTS = st.lists(st.sampled_from(PATTERNS), max_size=2, unique=True)


def packet(command: int, argument: bytes) -> bytes:
    rest = (b"", b"") if command in (SUBMIT_JOB, SUBMIT_JOB_BG) else ()
    return request(command, argument, *rest)


@given(said=st.lists(SAID, max_size=12), submit=RIGHTS, work=RIGHTS, cuts=st.lists(st.integers(1, 40)))
def test_what_passes_is_allowed_and_what_is_asked_is_answered_once_in_order(
    said: list[tuple[int, bytes]], submit: list[str], work: list[str], cuts: list[int]
) -> None:
    server = MemoryServer()
    peer = server.connect()
    peer.may(submit=submit, work=work)
    assert peer.badge is not None
    access = peer.badge.access
    chunk = b"".join(packet(*each) for each in said)
    for size in cuts:
        peer.sends(chunk[:size])
        chunk = chunk[size:]
    peer.sends(chunk)
    heard = [answer for answer in peer.heard() if answer[0] in (JOB_CREATED, ERROR, ECHO_RES, STATUS_RES)]
    expected = []
    for command, argument in said:
        if command in (SUBMIT_JOB, SUBMIT_JOB_BG):
            expected.append(JOB_CREATED if argument and access.may(1, argument) else ERROR)
        elif command == GET_STATUS:
            expected.append(STATUS_RES if submit else ERROR)
        elif command == ECHO_REQ:
            expected.append(ECHO_RES)
    assert [answer[0] for answer in heard] == expected
    rows = server.connect().lists(b"functions")
    for row in rows:
        name = row["function"].encode()
        jobs = sum(row["queued"].values()) + row["running"]
        assert not jobs or access.may(1, name)
        assert not row["workers"] or access.may(2, name)
