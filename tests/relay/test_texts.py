"""Text commands, and GET_STATUS_UNIQUE, in a pool of three shards."""

from __future__ import annotations

import json
from typing import Any

import pytest

from geartrain.broker.admin import COMMANDS
from geartrain.protocol.commands import (
    CAN_DO,
    GET_STATUS_UNIQUE,
    GRAB_JOB,
    NO_JOB,
    PRE_SLEEP,
    SET_CLIENT_ID,
    STATUS_RES_UNIQUE,
    SUBMIT_JOB,
    SUBMIT_JOB_BG,
    WORK_FAIL,
)
from geartrain.relay.texts import CONCERNED, HERE, IN_TURN, MERGES, plan
from geartrain.server.cron import next_tick
from tests.relay.memory import HOLD, MemoryPool, Peer

SHARDS = 3


def a_pool() -> tuple[MemoryPool, Peer, list[bytes]]:
    """A pool, somebody who asks, and a function of each shard."""
    pool = MemoryPool(SHARDS)
    for leader in pool.leaders:
        assert leader is not None
        leader.broker.schedules.calendar = next_tick
    return pool, pool.connect(), [pool.function_of(shard) for shard in range(SHARDS)]


def rows(answer: bytes) -> list[Any]:
    *lines, dot, rest = answer.split(b"\n")
    assert (dot, rest) == (b".", b"")
    return [json.loads(line) for line in lines]


def submit(pool: MemoryPool, function: bytes, unique: bytes = b"") -> None:
    pool.connect().says(SUBMIT_JOB_BG, function, unique, b"")


def test_every_command_has_its_shards() -> None:
    assert COMMANDS.keys() == CONCERNED.keys() | HERE
    assert MERGES.keys() | IN_TURN <= COMMANDS.keys()


@pytest.mark.parametrize("verb", sorted(CONCERNED))
def test_what_is_wrong_with_a_line_one_shard_says_for_all(verb: bytes) -> None:
    _, peer, _ = a_pool()
    lone = MemoryPool()
    lone.leader().broker.schedules.calendar = next_tick
    for line in (verb, verb + b" *", verb + b" x y z", verb + b" \xff {}"):
        assert plan(line.split(b" "), SHARDS).shards
        answer = peer.types(line)
        if answer.startswith(b"ERR"):
            assert answer == lone.connect().types(line)


def test_lists_of_functions_are_joined() -> None:
    pool, peer, functions = a_pool()
    for function in functions:
        submit(pool, function)
    assert peer.types(b"status") == b"".join([b"%b\t1\t0\t0\n" % function for function in functions]) + b".\n"
    assert peer.types(b"prioritystatus").count(b"\t0\t1\t0\t0\n") == SHARDS
    assert [row["function"].encode() for row in rows(peer.types(b"functions"))] == functions


def test_jobs_are_listed_by_age_and_no_more_than_were_asked_for() -> None:
    pool, peer, functions = a_pool()
    for function in reversed(functions):
        submit(pool, function, b"ERR u")
        pool.passes(1)
    assert [row["function"].encode() for row in rows(peer.types(b"jobs"))] == functions[::-1]
    assert [row["function"].encode() for row in rows(peer.types(b"jobs * 2"))] == functions[:0:-1]
    assert [row["function"].encode() for row in rows(peer.types(b"jobs " + functions[1]))] == [functions[1]]
    assert peer.types(b"show unique jobs") == b"ERR u\n" * SHARDS + b".\n"
    assert peer.types(b"show jobs").count(b"H:test:") == SHARDS


def test_a_connection_is_listed_once() -> None:
    pool, peer, functions = a_pool()
    worker = pool.worker(functions[0], functions[1])
    worker.says(SET_CLIENT_ID, b"me")
    worker.says(SUBMIT_JOB, functions[2], b"", b"")
    worker.says(PRE_SLEEP)
    pool.connect()
    lines = peer.types(b"workers").splitlines()
    assert sorted(lines) == [
        b".",
        b"1 127.0.0.1 - :",
        b"2 127.0.0.1 me : %b %b" % (functions[0], functions[1]),
        b"3 127.0.0.1 - :",
    ]
    [row] = [row for row in rows(peer.types(b"peers")) if row["id"] == "me"]
    assert row == {
        "number": 2,
        "host": "127.0.0.1",
        "id": "me",
        "functions": [functions[0].decode(), functions[1].decode()],
        "running": [],
        "waiting": ["H:test:2"],
        "asleep": True,
        "draining": False,
        "jobs": [],
        "running_count": 0,
        "waiting_count": 1,
    }


def test_a_worker_that_one_shard_has_woken_does_not_sleep() -> None:
    pool, peer, functions = a_pool()
    worker = pool.worker(*functions)
    worker.says(PRE_SLEEP)
    assert [row["asleep"] for row in rows(peer.types(b"peers")) if row["functions"]] == [True]
    submit(pool, functions[1])
    assert [row["asleep"] for row in rows(peer.types(b"peers")) if row["functions"]] == [False]


def test_a_job_is_asked_about_and_cancelled_where_it_is() -> None:
    pool, peer, functions = a_pool()
    for shard, function in enumerate(functions):
        submit(pool, function)
        handle = b"H:test:%d" % (shard or SHARDS)
        assert [row["function"].encode() for row in rows(peer.types(b"job " + handle))] == [function]
        assert peer.types(b"cancel job " + handle) == b"OK\r\n"
        assert peer.types(b"cancel job " + handle) == b"ERR UNKNOWN_JOB\r\n"
    assert peer.types(b"job none") == b".\n"


def test_functions_are_made_and_dropped_where_they_belong() -> None:
    pool, peer, functions = a_pool()
    for shard, function in enumerate(functions):
        assert peer.types(b"create function " + function) == b"OK\r\n"
        assert list(pool.leader(shard).broker.functions) == [function]
    for function in functions:
        assert peer.types(b"drop function " + function.upper()) == b"OK\r\n"
        assert peer.types(b"drop function " + function) == b"ERR function not found\r\n"
    assert peer.types(b"status") == b".\n"


def test_a_policy_is_set_where_its_functions_are() -> None:
    pool, peer, functions = a_pool()
    assert peer.types(b"create function " + functions[1]) == b"OK\r\n"
    assert rows(peer.types(b"pause " + functions[1]))[0]["set"] == {"paused": True}
    assert [bool(pool.leader(shard).broker.policies.set_later) for shard in range(SHARDS)] == [
        False,
        True,
        False,
    ]
    assert len(rows(peer.types(b'policy f* {"timeout":7}'))) == 1
    assert [pool.leader(shard).broker.policies.at_run_time("f*") for shard in range(SHARDS)] == [
        {"timeout": 7}
    ] * SHARDS
    assert rows(peer.types(b"policy " + functions[2]))[0]["policy"] == {"timeout": 7}
    assert peer.types(b"policy * {").startswith(b"ERR INVALID_ARGUMENTS policy+")
    assert peer.types(b"maxqueue " + functions[1] + b" 5") == b"OK\r\n"


def test_what_is_done_to_jobs_everywhere_is_counted_together() -> None:
    pool, peer, functions = a_pool()
    peer.types(b'policy * {"dead_letter":true}')
    worker = pool.worker(*functions)
    for function in functions:
        submit(pool, function)
        pool.passes(1)
        [(_, *job)] = worker.asks(GRAB_JOB)
        worker.says(WORK_FAIL, job[0])
    letters = rows(peer.types(b"dead"))
    assert [row["function"].encode() for row in letters] == functions
    assert len(rows(peer.types(b"dead " + functions[1]))) == 1
    shown = rows(peer.types(b"dead-show " + letters[2]["handle"].encode()))
    assert [row["handle"] for row in shown] == [letters[2]["handle"]]
    target = letters[0]["handle"]
    assert rows(peer.types(b"dead-discard " + target.encode())) == [{"target": target, "discarded": 1}]
    assert rows(peer.types(b"dead-retry *")) == [{"target": "*", "retried": 2}]
    assert rows(peer.types(b"purge *")) == [{"function": "*", "cancelled": 2}]
    assert rows(peer.types(b"purge f")) == [{"function": "f", "cancelled": 0}]
    submit(pool, functions[2], b"u")
    [row] = rows(peer.types(b"cancel-unique %b u" % functions[2]))
    assert row["function"].encode() == functions[2]


def add(peer: Peer, name: bytes, function: bytes) -> Any:
    [row] = rows(peer.types(b'schedule-add %b {"function":"%b","every":"1m"}' % (name, function)))
    return row


def test_a_schedule_is_found_wherever_it_is() -> None:
    _, peer, functions = a_pool()
    for name, function in zip((b"c", b"a", b"b"), functions, strict=True):
        assert add(peer, name, function)["function"].encode() == function
    assert [row["name"] for row in rows(peer.types(b"schedules"))] == ["a", "b", "c"]
    for name in (b"a", b"b", b"c"):
        assert rows(peer.types(b"schedule-pause " + name))[0]["paused"]
        assert not rows(peer.types(b"schedule-resume " + name))[0]["paused"]
        assert rows(peer.types(b"schedule-run " + name))[0]["name"].encode() == name
        assert rows(peer.types(b"schedule-remove " + name))[0]["name"].encode() == name
        assert peer.types(b"schedule-remove " + name).startswith(b"ERR UNKNOWN_SCHEDULE ")
    assert peer.types(b"schedules") == b".\n"


def test_a_schedule_that_gets_another_function_is_in_one_shard_still() -> None:
    _, peer, functions = a_pool()
    add(peer, b"nightly", functions[0])
    refused = peer.types(b'schedule-add nightly {"function":"%b","every":"x"}' % functions[1])
    assert refused.startswith(b"ERR ")
    assert add(peer, b"nightly", functions[1])["function"].encode() == functions[1]
    assert [row["function"].encode() for row in rows(peer.types(b"schedules"))] == [functions[1]]


def test_a_list_waits_for_every_shard() -> None:
    pool, peer, _ = a_pool()
    pool.loses(1)
    assert peer.types(b"status") == b""
    assert peer.types(b"status") == b""
    pool.elects(1)
    assert peer.connection.take_outgoing() == b".\n.\n"
    pool.loses(1)
    assert peer.types(b"status") == b""
    pool.passes(HOLD)
    assert peer.connection.take_outgoing().startswith(b"ERR QUEUE_ERROR ")
    pool.elects(1)
    assert peer.types(b"status") == b".\n"


def test_a_late_answer_to_a_list_that_was_given_up_is_swallowed() -> None:
    pool, peer, _ = a_pool()
    pool.loses(1)
    pool.stuck.add(2)
    peer.types(b"status")
    pool.passes(HOLD)
    assert peer.connection.take_outgoing().startswith(b"ERR QUEUE_ERROR ")
    pool.stuck.clear()
    pool.elects(1)
    assert peer.connection.take_outgoing() == b""
    assert peer.asks(GRAB_JOB) == [(NO_JOB,)]


def test_a_unique_is_looked_for_in_all_shards_a_running_job_first() -> None:
    pool, peer, functions = a_pool()
    unknown = (STATUS_RES_UNIQUE, b"u", b"0", b"0", b"0", b"0", b"0")
    assert peer.asks(GET_STATUS_UNIQUE, b"u") == [unknown]
    submit(pool, functions[1], b"u")
    queued = (STATUS_RES_UNIQUE, b"u", b"1", b"0", b"0", b"0", b"0")
    assert peer.asks(GET_STATUS_UNIQUE, b"u") == [queued]
    submit(pool, functions[2], b"u")
    worker = pool.connect()
    worker.says(CAN_DO, functions[2])
    worker.says(GRAB_JOB)
    assert peer.asks(GET_STATUS_UNIQUE, b"u") == [(STATUS_RES_UNIQUE, b"u", b"1", b"1", b"0", b"0", b"0")]
