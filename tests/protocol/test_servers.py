"""Addresses, routing, and servers that fail."""

from __future__ import annotations

import pytest

from geartrain.errors import SettingsError
from geartrain.protocol.servers import LONGEST_COOL_DOWN, ServerList, parse_server, parse_servers


def names(servers: ServerList, key: bytes = b"", now: float = 0.0) -> list[str]:
    """The order in which a job tries the servers."""
    return [server.name for server in servers.order(b"f", key, now)]


def three(routing: str = "unique") -> ServerList:
    """Servers a, b and c."""
    return ServerList(parse_servers("a,b,c", {}), routing, lambda: 0.5)


@pytest.mark.parametrize(
    ("text", "name", "host", "port", "path"),
    [
        ("gm1", "gm1:4730", "gm1", 4730, ""),
        ("gm1:4731", "gm1:4731", "gm1", 4731, ""),
        (" 10.0.0.1:1 ", "10.0.0.1:1", "10.0.0.1", 1, ""),
        ("[::1]:4731", "[::1]:4731", "::1", 4731, ""),
        ("[::1]", "[::1]:4730", "::1", 4730, ""),
        ("fe80::1", "[fe80::1]:4730", "fe80::1", 4730, ""),
        ("unix:/run/g.sock", "unix:/run/g.sock", "", 0, "/run/g.sock"),
        ("/run/g.sock", "unix:/run/g.sock", "", 0, "/run/g.sock"),
        ("tls://gm1", "tls://gm1:4731", "gm1", 4731, ""),
        ("tls://[::1]:1", "tls://[::1]:1", "::1", 1, ""),
    ],
)
def test_a_server_is_a_host_with_a_port_or_a_path(
    text: str, name: str, host: str, port: int, path: str
) -> None:
    server = parse_server(text)
    assert (server.name, server.host, server.port, server.path) == (name, host, port, path)
    assert server.tls == text.startswith("tls:")


@pytest.mark.parametrize(
    "text", ["gm1:port", "gm1:0", "gm1:65536", ":4730", "[::1]x:1", "tls://", "tls:///run/g.sock", "http://a"]
)
def test_anything_else_is_refused_by_its_name(text: str) -> None:
    with pytest.raises(SettingsError) as caught:
        parse_server(text)
    assert repr(text) in str(caught.value)


def test_servers_come_from_a_list_a_comma_string_or_the_environment() -> None:
    def found(servers: str | list[str] | None, environment: dict[str, str]) -> list[str]:
        return [server.name for server in parse_servers(servers, environment)]

    assert found(["a", "b:1,c"], {}) == ["a:4730", "b:1", "c:4730"]
    assert found(None, {"GEARMAN_SERVERS": "x,y:2"}) == ["x:4730", "y:2"]
    assert found(None, {}) == ["localhost:4730"]
    with pytest.raises(SettingsError, match="at least one"):
        found([], {})


def test_equal_uniques_go_to_one_server_however_clients_speak_to_it() -> None:
    plain = ServerList(parse_servers("a,b,c", {}), "unique", lambda: 0.5)
    secret = ServerList(parse_servers("tls://a:4730,tls://b:4730,tls://c:4730", {}), "unique", lambda: 0.5)
    for number in range(20):
        orders = [servers.order(b"f", b"%d" % number, 0.0) for servers in (plain, secret)]
        assert [server.host for server in orders[0]] == [server.host for server in orders[1]]


def test_equal_uniques_go_to_one_server_wherever_it_stands_in_the_list() -> None:
    other = ServerList(parse_servers("c,a,b", {}), "unique", lambda: 0.5)
    for number in range(20):
        assert names(three(), b"%d" % number) == names(other, b"%d" % number)
    assert {names(three(), b"%d" % number)[0] for number in range(50)} == {"a:4730", "b:4730", "c:4730"}


def test_losing_a_server_moves_only_its_own_jobs() -> None:
    two = ServerList(parse_servers("a,b", {}), "unique", lambda: 0.5)
    for number in range(50):
        before = names(three(), b"%d" % number)
        assert names(two, b"%d" % number) == [name for name in before if name != "c:4730"]


def test_jobs_without_a_unique_go_round() -> None:
    servers = three()
    assert [names(servers)[0] for _ in range(4)] == ["a:4730", "b:4730", "c:4730", "a:4730"]


@pytest.mark.parametrize(
    ("routing", "order"),
    [
        ("first", ["a:4730", "b:4730", "c:4730"]),
        ("libgearman", ["c:4730", "b:4730", "a:4730"]),
        ("random", ["b:4730", "c:4730", "a:4730"]),
        ("round-robin", ["a:4730", "b:4730", "c:4730"]),
        ("perl", ["b:4730", "c:4730", "a:4730"]),  # crc32(b"u") >> 16 & 0x7fff is 1 modulo 3
    ],
)
def test_other_routings(routing: str, order: list[str]) -> None:
    assert names(three(routing), b"u") == order


def test_an_unknown_routing_is_refused() -> None:
    with pytest.raises(SettingsError, match="routing 'best'"):
        three("best")


def test_a_server_that_failed_is_tried_last_until_it_has_cooled_down() -> None:
    servers = three("first")
    servers.failed(servers.servers[0], 100.0)
    assert names(servers, now=100.1) == ["b:4730", "c:4730", "a:4730"]
    assert names(servers, now=101.0) == ["a:4730", "b:4730", "c:4730"]


def test_each_failure_doubles_the_cool_down_up_to_a_limit() -> None:
    (server,) = parse_servers("a", {})
    waits = []
    for _ in range(12):
        server.failed(0.0, 1.0)
        waits.append(server.retry_at)
    assert waits[:3] == [0.5, 1.0, 2.0]
    assert waits[-1] == LONGEST_COOL_DOWN
    server.failed(0.0, 0.0)
    assert server.retry_at == LONGEST_COOL_DOWN / 2
    server.worked()
    assert (server.failures, server.retry_at) == (0, 0.0)


def test_a_server_is_added_once() -> None:
    servers = three()
    servers.add(parse_server("d"))
    servers.add(parse_server("d:4730"))
    assert [server.name for server in servers.servers] == ["a:4730", "b:4730", "c:4730", "d:4730"]
    assert servers.named("d:4730") is servers.servers[3]
    assert servers.named("e:4730") is None
