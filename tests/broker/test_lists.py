"""Lists of many rows: each turn tells some of them, in the order in which the peer asked, and nobody else waits."""

from __future__ import annotations

import pytest

from geartrain.broker.lists import BYTES, ROWS
from geartrain.errors import ProtocolError
from geartrain.protocol.commands import (
    ECHO_REQ,
    ECHO_RES,
    SUBMIT_JOB,
    SUBMIT_JOB_BG,
    WORK_COMPLETE,
    WORK_FAIL,
)
from geartrain.protocol.packet import request, response
from tests.wire import MemoryServer, Peer

VERBS = [
    b"status",
    b"prioritystatus",
    b"workers",
    b"show jobs",
    b"show unique jobs",
    b"functions",
    b"functions * 4 3",
    b"functions f2",
    b"jobs",
    b"jobs * 5",
    b"jobs f1",
    b"peers",
    b"find {}",
    b'find {"limit":3}',
    b"dead",
    b"dead f1 2",
    b"schedules",
]


def in_pieces(server: MemoryServer, rows: int = 2, size: int = BYTES) -> None:
    """Let a turn tell so much of lists."""
    for broker in server.inside.brokers:
        broker.lists.set_bounds(rows, size)


def busy_server() -> MemoryServer:
    """A server that has some of everything that is listed."""
    server = MemoryServer()
    client = server.connect()
    for number in range(9):
        name = b"f%d" % number
        client.says(SUBMIT_JOB_BG, name, b"u%d" % number, b"w")
        client.types(b'policy f%d {"dead_letters":true}' % number)
        worker = server.running(name)
        if number % 2:
            worker.says(WORK_FAIL, b"H:test:%d" % (2 * number + 1))
        client.says(SUBMIT_JOB, name, b"v%d" % number, b"w")
    client.read()
    return server


def take_turns(server: MemoryServer, turns: int) -> None:
    for _ in range(turns):
        server.ends_turn()


@pytest.mark.parametrize("verb", VERBS)
def test_a_list_in_pieces_is_the_list_in_one(verb: bytes) -> None:
    server = busy_server()
    peer = server.connect()
    whole = peer.types(verb)
    in_pieces(server)
    assert peer.types(verb) == whole
    assert whole.endswith(b".\n")


def server_of(functions: int) -> tuple[MemoryServer, Peer]:
    """A server that knows functions, and a peer of it."""
    server = MemoryServer()
    peer = server.connect()
    peer.sends(b"".join([b"create function f%d\n" % number for number in range(functions)]))
    peer.read()
    return server, peer


def rows_of(numbers: range) -> bytes:
    return b"".join([b"f%d\t0\t0\t0\n" % number for number in numbers])


@pytest.mark.one_server
def test_a_turn_tells_so_many_rows_of_all_lists_and_no_more() -> None:
    server, one = server_of(3 * ROWS)
    other = server.connect()
    server.hears_at_once((one, b"status\n"), (other, b"status\n"))
    told = one.read().count(b"\n"), other.read().count(b"\n")
    assert sum(told) <= 2 * ROWS  # those of the questions, and those of the lists that go on
    for _ in range(20):
        server.ends_turn()
        assert (one.read() + other.read()).count(b"\n") <= ROWS
    assert server.broker.lists.unfinished == {}


@pytest.mark.one_server
def test_a_turn_tells_so_many_bytes_of_all_lists_and_no_more() -> None:
    server, one = server_of(1000)
    longest = max(map(len, one.types(b"functions").splitlines(keepends=True)))
    one.sends(b"functions\n")
    assert len(one.read()) < 2 * (BYTES + longest)
    server.ends_turn()
    assert 0 < len(one.read()) < BYTES + longest


@pytest.mark.one_server
def test_another_peer_is_answered_before_a_list_ends() -> None:
    server, curious = server_of(9)
    in_pieces(server)
    other = server.connect()
    server.hears_at_once((curious, b"status\n"), (other, request(ECHO_REQ, b"x")))
    assert other.heard() == [(ECHO_RES, b"x")]
    assert not curious.read().endswith(b".\n")
    assert server.broker.lists.unfinished


@pytest.mark.one_shard
def test_a_short_list_is_told_with_its_turn() -> None:
    _, peer = server_of(100)
    peer.sends(b"status\n")
    assert peer.read() == rows_of(range(100)) + b".\n"


@pytest.mark.one_shard
@pytest.mark.parametrize("behind", [1, 5, 10_000])
def test_what_a_peer_says_behind_a_list_is_answered_behind_it(behind: int) -> None:
    server, peer = server_of(9)
    in_pieces(server)
    said = b"status\n" + request(ECHO_REQ, b"x") + b"version\nstatus\n" + request(ECHO_REQ, b"y")
    for start in range(0, len(said), behind):
        peer.sends(said[start : start + behind])
    heard = peer.read()
    for _ in range(50):
        server.ends_turn()
        heard += peer.read()
    status = rows_of(range(9)) + b".\n"
    assert heard == status + response(ECHO_RES, b"x") + b"OK 0\n" + status + response(ECHO_RES, b"y")


def test_a_result_that_comes_while_a_peer_hears_a_list_is_heard_behind_it() -> None:
    server, peer = server_of(9)
    peer.says(SUBMIT_JOB, b"f0", b"", b"w")
    worker = server.running(b"f0")
    peer.read()
    in_pieces(server)
    peer.sends(b"status\n")
    heard = peer.read()
    worker.says(WORK_COMPLETE, b"H:test:1", b"done")
    heard += peer.read()
    for _ in range(20):
        server.ends_turn()
        heard += peer.read()
    result = response(WORK_COMPLETE, b"H:test:1", b"done")
    start = heard.index(b"f0")
    rows = heard[start : heard.index(b".\n")]
    assert rows.count(b"\n") == 9
    assert heard in (rows + b".\n" + result, result + rows + b".\n")  # in a pool it need not wait


@pytest.mark.one_server
def test_a_list_waits_while_its_peer_does_not_read() -> None:
    server, slow = server_of(9)
    other = server.connect()
    in_pieces(server)
    slow.sends(b"status\n")
    slow.connection.clogged = True
    heard = slow.read()
    for _ in range(20):
        server.ends_turn()
    assert slow.read() == b""
    assert other.types(b"status") == rows_of(range(9)) + b".\n"
    slow.connection.clogged = False
    for _ in range(20):
        server.ends_turn()
    assert heard + slow.read() == rows_of(range(9)) + b".\n"


@pytest.mark.one_server
def test_what_goes_while_a_list_is_told_is_not_in_it_and_what_comes_is_no_trouble() -> None:
    server, peer = server_of(9)
    other = server.connect()
    in_pieces(server)
    peer.sends(b"status\n")
    heard = peer.read()
    for number in (0, 8):
        other.sends(b"drop function f%d\n" % number)
    for number in range(20):
        other.sends(b"create function new%d\n" % number)
    for _ in range(20):
        server.ends_turn()
    assert heard + peer.read() == rows_of(range(8)) + b".\n"


def test_a_list_in_pieces_has_only_what_its_peer_may_view() -> None:
    server = MemoryServer()
    creator, peer = server.connect(), server.connect()
    for number in range(9):
        creator.types(b"create function %b%d" % (b"pub" if number % 2 else b"secret", number))
    peer.may(view=["pub*"])
    in_pieces(server)
    for verb in (b"status", b"functions", b"prioritystatus"):
        told = peer.types(verb)
        assert told.count(b"pub") == 4, told
        assert b"secret" not in told
    assert creator.types(b"status").count(b"secret") == 5


@pytest.mark.one_server
def test_a_peer_that_loses_its_rights_hears_nothing_more_of_its_list() -> None:
    server, peer = server_of(9)
    in_pieces(server)
    peer.may(view=["*"])
    peer.sends(b"status\n")
    heard = peer.read()
    peer.may(view=["f0"])
    for _ in range(20):
        server.ends_turn()
    assert (heard + peer.read()).endswith(b".\n")
    assert b"f8" not in heard


@pytest.mark.one_server
def test_a_peer_that_leaves_leaves_no_list_behind() -> None:
    server, peer = server_of(9)
    in_pieces(server)
    peer.sends(b"status\n")
    peer.leaves()
    lists = server.broker.lists
    assert (lists.unfinished, lists.keys) == ({}, 0)


@pytest.mark.one_server
def test_peers_that_do_not_read_their_lists_make_room_for_others() -> None:
    server, idle = server_of(9)
    in_pieces(server)
    lists = server.broker.lists
    lists.most_keys = 10
    idle.sends(b"status\n")
    idle.connection.clogged = True
    other = server.connect()
    assert other.types(b"status") == rows_of(range(9)) + b".\n"
    assert lists.ended == [idle.connection]
    assert lists.keys == 0


@pytest.mark.one_server
def test_lists_that_go_on_are_waited_for_where_there_is_no_room() -> None:
    server, one = server_of(9)
    in_pieces(server)
    server.broker.lists.most_keys = 10
    peers = [server.connect() for _ in range(5)]
    server.hears_at_once((one, b"status\n"), *[(peer, b"status\n") for peer in peers])
    for _ in range(60):
        server.ends_turn()
    for peer in [one, *peers]:
        assert peer.read() == rows_of(range(9)) + b".\n"


@pytest.mark.one_server
def test_a_wrong_packet_behind_a_list_ends_its_peer_when_the_list_is_told() -> None:
    server, peer = server_of(9)
    in_pieces(server)
    peer.sends(b"status\n" + b"\0XXX")
    with pytest.raises(ProtocolError, match="magic"):
        take_turns(server, 20)
    assert peer.read() == rows_of(range(9)) + b".\n"
