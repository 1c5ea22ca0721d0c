"""When a task goes to another server, and what it hears there: decisions, without any I/O."""

from __future__ import annotations

import pytest

from geartrain.errors import ConnectionLost, JobFailed, NoServers, QueueFull
from geartrain.protocol.client import ClientProtocol
from geartrain.protocol.commands import (
    ERROR,
    GET_STATUS,
    JOB_CREATED,
    STATUS_RES,
    STOPPING,
    SUBMIT_JOB,
    WORK_COMPLETE,
    WORK_DATA,
    WORK_FAIL,
    WORK_STATUS,
)
from geartrain.protocol.events import Complete, Created, Data, JobState, Progress
from geartrain.protocol.moving import again, candidates, end_unmoved
from geartrain.protocol.packet import request, response
from geartrain.protocol.servers import ServerList, parse_server
from geartrain.protocol.submission import Unique, UniqueSource
from geartrain.protocol.task import MOST_MOVES, Task, TaskFactory

FACTORY = TaskFactory("", UniqueSource(0, b"12345678"), 1, True)
LOST = ConnectionLost("gone", server="a:1")
REFUSED = response(ERROR, b"QUEUE_ERROR", STOPPING)


def servers(*names: str) -> ServerList:
    """Servers that are asked in the order of the list."""
    return ServerList([parse_server(name) for name in names or ("a:1", "b:1")], "first", lambda: 1.0)


def task(background: bool = False, unique: str | Unique | None = None, workload: bytes = b"w") -> Task:
    """A job that is not submitted yet."""
    return FACTORY.task("f", workload, unique, 1, background, None)


def running(moving: Task, handle: bytes = b"H:1") -> ClientProtocol:
    """A connection to a server that has acknowledged the job."""
    protocol = ClientProtocol("a:1", exceptions=False)
    protocol.submit(moving)
    protocol.receive(response(JOB_CREATED, handle))
    return protocol


def moved(moving: Task, *packets: bytes) -> ClientProtocol:
    """A connection to another server, where the lost job was submitted, and what that server has said."""
    assert again(moving, servers(), 0.0)
    moving.start_over()
    protocol = ClientProtocol("b:1", exceptions=False)
    protocol.submit(moving)
    protocol.receive(b"".join(packets))
    return protocol


def status(state: bytes, handle: bytes = b"H:1") -> bytes:
    """What a server says of a job: "00" is unknown, "10" queued, "11" running."""
    return response(STATUS_RES, handle, state[:1], state[1:], b"0", b"0")


@pytest.mark.parametrize("background", [False, True])
def test_a_job_that_a_stopping_server_refused_goes_to_the_others_each_once(background: bool) -> None:
    known, refused = servers("a:1", "b:1", "c:1"), task(background)
    for name, others in (("a:1", ["b:1", "c:1"]), ("b:1", ["c:1"]), ("c:1", [])):
        protocol = ClientProtocol(name, exceptions=False)
        protocol.submit(refused)
        protocol.receive(REFUSED)
        assert again(refused, known, 0.0) == bool(others)
        assert [server.name for server in candidates(refused, known, 0.0)] == others
        if others:
            refused.start_over()
    assert isinstance(refused.error, QueueFull)
    assert refused.retries == 1  # which are for lost connections


def test_other_jobs_leave_a_stopping_server_alone_for_a_while() -> None:
    known, other = servers(), task()
    for refused in (task(), task()):
        protocol = ClientProtocol("a:1", exceptions=False)
        protocol.submit(refused)
        protocol.receive(REFUSED)
        assert again(refused, known, 0.0)
    assert [server.name for server in candidates(other, known, 0.0)] == ["b:1", "a:1"]
    assert [server.name for server in candidates(other, known, 0.6)] == ["a:1", "b:1"]


def test_any_other_refusal_is_the_answer() -> None:
    protocol, full = ClientProtocol("a:1", exceptions=False), task()
    protocol.submit(full)
    protocol.receive(response(ERROR, b"QUEUE_ERROR", b"Job queue is full"))
    assert not again(full, servers(), 0.0)


def test_a_job_without_acknowledgement_is_submitted_again_as_often_as_its_retries_say() -> None:
    lost = task(background=True)
    lost.refuse(LOST)
    assert again(lost, servers(), 0.0)
    lost.start_over()
    assert (lost.done, lost.error, lost.state) == (False, None, JobState.PENDING)
    lost.refuse(LOST)
    assert not again(lost, servers(), 0.0)


def test_a_waiting_client_asks_the_next_server_for_its_job_before_it_submits_it_again() -> None:
    waiting = task()
    running(waiting).lost(LOST)
    protocol = moved(waiting)
    assert protocol.take_outgoing() == request(GET_STATUS, b"H:1") + request(
        SUBMIT_JOB, b"f", waiting.unique, b"w"
    )


def test_a_job_that_goes_on_elsewhere_ends_there_and_says_nothing_twice() -> None:
    waiting = task()
    first = running(waiting)
    first.receive(response(WORK_STATUS, b"H:1", b"1", b"4"))
    first.lost(LOST)
    moved(
        waiting,
        status(b"11"),
        response(JOB_CREATED, b"H:1"),
        response(WORK_STATUS, b"H:1", b"3", b"4"),
        response(WORK_COMPLETE, b"H:1", b"r"),
    )
    assert list(waiting.events) == [Created("H:1"), Progress(3, 4), Complete(b"r")]
    assert waiting.take_result() == b"r"


def test_a_job_that_begins_anew_has_the_handle_of_its_new_server() -> None:
    waiting = task()
    running(waiting).lost(LOST)
    assert waiting.handle == b"H:1"
    moved(waiting, status(b"00"), response(JOB_CREATED, b"H:7"), response(WORK_FAIL, b"H:7"))
    assert waiting.handle == b"H:7"
    assert type(waiting.error) is JobFailed
    assert not again(waiting, servers(), 0.0)


@pytest.mark.parametrize(("state", "handle"), [(b"10", b"H:1"), (b"00", b"H:7"), (b"11", b"H:7")])
def test_the_pieces_of_a_job_that_begins_anew_are_those_of_its_new_run(state: bytes, handle: bytes) -> None:
    waiting = task()
    first = running(waiting)
    first.receive(response(WORK_DATA, b"H:1", b"old"))
    first.lost(LOST)
    moved(
        waiting,
        status(state),
        response(JOB_CREATED, handle),
        response(WORK_DATA, handle, b"new "),
        response(WORK_COMPLETE, handle, b"end"),
    )
    assert waiting.take_result() == b"new end"


@pytest.mark.parametrize("told", [status(b"11"), response(ERROR, b"QUEUE_ERROR", b"no leader")])
@pytest.mark.parametrize("before", [[], [b"one"]])
def test_a_piece_that_may_be_missing_ends_the_job_rather_than_goes_unnoticed(
    told: bytes, before: list[bytes]
) -> None:
    waiting = task()
    first = running(waiting)
    first.receive(b"".join(response(WORK_DATA, b"H:1", piece) for piece in before))
    first.lost(LOST)
    protocol = moved(waiting, told, response(JOB_CREATED, b"H:1"))
    assert waiting.done == bool(before)
    protocol.receive(response(WORK_DATA, b"H:1", b"three") + response(WORK_COMPLETE, b"H:1", b""))
    assert isinstance(waiting.error, ConnectionLost)
    assert (waiting.error.submitted, waiting.error.handle) == (True, "H:1")
    with pytest.raises(ConnectionLost, match="a piece of its result may be missing"):
        waiting.take_result()
    assert not again(waiting, servers(), 0.0)


def test_a_piece_that_was_taken_cannot_be_taken_back() -> None:
    waiting = task()
    first = running(waiting)
    first.receive(response(WORK_DATA, b"H:1", b"a") + response(WORK_DATA, b"H:1", b"b"))
    assert [waiting.events.popleft(), waiting.events.popleft()] == [Created("H:1"), Data(b"a")]
    first.lost(LOST)
    assert not again(waiting, servers(), 0.0)


@pytest.mark.parametrize(
    ("unique", "workload", "moves"),
    [
        (None, b"w", True),
        ("u", b"w", True),
        (Unique.CONTENT, b"w", True),
        (Unique.CONTENT, b"", False),
        (Unique.NONE, b"w", False),
        ("", b"w", False),
    ],
)
def test_only_a_job_that_can_be_joined_is_submitted_again_after_its_acknowledgement(
    unique: str | Unique | None, workload: bytes, moves: bool
) -> None:
    waiting = task(unique=unique, workload=workload)
    running(waiting).lost(LOST)
    assert again(waiting, servers(), 0.0) == moves


def test_a_program_may_forbid_it() -> None:
    waiting = TaskFactory("", UniqueSource(0, b"12345678"), 1, False).task("f", b"", None, 1, False, None)
    running(waiting).lost(LOST)
    assert not again(waiting, servers(), 0.0)


def test_nobody_submits_what_nobody_waits_for() -> None:
    waiting = task()
    protocol = running(waiting)
    waiting.abandon()
    protocol.lost(LOST)
    assert not again(waiting, servers(), 0.0)


def test_an_answer_that_is_not_gearman_is_not_asked_for_again() -> None:
    waiting = task()
    protocol = running(waiting)
    with pytest.raises(Exception, match="a:1 sent"):
        protocol.receive(b"HTTP/1.0 400 Bad Request\r\n")
    protocol.lost(LOST)
    assert not again(waiting, servers(), 0.0)


def test_a_job_that_ends_every_server_does_not_go_on_for_ever() -> None:
    waiting, known = task(), servers()
    running(waiting).lost(LOST)
    for _ in range(MOST_MOVES):
        moved(waiting, status(b"00"), response(JOB_CREATED, b"H:1")).lost(LOST)
    assert not again(waiting, known, 0.0)


def test_a_server_that_refused_a_job_once_may_take_it_when_it_is_back() -> None:
    waiting, known = task(), servers()
    waiting.declined = ("a:1",)
    running(waiting).lost(ConnectionLost("gone", server="b:1"))
    assert again(waiting, known, 0.0)
    assert {server.name for server in candidates(waiting, known, 0.0)} == {"a:1", "b:1"}


def test_the_error_of_a_job_that_nobody_takes_says_what_became_of_it() -> None:
    acknowledged, waiting = task(), task()
    running(acknowledged).lost(LOST)
    waiting.refuse(LOST)
    for lost in (acknowledged, waiting):
        end_unmoved(lost, NoServers("cannot connect to b:1"))
        assert not again(lost, servers(), 0.0)
        assert str(lost.error) == "gone; cannot connect to b:1"
    assert isinstance(acknowledged.error, ConnectionLost)
    assert (acknowledged.error.submitted, acknowledged.error.handle) == (True, "H:1")
    assert isinstance(waiting.error, NoServers)
