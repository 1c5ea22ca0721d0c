"""Leaders come and go: what peers hear of it, and what new leaders are told."""

from __future__ import annotations

import pytest

from geartrain.broker.deadlines import NEVER
from geartrain.broker.endings import lose
from geartrain.broker.model import number_of
from geartrain.broker.session import Session
from geartrain.protocol.commands import (
    CAN_DO,
    CAN_DO_TIMEOUT,
    CANT_DO,
    ECHO_REQ,
    ECHO_RES,
    ERROR,
    GET_STATUS,
    GRAB_JOB,
    GRAB_JOB_UNIQ,
    JOB_ASSIGN,
    JOB_ASSIGN_UNIQ,
    JOB_CANCELLED,
    JOB_CREATED,
    NO_JOB,
    NOOP,
    OPTION_REQ,
    PRE_SLEEP,
    RESET_ABILITIES,
    SET_CLIENT_ID,
    STATUS_RES,
    SUBMIT_JOB,
    SUBMIT_JOB_BG,
    SUBMIT_JOB_SCHED,
    WORK_COMPLETE,
    WORK_DATA,
    WORK_FAIL,
    WORK_STATUS,
)
from geartrain.protocol.packet import PAYLOAD_LIMIT, request, response
from geartrain.relay.frames import ATTACH, DETACH, PACKETS, READY
from geartrain.relay.hearing import MOST_FENCED
from geartrain.relay.hub import PATIENCE
from geartrain.relay.inquiry import PERIOD
from tests.relay.memory import HOLD, MemoryPool, Peer

HANDLE = b"H:test:1"
NO_LEADER = (ERROR, b"QUEUE_ERROR", b"the pool has no leader for this function")
SUBMIT = request(SUBMIT_JOB_BG, b"f", b"", b"w")


def function_got(worker: Peer) -> int | bytes:
    """The function of the job that the worker grabs."""
    [packet] = worker.asks(GRAB_JOB)
    return (*packet, b"", b"")[2]


def running(pool: MemoryPool) -> tuple[Peer, Peer]:
    """A client, and a worker that runs its job."""
    client, worker = pool.connect(), pool.worker(b"f")
    client.asks(SUBMIT_JOB, b"f", b"u", b"w")
    assert worker.asks(GRAB_JOB) == [(JOB_ASSIGN, HANDLE, b"f", b"w")]
    return client, worker


# Without a leader


def test_a_submit_waits_for_a_leader() -> None:
    pool = MemoryPool(leaders=False)
    client = pool.connect()
    assert client.asks(SUBMIT_JOB_BG, b"f", b"", b"") == []
    pool.passes(HOLD * 0.9)
    assert client.heard() == []
    pool.elects()
    assert client.heard() == [(JOB_CREATED, HANDLE)]
    pool.passes(HOLD)
    assert client.heard() == []


def test_a_question_that_has_no_leader_for_too_long_is_refused() -> None:
    pool = MemoryPool(leaders=False)
    client = pool.connect()
    client.sends(SUBMIT)
    pool.passes(HOLD / 2)
    client.says(GET_STATUS, HANDLE)
    assert pool.hub.wait() == HOLD / 2
    pool.passes(HOLD / 2)
    assert client.heard() == [NO_LEADER]
    assert client.asks(ECHO_REQ, b"later") == []
    pool.passes(HOLD / 2)
    assert client.heard() == [NO_LEADER, (ECHO_RES, b"later")]
    assert pool.hub.wait() == NEVER
    pool.elects()
    assert client.heard() == []
    assert pool.leader().broker.jobs == {}


def test_a_text_command_without_a_leader_is_refused_in_a_line() -> None:
    pool = MemoryPool(leaders=False)
    client = pool.connect()
    client.types(b"status")
    pool.passes(HOLD)
    assert client.connection.take_outgoing() == (
        b"ERR QUEUE_ERROR the+pool+has+no+leader+for+this+function\r\n"
    )


def test_the_time_without_a_leader_counts_from_when_it_is_lost() -> None:
    pool = MemoryPool()
    pool.stuck.add(0)
    client = pool.connect()
    client.sends(SUBMIT)
    pool.passes(100)
    pool.loses()
    pool.hub.part(0)
    pool.passes(HOLD * 0.9)
    assert client.heard() == []
    pool.passes(HOLD * 0.1)
    assert client.heard() == [NO_LEADER]


def test_a_leader_that_is_there_answers_in_its_own_time() -> None:
    pool = MemoryPool()
    pool.stuck.add(0)
    client = pool.connect()
    client.sends(SUBMIT)
    assert pool.hub.wait() == NEVER
    pool.passes(10 * HOLD)
    assert client.heard() == []
    pool.stuck.clear()
    pool.turns()
    assert client.heard() == [(JOB_CREATED, HANDLE)]


def test_the_word_of_a_leader_that_was_lost_counts_no_more() -> None:
    pool = MemoryPool()
    client = pool.connect()
    pool.loses()
    client.sends(SUBMIT)
    pool.hub.hear(0, client.front.number, [response(JOB_CREATED, b"H:old:1")])
    pool.hub.hear(0, 4711, [response(NOOP)])
    assert client.heard() == []
    pool.elects()
    assert client.heard() == [(JOB_CREATED, HANDLE)]


# Grabs


@pytest.mark.parametrize("has_leader", [True, False])
def test_a_grab_is_answered_soon_whatever_the_leader_does(has_leader: bool) -> None:
    pool = MemoryPool(leaders=has_leader)
    pool.stuck.add(0)
    worker = pool.worker(b"f")
    assert worker.asks(GRAB_JOB) == []
    assert pool.hub.wait() == PATIENCE
    pool.passes(PATIENCE / 2)
    assert worker.heard() == []
    pool.passes(PATIENCE / 2)
    assert worker.heard() == [(NO_JOB,)]
    assert pool.hub.wait() == NEVER if has_leader else HOLD


def late_job(pool: MemoryPool) -> Peer:
    """A worker that has heard NO_JOB when the leader had a job for it on its way."""
    pool.connect().sends(SUBMIT)
    pool.stuck.add(0)
    worker = pool.worker(b"f")
    worker.says(GRAB_JOB)
    pool.passes(PATIENCE)
    assert worker.heard() == [(NO_JOB,)]
    return worker


def test_a_job_that_comes_too_late_wakes_the_worker_and_is_its_next_one() -> None:
    pool = MemoryPool()
    worker = late_job(pool)
    worker.says(PRE_SLEEP)
    pool.stuck.clear()
    pool.turns()
    assert worker.heard() == [(NOOP,)]
    assert worker.asks(GRAB_JOB) == [(JOB_ASSIGN, HANDLE, b"f", b"w")]
    worker.says(WORK_COMPLETE, HANDLE, b"")
    assert pool.leader().broker.jobs == {}


def test_a_job_that_comes_before_the_worker_sleeps_keeps_it_awake() -> None:
    pool = MemoryPool()
    worker = late_job(pool)
    pool.stuck.clear()
    pool.turns()
    assert worker.asks(PRE_SLEEP) == [(NOOP,)]
    assert worker.asks(GRAB_JOB) == [(JOB_ASSIGN, HANDLE, b"f", b"w")]


def test_a_worker_that_grabs_again_waits_for_the_answer_to_its_first_grab() -> None:
    pool = MemoryPool()
    worker = late_job(pool)
    worker.says(GRAB_JOB)
    pool.passes(PATIENCE)
    assert worker.heard() == [(NO_JOB,)]
    worker.says(GRAB_JOB)
    pool.stuck.clear()
    pool.turns()
    assert worker.heard() == [(JOB_ASSIGN, HANDLE, b"f", b"w")]
    pool.passes(PATIENCE)
    assert worker.heard() == []


def test_another_kind_of_grab_is_asked_anew() -> None:
    pool = MemoryPool()
    pool.connect().sends(SUBMIT)
    worker = late_job(pool)
    worker.says(GRAB_JOB_UNIQ)
    pool.stuck.clear()
    pool.turns()
    assert worker.heard() == [(JOB_ASSIGN_UNIQ, b"H:test:2", b"f", b"", b"w")]
    assert worker.asks(GRAB_JOB_UNIQ) == [(JOB_ASSIGN, HANDLE, b"f", b"w")]


def test_a_grab_behind_an_unanswered_submit_waits_for_its_turn() -> None:
    pool = MemoryPool()
    pool.stuck.add(0)
    worker = pool.worker(b"f")
    worker.sends(SUBMIT + request(GRAB_JOB))
    pool.passes(PATIENCE)
    worker.says(GRAB_JOB)
    assert worker.heard() == []
    pool.stuck.clear()
    pool.turns()
    assert worker.heard() == [(JOB_CREATED, HANDLE), (NO_JOB,), (NO_JOB,)]
    assert worker.asks(GRAB_JOB) == [(JOB_ASSIGN, HANDLE, b"f", b"w")]


def test_a_grab_that_was_given_up_is_not_asked_of_a_new_leader() -> None:
    pool = MemoryPool()
    worker = late_job(pool)
    worker.says(PRE_SLEEP)
    pool.loses()
    pool.stuck.clear()
    pool.elects()
    assert worker.heard() == [(NOOP,)]
    assert pool.leader().broker.jobs[1].worker is None


def test_a_grab_that_is_open_is_asked_again() -> None:
    pool = MemoryPool()
    pool.connect().sends(SUBMIT)
    worker = pool.worker(b"f")
    pool.loses()
    worker.sends(request(GRAB_JOB) + request(PRE_SLEEP))
    pool.elects()
    assert worker.heard() == [(JOB_ASSIGN, HANDLE, b"f", b"w")]
    assert pool.leader().guests[worker.front.number].connection.asleep


# Several shards


def test_a_worker_gets_the_jobs_of_all_shards_in_turn() -> None:
    pool = MemoryPool(shards=3)
    functions = [pool.function_of(shard) for shard in range(3)]
    for function in functions:
        pool.connect().sends(request(SUBMIT_JOB_BG, function, b"", b"") * 2)
    worker = pool.worker(*functions)
    got = [function_got(worker) for _ in range(6)]
    assert set(got[:3]) == set(got[3:]) == set(functions)
    assert worker.asks(GRAB_JOB) == [(NO_JOB,)]


def test_only_one_shard_wakes_a_worker() -> None:
    pool = MemoryPool(shards=2)
    functions = [pool.function_of(shard) for shard in (0, 1)]
    worker = pool.worker(*functions)
    worker.says(GRAB_JOB)
    worker.says(PRE_SLEEP)
    assert worker.heard() == [(NO_JOB,)]
    for function in functions:
        pool.connect().says(SUBMIT_JOB_BG, function, b"", b"")
    assert worker.heard() == [(NOOP,)]
    assert {function_got(worker) for _ in range(2)} == set(functions)


def test_a_sleeping_worker_that_learns_a_function_is_woken_for_it() -> None:
    pool = MemoryPool(shards=2)
    functions = [pool.function_of(shard) for shard in (0, 1)]
    worker = pool.worker(functions[0])
    worker.says(PRE_SLEEP)
    worker.says(CAN_DO, functions[1])
    assert worker.heard() == []
    pool.connect().says(SUBMIT_JOB_BG, functions[1], b"", b"")
    assert worker.heard() == [(NOOP,)]


@pytest.mark.parametrize("lost", [True, False])
def test_a_shard_that_does_not_answer_keeps_no_worker_from_the_jobs_of_the_others(lost: bool) -> None:
    pool = MemoryPool(shards=2)
    functions = [pool.function_of(shard) for shard in (0, 1)]
    worker = pool.worker(*functions)
    if lost:
        pool.loses(0)
    else:
        pool.stuck.add(0)
        worker.says(GRAB_JOB)  # of shard 1, then of 0
        pool.passes(PATIENCE)
        assert worker.heard() == [(NO_JOB,)]
    for _ in range(3):
        pool.connect().says(SUBMIT_JOB_BG, functions[1], b"", b"")
        assert function_got(worker) == functions[1]
    assert worker.asks(GRAB_JOB) == [(NO_JOB,)]


def test_a_grab_given_up_at_one_shard_may_have_its_job_parked_while_another_answers() -> None:
    pool = MemoryPool(shards=2)
    slow, quick = pool.function_of(0), pool.function_of(1)
    pool.connect().says(SUBMIT_JOB_BG, slow, b"", b"late")
    worker = pool.worker(slow, quick)
    pool.stuck.add(0)
    worker.says(GRAB_JOB)
    pool.passes(PATIENCE)
    assert worker.heard() == [(NO_JOB,)]
    assert worker.asks(GRAB_JOB) == [(NO_JOB,)]  # of shard 1
    pool.stuck.clear()
    pool.turns()
    assert worker.asks(GRAB_JOB) == [(JOB_ASSIGN, b"H:test:2", slow, b"late")]


# Another leader


def test_a_new_leader_is_told_of_every_peer_before_it_is_asked_again() -> None:
    pool = MemoryPool()
    client, worker = running(pool)
    pool.loses()
    client.sends(SUBMIT)
    pool.elects()
    heard = pool.leader().heard
    assert heard[:3] == [(ATTACH, client.front.number), (ATTACH, worker.front.number), (READY, 0)]
    assert heard[3:] == [(PACKETS, client.front.number)]
    assert client.heard() == [(JOB_CREATED, b"H:test:2")]


def test_a_new_leader_knows_what_a_worker_can_do_and_who_it_is() -> None:
    pool = MemoryPool()
    worker = pool.worker(b"f", b"g", b"h")
    worker.says(SET_CLIENT_ID, b"old")
    worker.says(SET_CLIENT_ID, b"me")
    worker.says(OPTION_REQ, b"Exceptions")
    worker.says(OPTION_REQ, b"geartrain")
    worker.says(CAN_DO_TIMEOUT, b"f", b"2000")
    worker.says(CANT_DO, b"g")
    pool.elects()
    connection = pool.leader().guests[worker.front.number].connection
    assert connection.client_id == b"me"
    assert connection.exceptions
    assert connection.extended
    assert [function.name for function in connection.abilities] == [b"h", b"f"]
    assert pool.leader().broker.functions[b"f"].workers[connection] == 2.0
    worker.says(RESET_ABILITIES)
    pool.elects()
    assert pool.leader().guests[worker.front.number].connection.abilities == []


def test_a_sleeping_worker_is_woken_by_a_new_leader_that_has_work() -> None:
    pool = MemoryPool()
    worker = pool.worker(b"f")
    worker.says(PRE_SLEEP)
    pool.elects()
    assert worker.heard() == []
    pool.connect().sends(SUBMIT)
    assert worker.heard() == [(NOOP,)]


def test_a_running_job_stays_with_its_worker_and_its_client() -> None:
    pool = MemoryPool()
    client, worker = running(pool)
    pool.elects()
    pool.elects()
    worker.says(WORK_DATA, HANDLE, b"part")
    worker.says(WORK_COMPLETE, HANDLE, b"done")
    assert client.heard() == [(WORK_DATA, HANDLE, b"part"), (WORK_COMPLETE, HANDLE, b"done")]
    assert pool.leader().broker.jobs == {}
    assert pool.hub.fenced == 0


def test_what_a_worker_says_meanwhile_is_said_to_the_next_leader() -> None:
    pool = MemoryPool()
    client, worker = running(pool)
    pool.loses()
    worker.says(WORK_STATUS, HANDLE, b"1", b"2")
    worker.says(WORK_DATA, HANDLE, b"part")
    worker.says(WORK_COMPLETE, HANDLE, b"done")
    worker.says(WORK_COMPLETE, HANDLE, b"again")
    worker.says(GRAB_JOB)
    assert pool.hub.is_busy()
    pool.elects()
    assert client.heard() == [(WORK_DATA, HANDLE, b"part"), (WORK_COMPLETE, HANDLE, b"done")]
    assert worker.heard() == [(NO_JOB,)]
    pool.settles()
    assert not pool.hub.is_busy()
    assert pool.leader().broker.jobs == {}


def test_the_last_status_is_part_of_what_a_new_leader_is_told() -> None:
    pool = MemoryPool()
    worker = running(pool)[1]
    worker.says(WORK_STATUS, HANDLE, b"1", b"2")
    channel = worker.front.channels[0]
    assert channel.runs() == [(HANDLE, request(WORK_STATUS, HANDLE, b"1", b"2"))]
    pool.loses()
    worker.says(WORK_FAIL, HANDLE)
    assert channel.runs() == [(HANDLE, request(WORK_STATUS, HANDLE, b"1", b"2"))]
    assert channel.running == {}


def test_a_queued_job_with_a_client_is_submitted_again() -> None:
    pool = MemoryPool()
    client = pool.connect()
    client.asks(SUBMIT_JOB, b"f", b"u", b"w")
    client.asks(SUBMIT_JOB, b"f", b"u", b"w")
    pool.elects()
    worker = pool.worker(b"f")
    assert worker.asks(GRAB_JOB) == [(JOB_ASSIGN, HANDLE, b"f", b"w")]
    worker.says(WORK_COMPLETE, HANDLE, b"done")
    assert client.heard() == [(WORK_COMPLETE, HANDLE, b"done")] * 2
    assert client.front.channels[0].waits() == []


def test_a_second_final_packet_is_dropped() -> None:
    pool = MemoryPool()
    client, worker = running(pool)
    worker.says(WORK_COMPLETE, HANDLE, b"done")
    client.heard()
    late = [response(WORK_DATA, HANDLE, b""), response(WORK_FAIL, HANDLE)]
    pool.hub.hear(0, client.front.number, late)
    assert client.heard() == []


def test_a_leader_that_takes_a_worker_for_a_client_is_not_heard() -> None:
    pool = MemoryPool()
    client, worker = running(pool)
    worker.says(RESET_ABILITIES)
    pool.elects()
    pool.leader().broker.cancel(pool.leader().broker.jobs[1])
    worker.sends(request(WORK_COMPLETE, HANDLE, b"") + request(GET_STATUS, HANDLE))
    assert worker.heard() == [(STATUS_RES, HANDLE, b"0", b"0", b"0", b"0")]
    assert client.heard() == [(WORK_FAIL, HANDLE)]


# Fences


def test_a_late_result_is_dropped_and_counted_once() -> None:
    pool = MemoryPool()
    worker = running(pool)[1]
    pool.hub.fence(0, worker.front.number, [HANDLE])
    assert pool.hub.counts()["running"] == 0
    worker.says(WORK_DATA, HANDLE, b"")
    assert pool.hub.fenced == 0
    worker.says(WORK_COMPLETE, HANDLE, b"")
    worker.says(WORK_COMPLETE, HANDLE, b"")
    assert pool.hub.fenced == pool.hub.counts()["fenced"] == 1
    assert pool.hub.notices == [
        "late result of a job that is not the worker's any more handle=H:test:1 host=127.0.0.1"
    ]
    assert worker.heard() == []


def test_a_worker_that_hears_of_it_by_the_extension_is_not_counted_unless_its_result_comes() -> None:
    pool = MemoryPool()
    client, worker = pool.connect(), pool.extended(b"f")
    for handle, has_result in ((HANDLE, False), (b"H:test:2", True)):
        client.says(SUBMIT_JOB_BG, b"f", b"", b"")
        worker.asks(GRAB_JOB)
        pool.leader().broker.cancel(pool.leader().broker.jobs[number_of(handle)])
        pool.turns()
        pool.hub.fence(0, worker.front.number, [handle])
        assert worker.heard() == [(JOB_CANCELLED, handle, b"cancelled")]
        assert pool.hub.fenced == 0
        if has_result:
            worker.says(WORK_COMPLETE, handle, b"")
    assert pool.hub.fenced == 1


def test_jobs_of_which_nothing_more_is_said_are_not_remembered_for_ever() -> None:
    pool = MemoryPool()
    worker = pool.worker(b"f")
    pool.connect().sends(SUBMIT * (MOST_FENCED + 1))
    for number in range(1, MOST_FENCED + 2):
        worker.says(GRAB_JOB)
        pool.hub.fence(0, worker.front.number, [b"H:test:%d" % number])
    worker.says(WORK_COMPLETE, HANDLE, b"")
    assert pool.hub.fenced == 0
    worker.says(WORK_COMPLETE, b"H:test:2", b"")
    assert pool.hub.fenced == 1


def test_a_result_that_was_on_its_way_when_its_job_was_fenced_counts_too() -> None:
    pool = MemoryPool()
    worker = running(pool)[1]
    pool.loses()
    worker.says(WORK_COMPLETE, HANDLE, b"")
    pool.elects()
    pool.hub.fence(0, worker.front.number, [HANDLE])
    assert pool.hub.fenced == 1


def test_a_result_of_a_job_that_was_over_for_the_leader_while_it_ran_is_dropped_and_counted() -> None:
    pool = MemoryPool()
    worker = running(pool)[1]
    pool.hub.end(0, worker.front.number, [HANDLE])
    assert pool.hub.fenced == 0
    worker.says(WORK_COMPLETE, HANDLE, b"")
    assert pool.hub.fenced == 1
    assert worker.heard() == []


@pytest.mark.parametrize("leaves", [False, True])
def test_a_result_that_a_leader_may_have_kept_before_it_died_is_said_again_and_not_counted(
    leaves: bool,
) -> None:
    pool = MemoryPool()
    worker = running(pool)[1]
    worker.says(WORK_COMPLETE, HANDLE, b"")
    if leaves:
        worker.leaves()
    pool.loses()
    pool.follows(0)
    pool.hub.end(0, worker.front.number, [HANDLE])
    assert pool.hub.fenced == 0


@pytest.mark.parametrize("leaves", [False, True])
def test_a_result_that_no_leader_heard_before_the_job_was_over_counts(leaves: bool) -> None:
    pool = MemoryPool()
    worker = running(pool)[1]
    pool.loses()
    worker.says(WORK_COMPLETE, HANDLE, b"")
    if leaves:
        worker.leaves()
    pool.elects()
    pool.hub.end(0, worker.front.number, [HANDLE])
    assert pool.hub.fenced == 1


def test_a_result_that_is_refused_by_one_leader_after_the_other_counts_once() -> None:
    pool = MemoryPool()
    worker = running(pool)[1]
    pool.stuck.add(0)
    worker.says(WORK_COMPLETE, HANDLE, b"")
    for _ in range(2):
        pool.loses()
        pool.elects()
        pool.hub.fence(0, worker.front.number, [HANDLE])
    assert pool.hub.fenced == 1


def test_the_result_of_a_worker_that_left_counts_if_it_is_refused() -> None:
    pool = MemoryPool()
    worker = running(pool)[1]
    pool.stuck.add(0)
    worker.says(WORK_COMPLETE, HANDLE, b"")
    worker.leaves()
    pool.hub.fence(0, worker.front.number, [HANDLE, b"H:test:2"])
    assert pool.hub.fenced == 1


def test_what_was_settled_of_what_a_peer_said_before_does_not_settle_what_it_says_again() -> None:
    pool = MemoryPool()
    worker = running(pool)[1]
    for _ in range(3):
        worker.says(WORK_DATA, HANDLE, b"")
    processed = pool.hub.sides[0].sent
    pool.stuck.add(0)
    worker.says(WORK_COMPLETE, HANDLE, b"")
    pool.loses()
    pool.follows(0)
    pool.hub.settle(0, processed)
    pool.hub.settle(0, pool.hub.sides[0].ready)
    assert pool.hub.is_busy()
    pool.settles()
    assert not pool.hub.sides[0].unsettled


def test_a_job_that_comes_back_to_the_worker_is_not_fenced_any_more() -> None:
    pool = MemoryPool()
    worker = running(pool)[1]
    pool.hub.fence(0, worker.front.number, [HANDLE])
    pool.hub.fence(0, worker.front.number, [HANDLE])
    pool.hub.fence(0, 4711, [HANDLE])
    lose(pool.leader().broker, pool.leader().broker.jobs[1], "lost")
    assert worker.asks(GRAB_JOB) == [(JOB_ASSIGN, HANDLE, b"f", b"w")]
    worker.says(WORK_COMPLETE, HANDLE, b"done")
    worker.says(WORK_COMPLETE, HANDLE, b"again")
    assert pool.hub.fenced == 0
    assert pool.leader().broker.jobs == {}


@pytest.mark.parametrize("revoked", [True, False])
def test_a_parked_job_that_is_fenced_or_cancelled_is_not_given_out(revoked: bool) -> None:
    pool = MemoryPool()
    worker = late_job(pool)
    pool.stuck.clear()
    pool.turns()
    if revoked:
        pool.hub.hear(0, worker.front.number, [response(JOB_CANCELLED, HANDLE, b"cancelled")])
    else:
        pool.hub.fence(0, worker.front.number, [HANDLE])
    assert worker.asks(GRAB_JOB) == [(NO_JOB,)]


# Peers that leave


def test_a_leader_hears_that_a_peer_is_gone() -> None:
    pool = MemoryPool()
    client, worker = running(pool)
    worker.leaves()
    assert pool.leader().heard[-1] == (DETACH, worker.front.number)
    assert pool.worker(b"f").asks(GRAB_JOB) == [(JOB_ASSIGN, HANDLE, b"f", b"w")]
    client.leaves()
    assert list(pool.hub.fronts) == [3]


def test_a_peer_that_left_without_a_leader_is_not_attached() -> None:
    pool = MemoryPool()
    client, worker = running(pool)
    pool.loses()
    client.says(SUBMIT_JOB, b"f", b"", b"")
    client.leaves()
    worker.says(GRAB_JOB)
    worker.leaves()
    assert pool.hub.fronts == {}
    pool.elects()
    assert pool.leader().heard == [(READY, 0)]
    pool.passes(HOLD)


def test_what_a_peer_said_before_it_left_is_said_to_the_next_leader() -> None:
    pool = MemoryPool()
    client, worker = running(pool)
    pool.loses()
    worker.says(WORK_COMPLETE, HANDLE, b"done")
    worker.leaves()
    other = pool.connect()
    other.sends(request(GET_STATUS, HANDLE) + SUBMIT + request(SUBMIT_JOB, b"f", b"", b"not wanted"))
    other.leaves()
    assert pool.hub.is_busy()
    pool.elects()
    assert client.heard() == [(WORK_COMPLETE, HANDLE, b"done")]
    assert [job.workload for job in pool.leader().broker.jobs.values()] == [b"w"]
    assert list(pool.leader().guests) == list(pool.hub.fronts) == [client.front.number]


def test_a_submit_of_a_peer_that_left_does_not_wait_for_ever() -> None:
    pool = MemoryPool(leaders=False)
    client = pool.connect()
    client.sends(SUBMIT)
    client.leaves()
    pool.passes(HOLD)
    assert pool.hub.fronts == {}
    pool.elects()
    assert pool.leader().broker.jobs == {}


def test_no_number_is_given_again() -> None:
    pool = MemoryPool()
    pool.connect().leaves()
    assert pool.connect().front.number == 2
    pool.hub.last_number = (1 << 32) - 2
    assert [pool.connect().front.number for _ in range(3)] == [(1 << 32) - 1, 1, 3]


# A server that leaves


def test_a_draining_server_takes_and_gives_no_work() -> None:
    pool = MemoryPool(shards=2)
    function = pool.function_of(0)
    client, worker, idle = pool.extended(), pool.worker(function), pool.worker(function)
    client.asks(SUBMIT_JOB, function, b"", b"")
    assert worker.asks(GRAB_JOB) == [(JOB_ASSIGN, b"H:test:2", function, b"")]
    pool.hub.drain()
    pool.turns()
    stopping = [(ERROR, b"QUEUE_ERROR", b"Server is stopping")]
    assert client.asks(SUBMIT_JOB_BG, function, b"", b"") == stopping
    assert client.asks(SUBMIT_JOB_SCHED, function, b"", b"", b"", b"", b"", b"", b"") == stopping
    assert idle.asks(GRAB_JOB) == [(NO_JOB,)]
    idle.says(CAN_DO, function)
    assert idle.asks(GRAB_JOB) == [(NO_JOB,)]
    assert client.types(b"status") == b"%b\t1\t1\t0\n.\n" % function
    assert pool.hub.is_busy()
    worker.says(WORK_COMPLETE, b"H:test:2", b"done")
    assert client.heard() == [(WORK_COMPLETE, b"H:test:2", b"done")]
    pool.settles()
    assert not pool.hub.is_busy()


def test_a_server_that_stops_waits_for_a_job_that_is_on_its_way_to_a_worker() -> None:
    pool = MemoryPool()
    client, worker = pool.connect(), pool.worker(b"f")
    client.says(SUBMIT_JOB_BG, b"f", b"", b"w")
    pool.stuck.add(0)
    worker.says(GRAB_JOB)
    pool.hub.drain()
    assert pool.hub.is_busy()
    pool.stuck.clear()
    pool.turns()
    assert worker.heard() == [(JOB_ASSIGN, HANDLE, b"f", b"w")]
    assert pool.hub.is_busy()
    worker.says(WORK_COMPLETE, HANDLE, b"")
    assert pool.hub.is_busy()
    pool.settles()
    assert not pool.hub.is_busy()


def test_counts() -> None:
    pool = MemoryPool()
    running(pool)
    pool.loses()
    pool.connect().sends(SUBMIT)
    assert pool.hub.counts() == {
        "peers": 3,
        "workers": 1,
        "running": 1,
        "waiting": 1,
        "unanswered": 1,
        "fenced": 0,
    }


def test_a_result_that_came_late_and_while_there_was_no_leader_is_dropped_and_the_job_runs_again() -> None:
    pool = MemoryPool()
    client, worker = running(pool)
    lose(pool.leader().broker, pool.leader().broker.jobs[1], "timeout")
    pool.hub.fence(0, worker.front.number, [HANDLE])
    pool.loses()
    worker.says(WORK_COMPLETE, HANDLE, b"late")
    pool.elects()
    assert client.heard() == []
    worker.asks(GRAB_JOB)
    worker.says(WORK_COMPLETE, HANDLE, b"again")
    assert client.heard() == [(WORK_COMPLETE, HANDLE, b"again")]


def waits_while_its_server_stops(pool: MemoryPool) -> Peer:
    """A client that waits for a job, on a server that is told to stop."""
    client = pool.connect()
    assert client.asks(SUBMIT_JOB, b"f", b"", b"w") == [(JOB_CREATED, HANDLE)]
    pool.hub.drain()
    assert pool.hub.unfinished() == "clients that wait for running jobs"  # as far as is known
    return client


def test_a_server_that_stops_does_not_wait_for_a_client_whose_job_is_only_queued() -> None:
    pool = MemoryPool()
    waits_while_its_server_stops(pool)
    for _ in range(2):  # it asks, and hears
        pool.passes(0.0)
    assert pool.hub.unfinished() == ""


def test_a_server_that_stops_waits_for_a_client_whose_job_runs_at_another_server() -> None:
    pool = MemoryPool()
    client = waits_while_its_server_stops(pool)
    broker = pool.leader().broker
    worker = Session(broker, broker.connect(99, b"elsewhere"), PAYLOAD_LIMIT)
    worker.receive(request(CAN_DO, b"f") + request(GRAB_JOB))
    for _ in range(5):
        pool.passes(PERIOD)
    assert pool.hub.unfinished() == "clients that wait for running jobs"
    worker.receive(request(WORK_COMPLETE, HANDLE, b"done"))
    pool.passes(0.0)
    assert client.heard() == [(WORK_COMPLETE, HANDLE, b"done")]
    assert pool.hub.unfinished() == ""


def test_a_server_that_stops_waits_where_no_leader_can_say_whether_a_job_runs() -> None:
    pool = MemoryPool()
    waits_while_its_server_stops(pool)
    pool.loses()
    pool.passes(0.0)
    pool.passes(HOLD)
    assert pool.hub.unfinished() == "clients that wait for running jobs"
    pool.elects()
    for _ in range(3):
        pool.passes(PERIOD)
    assert pool.hub.unfinished() == ""
