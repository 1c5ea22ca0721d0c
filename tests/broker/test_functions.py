"""The text command ``functions``: one of them, or some at a time."""

from __future__ import annotations

from geartrain.protocol.commands import CAN_DO
from tests.wire import MemoryServer, Peer


def named(client: Peer, line: bytes) -> list[str]:
    return [str(row["function"]) for row in client.lists(line)]


def some() -> Peer:
    client = MemoryServer().connect()
    for name in (b"resize", b"mail", b"index"):
        client.says(CAN_DO, name)
    return client


def test_all_functions_are_listed() -> None:
    assert sorted(named(some(), b"functions")) == ["index", "mail", "resize"]
    assert sorted(named(some(), b"functions *")) == ["index", "mail", "resize"]


def test_one_function_is_listed_alone_and_one_that_is_not_known_is_none() -> None:
    assert named(some(), b"functions mail") == ["mail"]
    assert named(some(), b"functions nothing") == []


def test_functions_are_listed_some_at_a_time() -> None:
    client = some()
    pages = [named(client, b"functions * 1 %d" % skipped) for skipped in range(4)]
    assert sorted([name for page in pages for name in page]) == ["index", "mail", "resize"]
    assert pages[0]
    assert not pages[3]
    assert sorted(named(client, b"functions * 0 0")) == ["index", "mail", "resize"]
