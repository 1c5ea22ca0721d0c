"""A leader and the peers of several servers: before it opens, while it leads, and when links break."""

from __future__ import annotations

import pytest

from geartrain.broker.endings import lose
from geartrain.broker.gates import set_policy
from geartrain.broker.rules import Rules
from geartrain.protocol.commands import (
    CAN_DO,
    CAN_DO_TIMEOUT,
    ECHO_REQ,
    GET_STATUS,
    GRAB_JOB,
    JOB_ASSIGN,
    JOB_CREATED,
    NO_JOB,
    NOOP,
    OPTION_REQ,
    PRE_SLEEP,
    SET_CLIENT_ID,
    STATUS_RES,
    SUBMIT_JOB,
    SUBMIT_JOB_BG,
    SUBMIT_JOB_EPOCH,
    SUBMIT_JOB_EXTENDED,
    SUBMIT_JOB_HIGH,
    SUBMIT_REDUCE_JOB,
    WORK_COMPLETE,
    WORK_DATA,
    WORK_EXCEPTION,
    WORK_FAIL,
    WORK_STATUS,
    WORK_TOO_LARGE,
)
from geartrain.protocol.packet import request, response
from geartrain.relay.frames import ATTACH, CLOSED, DETACH, DRAINED, REPLIES, parts_of
from tests.relay.leader import RULES, A, B, Leader

CLIENT, WORKER, OTHER = 1, 2, 3  # numbers of peers
CAN_RESIZE = request(CAN_DO, b"resize")
SLEEPS = request(PRE_SLEEP)
SUBMIT = request(SUBMIT_JOB, b"resize", b"", b"cat.png")
FIRST = b"H:test:1"


def with_kept_jobs(*workloads: bytes) -> Leader:
    """A leader that is not open, and has jobs of the one before it."""
    before = Leader().opened()
    before.attaches(B, CLIENT)
    for workload in workloads:
        before.says(B, CLIENT, SUBMIT_JOB_BG, b"resize", b"", workload)
    before.commits()
    return before.dies()


def with_running_job(*said: bytes) -> Leader:
    """A leader whose client waits at a server for what a worker of another does."""
    leader = Leader().opened()
    leader.attaches(A, CLIENT, *said)
    leader.attaches(B, WORKER, CAN_RESIZE)
    leader.hears(A, CLIENT, SUBMIT)
    assert leader.asks(B, WORKER, GRAB_JOB) == [(JOB_ASSIGN, FIRST, b"resize", b"cat.png")]
    leader.frames(A)
    return leader


# Peers of an open leader


def test_a_job_goes_from_the_client_of_one_server_to_the_worker_of_another_and_back() -> None:
    leader = Leader().opened()
    leader.attaches(A, CLIENT)
    leader.attaches(B, WORKER, CAN_RESIZE)
    assert leader.asks(A, CLIENT, SUBMIT_JOB, b"resize", b"", b"cat.png") == [(JOB_CREATED, FIRST)]
    assert leader.asks(B, WORKER, GRAB_JOB) == [(JOB_ASSIGN, FIRST, b"resize", b"cat.png")]
    leader.says(B, WORKER, WORK_COMPLETE, FIRST, b"small")
    assert leader.heard(A, CLIENT) == [(WORK_COMPLETE, FIRST, b"small")]


def test_each_part_of_the_replies_is_one_packet_or_the_whole_answer_to_a_line() -> None:
    leader = Leader().opened()
    leader.attaches(A, CLIENT)
    leader.hears(A, CLIENT, request(GET_STATUS, b"H:test:9"), b"status\n", SUBMIT, b"status\n")
    assert leader.parts(A, CLIENT, REPLIES) == [
        response(STATUS_RES, b"H:test:9", b"0", b"0", b"0", b"0"),
        b".\n",
        response(JOB_CREATED, FIRST),
        b"resize\t1\t0\t0\n.\n",
    ]


def test_peers_of_the_same_number_at_two_servers_are_two() -> None:
    leader = Leader().opened()
    leader.attaches(A, CLIENT)
    leader.attaches(B, CLIENT)
    leader.hears(A, CLIENT, SUBMIT)
    assert leader.heard(B, CLIENT) == []
    assert leader.heard(A, CLIENT) == [(JOB_CREATED, FIRST)]


def test_what_a_peer_says_of_itself_has_no_answer() -> None:
    leader = Leader().opened()
    leader.attaches(
        A, WORKER, request(OPTION_REQ, b"exceptions"), request(SET_CLIENT_ID, b"gimp"), CAN_RESIZE
    )
    leader.is_told(A, WORKER, OPTION_REQ, b"geartrain")
    leader.is_told(A, WORKER, OPTION_REQ, b"no such option")
    assert leader.frames(A) == []
    connection = leader.seat.guests[A, WORKER].connection
    assert (connection.exceptions, connection.extended, connection.client_id) == (True, True, b"gimp")


def test_a_sleeper_that_is_attached_beside_a_job_is_woken() -> None:
    leader = Leader().opened()
    leader.attaches(A, CLIENT)
    leader.hears(A, CLIENT, SUBMIT)
    leader.attaches(B, WORKER, CAN_RESIZE, SLEEPS)
    assert leader.heard(B, WORKER) == [(NOOP,)]


def test_a_promise_is_said_when_the_store_has_kept_it_and_only_to_who_is_still_there() -> None:
    leader = Leader().opened()
    leader.attaches(A, CLIENT)
    leader.attaches(A, OTHER)
    for number in (CLIENT, OTHER):
        assert leader.asks(A, number, SUBMIT_JOB_BG, b"resize", b"", b"cat.png") == []
    leader.takes(A, DETACH, OTHER)
    leader.commits()
    assert leader.heard(A, CLIENT) == [(JOB_CREATED, FIRST)]
    assert leader.frames(A) == []


def test_a_peer_that_leaves_gives_back_its_job() -> None:
    leader = with_running_job()
    leader.takes(B, DETACH, WORKER)
    assert leader.job(FIRST).worker is None
    assert leader.job(FIRST).attempts == 1
    leader.hears(B, WORKER, b"nobody hears this")
    leader.takes(B, DETACH, WORKER)
    leader.takes(A, DETACH, CLIENT)
    assert not leader.broker.jobs
    assert not leader.broker.connections


def test_a_connection_that_has_to_end_ends_after_the_answers_to_what_came_before() -> None:
    leader = Leader().opened()
    leader.attaches(A, CLIENT)
    leader.hears(A, CLIENT, SUBMIT, b"one two three four five six\n", SUBMIT)
    (_, _, _, replies), (kind, _, number, body) = leader.frames(A)
    assert parts_of(replies) == [response(JOB_CREATED, FIRST)]
    assert (kind, number) == (CLOSED, CLIENT)
    assert parts_of(body) == [b"", b"a text line has 6 words, at most 5 are expected"]
    assert not leader.broker.connections
    leader.takes(A, DETACH, CLIENT)
    assert leader.frames(A) == []


def test_a_server_hears_of_jobs_that_were_taken_from_its_workers() -> None:
    leader = Leader().opened()
    leader.attaches(A, CLIENT)
    leader.attaches(B, WORKER, request(CAN_DO_TIMEOUT, b"resize", b"1000"))
    for handle in (b"H:test:1", b"H:test:2"):
        leader.hears(A, CLIENT, SUBMIT)
        assert leader.asks(B, WORKER, GRAB_JOB) == [(JOB_ASSIGN, handle, b"resize", b"cat.png")]
    leader.hears(A, CLIENT, b"cancel job H:test:2\n")
    assert leader.fenced(B, WORKER) == [b"H:test:2"]
    leader.passes(1)
    assert leader.fenced(B, WORKER) == [b"H:test:1"]
    assert leader.asks(B, WORKER, GRAB_JOB) == [(JOB_ASSIGN, b"H:test:1", b"resize", b"cat.png")]
    assert leader.fenced(B, WORKER) == []


# Before it opens


def test_nothing_is_handed_out_before_the_leader_opens() -> None:
    leader = with_kept_jobs(b"cat.png", b"dog.png")
    leader.attaches(A, WORKER, CAN_RESIZE, SLEEPS)
    leader.attaches(A, OTHER, CAN_RESIZE)
    leader.says(A, OTHER, GRAB_JOB)
    leader.passes(1)
    assert leader.frames(A) == []
    leader.opens()
    assert leader.heard(A, OTHER) == [(JOB_ASSIGN, FIRST, b"resize", b"cat.png")]
    assert leader.heard(A, WORKER) == [(NOOP,)]


def test_what_is_said_before_the_leader_opens_is_done_in_its_order_then() -> None:
    leader = Leader()
    for number in (CLIENT, OTHER):
        leader.attaches(A, number)
    leader.hears(A, CLIENT, request(SUBMIT_JOB_BG, b"resize", b"", b"cat.png"))
    leader.takes(A, DETACH, CLIENT)
    leader.hears(A, OTHER, request(SUBMIT_JOB_BG, b"resize", b"", b"dog.png"))
    assert leader.frames(A) == []
    leader.opens()
    leader.commits()
    assert leader.heard(A, OTHER) == [(JOB_CREATED, b"H:test:2")]
    assert leader.job(FIRST).workload == b"cat.png"
    assert list(leader.seat.guests) == [(A, OTHER)]
    assert len(leader.broker.connections) == 1


def test_who_said_what_ends_its_connection_is_not_heard_any_more() -> None:
    leader = Leader()
    leader.attaches(A, CLIENT)
    leader.hears(A, CLIENT, b"one two three four five six\n")
    leader.hears(A, CLIENT, SUBMIT)
    leader.takes(A, DETACH, CLIENT)
    leader.opens()
    assert [frame[0] for frame in leader.frames(A)] == [CLOSED]
    assert not leader.broker.jobs


def test_a_queued_job_does_not_end_of_old_age_before_its_worker_can_claim_it() -> None:
    before = Leader().opened()
    set_policy(before.broker, "resize", {"ttl": 1})
    before.attaches(A, CLIENT)
    before.says(A, CLIENT, SUBMIT_JOB_BG, b"resize", b"", b"cat.png")
    before.says(A, CLIENT, SUBMIT_JOB_BG, b"resize", b"", b"dog.png")
    before.commits()
    leader = before.dies()
    leader.passes(2)
    leader.attaches(B, WORKER, CAN_RESIZE, running=[(FIRST, b"")])
    leader.opens()
    assert [job.handle for job in leader.broker.jobs.values()] == [FIRST]


# Claims of workers


def test_a_worker_goes_on_with_its_job_and_no_execution_is_counted() -> None:
    leader = with_kept_jobs(b"cat.png", b"dog.png")
    status = request(WORK_STATUS, FIRST, b"3", b"4")
    leader.attaches(A, WORKER, CAN_RESIZE, running=[(FIRST, status)])
    leader.opens()
    job = leader.job(FIRST)
    assert (job.attempts, job.numerator, job.denominator) == (0, 3, 4)
    assert leader.asks(A, WORKER, GRAB_JOB) == [(JOB_ASSIGN, b"H:test:2", b"resize", b"dog.png")]
    leader.says(A, WORKER, WORK_COMPLETE, FIRST, b"")
    leader.commits()
    assert list(leader.store.jobs) == [2]
    assert leader.frames(A) == []


def test_a_worker_goes_on_with_a_job_of_a_function_that_it_takes_no_more_jobs_of() -> None:
    leader = with_kept_jobs(b"cat.png").opened()
    leader.attaches(A, WORKER, running=[(FIRST, b"")])
    assert leader.job(FIRST).worker is leader.seat.guests[A, WORKER].connection
    assert leader.frames(A) == []
    leader.hears(A, WORKER, request(WORK_COMPLETE, FIRST, b"") * 2)
    assert leader.frames(A) == []


def test_a_claimed_job_that_loses_its_worker_is_queued_once() -> None:
    leader = with_kept_jobs(b"cat.png", b"dog.png", b"cow.png")
    leader.attaches(A, WORKER, CAN_RESIZE, running=[(b"H:test:2", b"")])
    leader.takes(A, DETACH, WORKER)
    leader.opens()
    leader.attaches(A, OTHER, CAN_RESIZE)
    handles = [FIRST, b"H:test:3", b"H:test:2"]
    workloads = [b"cat.png", b"cow.png", b"dog.png"]
    leader.hears(A, OTHER, request(GRAB_JOB) * 4)
    assert leader.heard(A, OTHER) == [
        *[
            (JOB_ASSIGN, handle, b"resize", workload)
            for handle, workload in zip(handles, workloads, strict=True)
        ],
        (NO_JOB,),
    ]


def test_a_claimed_epoch_job_and_one_whose_time_seems_not_to_have_come_are_the_workers() -> None:
    before = Leader().opened()
    before.attaches(A, CLIENT)
    for seconds in (-1, 1):
        epoch = b"%d" % (before.clock + seconds)
        before.says(A, CLIENT, SUBMIT_JOB_EPOCH, b"resize", b"", epoch, b"")
    before.commits()
    leader = before.dies()
    leader.attaches(A, WORKER, CAN_RESIZE, running=[(FIRST, b""), (b"H:test:2", b"")])
    leader.opens()
    assert leader.broker.functions[b"resize"].running == 2
    leader.passes(2)
    assert leader.broker.functions[b"resize"].total() == 2


def test_jobs_that_workers_have_already_do_not_count_against_a_rate() -> None:
    before = Leader().opened()
    set_policy(before.broker, "resize", {"rate": "1/s"})
    before.attaches(A, CLIENT)
    before.hears(A, CLIENT, request(SUBMIT_JOB_BG, b"resize", b"", b"") * 3)
    before.commits()
    leader = before.dies()
    leader.attaches(A, WORKER, CAN_RESIZE, running=[(FIRST, b""), (b"H:test:2", b"")])
    leader.opens()
    assert leader.asks(A, WORKER, GRAB_JOB) == [(JOB_ASSIGN, b"H:test:3", b"resize", b"")]


def test_a_job_that_another_worker_has_is_not_the_claimants() -> None:
    leader = with_kept_jobs(b"cat.png").opened()
    leader.attaches(A, WORKER, CAN_RESIZE)
    leader.asks(A, WORKER, GRAB_JOB)
    leader.attaches(B, WORKER, CAN_RESIZE, running=[(FIRST, b"")])
    assert leader.fenced(B, WORKER) == [FIRST]
    leader.says(B, WORKER, WORK_COMPLETE, FIRST, b"too late")
    assert leader.job(FIRST).worker is leader.seat.guests[A, WORKER].connection


def test_a_claimed_job_that_does_not_turn_up_is_not_the_claimants_once_the_leader_opens() -> None:
    leader = Leader()
    leader.attaches(A, WORKER, CAN_RESIZE, running=[(FIRST, b"")])
    assert leader.frames(A) == []
    leader.attaches(B, WORKER, CAN_RESIZE, running=[(FIRST, b"")])
    assert leader.fenced(B, WORKER) == [FIRST]
    leader.opens()
    assert leader.over(A, WORKER) == [FIRST]
    leader.attaches(A, OTHER, CAN_RESIZE, running=[(FIRST, b"")])
    assert leader.fenced(A, OTHER) == [FIRST]


def test_a_worker_that_leaves_before_the_leader_opens_claims_nothing() -> None:
    leader = Leader()
    leader.attaches(A, WORKER, CAN_RESIZE, running=[(FIRST, b"")])
    leader.takes(A, DETACH, WORKER)
    leader.attaches(B, CLIENT, waiting=[(FIRST, SUBMIT)])
    leader.opens()
    assert leader.job(FIRST).worker is None
    assert leader.frames(A) == []


# Clients that wait


@pytest.mark.parametrize("client_first", [True, False])
def test_a_foreground_job_that_was_lost_with_its_leader_goes_on_with_its_client_and_its_worker(
    client_first: bool,
) -> None:
    leader = Leader()
    status = request(WORK_STATUS, FIRST, b"1", b"2")
    if client_first:
        leader.attaches(A, CLIENT, waiting=[(FIRST, SUBMIT)])
    leader.attaches(B, WORKER, CAN_RESIZE, running=[(FIRST, status)])
    if not client_first:
        leader.attaches(A, CLIENT, waiting=[(FIRST, SUBMIT)])
    leader.opens()
    assert leader.asks(A, CLIENT, GET_STATUS, FIRST) == [(STATUS_RES, FIRST, b"1", b"1", b"1", b"2")]
    leader.says(B, WORKER, WORK_COMPLETE, FIRST, b"small")
    assert leader.heard(A, CLIENT) == [(WORK_COMPLETE, FIRST, b"small")]
    assert leader.frames(B) == []
    assert not leader.broker.jobs


@pytest.mark.parametrize(
    ("submit", "expected"),
    [
        (request(SUBMIT_JOB_HIGH, b"resize", b"u", b"a\0b"), ("high", b"u", b"", b"a\0b", b"")),
        (request(SUBMIT_REDUCE_JOB, b"resize", b"u", b"sum", b"", b"a"), ("normal", b"u", b"sum", b"a", b"")),
        (
            request(
                SUBMIT_JOB_EXTENDED,
                b"resize",
                b"",
                b'{"priority": "low", "reducer": "sum", "metadata": {"a": "b"}}',
                b"a",
            ),
            ("low", b"", b"sum", b"a", b'{"a":"b"}'),
        ),
    ],
    ids=["high", "reducer", "extended"],
)
def test_a_foreground_job_that_was_lost_is_what_its_client_submitted(
    submit: bytes, expected: tuple[str, bytes, bytes, bytes, bytes]
) -> None:
    leader = Leader()
    leader.attaches(A, CLIENT, waiting=[(b"H:other:7", submit)])
    job = leader.job(b"H:other:7")
    priority = ("high", "normal", "low")[job.priority]
    assert (priority, job.unique, job.reducer, job.workload, job.metadata) == expected
    assert (job.background, job.attempts) == (False, 0)


def test_a_handle_that_came_back_is_not_given_again() -> None:
    leader = Leader()
    leader.attaches(A, CLIENT, waiting=[(b"H:test:7", SUBMIT)])
    leader.opens()
    assert leader.asks(A, CLIENT, SUBMIT_JOB, b"resize", b"", b"") == [(JOB_CREATED, b"H:test:8")]


def test_all_who_waited_for_a_job_wait_for_it_again_once_for_each_submit() -> None:
    submit = request(SUBMIT_JOB, b"resize", b"cat", b"cat.png")
    leader = Leader()
    leader.attaches(A, CLIENT, waiting=[(FIRST, submit), (FIRST, submit)])
    leader.attaches(B, CLIENT, waiting=[(FIRST, submit)])
    leader.attaches(B, WORKER, CAN_RESIZE, running=[(FIRST, b"")])
    leader.opens()
    leader.says(B, WORKER, WORK_FAIL, FIRST)
    assert leader.heard(A, CLIENT) == [(WORK_FAIL, FIRST)] * 2
    assert leader.heard(B, CLIENT) == [(WORK_FAIL, FIRST)]


def test_a_client_waits_again_for_a_background_job_that_it_had_joined() -> None:
    leader = with_kept_jobs(b"cat.png")
    leader.attaches(A, CLIENT, waiting=[(FIRST, SUBMIT)])
    assert len(leader.broker.jobs) == 1
    leader.opens()
    leader.takes(A, DETACH, CLIENT)
    assert leader.job(FIRST).clients is None


def test_a_job_that_is_over_and_of_which_something_is_kept_is_not_run_again() -> None:
    before = Leader().opened()
    set_policy(before.broker, "resize", {"keep_result": 60, "dead_letter": True})
    before.attaches(A, CLIENT)
    before.attaches(B, WORKER, CAN_RESIZE)
    for number, end in enumerate((WORK_COMPLETE, WORK_EXCEPTION, WORK_FAIL), 1):
        before.says(A, CLIENT, SUBMIT_JOB_BG, b"resize", b"", b"")
        before.asks(B, WORKER, GRAB_JOB)
        before.says(B, WORKER, end, b"H:test:%d" % number, *[b"text"] * (end != WORK_FAIL))
    before.says(A, CLIENT, SUBMIT_JOB_BG, b"resize", b"", b"")
    before.commits()
    leader = before.dies()
    for handle in (b"H:test:1", b"H:test:2", b"H:test:3", b"H:gone:4", b"no handle"):
        leader.attaches(A, CLIENT, request(OPTION_REQ, b"exceptions"), waiting=[(handle, SUBMIT)])
    assert leader.heard(A, CLIENT) == [
        (WORK_COMPLETE, b"H:test:1", b"text"),
        (WORK_EXCEPTION, b"H:test:2", b"text"),
        (WORK_FAIL, b"H:test:3"),
        (WORK_FAIL, b"H:gone:4"),
        (WORK_FAIL, b"no handle"),
    ]
    assert list(leader.broker.jobs) == [4]


@pytest.mark.parametrize(
    "submit",
    [
        b"",
        request(ECHO_REQ, b""),
        request(SUBMIT_JOB, b"resize"),
        request(SUBMIT_JOB_EXTENDED, b"resize", b"", b"{", b""),
    ],
)
def test_a_job_whose_submit_cannot_be_read_fails_and_the_log_says_why(submit: bytes) -> None:
    leader = Leader()
    leader.attaches(A, CLIENT, waiting=[(FIRST, submit)])
    assert leader.heard(A, CLIENT) == [(WORK_FAIL, FIRST)]
    (notice,) = leader.broker.notices
    assert notice.startswith("a job is not restored handle=H:test:1: ")


# Links that break


def test_a_peer_whose_link_broke_goes_on_where_it_was() -> None:
    leader = with_running_job()
    started = leader.job(FIRST)
    leader.breaks(B)
    leader.passes(1)
    leader.attaches(B, WORKER, CAN_RESIZE, running=[(FIRST, request(WORK_STATUS, FIRST, b"1", b"2"))])
    leader.is_ready(B)
    assert leader.job(FIRST) is started
    assert (started.attempts, started.numerator) == (0, 1)
    leader.says(B, WORKER, WORK_COMPLETE, FIRST, b"small")
    assert leader.heard(A, CLIENT) == [(WORK_COMPLETE, FIRST, b"small")]
    assert leader.frames(B) == []


def test_a_client_hears_what_it_missed_of_its_jobs_while_its_link_was_broken_and_nothing_else() -> None:
    leader = with_running_job()
    leader.breaks(A)
    leader.hears(B, WORKER, request(WORK_DATA, FIRST, b"sm"), request(WORK_COMPLETE, FIRST, b"all"))
    assert leader.frames(A) == []
    leader.attaches(A, CLIENT, waiting=[(FIRST, SUBMIT)])
    assert leader.heard(A, CLIENT) == [(WORK_DATA, FIRST, b"sm"), (WORK_COMPLETE, FIRST, b"all")]
    assert not leader.broker.jobs
    assert not leader.seat.guests[A, CLIENT].connection.waiting


def test_an_answer_that_was_lost_with_its_link_is_not_given_again() -> None:
    leader = Leader().opened()
    leader.attaches(A, CLIENT)
    leader.hears(A, CLIENT, request(SUBMIT_JOB_BG, b"resize", b"cat", b"cat.png"))
    leader.breaks(A)
    leader.commits()
    leader.attaches(A, CLIENT)
    assert leader.frames(A) == []
    leader.hears(A, CLIENT, request(SUBMIT_JOB_BG, b"resize", b"cat", b"cat.png"))
    leader.commits()
    assert leader.heard(A, CLIENT) == [(JOB_CREATED, FIRST)]


def test_a_foreground_job_whose_client_never_heard_its_handle_is_dropped() -> None:
    leader = Leader().opened()
    leader.attaches(A, CLIENT)
    leader.hears(A, CLIENT, SUBMIT)
    leader.breaks(A)
    leader.attaches(A, CLIENT)
    assert not leader.broker.jobs


def test_a_job_that_never_reached_its_worker_is_queued_again_and_no_execution_is_counted() -> None:
    leader = with_running_job()
    leader.breaks(B)
    leader.attaches(B, WORKER, CAN_RESIZE)
    assert leader.job(FIRST).attempts == 0
    assert leader.asks(B, WORKER, GRAB_JOB) == [(JOB_ASSIGN, FIRST, b"resize", b"cat.png")]


def test_an_epoch_job_that_never_reached_its_worker_has_its_place_again() -> None:
    leader = Leader().opened()
    leader.attaches(A, CLIENT)
    leader.attaches(B, WORKER, CAN_RESIZE)
    leader.says(A, CLIENT, SUBMIT_JOB_EPOCH, b"resize", b"", b"1", b"cat.png")
    assert leader.asks(B, WORKER, GRAB_JOB) == [(JOB_ASSIGN, FIRST, b"resize", b"cat.png")]
    leader.says(A, CLIENT, SUBMIT_JOB_BG, b"resize", b"", b"dog.png")
    leader.attaches(B, WORKER, CAN_RESIZE)
    assert leader.asks(B, WORKER, GRAB_JOB) == [(JOB_ASSIGN, FIRST, b"resize", b"cat.png")]


def test_a_job_that_never_reached_its_worker_and_that_nobody_wants_is_dropped() -> None:
    leader = with_running_job()
    leader.takes(A, DETACH, CLIENT)
    leader.attaches(B, WORKER, CAN_RESIZE)
    assert not leader.broker.jobs


def test_peers_that_do_not_come_back_are_gone_when_all_others_are_attached() -> None:
    leader = with_running_job()
    leader.attaches(B, OTHER)
    leader.is_ready(B)
    assert leader.seat.ready == {B}
    leader.breaks(B)
    assert leader.seat.ready == set()
    leader.attaches(B, OTHER)
    assert leader.job(FIRST).worker is not None
    leader.is_ready(B)
    assert leader.job(FIRST).worker is None
    assert leader.job(FIRST).attempts == 1
    assert set(leader.seat.guests) == {(A, CLIENT), (B, OTHER)}


def test_a_server_that_is_gone_for_good_takes_its_peers_along() -> None:
    leader = with_running_job()
    leader.breaks(B)
    leader.loses(B)
    assert leader.job(FIRST).worker is None
    leader.loses(A)
    assert not leader.broker.jobs
    assert not leader.broker.connections
    assert not leader.seat.guests


def test_a_worker_that_is_drained_while_its_link_is_broken_stays_drained_and_its_server_hears_of_it() -> None:
    leader = Leader().opened()
    leader.attaches(A, CLIENT)
    leader.attaches(B, WORKER, CAN_RESIZE)
    leader.breaks(B)
    leader.hears(A, CLIENT, b"peer-drain %d\n" % WORKER)
    for _ in range(2):  # the link breaks again before its server has heard it
        leader.breaks(B)
        leader.attaches(B, WORKER, CAN_RESIZE)
        assert leader.parts(B, WORKER, DRAINED) == [b"1"]
    leader.hears(A, CLIENT, SUBMIT)
    assert leader.asks(B, WORKER, GRAB_JOB) == [(NO_JOB,)]


@pytest.mark.parametrize("comes_back_before", [True, False])
def test_what_was_kept_of_a_server_whose_link_broke_is_done_once(comes_back_before: bool) -> None:
    """Its front sends again what has no answer."""
    leader = Leader()
    for number in (CLIENT, OTHER):
        leader.attaches(A, number)
        leader.says(A, number, SUBMIT_JOB_BG, b"resize", b"", b"cat.png")
    leader.takes(A, DETACH, OTHER)
    leader.breaks(A)
    if not comes_back_before:
        leader.opens()
        assert not leader.broker.jobs
    leader.attaches(A, CLIENT)
    leader.says(A, CLIENT, SUBMIT_JOB_BG, b"resize", b"", b"cat.png")
    if comes_back_before:
        leader.opens()
    assert len(leader.broker.jobs) == 1
    assert len(leader.broker.connections) == 1


def test_a_claim_outlives_a_link_that_breaks_before_the_leader_opens() -> None:
    leader = Leader()
    leader.attaches(A, WORKER, CAN_RESIZE, running=[(FIRST, b"")])
    leader.breaks(A)
    leader.attaches(B, CLIENT, waiting=[(FIRST, SUBMIT)])
    leader.attaches(A, WORKER, CAN_RESIZE, running=[(FIRST, b""), (b"H:test:2", b"")])
    leader.breaks(A)
    leader.attaches(A, WORKER, CAN_RESIZE, running=[(FIRST, b""), (b"H:test:2", b"")])
    leader.opens()
    assert leader.job(FIRST).worker is leader.seat.guests[A, WORKER].connection
    assert leader.over(A, WORKER) == [b"H:test:2"]


# Shards


def test_handles_that_come_back_leave_the_next_one_in_the_shard() -> None:
    leader = Leader(rules=RULES._replace(shard=2, shards=4))
    leader.attaches(A, CLIENT, waiting=[(b"H:test:14", SUBMIT)])
    leader.opens()
    assert leader.asks(A, CLIENT, SUBMIT_JOB, b"resize", b"", b"") == [(JOB_CREATED, b"H:test:18")]


def test_frames_name_the_shard() -> None:
    leader = Leader(rules=Rules(prefix=b"H:test", shard=3, shards=4)).opened()
    leader.attaches(A, CLIENT)
    leader.hears(A, CLIENT, SUBMIT)
    assert [frame[1] for frame in leader.frames(A)] == [3]


def test_a_frame_that_cannot_be_read_is_refused() -> None:
    with pytest.raises(ValueError, match="a peer's state of 0 parts"):
        Leader().takes(A, ATTACH, CLIENT)


def test_an_execution_that_is_lost_with_its_server_is_not_held_against_the_job() -> None:
    leader = Leader(rules=RULES._replace(max_lost=2)).opened()
    leader.attaches(A, CLIENT)
    leader.hears(A, CLIENT, SUBMIT)
    for _ in range(3):
        leader.attaches(B, WORKER, CAN_RESIZE)
        leader.asks(B, WORKER, GRAB_JOB)
        leader.loses(B)
    assert (leader.job(FIRST).attempts, leader.job(FIRST).losses) == (3, 0)
    for _ in range(2):
        leader.attaches(B, WORKER, CAN_RESIZE)
        leader.asks(B, WORKER, GRAB_JOB)
        leader.takes(B, DETACH, WORKER)
    assert leader.heard(A, CLIENT)[-1] == (WORK_FAIL, FIRST)


def test_a_job_that_a_worker_said_too_much_of_fails_and_is_a_dead_letter_whatever_the_worker_knows() -> None:
    leader = with_kept_jobs(b"cat.png").opened()
    leader.attaches(A, WORKER, CAN_RESIZE)
    leader.asks(A, WORKER, GRAB_JOB)
    leader.says(A, WORKER, WORK_TOO_LARGE, FIRST, b"5 bytes are over the limit of 4")
    (letter,) = leader.broker.archive.dead.values()
    assert letter.record.error == b"5 bytes are over the limit of 4"


def test_a_late_result_counts_also_when_the_link_to_its_server_has_broken_meanwhile() -> None:
    leader = with_running_job()
    job = leader.job(FIRST)
    lose(leader.broker, job, "timeout")
    leader.breaks(B)
    leader.attaches(B, WORKER, CAN_RESIZE)
    leader.says(B, WORKER, WORK_COMPLETE, FIRST, b"late")
    assert leader.heard(A, CLIENT) == [(WORK_COMPLETE, FIRST, b"late")]
