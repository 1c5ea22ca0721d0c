"""A worker's conversation without a server: bytes in, bytes out."""

from __future__ import annotations

import pytest

from geartrain.errors import Fail, ProtocolError, Retry, SettingsError
from geartrain.protocol.assignment import Assignment, attempt_number, next_unique, raised, returned, status
from geartrain.protocol.commands import (
    CAN_DO,
    CAN_DO_TIMEOUT,
    CANT_DO,
    ECHO_REQ,
    ECHO_RES,
    ERROR,
    GET_STATUS_UNIQUE,
    GRAB_JOB_ALL,
    JOB_ASSIGN,
    JOB_ASSIGN_ALL,
    JOB_ASSIGN_UNIQ,
    JOB_CREATED,
    NO_JOB,
    NOOP,
    OPTION_REQ,
    OPTION_RES,
    PRE_SLEEP,
    RESET_ABILITIES,
    SET_CLIENT_ID,
    STATUS_RES_UNIQUE,
    SUBMIT_JOB_BG,
    SUBMIT_JOB_EPOCH,
    WORK_COMPLETE,
    WORK_EXCEPTION,
    WORK_FAIL,
    WORK_STATUS,
)
from geartrain.protocol.packet import request, response
from geartrain.protocol.worker import Offer, WorkerProtocol

GRAB = request(GRAB_JOB_ALL)


def worker(**abilities: float) -> WorkerProtocol:
    """A worker that has said what it has to say at first."""
    offer = Offer("me", "all")
    offer.abilities.update({function.encode(): timeout for function, timeout in abilities.items()})
    return WorkerProtocol("server:1", offer)


def quiet_worker() -> WorkerProtocol:
    """A worker with nothing left to send."""
    protocol = worker()
    protocol.take_outgoing()
    return protocol


def job(unique: bytes = b"u", handle: bytes = b"H:1") -> Assignment:
    """A job at hand."""
    return Assignment(handle, b"f", unique, b"w")


def test_a_worker_introduces_itself() -> None:
    assert worker(f=0, slow=1.5).take_outgoing() == (
        request(OPTION_REQ, b"geartrain")
        + request(SET_CLIENT_ID, b"me")
        + request(CAN_DO, b"f")
        + request(CAN_DO_TIMEOUT, b"slow", b"1500")
    )


def test_without_a_job_it_sleeps_until_a_noop() -> None:
    protocol = quiet_worker()
    assert protocol.seek(1) == 1
    assert protocol.take_outgoing() == GRAB
    assert protocol.seek(1) == 0
    protocol.receive(response(NO_JOB))
    assert protocol.take_outgoing() == request(PRE_SLEEP)
    assert protocol.seek(1) == 0
    protocol.receive(response(NOOP))
    assert protocol.seek(1) == 1


def test_jobs_come_with_what_their_packet_tells() -> None:
    protocol = quiet_worker()
    protocol.grabbing = 3
    protocol.receive(response(JOB_ASSIGN, b"H:1", b"f", b"w\0w"))
    protocol.receive(response(JOB_ASSIGN_UNIQ, b"H:2", b"f", b"u", b"w\0w"))
    protocol.receive(response(JOB_ASSIGN_ALL, b"H:3", b"f", b"u", b"reducer", b"w\0w"))
    assert [(j.handle, j.function, j.unique, j.workload) for j in protocol.assigned] == [
        (b"H:1", b"f", b"", b"w\0w"),
        (b"H:2", b"f", b"u", b"w\0w"),
        (b"H:3", b"f", b"u", b"w\0w"),
    ]
    assert protocol.grabbing == 0


def test_it_asks_for_more_at_once_while_jobs_come() -> None:
    protocol = quiet_worker()
    asked = []
    for _ in range(4):
        asked.append(protocol.seek(100))
        protocol.receive(response(JOB_ASSIGN, b"H:1", b"f", b"") * asked[-1])
    assert asked == [1, 2, 8, 32]
    assert protocol.seek(5) == 5


def test_of_several_grabs_only_the_last_answer_lets_it_sleep() -> None:
    protocol = quiet_worker()
    protocol.eagerness = 2
    protocol.seek(2)
    protocol.take_outgoing()
    protocol.receive(response(NO_JOB))
    assert (protocol.asleep, protocol.take_outgoing()) == (False, b"")
    protocol.receive(response(NO_JOB))
    assert (protocol.asleep, protocol.take_outgoing()) == (True, request(PRE_SLEEP))


def test_a_new_ability_wakes_it() -> None:
    protocol = quiet_worker()
    protocol.seek(1)
    protocol.receive(response(NO_JOB))
    protocol.take_outgoing()
    protocol.can_do(b"g", 0)
    protocol.cant_do(b"f")
    protocol.reset_abilities()
    assert protocol.take_outgoing() == request(CAN_DO, b"g") + request(CANT_DO, b"f") + request(
        RESET_ABILITIES
    )
    assert protocol.seek(1) == 1


def test_echoes_are_counted() -> None:
    protocol = quiet_worker()
    protocol.echo(b"x")
    assert protocol.take_outgoing() == request(ECHO_REQ, b"x")
    protocol.receive(response(ECHO_RES, b"x"))
    assert protocol.echoes == 1


def test_the_outcome_of_a_job_is_one_packet() -> None:
    assert returned(job(), None) == request(WORK_COMPLETE, b"H:1", b"")
    assert returned(job(), "é") == request(WORK_COMPLETE, b"H:1", "é".encode())
    assert raised(job(), Fail()) == request(WORK_FAIL, b"H:1")
    assert raised(job(), ValueError("why")) == request(WORK_EXCEPTION, b"H:1", b"ValueError: why")
    ended = job()
    assert returned(ended, "x")
    assert (returned(ended, "y"), raised(ended, Fail())) == (b"", b"")
    with pytest.raises(SettingsError, match="payload 42"):
        returned(job(), 42)  # type: ignore[arg-type]


def test_without_the_extension_a_job_has_the_time_limit_that_its_worker_has_said() -> None:
    protocol = worker(quick=0.2, slow=90, any=0)
    limits = {}
    for function in (b"quick", b"slow", b"any", b"other"):
        protocol.receive(response(JOB_ASSIGN_UNIQ, b"H:" + function, function, b"", b"w"))
        limits[function] = protocol.assigned.pop().limit
    assert limits == {b"quick": 1.0, b"slow": 90.0, b"any": 0.0, b"other": 0.0}


def test_progress_fits_the_wire() -> None:
    assert status(job(), 1.6, 2**40) == request(WORK_STATUS, b"H:1", b"2", b"4294967295")
    assert status(job(), -1, 0) == request(WORK_STATUS, b"H:1", b"0", b"0")


@pytest.mark.parametrize(
    ("unique", "number", "following"),
    [
        (b"u", 1, b"u~2~4b2b6c1e"),
        (b"u~2~4b2b6c1e", 2, b"u~3~"),
        (b"", 1, b"H:1~2~"),
        (b"-", 1, b"H:1~2~"),
        (b"x" * 52, 1, b"x" * 52 + b"~2~"),
        # A client's own uniques, of which no end is a number of an attempt.
        (b"build:foo_1.0~3", 1, b"build:foo_1.0~3~2~"),
        (b"build:foo_1.0~20240101", 1, b"build:foo_1.0~20240101~2~"),
        (b"u~2~00000000", 1, b"u~2~00000000~2~"),
        (b"u~~", 1, b"u~~~2~"),
        (b"~", 1, b"~~2~"),
        (b"u~" + b"9" * 5000, 1, b""),
    ],
)
def test_the_unique_counts_the_attempts(unique: bytes, number: int, following: bytes) -> None:
    assert attempt_number(unique) == number
    assert next_unique(unique, b"H:1").startswith(following)


@pytest.mark.parametrize("unique", [b"u", b"a~b", b"build~3", b"x" * 60])
def test_every_attempt_is_counted_however_the_unique_looks(unique: bytes) -> None:
    for number in range(1, 120):
        assert attempt_number(unique) == number
        unique = next_unique(unique, b"H:1")
        assert len(unique) <= 63


def test_a_long_unique_is_shortened_for_the_next_attempt() -> None:
    following = next_unique(b"x" * 62, b"H:1")
    assert following == next_unique(b"x" * 62, b"H:2")
    assert following != next_unique(b"x" * 63, b"H:1")
    assert len(following) <= 63
    assert attempt_number(following) == 2


def test_a_background_job_is_submitted_again_before_it_ends() -> None:
    protocol, again = quiet_worker(), job()
    protocol.retry(again, Retry(), 1000.0)
    assert protocol.take_outgoing() == request(GET_STATUS_UNIQUE, b"u")
    protocol.receive(response(STATUS_RES_UNIQUE, b"u", b"1", b"1", b"0", b"0", b"0"))
    assert protocol.take_outgoing() == request(SUBMIT_JOB_BG, b"f", next_unique(b"u", b""), b"w")
    assert not again.settled
    protocol.receive(response(JOB_CREATED, b"H:2"))
    assert protocol.take_outgoing() == request(WORK_COMPLETE, b"H:1", b"")
    assert again.settled


def test_a_delayed_attempt_is_an_epoch_job() -> None:
    protocol = quiet_worker()
    protocol.retry(job(b""), Retry(2.5), 1000.0)
    assert protocol.take_outgoing() == request(
        SUBMIT_JOB_EPOCH, b"f", next_unique(b"", b"H:1"), b"1003", b"w"
    )


def test_clients_that_wait_hear_of_the_retry_instead() -> None:
    protocol, again = quiet_worker(), job()
    protocol.retry(again, Retry(2.5), 1000.0)
    protocol.take_outgoing()
    protocol.receive(response(STATUS_RES_UNIQUE, b"u", b"1", b"1", b"0", b"0", b"1"))
    assert protocol.take_outgoing() == request(WORK_EXCEPTION, b"H:1", b"Retry: retry in 2.5 s")
    assert again.settled


def test_retries_under_way_do_not_mix() -> None:
    protocol = quiet_worker()
    first, second = job(b"u", b"H:1"), job(b"", b"H:2")
    protocol.retry(first, Retry(), 0.0)
    protocol.retry(second, Retry(), 0.0)
    protocol.receive(response(STATUS_RES_UNIQUE, b"u", b"1", b"1", b"0", b"0", b"0"))
    protocol.receive(response(JOB_CREATED, b"H:3"))
    assert (first.settled, second.settled) == (False, True)
    protocol.receive(response(JOB_CREATED, b"H:4"))
    assert first.settled


def test_a_refused_attempt_ends_the_job_with_the_reason() -> None:
    protocol = quiet_worker()
    protocol.retry(job(b""), Retry(), 0.0)
    protocol.take_outgoing()
    protocol.receive(response(ERROR, b"JOB_NOT_FOUND", b"of a late result"))
    assert protocol.take_outgoing() == b""
    protocol.receive(response(ERROR, b"QUEUE_ERROR", b"Job queue is full"))
    assert b"QUEUE_ERROR: Job queue is full" in protocol.take_outgoing()


def test_other_packets_are_no_harm() -> None:
    protocol = quiet_worker()
    protocol.receive(
        response(OPTION_RES, b"exceptions") + response(JOB_CREATED, b"H:1") + response(ERROR, b"X", b"")
    )
    assert protocol.take_outgoing() == b""


@pytest.mark.parametrize(
    "chunk",
    [GRAB, b"hello\n", response(STATUS_RES_UNIQUE, b"u", b"0", b"0", b"0", b"0", b"0")],
)
def test_what_nobody_asked_for_is_an_error_that_names_the_server(chunk: bytes) -> None:
    with pytest.raises(ProtocolError, match="server:1"):
        quiet_worker().receive(chunk)


def test_a_job_without_a_workload_is_taken() -> None:
    protocol = quiet_worker()
    protocol.grabbing = 1
    protocol.receive(response(JOB_ASSIGN, b"H:1", b"f"))
    assert protocol.assigned[0].workload == b""
