"""Sockets to listen on."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from geartrain.errors import SettingsError
from geartrain.server.listeners import Listener, address_of, open_listeners, remove_socket_files, tune
from geartrain.server.settings import Settings


@contextmanager
def listening(*where: str, port: int = 0) -> Iterator[list[Listener]]:
    listeners = open_listeners(Settings(listen=where, port=port))
    yield listeners
    for listener in listeners:
        listener.close()


def test_by_default_all_addresses_of_both_families_share_a_port() -> None:
    with listening() as listeners:
        families = [listener.family for listener in listeners]
        assert families == [socket.AF_INET, socket.AF_INET6][: len(families)]
        assert len({listener.getsockname()[1] for listener in listeners}) == 1


def test_ipv6_is_written_with_or_without_brackets() -> None:
    with listening("[::1]") as (bracketed,), listening("::1") as (bare,):
        assert address_of(bracketed).startswith("[::1]:")
        assert bare.getsockname()[0] == "::1"


def test_a_name_stands_for_all_its_addresses() -> None:
    with listening("localhost") as listeners:
        assert "127.0.0.1" in [listener.getsockname()[0] for listener in listeners]


def test_a_port_in_use_is_refused_by_name() -> None:
    with listening("127.0.0.1") as (listener,):
        port = listener.getsockname()[1]
        with pytest.raises(SettingsError) as refusal:
            open_listeners(Settings(listen=("127.0.0.1",), port=port))
    assert str(refusal.value) == f"cannot listen on 127.0.0.1:{port}: Address already in use"


def test_a_port_can_be_taken_again_while_its_old_connections_fade() -> None:
    with listening("127.0.0.1") as (listener,):
        port = listener.getsockname()[1]
        client = socket.create_connection(("127.0.0.1", port))
        listener.setblocking(True)
        listener.accept()[0].close()
    client.close()
    with listening("127.0.0.1", port=port) as (again,):
        assert again.getsockname()[1] == port


@pytest.mark.parametrize("where", ["no.such.host.invalid", "127.0.0.1:4730", "[::1", "x" * 300])
def test_an_address_that_is_none_is_refused(where: str) -> None:
    with pytest.raises(SettingsError) as refusal:
        open_listeners(Settings(listen=(where,)))
    assert str(refusal.value) == f"--listen wants an address, a host name, [IPv6] or unix:PATH, got {where!r}"


def test_the_socket_file_of_a_dead_server_is_taken_over(tmp_path: Path) -> None:
    where = f"unix:{tmp_path}/gear"
    with listening(where) as (first,):
        assert address_of(first) == where
    with listening(where) as (second,), socket.socket(socket.AF_UNIX) as client:
        client.connect(second.getsockname())


def test_the_socket_file_of_a_living_server_is_left_to_it(tmp_path: Path) -> None:
    where = f"unix:{tmp_path}/gear"
    with (
        listening(where),
        pytest.raises(SettingsError, match=f"cannot listen on {where}: Address already in use"),
    ):
        open_listeners(Settings(listen=(where,)))


def test_a_file_that_is_no_socket_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "gear"
    path.write_text("precious")
    with pytest.raises(SettingsError, match="Address already in use"):
        open_listeners(Settings(listen=(f"unix:{path}",)))
    assert path.read_text() == "precious"


def test_socket_files_are_removed_at_the_end(tmp_path: Path) -> None:
    settings = Settings(listen=(f"unix:{tmp_path}/gear",))
    for listener in open_listeners(settings):
        listener.close()
    remove_socket_files(settings)
    remove_socket_files(settings)
    assert not list(tmp_path.iterdir())


def test_accepted_sockets_are_quick_and_notice_a_dead_machine() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        tune(listener, Settings(keepalive_idle=7, keepalive_interval=-1, keepalive_count=2))
        with socket.create_connection(listener.getsockname()), listener.accept()[0] as accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            assert accepted.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 7
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT) == 2
