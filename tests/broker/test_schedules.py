"""Schedules: jobs at their ticks, however time passes and whatever became of the server meanwhile."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geartrain.broker.agenda import CLOCK_CHECK, wait
from geartrain.broker.batch import Document, Kept
from geartrain.broker.deadlines import NEVER
from geartrain.broker.durability import adopt, keep, take_back, take_batch
from geartrain.broker.rules import Rules
from geartrain.broker.schedule_fields import read_schedules
from geartrain.broker.schedules import MOST_AT_ONCE
from geartrain.broker.ticks import MOST_SUBMITS, configure
from geartrain.errors import SettingsError
from geartrain.protocol.commands import (
    CAN_DO,
    ECHO_REQ,
    ECHO_RES,
    GRAB_JOB,
    GRAB_JOB_UNIQ,
    JOB_ASSIGN_UNIQ,
    JOB_CREATED,
    NO_JOB,
    NOOP,
    PRE_SLEEP,
    SUBMIT_JOB_BG,
    WORK_COMPLETE,
)
from geartrain.server.cron import next_tick
from tests.wire import START, MemoryServer, Peer

DAY = 86400
HOURLY = {"function": "f", "cron": "0 * * * *"}
MINUTELY = {"function": "f", "every": 60}


def in_utc(cron: str, timezone: str, after: float) -> float:
    """The calendar of a server whose own time zone is UTC."""
    return next_tick(cron, timezone or "UTC", after)


def scheduling(has_store: bool = False, clock: float = START) -> MemoryServer:
    """A server that reads cron lines; the tests begin at 8:00:00 on a Friday."""
    server = MemoryServer(has_store=has_store)
    server.broker.schedules.calendar = in_utc
    server.sets_clock(clock)
    return server


def has_in_file(server: MemoryServer, **schedules: Mapping[str, object]) -> None:
    """Let the server's file have these schedules."""
    configure(server.broker, read_schedules(schedules, "schedules", in_utc))


def restarted(server: MemoryServer, clock: float) -> MemoryServer:
    """Another server with all that the store has of the first one, which was killed at its last turn."""
    batch = take_batch(server.broker)
    after = scheduling(True, clock)
    documents = [document for document in batch.documents.values() if document.text]
    adopt(after.broker, Kept(jobs=batch.records, documents=documents, last_number=batch.last_number))
    return after


def rows(server: MemoryServer, line: bytes = b"schedules") -> list[Any]:
    return server.connect().lists(line)


def row(server: MemoryServer, name: str = "s") -> Any:
    return {row["name"]: row for row in rows(server)}[name]


def add(server: MemoryServer, fields: Mapping[str, object], name: bytes = b"s") -> bytes:
    """The answer to ``schedule-add``."""
    word = json.dumps(fields, separators=(",", ":")).replace(" ", "\\u0020").encode()
    return server.connect().types(b"schedule-add " + name + b" " + word)


def grabbed(worker: Peer) -> list[bytes]:
    """The uniques of all jobs that are ready."""
    uniques = []
    while (packet := worker.asks(GRAB_JOB_UNIQ)[0]) != (NO_JOB,):
        _, *fields = packet
        handle, _, unique, _ = fields
        uniques.append(unique)
        worker.says(WORK_COMPLETE, handle, b"")
    return uniques


def at(*seconds: float) -> list[bytes]:
    """The uniques of ticks so many seconds after the start of the test."""
    return [b"s@%d" % (START + after) for after in seconds]


# Ticks


def test_a_tick_is_a_background_job_that_wakes_a_worker_without_any_other_traffic() -> None:
    server = scheduling()
    has_in_file(server, s={"function": "f", "workload": "cat.png", "cron": "30 8 * * *", "priority": "high"})
    worker = server.worker(b"f")
    worker.says(PRE_SLEEP)
    server.passes(1799)
    assert worker.heard() == []
    server.passes(1)
    assert worker.heard() == [(NOOP,)]
    (job,) = rows(server, b"jobs")
    assert (job["function"], job["priority"], job["background"]) == ("f", "high", True)
    assert worker.asks(GRAB_JOB_UNIQ) == [
        (JOB_ASSIGN_UNIQ, b"H:test:1", b"f", b"s@%d" % (START + 1800), b"cat.png")
    ]


def test_an_interval_ticks_at_its_multiples_however_late_the_server_looks() -> None:
    server = scheduling(clock=START + 1)
    has_in_file(server, s={"function": "f", "every": "5m"})
    worker = server.worker(b"f")
    for seconds in (299, 303, 297):
        server.passes(seconds)
    assert grabbed(worker) == at(300, 600, 900)


def test_each_tick_is_a_job_of_its_own_beside_one_that_still_runs() -> None:
    server = scheduling()
    has_in_file(server, s=MINUTELY)
    worker = server.worker(b"f")
    server.passes(60)
    worker.says(GRAB_JOB)
    server.passes(60)
    assert [job["state"] for job in rows(server, b"jobs")] == ["running", "queued"]


def test_with_a_unique_a_tick_joins_the_run_that_is_still_under_way() -> None:
    server = scheduling()
    has_in_file(server, s={**MINUTELY, "unique": "one"})
    server.passes(60)
    worker = server.running(b"f")
    server.passes(60)
    assert [job["unique"] for job in rows(server, b"jobs")] == ["one"]
    worker.says(WORK_COMPLETE, b"H:test:1", b"")
    server.passes(60)
    assert [job["handle"] for job in rows(server, b"jobs")] == ["H:test:2"]


@pytest.mark.parametrize("refusing", [b"maxqueue f 1", b"drain f"])
def test_a_tick_is_left_out_and_logged_where_the_function_takes_no_job(refusing: bytes) -> None:
    server = scheduling()
    has_in_file(server, s=MINUTELY)
    server.passes(60)
    server.connect().types(refusing)
    server.passes(60)
    assert server.notices == [f"schedule=s tick={START + 120:.0f} left out: the function takes no job now"]
    assert (row(server)["last_at"], row(server)["fired"]) == (START + 60, 1)
    assert grabbed(server.worker(b"f")) == at(60)


def test_schedules_that_are_due_together_are_served_in_the_order_of_their_ticks() -> None:
    server = scheduling()
    has_in_file(server, b={"function": "f", "every": 40}, a={"function": "f", "every": 60})
    server.passes(65)
    assert grabbed(server.worker(b"f")) == [b"b@%d" % (START + 40), b"a@%d" % (START + 60)]


def test_a_server_that_stops_leaves_ticks_to_the_next_one() -> None:
    server = scheduling()
    has_in_file(server, s=MINUTELY)
    server.broker.stop()
    server.passes(60)
    assert rows(server, b"jobs") == []
    assert wait(server.broker) == NEVER
    assert server.connect().types(b"schedule-run s") == b"ERR QUEUE_ERROR Server+is+stopping\r\n"


# How long to wait, and the clock


def test_the_server_waits_for_the_next_tick_but_looks_at_the_clock_each_second() -> None:
    server = scheduling()
    assert wait(server.broker) == NEVER
    has_in_file(server, s=MINUTELY)
    assert wait(server.broker) == CLOCK_CHECK
    server.passes(59.75)
    assert wait(server.broker) == pytest.approx(0.25)
    has_in_file(server, s={**MINUTELY, "paused": True})
    assert wait(server.broker) == NEVER


def test_a_clock_that_is_set_forward_is_as_if_the_server_had_been_away() -> None:
    server = scheduling()
    has_in_file(server, s=HOURLY)
    server.sets_clock(START + DAY + 10)
    assert grabbed(server.worker(b"f")) == at(DAY)


@pytest.mark.parametrize("back", [90, 600, 2 * 3600, 5 * 3600])
@pytest.mark.parametrize(
    "when",
    [{"cron": "* * * * *"}, {"cron": "*/2 8-9 * * *"}, {"cron": "@hourly"}, {"every": 5}, {"every": 3600}],
)
def test_lines_with_wildcards_and_intervals_go_by_a_clock_that_is_set_back(
    when: Mapping[str, object], back: int
) -> None:
    server = scheduling(clock=START + DAY)
    has_in_file(server, s={"function": "f", **when})
    server.passes(3600)
    grabbed(server.worker(b"f"))
    clock = server.clock - back
    server.sets_clock(clock)
    first = next_after(when, clock)
    assert row(server)["next_at"] == first
    server.passes(first - clock)
    assert grabbed(server.worker(b"f")) == [b"s@%d" % first]


def next_after(when: Mapping[str, object], clock: float) -> float:
    """The first tick after a moment."""
    every = when.get("every")
    return (clock // every + 1) * every if isinstance(every, int) else in_utc(str(when["cron"]), "", clock)


@pytest.mark.parametrize("cron", ["30 8 * * *", "0,30 8 * * 1-5", "@daily"])
def test_fixed_times_do_not_come_twice_when_the_clock_is_set_back_by_up_to_three_hours(cron: str) -> None:
    server = scheduling()
    has_in_file(server, s={"function": "f", "cron": cron})
    worker = server.worker(b"f")
    due = row(server)["next_at"]
    server.sets_clock(due + 60)
    assert grabbed(worker) == [b"s@%d" % due]
    for back in (600, 3600, 1800, 4000):
        server.sets_clock(due + 60 - back)
    assert grabbed(worker) == []
    while server.clock < due + 1800 - 60:
        server.passes(60)
    assert grabbed(worker) == []
    following = row(server)["next_at"]
    server.sets_clock(following)
    assert grabbed(worker) == [b"s@%d" % following]


def test_the_log_says_who_follows_a_clock_that_is_set_back() -> None:
    server = scheduling()
    has_in_file(server, s=MINUTELY, fixed={"function": "f", "cron": "1 8 * * *"})
    server.passes(120)
    server.sets_clock(START - 3600)
    assert server.notices == [
        f"the clock was set back to {START - 3600:.0f}: schedules follow it, but for 1 that are done until then"
    ]


def test_a_clock_that_is_set_back_by_seconds_repeats_no_tick() -> None:
    server = scheduling()
    has_in_file(server, s=MINUTELY, t={"function": "g", "every": 5})
    server.passes(60)
    worker = server.worker(b"f")
    assert grabbed(worker) == at(60)
    server.sets_clock(START + 5)
    for _ in range(11):
        server.passes(5)
    assert grabbed(worker) == []
    server.passes(60)
    assert grabbed(worker) == at(120)
    assert server.notices == []


def test_a_clock_that_is_set_back_by_days_is_followed_by_all() -> None:
    server = scheduling(clock=START + 365 * DAY)
    has_in_file(server, s={"function": "f", "cron": "0 9 * * *"})
    server.sets_clock(START)
    assert server.notices == [f"the clock was set back to {START:.0f}: schedules follow it"]
    assert row(server)["next_at"] == START + 3600
    server.passes(3600)
    assert grabbed(server.worker(b"f")) == at(3600)


@pytest.mark.parametrize(
    ("cron", "back", "next_at"),
    [("* * * * *", 7200, 60), ("0 8 * * *", 7200, 7200 + DAY), ("0 8 * * *", 4 * 3600, 4 * 3600)],
)
def test_a_server_that_starts_with_a_clock_that_was_set_back_does_as_one_that_ran(
    cron: str, back: int, next_at: int
) -> None:
    server = scheduling(True, START - 60)
    has_in_file(server, s={"function": "f", "cron": cron})
    server.passes(60)
    after = restarted(server, START - back)
    has_in_file(after, s={"function": "f", "cron": cron})
    assert row(after)["next_at"] == START - back + next_at


# Many of them


def test_ticks_of_thousands_are_spread_over_turns_and_none_is_lost_or_done_twice() -> None:
    server = scheduling()
    has_in_file(server, **{f"s{number:04}": MINUTELY for number in range(1000)})
    server.passes(60)
    assert 0 < len(server.broker.jobs) <= MOST_SUBMITS
    turns = 0
    while wait(server.broker) == 0:
        server.ends_turn()
        turns += 1
    assert turns >= 1000 / MOST_SUBMITS - 1
    assert grabbed(server.worker(b"f")) == [b"s%04d@%d" % (number, START + 60) for number in range(1000)]


def test_cron_lines_are_looked_up_for_a_hundred_schedules_in_a_turn() -> None:
    looks = 0

    def counting(cron: str, timezone: str, after: float) -> float:
        nonlocal looks
        looks += 1
        return in_utc(cron, timezone, after)

    server = scheduling()
    has_in_file(server, **{f"s{number:03}": {"function": "f", "cron": "* * * * *"} for number in range(500)})
    server.broker.schedules.calendar = counting
    for clock in (START + 60, START - 3600, START + 3600):  # as it passes, set back, and set forward
        server.sets_clock(clock)
        seen = looks
        while wait(server.broker) == 0:
            server.ends_turn()
            assert looks - seen < 200
            seen = looks
        assert {row["next_at"] for row in rows(server)} == {clock + 60}


def test_missed_ticks_of_one_schedule_leave_turns_to_others() -> None:
    server = scheduling()
    has_in_file(server, s={**MINUTELY, "catch_up": "all"}, t={"function": "g", "every": 3600})
    server.passes(10 * 3600)
    assert len(server.broker.jobs) <= MOST_SUBMITS + MOST_AT_ONCE
    while wait(server.broker) == 0:
        server.ends_turn()
    assert grabbed(server.worker(b"f")) == at(*range(60, 10 * 3600 + 1, 60))
    assert grabbed(server.worker(b"g")) == [b"t@%d" % (START + 10 * 3600)]


STEPS = st.one_of(
    st.tuples(st.just("add"), st.sampled_from("abc"), st.sampled_from([7, 60, 3600])),
    st.tuples(st.just("remove"), st.sampled_from("abc"), st.just(0)),
    st.tuples(st.just("pause"), st.sampled_from("abc"), st.just(0)),
    st.tuples(st.just("resume"), st.sampled_from("abc"), st.just(0)),
    st.tuples(st.just("passes"), st.just(""), st.integers(1, 4000)),
)


@given(steps=st.lists(STEPS, max_size=30))
def test_what_is_due_is_what_a_look_at_every_schedule_finds(steps: list[tuple[str, str, int]]) -> None:
    server = scheduling()
    known: dict[
        str, list[float]
    ] = {}  # seconds between ticks, up to when they are done, whether it is paused
    expected = []
    for step, name, number in steps:
        if step == "passes":
            server.passes(number)
        elif step == "add":
            add(server, {"function": "f", "every": number}, name.encode())
            every, seen, paused = known.get(name, [0, server.clock, False])
            known[name] = [number, seen if every == number else server.clock, paused]
        else:
            server.connect().types(b"schedule-%b %b" % (step.encode(), name.encode()))
            if step == "remove":
                known.pop(name, None)
            elif name in known:
                known[name][2] = step == "pause"
        for name, (every, seen, paused) in known.items():
            last = server.clock // every * every
            if last > seen and not paused:
                known[name][1] = last
                expected.append(b"%b@%d" % (name.encode(), last))
        while wait(server.broker) == 0:
            server.ends_turn()
    assert sorted(grabbed(server.worker(b"f"))) == sorted(set(expected))


# Limits


def limited(most: int = 3, most_of_function: int = 2) -> MemoryServer:
    """A server that has few schedules."""
    rules = Rules(prefix=b"H:test", max_schedules=most, max_function_schedules=most_of_function)
    server = MemoryServer(rules)
    server.broker.schedules.calendar = in_utc
    return server


def test_a_schedule_over_a_limit_is_refused_with_value_and_limit() -> None:
    server = limited()
    for name, function in ((b"a", "f"), (b"b", "f"), (b"c", "g")):
        assert add(server, {"function": function, "every": 60}, name).endswith(b".\n")
    of_function = (
        b"ERR QUEUE_ERROR function+'f'+has+2+schedules,+at+most+2+are+expected+(--max-function-schedules)\r\n"
    )
    of_all = b"ERR QUEUE_ERROR there+are+3+schedules,+at+most+3+are+expected+(--max-schedules)\r\n"
    assert add(server, {"function": "f", "every": 60}, b"d") == of_function
    assert add(server, {"function": "h", "every": 60}, b"d") == of_all
    assert [row["name"] for row in rows(server)] == ["a", "b", "c"]


def test_at_a_limit_a_schedule_may_be_changed_and_one_that_is_removed_makes_room() -> None:
    server = limited()
    for name, function in ((b"a", "f"), (b"b", "f"), (b"c", "g")):
        add(server, {"function": function, "every": 60}, name)
    assert add(server, {"function": "f", "every": 5}, b"a").endswith(b".\n")
    assert add(server, {"function": "f", "every": 5}, b"c").startswith(b"ERR QUEUE_ERROR function+'f'+has+2")
    server.connect().types(b"schedule-remove a")
    assert add(server, {"function": "f", "every": 5}, b"d").endswith(b".\n")


def test_the_workloads_of_all_schedules_have_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("geartrain.broker.schedules.MOST_BYTES", 10)
    server = scheduling()
    add(server, {**HOURLY, "workload": "1234567"}, b"a")
    assert add(server, {**HOURLY, "workload": "1234"}, b"b") == (
        b"ERR QUEUE_ERROR workloads+of+all+schedules:+11+bytes,+at+most+10+are+expected\r\n"
    )
    assert add(server, {**HOURLY, "workload": "1234567890"}, b"a").endswith(b".\n")
    server.connect().types(b"schedule-remove a")
    assert add(server, {**HOURLY, "workload": "1234"}, b"b").endswith(b".\n")


def test_what_a_store_kept_is_had_even_over_a_limit() -> None:
    server = scheduling(True)
    for name in (b"a", b"b", b"c"):
        add(server, HOURLY, name)
    documents = [*take_batch(server.broker).documents.values()]
    after = limited(most_of_function=1)
    adopt(after.broker, Kept(documents=documents))
    assert [row["name"] for row in rows(after)] == ["a", "b", "c"]
    assert add(after, HOURLY, b"d").startswith(b"ERR QUEUE_ERROR function+'f'+has+3+schedules,+at+most+1+")


# What was missed


@pytest.mark.parametrize(
    ("catch_up", "expected"), [("last", at(7200)), ("skip", []), ("all", at(0, 3600, 7200))]
)
def test_ticks_of_a_time_without_the_server_are_caught_up_as_chosen(
    catch_up: str, expected: list[bytes]
) -> None:
    schedule = {**HOURLY, "catch_up": catch_up}
    server = scheduling(True, START - 60)
    has_in_file(server, s=schedule)
    after = restarted(server, START + 7260)
    has_in_file(after, s=schedule)
    after.passes(0)
    assert grabbed(after.worker(b"f")) == expected
    assert row(after)["next_at"] == START + 3 * 3600


def test_a_tick_that_is_a_little_late_is_not_missed() -> None:
    server = scheduling()
    has_in_file(server, s={**HOURLY, "catch_up": "skip"})
    server.passes(3610)
    assert grabbed(server.worker(b"f")) == at(3600)


def test_at_most_a_thousand_ticks_are_caught_up() -> None:
    server = scheduling()
    has_in_file(server, s={**MINUTELY, "catch_up": "all"})
    server.passes(1002 * 60)
    assert grabbed(server.worker(b"f")) == at(*range(60, 1001 * 60, 60))
    assert server.notices == [
        f"schedule=s missed more than 1000 ticks: those from {START + 1001 * 60:.0f} on are left out"
    ]
    server.passes(60)
    assert grabbed(server.worker(b"f")) == at(1003 * 60)


def test_the_last_of_half_a_million_missed_ticks_is_found_without_looking_at_each() -> None:
    looks = 0

    def counting(cron: str, timezone: str, after: float) -> float:
        nonlocal looks
        looks += 1
        return in_utc(cron, timezone, after)

    server = scheduling()
    server.broker.schedules.calendar = counting
    has_in_file(server, s={"function": "f", "cron": "* * * * *"})
    server.passes(365 * DAY + 59)
    assert looks < 100
    assert grabbed(server.worker(b"f")) == at(365 * DAY)


@given(
    cron=st.sampled_from(["* * * * *", "*/7 3 * * *", "30 2 * * 1-5", "0 0 1 * *", "5,6 0 29 2 *"]),
    away=st.floats(0, 40 * DAY),
)
def test_the_last_missed_tick_is_the_last_of_all_of_them(cron: str, away: float) -> None:
    server = scheduling()
    schedules = server.broker.schedules
    has_in_file(server, s={"function": "f", "cron": cron})
    (schedule,) = schedules.by_name.values()
    last, tick = 0.0, schedule.next_at
    clock = tick + away
    while tick <= clock:
        last, tick = tick, in_utc(cron, "", tick if cron[0] != "*" else max(tick, clock - DAY))
    assert schedules.last_tick(schedule, clock) == last


def test_a_schedule_that_is_new_or_has_other_ticks_has_missed_nothing() -> None:
    server = scheduling(True)
    has_in_file(server, s={"function": "f", "cron": "0 9 * * *"})
    after = restarted(server, START + DAY)
    has_in_file(after, s={"function": "f", "cron": "0 5 * * *"}, new={"function": "f", "cron": "0 5 * * *"})
    after.passes(0)
    assert rows(after, b"jobs") == []


# The file


def test_a_new_file_changes_adds_and_removes() -> None:
    server = scheduling()
    has_in_file(server, s=MINUTELY, old=MINUTELY)
    server.passes(60)
    has_in_file(server, s={**MINUTELY, "function": "g"}, new=HOURLY)
    assert [(row["name"], row["function"], row["origin"], row["fired"]) for row in rows(server)] == [
        ("new", "f", "file", 0),
        ("s", "g", "file", 1),
    ]
    server.passes(60)
    assert grabbed(server.worker(b"g")) == at(120)


def test_only_how_far_it_has_come_is_kept_of_a_schedule_of_the_file() -> None:
    server = scheduling(True)
    has_in_file(server, s=MINUTELY)
    server.passes(60)
    documents = take_batch(server.broker).documents.values()
    assert [(document.kind, document.name) for document in documents] == [("tick", "s")]
    assert [json.loads(document.text)["seen"] for document in documents] == [START + 60]
    has_in_file(server)
    assert list(take_batch(server.broker).documents.values()) == [Document("tick", "s", "")]


def test_the_file_may_be_read_before_or_after_the_store() -> None:
    server = scheduling(True)
    has_in_file(server, s=HOURLY)
    documents = [*take_batch(server.broker).documents.values()]
    after = scheduling(True, START + 7200)
    has_in_file(after, s=HOURLY)
    adopt(after.broker, Kept(documents=documents))
    kept_again = after.broker.batch
    assert kept_again is not None
    assert json.loads(kept_again.documents[("tick", "s")].text)["seen"] == START
    after.passes(0)
    assert grabbed(after.worker(b"f")) == at(7200)


def test_a_schedule_of_the_file_takes_the_place_of_one_that_was_added() -> None:
    server = scheduling(True)
    add(server, HOURLY)
    documents = [*take_batch(server.broker).documents.values()]
    has_in_file(server, s=MINUTELY)
    after = scheduling(True)
    has_in_file(after, s=MINUTELY)
    adopt(after.broker, Kept(documents=documents))
    for one in (server, after):
        assert (row(one)["origin"], row(one)["every"]) == ("file", 60)
        assert take_batch(one.broker).documents[("schedule", "s")].text == ""
        assert one.notices == ["schedule=s of the file takes the place of one that was added"]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "schedules.s wants function, a text of 1 to 512 bytes without NUL, got none"),
        ({"function": ""}, "schedules.s function wants a text of 1 to 512 bytes without NUL, got ''"),
        ({"function": 3}, "schedules.s function wants a text, got 3"),
        ({"function": "f"}, "schedules.s wants either cron or every, got neither"),
        ({**HOURLY, "every": 5}, "schedules.s wants either cron or every, got both"),
        (
            {**HOURLY, "fnuction": "f"},
            "schedules.s: there is no key 'fnuction' (its value is 'f'); expected perhaps function",
        ),
        ({**HOURLY, "colour": 1}, "expected one of function, workload, cron"),
        ({"function": "f", "every": 0.5}, "schedules.s every wants whole seconds from 1 up to a year"),
        ({"function": "f", "every": "0"}, "such as 90, 5m, 12h or 1d, got '0'"),
        ({"function": "f", "every": True}, "got True"),
        ({**MINUTELY, "timezone": "UTC"}, "schedules.s timezone wants a cron, got 'UTC' beside every"),
        (
            {**HOURLY, "priority": "urgent"},
            "schedules.s priority wants one of high, normal, low, got 'urgent'",
        ),
        ({**HOURLY, "catch_up": "some"}, "schedules.s catch_up wants one of last, skip, all, got 'some'"),
        ({**HOURLY, "paused": "no"}, "schedules.s paused wants true or false, got 'no'"),
        ({**HOURLY, "unique": "a\0b"}, "schedules.s unique wants a text of 0 to 8192 bytes without NUL"),
        ({**HOURLY, "workload": 1}, "schedules.s workload wants a text, got 1"),
        ({**HOURLY, "workload": "\ud800"}, r"schedules.s workload wants a text, got '\ud800'"),
        ({**HOURLY, "cron": "0 25 * * *"}, "schedules.s cron wants minute, hour, day of the month"),
        (
            {**HOURLY, "cron": "0 0 */28 2 1#2"},
            "cron wants a day that comes in 50 years, got '0 0 */28 2 1#2'",
        ),
    ],
)
def test_what_is_wrong_is_named_with_its_place_and_nothing_changes(
    fields: Mapping[str, object], message: str
) -> None:
    server = scheduling()
    has_in_file(server, old=HOURLY)
    with pytest.raises(SettingsError) as refusal:
        has_in_file(server, new=HOURLY, s=fields)
    assert message in str(refusal.value)
    assert [row["name"] for row in rows(server)] == ["old"]


@pytest.mark.parametrize("name", ["", "two words", "x" * 201, "tab\t"])
def test_a_name_is_a_word(name: str) -> None:
    with pytest.raises(SettingsError, match="a schedule's name wants 1 to 200 bytes without blanks, got"):
        read_schedules({name: HOURLY}, "schedules", in_utc)
    with pytest.raises(
        SettingsError, match=r"schedules wants tables such as \[schedules.backup\], got s = 5"
    ):
        read_schedules({"s": 5}, "schedules", in_utc)


# The text protocol


def test_a_schedule_that_was_added_tells_everything_about_itself() -> None:
    server = scheduling()
    fields = {**HOURLY, "workload": "a b", "timezone": "Europe/Berlin", "unique": "u", "priority": "low"}
    assert add(server, fields).endswith(b"\n.\n")
    expected = {
        "name": "s",
        "function": "f",
        "cron": "0 * * * *",
        "every": None,
        "timezone": "Europe/Berlin",
        "next_at": START + 3600,
        "last_at": None,
        "paused": False,
        "origin": "run time",
        "catch_up": "last",
        "unique": "u",
        "priority": "low",
        "workload_bytes": 3,
        "fired": 0,
    }
    assert rows(server) == [expected]
    assert list(expected) == list(rows(server)[0])
    server.passes(3600)
    assert row(server) == {**expected, "next_at": START + 7200, "last_at": START + 3600, "fired": 1}
    document = (Path(__file__).parents[2] / "docs" / "protocol.md").read_text()
    listed = re.search(r"^\| `schedules` \| (.*) \|$", document, re.MULTILINE)
    assert listed is not None
    assert listed[1].split(", ") == list(expected)


def test_what_is_added_may_be_changed_and_removed() -> None:
    server = scheduling()
    add(server, HOURLY)
    add(server, MINUTELY)
    assert row(server)["every"] == 60
    assert [row["name"] for row in rows(server, b"schedule-remove s")] == ["s"]
    assert rows(server) == []
    server.passes(60)
    assert rows(server, b"jobs") == []


def test_what_the_file_has_can_be_paused_but_neither_changed_nor_removed() -> None:
    server = scheduling()
    has_in_file(server, s=HOURLY)
    assert add(server, MINUTELY) == (
        b"ERR INVALID_ARGUMENTS schedule+s+wants+another+name:+one+of+the+file+has+it\r\n"
    )
    assert (
        server.connect()
        .types(b"schedule-remove s")
        .startswith(b"ERR INVALID_ARGUMENTS schedule+s+is+in+the+configuration+file")
    )
    assert rows(server, b"schedule-pause s")[0]["paused"] is True


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        (b"schedule-add", b"An+incomplete+set+of+arguments+was+sent+to+this+command+schedule-add"),
        (b"schedule-add s", b"An+incomplete+set"),
        (b"schedule-run", b"An+incomplete+set"),
        (b"schedule-add s {", b"schedule+s+wants+an+object+in+JSON,+got+'{':+Expecting"),
        (b"schedule-add s []", b"schedule+s+wants+an+object+in+JSON,+got+'[]':+expected+an+object"),
        (b"schedule-add s\xff {}", b"wants+an+object+in+JSON"),
        (b"schedule-add s\t {}", b"a+schedule's+name+wants+1+to+200+bytes+without+blanks,+got+'s\\t'"),
        (b'schedule-add s {"function":"f"}', b"schedule+s+wants+either+cron+or+every,+got+neither"),
    ],
)
def test_a_command_that_cannot_be_is_refused_with_a_reason(line: bytes, answer: bytes) -> None:
    server = scheduling()
    refusal = server.connect().types(line)
    assert refusal.startswith(b"ERR INVALID_ARGUMENTS ")
    assert refusal.endswith(b"\r\n")
    assert answer in refusal
    assert rows(server) == []


@pytest.mark.parametrize("verb", [b"run", b"remove", b"pause", b"resume"])
def test_an_unknown_schedule_is_said_to_be(verb: bytes) -> None:
    answer = b"ERR UNKNOWN_SCHEDULE no+schedule+is+named+s\r\n"
    assert scheduling().connect().types(b"schedule-" + verb + b" s") == answer


def test_a_schedule_may_be_run_at_once_beside_its_ticks() -> None:
    server = scheduling()
    add(server, {**HOURLY, "paused": True})
    server.passes(5)
    assert rows(server, b"schedule-run s") == [{"name": "s", "handle": "H:test:1"}]
    assert (row(server)["last_at"], row(server)["fired"]) == (None, 0)
    assert grabbed(server.worker(b"f")) == at(5)
    server.connect().types(b"maxqueue f 1")
    server.connect().says(SUBMIT_JOB_BG, b"f", b"", b"")
    assert server.connect().types(b"schedule-run s") == b"ERR QUEUE_ERROR Job+queue+is+full\r\n"


def test_a_paused_schedule_rests_and_then_catches_up() -> None:
    server = scheduling()
    add(server, HOURLY)
    (paused,) = rows(server, b"schedule-pause s")
    assert (paused["paused"], paused["next_at"]) == (True, None)
    server.passes(3 * 3600 + 1)
    assert rows(server, b"jobs") == []
    (resumed,) = rows(server, b"schedule-resume s")
    assert resumed["paused"] is False
    assert grabbed(server.worker(b"f")) == at(3 * 3600)


def test_without_a_calendar_nothing_can_be_added() -> None:
    server = MemoryServer()
    assert b"nothing+reads+cron+lines" in add(server, HOURLY)
    assert rows(server) == []


# With a store


def test_a_tick_and_its_job_are_kept_in_one_batch() -> None:
    server = scheduling(True)
    has_in_file(server, s=MINUTELY)
    take_batch(server.broker)
    server.passes(60)
    batch = take_batch(server.broker)
    assert [record.unique for record in batch.records] == at(60)
    assert json.loads(batch.documents[("tick", "s")].text)["seen"] == START + 60


def test_after_a_crash_a_tick_is_neither_lost_nor_done_twice() -> None:
    server = scheduling(True)
    add(server, MINUTELY)
    server.passes(60)
    after = restarted(server, START + 61)
    after.passes(0)
    assert grabbed(after.worker(b"f")) == at(60)
    after.passes(60)
    assert grabbed(after.worker(b"f")) == at(120)
    assert row(after)["fired"] == 2


def test_all_of_a_schedule_that_was_added_is_kept() -> None:
    server = scheduling(True)
    fields = {**HOURLY, "workload": "\udcff\0 \u00e9", "timezone": "Europe/Berlin", "unique": "\udcfe"}
    add(server, {**fields, "priority": "high", "catch_up": "all"})
    after = restarted(server, START)
    assert rows(after) == rows(server)
    after.passes(3600)
    handle = b"H:test:%d" % after.broker.last_handle
    expected = (JOB_ASSIGN_UNIQ, handle, b"f", b"\xfe", b"\xff\0 \xc3\xa9")
    assert after.worker(b"f").asks(GRAB_JOB_UNIQ) == [expected]


def test_a_schedule_that_was_removed_does_not_come_back() -> None:
    server = scheduling(True)
    add(server, HOURLY)
    server.connect().types(b"schedule-remove s")
    assert rows(restarted(server, START)) == []


@pytest.mark.parametrize("paused", [True, False])
def test_a_pause_outlives_the_server_whatever_the_file_says(paused: bool) -> None:
    server = scheduling(True)
    has_in_file(server, s={**HOURLY, "paused": not paused})
    server.connect().types(b"schedule-pause s" if paused else b"schedule-resume s")
    after = restarted(server, START)
    has_in_file(after, s={**HOURLY, "paused": not paused})
    assert row(after)["paused"] is paused


@pytest.mark.parametrize(
    "document",
    [
        Document("schedule", "s", "{"),
        Document("schedule", "s", "[]"),
        Document("schedule", "s", '{"function": "f", "cron": "0 * * * *", "timezone": "No/Where"}'),
        Document("tick", "s", '{"seen": "yesterday"}'),
        Document("tick", "s", '{"seen": null}'),
        Document("tick", "s", "5"),
    ],
)
def test_what_cannot_be_read_is_left_aside_and_logged(document: Document) -> None:
    server = scheduling(True)
    adopt(server.broker, Kept(documents=[document]))
    assert rows(server) == []
    assert server.notices[0].startswith(f"{document.kind}=s of the store is left aside: ")


def test_the_answer_to_what_an_operator_adds_is_a_promise() -> None:
    server = scheduling(True)
    peer = server.connect()
    peer.types(b"schedules")
    assert not peer.connection.promised
    peer.types(b'schedule-add s {"function":"f","every":60}')
    assert peer.connection.promised


@pytest.mark.parametrize("partly", [False, True])
def test_a_tick_whose_batch_fails_is_kept_with_a_later_one(partly: bool) -> None:
    server = scheduling(True)
    has_in_file(server, s=MINUTELY)
    server.passes(60)
    failed = take_batch(server.broker)
    take_back(server.broker, failed, partly)
    again = take_batch(server.broker)
    assert [record.unique for record in again.records] == at(60)
    assert json.loads(again.documents[("tick", "s")].text)["seen"] == START + 60
    take_back(server.broker, again, partly)
    keep(server.broker, take_batch(server.broker))
    assert grabbed(server.worker(b"f")) == at(60)


def test_schedules_do_not_disturb_what_the_wire_says() -> None:
    server = scheduling()
    has_in_file(server, s=MINUTELY)
    peer = server.connect()
    peer.says(CAN_DO, b"g")
    server.passes(60)
    assert peer.asks(ECHO_REQ, b"a") == [(ECHO_RES, b"a")]
    assert peer.asks(SUBMIT_JOB_BG, b"g", b"", b"") == [(JOB_CREATED, b"H:test:2")]
