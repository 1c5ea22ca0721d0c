"""SUBMIT_JOB_SCHED: recurring jobs of clients."""

from __future__ import annotations

from typing import Any

import pytest

from geartrain.broker.batch import Kept
from geartrain.broker.durability import adopt, take_back, take_batch
from geartrain.broker.rules import Rules
from geartrain.broker.schedules import Schedule
from geartrain.protocol.commands import (
    CANCEL_JOB,
    CANCEL_RES,
    ERROR,
    GET_STATUS,
    GRAB_JOB_UNIQ,
    JOB_ASSIGN_UNIQ,
    JOB_CREATED,
    NO_JOB,
    OPTION_REQ,
    STATUS_RES,
    SUBMIT_JOB,
    SUBMIT_JOB_BG,
    SUBMIT_JOB_SCHED,
    WORK_COMPLETE,
)
from geartrain.protocol.packet import request
from geartrain.server.cron import next_tick
from tests.wire import START, MemoryServer, Packet

HANDLE = b"H:test:1"
ANY = (b"*", b"*", b"*", b"*", b"*")
DAY = 86400


def in_utc(cron: str, timezone: str, after: float) -> float:
    return next_tick(cron, timezone or "UTC", after)


def scheduling(has_store: bool = False) -> MemoryServer:
    """A server that reads cron lines, at 8:00:00 on a Friday, 2027-01-15."""
    server = MemoryServer(has_store=has_store)
    server.broker.schedules.calendar = in_utc
    return server


def answer(server: MemoryServer, *when: bytes, unique: bytes = b"") -> list[Packet]:
    return server.connect().asks(SUBMIT_JOB_SCHED, b"f", unique, *when, b"a\0b")


def refusal(packets: list[Packet]) -> str:
    """The text of ERROR INVALID_ARGUMENT, the one packet there is."""
    (packet,) = packets
    command, *fields = packet
    assert (command, fields[0]) == (ERROR, b"INVALID_ARGUMENT")
    return fields[1].decode()


def handle_of(packets: list[Packet]) -> bytes:
    """The handle of JOB_CREATED, the one packet there is."""
    (packet,) = packets
    command, *fields = packet
    assert command == JOB_CREATED
    return fields[0]


def next_at(*when: bytes) -> float:
    """Seconds until the first tick."""
    server = scheduling()
    assert answer(server, *when) == [(JOB_CREATED, HANDLE)]
    (schedule,) = server.broker.schedules.by_name.values()
    return schedule.next_at - START


def test_a_recurring_job_comes_at_each_of_its_ticks() -> None:
    server = scheduling()
    assert answer(server, b"30", b"", b"-1", b"*", b"*") == [(JOB_CREATED, HANDLE)]
    worker = server.worker(b"f")
    for number in (1, 2):
        server.passes(1800)
        unique = b"H:test:1@%d" % server.clock
        handle = b"H:test:%d" % (1 + number)
        assert worker.asks(GRAB_JOB_UNIQ) == [(JOB_ASSIGN_UNIQ, handle, b"f", unique, b"a\0b")]
        worker.says(WORK_COMPLETE, handle, b"")
        server.passes(1800)
    assert worker.asks(GRAB_JOB_UNIQ) == [(NO_JOB,)]


@pytest.mark.parametrize(
    ("when", "seconds"),
    [
        (ANY, 60),
        ((b"", b"", b"", b"", b""), 60),
        ((b"-1", b"-1", b"-1", b"-1", b"-1"), 60),
        ((b"5", b"*", b"*", b"*", b"*"), 5 * 60),
        ((b"*/20", b"*", b"*", b"*", b"*"), 20 * 60),
        ((b"10-50/20,58", b"*", b"*", b"*", b"*"), 10 * 60),
        ((b"0", b"9", b"*", b"*", b"*"), 3600),
        ((b"0", b"8", b"16", b"*", b"*"), DAY),
        ((b"0", b"8", b"15", b"2", b"*"), 31 * DAY),
        ((b"0", b"8", b"*", b"*", b"5"), DAY),  # Saturday: 0 is Monday
        ((b"0", b"8", b"*", b"*", b"6"), 2 * DAY),
        ((b"0", b"8", b"*", b"*", b"0"), 3 * DAY),
        ((b"0", b"8", b"*", b"*", b"0-3"), 3 * DAY),
        ((b"0", b"8", b"*", b"*", b"*/6"), 2 * DAY),  # Monday and Sunday
    ],
)
def test_fields_are_as_the_protocol_says(when: tuple[bytes, ...], seconds: float) -> None:
    assert next_at(*when) == seconds


@pytest.mark.parametrize(
    ("position", "name", "expected", "given"),
    [
        (0, "minute", "from 0 to 59", b"60"),
        (0, "minute", "from 0 to 59", b"x"),
        (0, "minute", "from 0 to 59", b"*/0"),
        (0, "minute", "from 0 to 59", b"5/10"),
        (0, "minute", "from 0 to 59", b"1,"),
        (0, "minute", "from 0 to 59", b"30-10"),
        (1, "hour", "from 0 to 23", b"24"),
        (2, "mday", "from 1 to 31", b"0"),
        (3, "month", "from 1 to 12", b"13"),
        (4, "wday", "from 0 to 6", b"7"),
        (4, "wday", "from 0 to 6", b"MON"),
        (4, "wday", "from 0 to 6", b"\xff"),
    ],
)
def test_a_wrong_field_is_named_with_its_value_and_what_was_expected(
    position: int, name: str, expected: str, given: bytes
) -> None:
    server = scheduling()
    when = [*ANY]
    when[position] = given
    text = refusal(answer(server, *when))
    assert f"SUBMIT_JOB_SCHED {name} wants numbers {expected}" in text
    assert text.endswith(f"got {given.decode('ascii', 'backslashreplace')!r}")
    assert not server.broker.schedules.by_name


def test_a_day_that_never_comes_is_refused() -> None:
    assert "SUBMIT_JOB_SCHED cron wants" in refusal(answer(scheduling(), b"0", b"0", b"30", b"2", b"*"))


@pytest.mark.parametrize(
    ("function", "unique", "text"),
    [
        (b"", b"", b"function name of 0 bytes, expected 1 to 512"),
        (b"f" * 513, b"", b"function name of 513 bytes, expected 1 to 512"),
        (b"f", b"u" * 256, b"unique of 256 bytes, expected at most 255"),
    ],
)
def test_names_have_the_limits_of_any_submit(function: bytes, unique: bytes, text: bytes) -> None:
    client = scheduling().connect()
    assert client.asks(SUBMIT_JOB_SCHED, function, unique, *ANY, b"") == [(ERROR, b"INVALID_ARGUMENT", text)]


def test_a_server_that_stops_takes_none() -> None:
    server = scheduling()
    server.broker.stop()
    assert answer(server, *ANY) == [(ERROR, b"QUEUE_ERROR", b"Server is stopping")]


def test_the_same_function_and_unique_again_is_the_schedule_there_is() -> None:
    server = scheduling()
    client = server.connect()
    assert answer(server, b"0", b"3", b"*", b"*", b"*", unique=b"u") == [(JOB_CREATED, HANDLE)]
    assert answer(server, *ANY, unique=b"u") == [(JOB_CREATED, HANDLE)]
    assert [schedule.definition.cron for schedule in server.broker.schedules.by_name.values()] == [
        "0 3 * * *"
    ]
    assert client.asks(SUBMIT_JOB_SCHED, b"g", b"u", *ANY, b"") == [(JOB_CREATED, b"H:test:2")]
    assert answer(server, *ANY) == [(JOB_CREATED, b"H:test:3")]
    assert answer(server, *ANY) == [(JOB_CREATED, b"H:test:4")]


def test_the_unique_that_stands_for_the_workload_does_so_here() -> None:
    client = scheduling().connect()
    handles = [
        handle_of(client.asks(SUBMIT_JOB_SCHED, b"f", b"-", *ANY, workload))
        for workload in (b"a", b"b", b"a")
    ]
    assert handles == [HANDLE, b"H:test:2", HANDLE]


def test_a_tick_joins_the_run_under_way_by_the_clients_unique() -> None:
    server = scheduling()
    answer(server, *ANY, unique=b"u")
    server.passes(60)
    server.running(b"f")
    server.passes(60)
    client = server.connect()
    assert client.asks(SUBMIT_JOB, b"f", b"u", b"") == [(JOB_CREATED, b"H:test:2")]


def test_its_handle_is_known_and_not_running_until_it_is_cancelled() -> None:
    server = scheduling()
    client = server.connect()
    answer(server, *ANY)
    assert client.asks(GET_STATUS, HANDLE) == [(STATUS_RES, HANDLE, b"1", b"0", b"0", b"0")]
    assert client.types(b"cancel job " + HANDLE) == b"OK\r\n"
    assert client.asks(GET_STATUS, HANDLE) == [(STATUS_RES, HANDLE, b"0", b"0", b"0", b"0")]
    assert client.types(b"cancel job " + HANDLE) == b"ERR UNKNOWN_JOB\r\n"
    server.passes(60)
    assert server.worker(b"f").asks(GRAB_JOB_UNIQ) == [(NO_JOB,)]


def test_the_extension_cancels_it_too() -> None:
    server = scheduling()
    answer(server, *ANY)
    client = server.connect()
    client.asks(OPTION_REQ, b"geartrain")
    for outcome in (b"cancelled", b"unknown"):
        assert client.asks(CANCEL_JOB, HANDLE) == [(CANCEL_RES, HANDLE, outcome)]
    assert not server.broker.schedules.by_name


def test_a_name_in_the_file_is_no_handle() -> None:
    server = scheduling()
    server.connect().types(b'schedule-add s {"function":"f","every":60}')
    assert server.connect().types(b"cancel job s") == b"ERR UNKNOWN_JOB\r\n"
    assert server.connect().asks(GET_STATUS, b"s") == [(STATUS_RES, b"s", b"0", b"0", b"0", b"0")]


def test_an_operator_may_pause_and_remove_it_but_not_change_it() -> None:
    server = scheduling()
    answer(server, *ANY)
    operator = server.connect()
    assert b'"origin": "wire"' in operator.types(b"schedules")
    assert b'"paused": true' in operator.types(b"schedule-pause " + HANDLE)
    assert b"one+of+the+wire+has+it" in operator.types(b'schedule-add H:test:1 {"function":"f","every":60}')
    assert b'"name": "H:test:1"' in operator.types(b"schedule-remove " + HANDLE)
    assert server.broker.schedules.by_name == {}


# With a store


def test_it_is_kept_under_its_handle_and_no_other_job_gets_that() -> None:
    server = scheduling(True)
    answer(server, *ANY, unique=b"\xff")
    batch = take_batch(server.broker)
    after = scheduling(True)
    adopt(after.broker, Kept(documents=[*batch.documents.values()]))
    assert answer(after, *ANY, unique=b"\xff") == [(JOB_CREATED, HANDLE)]
    assert after.connect().asks(SUBMIT_JOB_BG, b"f", b"", b"") == [(JOB_CREATED, b"H:test:2")]
    after.passes(60)
    assert after.worker(b"f").asks(GRAB_JOB_UNIQ) == [(JOB_ASSIGN_UNIQ, b"H:test:2", b"f", b"", b"")]


def test_its_answer_is_a_promise_and_without_the_batch_it_is_gone() -> None:
    server = scheduling(True)
    client = server.connect()
    client.says(SUBMIT_JOB_SCHED, b"f", b"", *ANY, b"")
    assert client.connection.promised
    take_back(server.broker, take_batch(server.broker))
    assert client.read()  # the server writes a refusal in its place
    assert client.asks(GET_STATUS, HANDLE) == [(STATUS_RES, HANDLE, b"0", b"0", b"0", b"0")]
    assert [document.text for document in take_batch(server.broker).documents.values()] == ["", ""]


def test_it_goes_on_where_another_client_asks_for_it_before_its_batch_fails() -> None:
    server = scheduling(True)
    answer(server, *ANY, unique=b"u")
    batch = take_batch(server.broker)
    answer(server, *ANY, unique=b"u")
    take_back(server.broker, batch)
    assert HANDLE.decode() in server.broker.schedules.by_name
    assert take_batch(server.broker).documents[("schedule", "H:test:1")].text


def test_one_turn_may_ask_for_many() -> None:
    server = scheduling()
    client = server.connect()
    client.sends(request(SUBMIT_JOB_SCHED, b"f", b"", *ANY, b"") * 3)
    assert client.heard() == [(JOB_CREATED, b"H:test:%d" % number) for number in (1, 2, 3)]


def test_a_client_that_makes_too_many_schedules_hears_the_limit() -> None:
    server = MemoryServer(Rules(prefix=b"H:test", max_schedules=3, max_function_schedules=2))
    server.broker.schedules.calendar = in_utc
    client = server.connect()
    for number in (1, 2):
        unique = b"u%d" % number
        assert client.asks(SUBMIT_JOB_SCHED, b"f", unique, *ANY, b"") == [
            (JOB_CREATED, b"H:test:%d" % number)
        ]
    assert client.asks(SUBMIT_JOB_SCHED, b"f", b"", *ANY, b"") == [
        (
            ERROR,
            b"QUEUE_ERROR",
            b"function 'f' has 2 schedules, at most 2 are expected (--max-function-schedules)",
        )
    ]
    assert client.asks(SUBMIT_JOB_SCHED, b"f", b"u2", *ANY, b"") == [(JOB_CREATED, b"H:test:2")]
    assert client.asks(SUBMIT_JOB_SCHED, b"g", b"", *ANY, b"") == [(JOB_CREATED, b"H:test:3")]
    assert client.asks(SUBMIT_JOB_SCHED, b"h", b"", *ANY, b"") == [
        (ERROR, b"QUEUE_ERROR", b"there are 3 schedules, at most 3 are expected (--max-schedules)")
    ]


def test_an_equal_schedule_is_found_without_a_look_at_the_others() -> None:
    server = scheduling()
    client = server.connect()
    for number in range(500):
        client.says(SUBMIT_JOB_SCHED, b"f", b"u%d" % number, *ANY, b"")
    schedules = server.broker.schedules
    schedules.by_name = Untouchable(schedules.by_name)
    client.heard()
    assert client.asks(SUBMIT_JOB_SCHED, b"f", b"u7", *ANY, b"") == [(JOB_CREATED, b"H:test:8")]
    assert client.asks(SUBMIT_JOB_SCHED, b"f", b"u500", *ANY, b"") == [(JOB_CREATED, b"H:test:501")]


class Untouchable(dict[str, Schedule]):
    """A table in which one looks up a name, and no more."""

    def values(self) -> Any:
        raise AssertionError("a look at every schedule")

    items = __iter__ = values
