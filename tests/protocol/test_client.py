"""A client's conversation without a server: bytes in, bytes out."""

from __future__ import annotations

import pytest

from geartrain.errors import ConnectionLost, JobException, JobFailed, ProtocolError, QueueFull
from geartrain.protocol.client import ClientProtocol
from geartrain.protocol.commands import (
    ECHO_REQ,
    ECHO_RES,
    ERROR,
    GET_STATUS,
    GRAB_JOB,
    JOB_CREATED,
    NOOP,
    OPTION_REQ,
    OPTION_RES,
    STATUS_RES,
    SUBMIT_JOB,
    SUBMIT_JOB_BG,
    WORK_COMPLETE,
    WORK_DATA,
    WORK_EXCEPTION,
    WORK_FAIL,
    WORK_STATUS,
)
from geartrain.protocol.events import Complete, Created, Data, JobState, Progress
from geartrain.protocol.packet import request, response
from geartrain.protocol.submission import UniqueSource
from geartrain.protocol.task import Task, TaskFactory

FACTORY = TaskFactory("", UniqueSource(0, b"12345678"), 1, True)


def client() -> ClientProtocol:
    """A client whose connection has come about."""
    return ClientProtocol("server:1", exceptions=False)


def foreground(unique: bytes = b"u") -> Task:
    """A foreground job that is not submitted yet."""
    return FACTORY.task("f", b"w", unique, 1, False, None)


def background() -> Task:
    """A background job that is not submitted yet."""
    return FACTORY.task("f", b"w", b"u", 1, True, None)


def running(protocol: ClientProtocol, handle: bytes = b"H:1") -> Task:
    """A foreground job that the server has acknowledged."""
    task = foreground()
    protocol.submit(task)
    protocol.receive(response(JOB_CREATED, handle))
    return task


def test_a_new_client_asks_for_exceptions() -> None:
    protocol = ClientProtocol("server:1", exceptions=True)
    assert protocol.take_outgoing() == request(OPTION_REQ, b"exceptions")
    protocol.receive(response(OPTION_RES, b"exceptions"))


def test_a_server_without_exceptions_is_good_enough() -> None:
    protocol = ClientProtocol("server:1", exceptions=True)
    task = background()
    protocol.submit(task)
    protocol.receive(response(ERROR, b"UNKNOWN_OPTION", b"") + response(JOB_CREATED, b"H:1"))
    assert task.handle == b"H:1"


def test_a_background_job_is_done_with_its_handle() -> None:
    protocol, task = client(), background()
    protocol.submit(task)
    assert protocol.take_outgoing() == request(SUBMIT_JOB_BG, b"f", b"u", b"w")
    assert not task.answered
    protocol.receive(response(JOB_CREATED, b"H:1"))
    assert (task.answered, task.done, task.handle, task.error) == (True, True, b"H:1", None)


def test_a_foreground_job_is_done_with_its_result() -> None:
    protocol, task = client(), foreground()
    protocol.submit(task)
    assert protocol.take_outgoing() == request(SUBMIT_JOB, b"f", b"u", b"w")
    protocol.receive(response(JOB_CREATED, b"H:1") + response(WORK_DATA, b"H:1", b"a"))
    assert (task.done, task.state) == (False, JobState.RUNNING)
    protocol.receive(response(WORK_COMPLETE, b"H:1", b"b\0c"))
    assert (task.done, task.state) == (True, JobState.COMPLETE)
    assert list(task.events) == [Created("H:1"), Data(b"a"), Complete(b"b\0c")]
    assert task.take_result() == b"ab\0c"


def test_answers_come_in_the_order_of_the_questions() -> None:
    protocol = client()
    status, task, echo = protocol.ask(GET_STATUS, b"H:9"), background(), None
    protocol.submit(task)
    echo = protocol.ask(ECHO_REQ, b"hello")
    protocol.receive(response(STATUS_RES, b"H:9", b"1", b"0", b"0", b"0"))
    protocol.receive(response(ERROR, b"QUEUE_ERROR", b"Job queue is full"))
    protocol.receive(response(ECHO_RES, b"hello"))
    assert status.arguments == [b"H:9", b"1", b"0", b"0", b"0"]
    assert isinstance(task.error, QueueFull)
    assert task.state is JobState.FAILED
    assert echo.arguments == [b"hello"]


def test_jobs_that_share_a_handle_each_hear_their_copy() -> None:
    protocol = client()
    first, second = running(protocol), running(protocol)
    protocol.receive(response(WORK_DATA, b"H:1", b"a") * 2 + response(WORK_COMPLETE, b"H:1", b"b"))
    assert (first.done, second.done) == (True, False)
    protocol.receive(response(WORK_COMPLETE, b"H:1", b"b"))
    assert first.take_result() == second.take_result() == b"ab"


def test_a_failure_and_an_exception_end_a_job() -> None:
    protocol = client()
    failed, raised = running(protocol, b"H:1"), running(protocol, b"H:2")
    protocol.receive(response(WORK_FAIL, b"H:1\0") + response(WORK_EXCEPTION, b"H:2", b"why"))
    assert type(failed.error) is JobFailed
    assert isinstance(raised.error, JobException)
    assert raised.error.payload == b"why"
    with pytest.raises(JobException):
        raised.take_result()


def test_of_reports_nobody_took_the_last_is_kept() -> None:
    protocol = client()
    task = running(protocol)
    for number in (b"1", b"2", b"0.5", b"many"):
        protocol.receive(response(WORK_STATUS, b"H:1", number, b"4"))
    assert list(task.events) == [Created("H:1"), Progress(0, 4)]


def test_what_comes_for_an_abandoned_job_is_thrown_away() -> None:
    protocol = client()
    task = running(protocol)
    task.abandon()
    assert protocol.unfinished() == 0
    protocol.receive(response(WORK_DATA, b"H:1", b"a") + response(WORK_COMPLETE, b"H:1", b"b"))
    assert not task.events
    assert task.state is JobState.TIMED_OUT
    assert not protocol.listeners


def test_a_lost_connection_ends_what_waits_for_it() -> None:
    protocol = client()
    acknowledged, waiting, question = running(protocol), foreground(), protocol.ask(GET_STATUS, b"H:1")
    protocol.submit(waiting)
    protocol.lost(ConnectionLost("gone"))
    assert isinstance(acknowledged.error, ConnectionLost)
    assert acknowledged.error.submitted is True
    assert acknowledged.error.handle == "H:1"
    assert isinstance(waiting.error, ConnectionLost)
    assert waiting.error.submitted is None
    assert isinstance(question.error, ConnectionLost)


def test_news_of_a_task_wake_whoever_waits() -> None:
    protocol, task = client(), foreground()
    rings: list[bool] = []
    task.wake = lambda: rings.append(task.done)
    protocol.submit(task)
    protocol.receive(response(JOB_CREATED, b"H:1") + response(WORK_DATA, b"H:1", b"a"))
    protocol.receive(response(WORK_FAIL, b"H:1"))
    assert rings == [False, False, True]


@pytest.mark.parametrize(
    "chunk",
    [
        response(JOB_CREATED, b"H:1"),
        response(NOOP),
        request(GRAB_JOB),
        b"ERR UNKNOWN_COMMAND\r\n",
        response(ECHO_RES, b"x"),
    ],
)
def test_what_nobody_asked_for_is_an_error_that_names_the_server(chunk: bytes) -> None:
    with pytest.raises(ProtocolError, match="server:1"):
        client().receive(chunk)


def test_a_question_is_not_answered_by_a_handle() -> None:
    protocol = client()
    protocol.ask(GET_STATUS, b"H:1")
    with pytest.raises(ProtocolError, match="JOB_CREATED"):
        protocol.receive(response(JOB_CREATED, b"H:1"))


def test_arguments_missing_at_the_end_are_empty() -> None:
    protocol = client()
    task = running(protocol)
    protocol.receive(response(WORK_COMPLETE, b"H:1"))
    assert task.take_result() == b""
