"""A server that has one shard of a pool's functions: its numbers, and whose schedules are its own."""

from __future__ import annotations

import pytest

from geartrain.broker.batch import Document, Kept
from geartrain.broker.durability import RESERVE, adopt, take_batch, wants_numbers
from geartrain.broker.rules import Rules
from geartrain.broker.schedule_fields import read_schedules
from geartrain.broker.shards import shard_of, shard_of_handle
from geartrain.broker.ticks import configure
from geartrain.protocol.commands import JOB_CREATED, SUBMIT_JOB, SUBMIT_JOB_BG, SUBMIT_JOB_SCHED
from geartrain.protocol.packet import HEADER_SIZE
from geartrain.server.cron import next_tick
from tests.wire import MemoryServer, Packet

pytestmark = pytest.mark.one_server(
    "it is about a server that has one of several shards and knows of no pool"
)

SHARDS = 4
ANY = (b"*", b"*", b"*", b"*", b"*")
THIRD = Rules(prefix=b"H:test", shard=2, shards=SHARDS)


def third(has_store: bool = False) -> MemoryServer:
    """A server with the third of four shards."""
    server = MemoryServer(THIRD, has_store)
    server.broker.schedules.calendar = next_tick
    return server


def submits(server: MemoryServer) -> list[Packet]:
    return server.connect().asks(SUBMIT_JOB, b"f", b"", b"")


def test_a_function_and_a_handle_are_of_one_shard() -> None:
    assert [shard_of(name, SHARDS) for name in (b"a", b"b", b"c", b"d", b"e")] == [3, 1, 3, 0, 2]
    assert shard_of(b"any", 1) == 0
    assert shard_of_handle(b"H:test:4711", SHARDS) == 3
    assert shard_of_handle(b"no handle", SHARDS) == 0


def test_all_handles_of_a_server_are_of_its_shard() -> None:
    for shard in range(SHARDS):
        client = MemoryServer(THIRD._replace(shard=shard)).connect()
        for _ in range(3):
            client.says(SUBMIT_JOB_BG, b"f", b"", b"")
            handle = client.read()[HEADER_SIZE:]
            assert shard_of_handle(handle, SHARDS) == shard
            assert handle != b"H:test:0"


@pytest.mark.parametrize(("kept", "expected"), [(0, 6), (6, 10), (7, 14), (9, 14), (10, 14), (11, 18)])
def test_handles_go_on_after_a_number_that_is_taken_whatever_shard_it_is_of(kept: int, expected: int) -> None:
    server = third()
    adopt(server.broker, Kept(last_number=kept))
    assert submits(server) == [(JOB_CREATED, b"H:test:%d" % expected)]


def test_recurring_jobs_and_what_a_store_kept_of_them_have_numbers_of_the_shard() -> None:
    server = third(has_store=True)
    client = server.connect()
    handles = [client.asks(SUBMIT_JOB_SCHED, b"f", unique, *ANY, b"") for unique in (b"u", b"v")]
    assert handles == [[(JOB_CREATED, b"H:test:6")], [(JOB_CREATED, b"H:test:10")]]
    documents = list(take_batch(server.broker).documents.values())
    successor = third()
    adopt(
        successor.broker, Kept(documents=[*documents, Document("schedule", "H:test:11", documents[0].text)])
    )
    assert submits(successor) == [(JOB_CREATED, b"H:test:18")]


def test_a_store_hears_in_time_of_as_many_handles_as_without_shards() -> None:
    server = third(has_store=True)
    assert take_batch(server.broker).last_number == 2 + RESERVE * SHARDS
    server.broker.last_handle += RESERVE // 2 * SHARDS
    assert not wants_numbers(server.broker)
    submits(server)
    assert wants_numbers(server.broker)


def test_a_server_has_only_those_schedules_of_the_file_whose_functions_are_its_own() -> None:
    sections = {name: {"function": name, "every": 60} for name in ("a", "e", "d", "g")}
    definitions = read_schedules(sections, "schedules", next_tick)
    server = third()
    configure(server.broker, definitions)
    assert list(server.broker.schedules.by_name) == ["e", "g"]
    configure(server.broker, definitions[:3])
    assert list(server.broker.schedules.by_name) == ["e"]
