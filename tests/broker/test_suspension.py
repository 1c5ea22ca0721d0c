"""A server that hands out nothing for now."""

from __future__ import annotations

from geartrain.broker.agenda import wait
from geartrain.broker.deadlines import NEVER
from geartrain.broker.session import end_turn
from geartrain.broker.sleepers import PATIENCE
from geartrain.broker.takeover import resume, suspend
from geartrain.protocol.commands import (
    CAN_DO,
    GRAB_JOB,
    JOB_ASSIGN,
    JOB_CREATED,
    NO_JOB,
    NOOP,
    PRE_SLEEP,
    SUBMIT_JOB_BG,
)
from tests.wire import MemoryServer


def test_nobody_gets_a_job_or_is_woken_for_one_until_the_server_goes_on() -> None:
    server = MemoryServer()
    client, idle, sleeper = server.connect(), server.worker(b"f"), server.worker(b"g")
    sleeper.says(PRE_SLEEP)
    suspend(server.broker)
    assert client.asks(SUBMIT_JOB_BG, b"f", b"", b"a") == [(JOB_CREATED, b"H:test:1")]
    assert client.asks(SUBMIT_JOB_BG, b"g", b"", b"a") == [(JOB_CREATED, b"H:test:2")]
    assert idle.asks(GRAB_JOB) == [(NO_JOB,)]
    assert idle.asks(PRE_SLEEP) == []
    assert sleeper.asks(CAN_DO, b"f") == []
    assert sleeper.asks(GRAB_JOB) == [(NO_JOB,)]
    assert not sleeper.connection.asleep
    assert sleeper.asks(PRE_SLEEP) == []
    server.passes(PATIENCE * 1.01)
    assert (idle.heard(), sleeper.heard()) == ([], [])
    assert wait(server.broker) == NEVER
    resume(server.broker)
    end_turn(server.broker)
    assert sleeper.heard() == [(NOOP,)]
    assert sleeper.asks(GRAB_JOB) == [(JOB_ASSIGN, b"H:test:1", b"f", b"a")]


def test_no_queued_job_ends_of_old_age_meanwhile() -> None:
    server = MemoryServer()
    server.sets_policy("f", ttl=1)
    server.connect().says(SUBMIT_JOB_BG, b"f", b"", b"a")
    suspend(server.broker)
    server.passes(2)
    assert len(server.broker.jobs) == 1
    assert wait(server.broker) == NEVER
    resume(server.broker)
    assert wait(server.broker) == 0
    end_turn(server.broker)
    assert not server.broker.jobs
