"""The extension at both ends without a server: when it is used, and what is done without it."""

from __future__ import annotations

import json

import pytest

from geartrain.errors import (
    ConnectionLost,
    ExtensionMissing,
    JobCancelled,
    JobException,
    JobFailed,
    PayloadError,
    ProtocolError,
    Retry,
    UnknownOption,
)
from geartrain.protocol.assignment import (
    Assignment,
    attempt,
    complete,
    data,
    exception,
    metadata,
    next_unique,
    raised,
    warning,
)
from geartrain.protocol.client import ClientProtocol
from geartrain.protocol.commands import (
    CANCEL_JOB,
    CANCEL_RES,
    ERROR,
    GET_RESULT,
    GRAB_JOB_ALL,
    GRAB_JOB_EXTENDED,
    JOB_ASSIGN_EXTENDED,
    JOB_ASSIGN_UNIQ,
    JOB_CANCELLED,
    JOB_CREATED,
    OPTION_REQ,
    OPTION_RES,
    RESULT_RES,
    SUBMIT_JOB_EPOCH,
    WORK_COMPLETE,
    WORK_DATA,
    WORK_EXCEPTION,
    WORK_RETRY,
)
from geartrain.protocol.history import JobHistory, history_of, of_holder
from geartrain.protocol.packet import PAYLOAD_LIMIT, request, response
from geartrain.protocol.submission import Due, UniqueSource
from geartrain.protocol.task import TaskFactory
from geartrain.protocol.worker import Offer, WorkerProtocol

FACTORY = TaskFactory("", UniqueSource(0, b"12345678"), 1, True)
GRANTED = response(OPTION_RES, b"geartrain")
DENIED = response(ERROR, b"UNKNOWN_OPTION", b"Server does not recognize given option")


# The client


def client(answer: bytes) -> ClientProtocol:
    """A client that has asked for the extension."""
    protocol = ClientProtocol("server:1", exceptions=False)
    protocol.ask_extension()
    assert protocol.take_outgoing() == request(OPTION_REQ, b"geartrain")
    protocol.receive(answer)
    return protocol


def test_a_client_asks_for_the_extension_once() -> None:
    protocol = client(GRANTED)
    assert protocol.ask_extension().answered
    assert protocol.ask_extension().error is None
    assert protocol.take_outgoing() == b""
    assert isinstance(client(DENIED).ask_extension().error, UnknownOption)


def test_another_option_is_not_the_extension() -> None:
    protocol = ClientProtocol("server:1", exceptions=True)
    protocol.receive(response(OPTION_RES, b"exceptions"))
    with pytest.raises(ExtensionMissing):
        protocol.ask(CANCEL_JOB, b"H:1")


def test_questions_of_the_extension_are_answered_in_their_order() -> None:
    protocol = client(GRANTED)
    result, cancelled = protocol.ask(GET_RESULT, b"H:1"), protocol.ask(CANCEL_JOB, b"H:1")
    assert protocol.take_outgoing() == request(GET_RESULT, b"H:1") + request(CANCEL_JOB, b"H:1")
    protocol.receive(
        response(RESULT_RES, b"H:1", b"running", b"{}", b"") + response(CANCEL_RES, b"H:1", b"x")
    )
    assert result.arguments == [b"H:1", b"running", b"{}", b""]
    assert cancelled.arguments == [b"H:1", b"x"]


def test_without_it_a_question_says_what_is_missing() -> None:
    with pytest.raises(ExtensionMissing, match="cancelling a job: server:1 is no Geartrain server") as caught:
        client(DENIED).ask(CANCEL_JOB, b"H:1")
    assert caught.value.server == "server:1"


def test_a_task_is_sent_in_the_best_words_that_the_server_knows() -> None:
    exact = FACTORY.task("f", b"w", b"u", 1, True, Due(1000.5))
    protocol = client(GRANTED)
    protocol.submit(exact)
    assert protocol.take_outgoing() == exact.extended
    protocol.receive(response(JOB_CREATED, b"H:1"))
    assert exact.handle == b"H:1"
    protocol = client(DENIED)
    protocol.submit(FACTORY.task("f", b"w", b"u", 1, True, Due(1000.5)))
    assert protocol.take_outgoing() == request(SUBMIT_JOB_EPOCH, b"f", b"u", b"1001", b"w")


def test_a_task_that_the_server_cannot_take_is_not_sent() -> None:
    protocol = client(DENIED)
    with pytest.raises(ExtensionMissing, match="at or delay with priority HIGH: server:1 is no Geartrain"):
        protocol.submit(FACTORY.task("f", b"w", b"u", 0, True, Due(1000.0)))
    assert protocol.take_outgoing() == b""
    assert not protocol.awaiting


def test_a_lost_connection_leaves_it_open_whether_there_was_an_extension() -> None:
    protocol = ClientProtocol("server:1", exceptions=False)
    question = protocol.ask_extension()
    protocol.lost(ConnectionLost("gone"))
    assert isinstance(question.error, ConnectionLost)


def test_packets_of_the_extension_end_a_connection_without_it() -> None:
    with pytest.raises(ProtocolError, match="unknown packet type 130"):
        client(DENIED).receive(response(RESULT_RES, b"H:1", b"unknown", b"{}", b""))


# What became of a job


def history(state: bytes, result: bytes = b"", **details: object) -> JobHistory:
    """The history in a RESULT_RES."""
    return history_of([b"H:1", state, json.dumps(details).encode(), result])


def test_the_answer_of_the_server_that_knows_the_job_counts() -> None:
    known, unknown = [b"H:1", b"running", b"{}", b""], [b"H:1", b"unknown", b"{}", b""]
    assert of_holder([None, unknown, known]) is known
    assert of_holder([None, unknown]) is None


def test_a_history_has_what_the_server_told() -> None:
    told = history(b"complete", b"r", attempts=2, worker="me", submitted_at=1.0, finished_at=3.0, error=None)
    assert told == JobHistory("H:1", "complete", b"r", "", 2, "me", 1.0, None, 3.0)
    assert told.over
    assert told.take_result() == b"r"
    assert not any(history(state).over for state in (b"queued", b"delayed", b"running"))


def test_a_job_without_a_result_raises_how_it_ended() -> None:
    with pytest.raises(JobException, match="why") as caught:
        history(b"exception", b"why\xff", error="why\\xff").take_result("server:1")
    assert (caught.value.payload, caught.value.server, caught.value.handle) == (b"why\xff", "server:1", "H:1")
    with pytest.raises(JobCancelled, match="job H:1 was cancelled"):
        history(b"cancelled").take_result()
    with pytest.raises(JobFailed, match="job H:1 is a dead letter after 1 attempt: timeout"):
        history(b"dead", attempts=1, error="timeout").take_result()
    with pytest.raises(JobFailed, match="job H:1 failed"):
        history(b"failed").take_result()


# The worker


def worker(answer: bytes, grab: str = "all") -> WorkerProtocol:
    """A worker whose first grab is under way when the server says whether it has the extension."""
    protocol = WorkerProtocol("server:1", Offer("me", grab))
    protocol.seek(1)
    assert protocol.take_outgoing().startswith(request(OPTION_REQ, b"geartrain")) == (grab == "all")
    protocol.receive(answer)
    return protocol


def working(details: bytes = b"{}") -> tuple[WorkerProtocol, Assignment]:
    """A worker, and the job that it runs."""
    protocol = worker(GRANTED)
    protocol.receive(response(JOB_ASSIGN_EXTENDED, b"H:1", b"f", b"u", details, b"w\0"))
    return protocol, protocol.assigned.popleft()


def test_a_worker_grabs_before_it_has_heard_of_the_extension_and_in_its_words_after_that() -> None:
    protocol, job = working()
    assert (job.handle, job.function, job.unique, job.workload) == (b"H:1", b"f", b"u", b"w\0")
    protocol.seek(1)
    assert protocol.take_outgoing() == request(GRAB_JOB_EXTENDED)
    protocol = worker(DENIED)
    protocol.grabbing = 0
    protocol.seek(1)
    assert protocol.take_outgoing() == request(GRAB_JOB_ALL)


@pytest.mark.parametrize("grab", ["unique", "plain"])
def test_the_grabs_for_servers_of_old_ask_for_no_extension(grab: str) -> None:
    worker(b"", grab)


def test_a_job_knows_what_the_server_told_of_it() -> None:
    _, job = working(b'{"attempt": 3, "metadata": {"trace": "x"}}')
    assert attempt(job) == 3
    assert metadata(job) == {"trace": "x"}
    second = next_unique(b"u", b"")
    resubmitted = Assignment(b"H:1", b"f", second, b"w", b'{"attempt": 3}')
    assert attempt(resubmitted) == 4
    assert metadata(resubmitted) == {}
    assert attempt(Assignment(b"H:1", b"f", second, b"w")) == 2
    assert attempt(Assignment(b"H:1", b"f", b"u~3", b"w", b'{"attempt": 2}')) == 2


@pytest.mark.parametrize(
    ("details", "limit", "most"),
    [
        (b"", 0.0, PAYLOAD_LIMIT),
        (b'{"timeout": 2.5}', 2.5, PAYLOAD_LIMIT),
        (b'{"timeout": 60, "max_payload": 100}', 60.0, 100),
        (b'{"metadata": {"timeout": "x", "max_payload": "y"}}', 0.0, PAYLOAD_LIMIT),
        (b'{"timeout": "soon", "max_payload": null}', 0.0, PAYLOAD_LIMIT),
        (b'{"timeout": 1', 0.0, PAYLOAD_LIMIT),
    ],
)
def test_a_job_has_the_limits_that_the_server_tells(details: bytes, limit: float, most: int) -> None:
    _, job = working(details)
    assert (job.limit, job.most) == (limit, most)


def test_a_packet_over_the_servers_limit_is_not_sent_and_the_job_goes_on() -> None:
    _, job = working(b'{"max_payload": 100}')
    assert data(job, bytes(96)) == request(WORK_DATA, b"H:1", bytes(96))
    for say in (data, warning, complete, exception):
        with pytest.raises(PayloadError, match=r"WORK_\w+ of 101 bytes is over the server's limit of 100"):
            say(job, bytes(97))
    assert not job.settled
    assert raised(job, ValueError("x" * 1000)) == request(
        WORK_EXCEPTION, b"H:1", b"ValueError: " + b"x" * (100 - 3 - 64 - 12)
    )
    assert job.settled


def test_a_lost_connection_takes_every_job_away() -> None:
    protocol, job = working()
    protocol.receive(response(JOB_ASSIGN_UNIQ, b"H:2", b"f", b"", b"w"))
    waiting = protocol.assigned[0]
    protocol.lost()
    assert (job.cancelled, waiting.cancelled, len(protocol.assigned), protocol.running) == (
        "lost",
        "lost",
        0,
        {},
    )


def test_a_job_runs_again_by_one_packet() -> None:
    protocol, job = working()
    protocol.retry(job, Retry(2.0004), 1000.0)
    assert protocol.take_outgoing() == request(WORK_RETRY, b"H:1", b"2001", b"Retry: retry in 2.0004 s")
    assert job.settled
    protocol, job = working()
    retry = Retry(0)
    retry.__cause__ = OSError("disk full")
    protocol.retry(job, retry, 1000.0)
    assert protocol.take_outgoing() == request(WORK_RETRY, b"H:1", b"0", b"OSError: disk full")


def test_nothing_is_said_of_a_cancelled_job() -> None:
    protocol, job = working()
    woken: list[bool] = []
    job.wake = lambda: woken.append(True)
    protocol.receive(response(JOB_CANCELLED, b"H:1", b"timeout"))
    assert (job.cancelled, job.settled, woken) == ("timeout", True, [True])
    assert [data(job, b"x"), complete(job, b"x"), raised(job, ValueError())] == [b"", b"", b""]
    protocol.retry(job, Retry(), 1000.0)
    assert protocol.take_outgoing() == b""


def test_a_cancelled_job_that_has_not_begun_does_not_begin() -> None:
    protocol = worker(GRANTED)
    protocol.receive(
        response(JOB_ASSIGN_EXTENDED, b"H:1", b"f", b"u", b"{}", b"")
        + response(JOB_CANCELLED, b"H:1", b"cancelled")
    )
    assert not protocol.assigned


def test_a_job_that_comes_back_is_not_the_one_that_was_taken_away() -> None:
    protocol, first = working()
    protocol.receive(response(JOB_CANCELLED, b"H:1", b"timeout"))
    protocol.receive(response(JOB_ASSIGN_EXTENDED, b"H:1", b"f", b"u", b'{"attempt": 2}', b"w"))
    second = protocol.assigned.popleft()
    assert complete(first, b"late") == b""
    assert complete(second, b"r") == request(WORK_COMPLETE, b"H:1", b"r")


def test_a_job_that_has_ended_is_forgotten() -> None:
    protocol, job = working()
    complete(job, b"")
    assert protocol.running == {}
    protocol.receive(response(JOB_CANCELLED, b"H:1", b"cancelled"))
    assert job.cancelled == ""
