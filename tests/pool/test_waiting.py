"""Who waits in a pool: sleepers are woken one by one, and a worker is answered soon, whatever is out of order."""

from __future__ import annotations

from collections.abc import Iterator
from select import select

import pytest

from geartrain.pool.address import Address
from geartrain.protocol.commands import (
    CAN_DO,
    GET_STATUS,
    GRAB_JOB_UNIQ,
    JOB_CREATED,
    NO_JOB,
    NOOP,
    PRE_SLEEP,
    STATUS_RES,
    SUBMIT_JOB,
    SUBMIT_JOB_BG,
    WORK_COMPLETE,
)
from tests.pool.peers import Peers, gets
from tests.server.links import Link, held
from tests.support.engines import EngineSet
from tests.support.machine import DEADLINE
from tests.support.pools import pool
from tests.wire import Packet


def test_a_job_wakes_few_of_those_who_sleep_at_all_servers(peers: Peers) -> None:
    workers = [worker for _ in range(4) for worker in peers.everywhere()]
    for worker in workers:
        worker.says(CAN_DO, b"herd")
        assert worker.asks(GRAB_JOB_UNIQ) == (NO_JOB,)
        worker.says(PRE_SLEEP)
        assert heard_from_leader(worker) == []
    woken = 0
    for client in peers.everywhere():
        handle = client.submits(SUBMIT_JOB_BG, b"herd")
        awake = workers[first_to_hear(workers)]
        assert awake.hears() == (NOOP,)
        assert gets(awake)[0] == handle
        awake.says(WORK_COMPLETE, handle, b"")
        woken += 1
        for worker in workers:
            woken += len(heard_from_leader(worker))
        assert awake.asks(GRAB_JOB_UNIQ) == (NO_JOB,)
        awake.says(PRE_SLEEP)
    # One for each job; a few more where the machine was so busy that the one who was woken came late.
    assert 3 <= woken <= 6


def first_to_hear(links: list[Link]) -> int:
    """Which peer has something to read first."""
    readable, _, _ = select([link.endpoint for link in links], [], [], DEADLINE)
    return [link.endpoint for link in links].index(readable[0])


def heard_from_leader(link: Link) -> list[Packet]:
    """What a peer has heard when the leader, wherever it is, has answered it."""
    link.says(GET_STATUS, b"H:none:0")
    heard = []
    while (packet := link.hears())[0] != STATUS_RES:
        heard.append(packet)
    return heard


@pytest.fixture
def stopped_engine(shared_engine: EngineSet) -> Iterator[None]:
    """The engine stands still until the test ends."""
    shared_engine.primary.pause()
    yield
    shared_engine.nodes[0].go_on()


def test_a_grab_is_answered_while_the_engine_stands_still(peers: Peers, stopped_engine: None) -> None:
    for worker in peers.everywhere():
        worker.says(CAN_DO, b"idle")
        assert worker.asks(GRAB_JOB_UNIQ) == (NO_JOB,)


def test_foreground_jobs_go_on_while_the_engine_stands_still(peers: Peers, stopped_engine: None) -> None:
    for client, worker in zip(peers.everywhere(), reversed(peers.everywhere()), strict=True):
        client.says(SUBMIT_JOB, b"at once", b"", b"x")
        created, *handles = client.hears()
        assert created == JOB_CREATED
        worker.says(CAN_DO, b"at once")
        assert gets(worker)[0] == handles[0]
        worker.says(WORK_COMPLETE, handles[0], b"done")
        assert client.hears() == (WORK_COMPLETE, handles[0], b"done")
        worker.leaves()


def test_a_grab_is_answered_while_the_leader_stands_still(peers: Peers) -> None:
    workers = peers.followers()
    for worker in workers:
        worker.says(CAN_DO, b"idle")
        assert worker.asks(GRAB_JOB_UNIQ) == (NO_JOB,)
    with held(peers.pool.leader()):
        for worker in workers * 2:
            assert worker.asks(GRAB_JOB_UNIQ) == (NO_JOB,)


def test_a_member_that_is_told_to_stop_does_not_wait_for_a_job_that_is_only_queued(
    engine: EngineSet, address: Address
) -> None:
    with pool(f"{engine.url}?namespace={address.namespace}", 2, "--grace", "300") as members:
        for member in (members.followers()[0], members.leader()):
            with Link(member.connect()) as client:
                client.submits(SUBMIT_JOB, b"nobody-works-on-it")
                assert member.stop() == 0  # not killed, as one that takes too long would be
            assert "the grace of" not in member.output()


def test_a_member_whose_grace_is_over_says_what_it_has_waited_for(
    engine: EngineSet, address: Address
) -> None:
    with pool(f"{engine.url}?namespace={address.namespace}", 2, "--grace", "0.5") as members:
        leader, (follower,) = members.leader(), members.followers()
        with Link(follower.connect()) as client, Link(leader.connect()) as worker:
            worker.says(CAN_DO, b"slow")
            handle = client.submits(SUBMIT_JOB, b"slow")
            assert gets(worker)[0] == handle
            follower.stop()
            assert "stopped with clients that wait for running jobs: the grace of 0.5" in follower.output()
            leader.stop()
            assert "stopped with running jobs: the grace of 0.5" in leader.output()
