"""Clients of a front that was silent: an equal job has taken the place of theirs, and they hear of it as of theirs."""

from __future__ import annotations

from geartrain.protocol.commands import (
    CAN_DO,
    GRAB_JOB,
    SUBMIT_JOB,
    WORK_COMPLETE,
    WORK_DATA,
    WORK_FAIL,
)
from geartrain.protocol.packet import request
from geartrain.relay.frames import DETACH
from tests.relay.leader import A, B, Leader

CLIENT = 1
WORKER = 2
FIRST = b"H:test:1"
LOST = b"H:test:9"
CAT = request(SUBMIT_JOB, b"resize", b"cat", b"cat.png")
CAN_RESIZE = request(CAN_DO, b"resize")


def replaced(submits: int = 1) -> Leader:
    """A client of B waits for a job that nobody knows, as one of A has submitted the same since then."""
    leader = Leader().opened()
    leader.attaches(A, CLIENT)
    leader.hears(A, CLIENT, CAT)
    leader.heard(A, CLIENT)
    leader.attaches(B, CLIENT, waiting=[(LOST, CAT)] * submits)
    leader.attaches(A, WORKER, CAN_RESIZE)
    return leader


def test_a_client_hears_of_the_job_that_replaced_its_own_under_its_own_handle() -> None:
    leader = replaced()
    leader.says(A, WORKER, GRAB_JOB)
    leader.says(A, WORKER, WORK_DATA, FIRST, b"half")
    leader.says(A, WORKER, WORK_COMPLETE, FIRST, b"done")
    assert leader.heard(A, CLIENT) == [(WORK_DATA, FIRST, b"half"), (WORK_COMPLETE, FIRST, b"done")]
    assert leader.heard(B, CLIENT) == [(WORK_DATA, LOST, b"half"), (WORK_COMPLETE, LOST, b"done")]
    assert (leader.broker.jobs, leader.seat.stand_ins) == ({}, {})


def test_a_client_that_submitted_it_twice_hears_both_fail() -> None:
    leader = replaced(submits=2)
    leader.says(A, WORKER, GRAB_JOB)
    leader.says(A, WORKER, WORK_FAIL, FIRST)
    assert leader.heard(B, CLIENT) == [(WORK_FAIL, LOST)] * 2


def test_the_job_goes_on_until_all_have_left_who_wait_for_it() -> None:
    leader = replaced()
    leader.takes(A, DETACH, CLIENT)
    assert list(leader.broker.jobs) == [1]
    leader.takes(B, DETACH, CLIENT)
    assert (leader.broker.jobs, leader.seat.stand_ins) == ({}, {})


def test_what_a_client_missed_while_its_link_was_broken_it_hears_under_its_own_handle() -> None:
    leader = replaced()
    leader.breaks(B)
    leader.says(A, WORKER, GRAB_JOB)
    leader.says(A, WORKER, WORK_COMPLETE, FIRST, b"done")
    leader.attaches(B, CLIENT, waiting=[(LOST, CAT)])
    assert leader.heard(B, CLIENT) == [(WORK_COMPLETE, LOST, b"done")]
    assert leader.broker.jobs == {}
