"""The extension: who gets it, and what each of its packets does."""

from __future__ import annotations

import json

import pytest

from geartrain.broker.agenda import wait
from geartrain.broker.archive import DeadLetter
from geartrain.broker.assignments import arrived
from geartrain.broker.batch import DeadRecord, Kept, ResultRecord
from geartrain.broker.deadlines import NEVER
from geartrain.broker.durability import adopt, keep, take_batch
from geartrain.broker.rules import Rules
from geartrain.errors import ProtocolError
from geartrain.protocol.commands import (
    CAN_DO_TIMEOUT,
    CANCEL_JOB,
    CANCEL_RES,
    ECHO_REQ,
    ECHO_RES,
    ERROR,
    GET_RESULT,
    GET_STATUS,
    GRAB_JOB,
    GRAB_JOB_ALL,
    GRAB_JOB_EXTENDED,
    JOB_ASSIGN,
    JOB_ASSIGN_EXTENDED,
    JOB_CANCELLED,
    JOB_CREATED,
    NO_JOB,
    NOOP,
    OPTION_REQ,
    OPTION_RES,
    PRE_SLEEP,
    RESULT_RES,
    SET_CLIENT_ID,
    STATUS_RES,
    SUBMIT_JOB,
    SUBMIT_JOB_BG,
    SUBMIT_JOB_EXTENDED,
    SUBMIT_JOB_LOW_BG,
    SUBMIT_REDUCE_JOB_BACKGROUND,
    WORK_COMPLETE,
    WORK_FAIL,
    WORK_RETRY,
    WORK_STATUS,
)
from geartrain.protocol.packet import request
from tests.wire import START, MemoryServer, Packet, Peer, packets

HANDLE = b"H:test:1"
CREATED = [(JOB_CREATED, HANDLE)]


def submits(peer: Peer, options: object, unique: bytes = b"", workload: bytes = b"w") -> list[Packet]:
    """What a peer hears of a submit of the function "f" with these options."""
    return peer.asks(SUBMIT_JOB_EXTENDED, b"f", unique, json.dumps(options).encode(), workload)


def arguments(heard: list[Packet], command: int) -> tuple[bytes, ...]:
    """The arguments of the one packet, which is of this type."""
    (packet,) = heard
    assert packet[0] == command
    return packet[1:]


def grabbed(worker: Peer, most: int = 1) -> list[bytes]:
    """The workloads of the next jobs."""
    return [arguments(worker.asks(GRAB_JOB), JOB_ASSIGN)[2] for _ in range(most)]


def assigned(worker: Peer) -> dict[str, object]:
    """The details of the job that a worker grabs."""
    details: dict[str, object] = json.loads(arguments(worker.asks(GRAB_JOB_EXTENDED), JOB_ASSIGN_EXTENDED)[3])
    return details


def told(peer: Peer, handle: bytes = HANDLE) -> tuple[bytes, dict[str, object], bytes]:
    """State, details without those that are null, and result that RESULT_RES has for a handle."""
    about, state, details, result = arguments(peer.asks(GET_RESULT, handle), RESULT_RES)
    assert about == handle
    return state, {name: value for name, value in json.loads(details).items() if value is not None}, result


# Who gets it


@pytest.mark.parametrize("option", [b"geartrain", b"Geartrain", b"geartrain\0"])
def test_the_extension_may_be_used_in_the_very_next_bytes(option: bytes) -> None:
    peer = MemoryServer().connect()
    peer.sends(request(OPTION_REQ, option) + request(CANCEL_JOB, HANDLE))
    assert peer.heard() == [(OPTION_RES, option.rstrip(b"\0")), (CANCEL_RES, HANDLE, b"unknown")]


def test_without_it_its_packets_end_the_connection() -> None:
    server = MemoryServer()
    server.extended()
    with pytest.raises(ProtocolError, match="unknown packet type 131"):
        server.connect().says(CANCEL_JOB, HANDLE)


# Submitting


def test_no_options_are_those_of_submit_job() -> None:
    server = MemoryServer()
    client = server.extended()
    assert submits(client, {}) == CREATED
    worker = server.running(b"f")
    worker.says(WORK_COMPLETE, HANDLE, b"done")
    assert client.heard() == [(WORK_COMPLETE, HANDLE, b"done")]


def test_priority_and_background_choose_as_gearmans_packets_do() -> None:
    server = MemoryServer()
    client = server.extended()
    for priority in ("low", "normal", "high"):
        submits(client, {"priority": priority, "background": True}, workload=priority.encode())
    worker = server.worker(b"f")
    assert grabbed(worker, 3) == [b"high", b"normal", b"low"]


def test_a_job_of_any_priority_waits_for_its_time_to_the_fraction_of_a_second() -> None:
    server = MemoryServer()
    client, worker = server.extended(), server.worker(b"f")
    assert submits(client, {"priority": "low", "background": True, "run_at": START + 1.5}) == CREATED
    server.passes(1.25)
    assert worker.asks(GRAB_JOB) == [(NO_JOB,)]
    server.passes(0.25)
    client.asks(SUBMIT_JOB_LOW_BG, b"f", b"", b"later")
    client.asks(SUBMIT_JOB_BG, b"f", b"", b"normal")
    assert grabbed(worker, 3) == [b"normal", b"w", b"later"]


@pytest.mark.parametrize("priority", ["low", "normal", "high"])
@pytest.mark.parametrize("set_by", [-3600.0, 0.0, 3600.0])
def test_a_delay_is_counted_by_the_server_however_its_clock_is_set(priority: str, set_by: float) -> None:
    server = MemoryServer()
    client, worker = server.extended(), server.worker(b"f")
    assert submits(client, {"background": True, "priority": priority, "delay": 3}) == CREATED
    (job,) = client.lists(b"jobs")
    assert (job["state"], job["run_at"]) == ("delayed", START + 3)
    server.sets_clock(server.clock + set_by)
    server.passes(2.75)
    assert worker.asks(GRAB_JOB) == [(NO_JOB,)]
    server.passes(0.25)
    assert grabbed(worker, 1) == [b"w"]


@pytest.mark.parametrize(("run_at", "delay", "at"), [(2, 5, 5), (5, 2, 5), (0, 0, 0)])
def test_with_a_time_and_a_delay_a_job_waits_for_both(run_at: int, delay: int, at: int) -> None:
    server = MemoryServer()
    submits(server.extended(), {"background": True, "run_at": START + run_at, "delay": delay})
    worker = server.worker(b"f")
    for _ in range(at):
        assert worker.asks(GRAB_JOB) == [(NO_JOB,)]
        server.passes(1)
    assert grabbed(worker, 1) == [b"w"]


def test_a_time_is_one_of_the_clock_whatever_passes() -> None:
    server = MemoryServer()
    submits(server.extended(), {"background": True, "run_at": START + 3600})
    worker = server.worker(b"f")
    server.sets_clock(START - 3600)
    server.passes(3600)
    assert worker.asks(GRAB_JOB) == [(NO_JOB,)]
    server.sets_clock(START + 3600)
    assert grabbed(worker, 1) == [b"w"]


@pytest.mark.parametrize("set_by", [-7200.0, 7200.0])
def test_a_job_whose_delay_has_passed_lives_as_long_as_its_policy_says_however_the_clock_was_set(
    set_by: float,
) -> None:
    server = MemoryServer()
    server.sets_policy("f", ttl=600)
    client = server.extended()
    submits(client, {"background": True, "delay": 60})
    server.sets_clock(START + set_by)
    server.passes(60)
    server.passes(599)
    assert [job["state"] for job in client.lists(b"jobs")] == ["queued"]
    server.passes(1)
    assert client.lists(b"jobs") == []


def test_a_delayed_job_that_is_cancelled_does_not_come() -> None:
    server = MemoryServer()
    client, worker = server.extended(), server.worker(b"f")
    submits(client, {"background": True, "delay": 3})
    client.says(CANCEL_JOB, HANDLE)
    server.passes(3)
    assert worker.asks(GRAB_JOB) == [(NO_JOB,)]
    assert wait(server.broker) == NEVER


def test_after_a_restart_a_delay_ends_at_the_time_at_which_it_would_have() -> None:
    server = MemoryServer(has_store=True)
    submits(server.extended(), {"background": True, "delay": 60})
    batch = take_batch(server.broker)
    after = MemoryServer(has_store=True)
    adopt(after.broker, Kept(jobs=batch.records, last_number=batch.last_number))
    worker = after.worker(b"f")
    after.passes(59)
    assert worker.asks(GRAB_JOB) == [(NO_JOB,)]
    after.passes(1)
    assert grabbed(worker, 1) == [b"w"]


@pytest.mark.parametrize("set_by", [-3600.0, 3600.0])
def test_a_retry_comes_after_its_delay_however_the_clock_is_set(set_by: float) -> None:
    server = MemoryServer()
    client = server.extended()
    submits(client, {"background": True})
    worker = server.extended(b"f")
    worker.asks(GRAB_JOB_ALL)
    worker.says(WORK_RETRY, HANDLE, b"5000", b"")
    server.sets_clock(START + set_by)
    server.passes(4.75)
    assert worker.asks(GRAB_JOB) == [(NO_JOB,)]
    server.passes(0.25)
    assert grabbed(worker, 1) == [b"w"]


def test_a_submit_that_joins_a_job_leaves_its_metadata() -> None:
    server = MemoryServer()
    client = server.extended()
    submits(client, {"metadata": {"by": "first"}}, b"u")
    assert submits(client, {"metadata": {"by": "second"}}, b"u") == CREATED
    assert assigned(server.extended(b"f"))["metadata"] == {"by": "first"}


@pytest.mark.parametrize(
    ("options", "refusal"),
    [
        (
            {"prio": 1},
            "option 'prio': expected one of background, priority, run_at, delay, reducer, metadata",
        ),
        ({"background": 1}, "background 1: expected true or false"),
        ({"priority": "urgent"}, "priority 'urgent': expected high or normal or low"),
        ({"priority": ["low"]}, "priority ['low']: expected high or normal or low"),
        ({"background": True, "run_at": "now"}, "run_at 'now': expected Unix seconds"),
        ({"background": True, "run_at": -1}, "run_at -1: expected Unix seconds"),
        (
            {"background": True, "run_at": float("nan")},
            'options b\'{"background": true, "run_at": NaN}\': expected a JSON object: NaN is no',
        ),
        ({"background": True, "run_at": 10**400}, 'options b\'{"background": true, "run_at": 1000'),
        ({"run_at": 5}, "run_at 5.0: expected a job in the background"),
        ({"delay": 5}, "delay 5.0: expected a job in the background"),
        ({"background": True, "delay": "5m"}, "delay '5m': expected seconds from now"),
        ({"background": True, "delay": -0.5}, "delay -0.5: expected seconds from now"),
        ({"background": True, "delay": True}, "delay True: expected seconds from now"),
        ({"reducer": 5}, "reducer 5: expected a name without NUL"),
        ({"reducer": "r" * 65}, "reducer 'rrr"),
        ({"metadata": ["a"]}, "metadata ['a']: expected an object of strings"),
        ({"metadata": {"a": 1}}, "metadata 'a' 1: expected a string"),
        ({"metadata": {"a": "x" * 4090}}, "metadata {'a': 'xxx"),
        ([], "options b'[]': expected a JSON object"),
        (None, "options b'null': expected a JSON object"),
    ],
)
def test_options_that_cannot_work_are_refused_with_what_was_expected(options: object, refusal: str) -> None:
    client = MemoryServer().extended()
    code, text = arguments(submits(client, options), ERROR)
    assert code == b"INVALID_ARGUMENT"
    assert text.decode().startswith(refusal)
    assert client.asks(ECHO_REQ, b"next") == [(ECHO_RES, b"next")]


@pytest.mark.parametrize("options", [b"", b"{", b"\xff", b"[" * 100_000])
def test_options_that_are_no_json_are_refused(options: bytes) -> None:
    client = MemoryServer().extended()
    code, text = arguments(client.asks(SUBMIT_JOB_EXTENDED, b"f", b"", options, b"w"), ERROR)
    assert code == b"INVALID_ARGUMENT"
    assert b": expected a JSON object: " in text


def test_other_refusals_are_those_of_submit_job() -> None:
    server = MemoryServer()
    client = server.extended()
    long = client.asks(SUBMIT_JOB_EXTENDED, b"f", b"u" * 256, b"{}", b"w")
    assert long == [(ERROR, b"ARGUMENT_TOO_LARGE", b"Unique value too large")]
    client.types(b"maxqueue f 1")
    submits(client, {"background": True})
    assert submits(client, {"background": True}) == [(ERROR, b"QUEUE_ERROR", b"Job queue is full")]


# Working


def test_a_job_is_assigned_with_all_that_is_known_of_it() -> None:
    server = MemoryServer()
    client, worker = server.extended(), server.extended(b"f")
    options = {"priority": "high", "reducer": "sum", "metadata": {"trace": "a\0b"}}
    submits(client, options, b"u", b"w\0w")
    handle, function, unique, details, workload = arguments(
        worker.asks(GRAB_JOB_EXTENDED), JOB_ASSIGN_EXTENDED
    )
    assert (handle, function, unique, workload) == (HANDLE, b"f", b"u", b"w\0w")
    assert json.loads(details) == {"attempt": 1, "submitted_at": START, **options}


def test_a_worker_is_told_the_limits_of_its_job() -> None:
    server = MemoryServer(Rules(prefix=b"H:test", payload_limit=1000))
    client, worker = server.connect(), server.extended()
    worker.says(CAN_DO_TIMEOUT, b"f", b"30000")
    for limit in (30.0, 2.5, 30.0):
        client.asks(SUBMIT_JOB_BG, b"f", b"", b"w")
        client.types(b'policy f {"timeout":%s}' % (b"null" if limit == 30.0 else b"2.5"))
        told = assigned(worker)
        assert (told["timeout"], told["max_payload"]) == (limit, 1000)


def test_grab_job_all_is_answered_alike_since_the_worker_may_not_have_heard_of_the_extension_yet() -> None:
    server = MemoryServer()
    client, worker = server.connect(), server.worker(b"f")
    client.asks(SUBMIT_REDUCE_JOB_BACKGROUND, b"f", b"u", b"\xff", b"", b"w")
    worker.sends(request(OPTION_REQ, b"geartrain") + request(GRAB_JOB_ALL))
    option, assignment = worker.heard()
    assert option == (OPTION_RES, b"geartrain")
    assert json.loads(arguments([assignment], JOB_ASSIGN_EXTENDED)[3])["reducer"] == "\\xff"
    assert worker.asks(GRAB_JOB_ALL) == [(NO_JOB,)]


def test_a_job_of_the_same_turn_takes_the_place_of_no_job() -> None:
    server = MemoryServer()
    client, worker = server.connect(), server.extended(b"f")
    server.hears_at_once(
        (worker, request(GRAB_JOB_EXTENDED)), (client, request(SUBMIT_JOB_BG, b"f", b"", b"w"))
    )
    assert [packet[0] for packet in worker.heard()] == [JOB_ASSIGN_EXTENDED]


def test_a_job_whose_workload_is_in_the_store_is_assigned_with_all_that_is_known_of_it() -> None:
    server = MemoryServer(Rules(prefix=b"H:test", memory=0), has_store=True)
    client, worker = server.extended(), server.extended(b"f")
    submits(client, {"background": True, "metadata": {"trace": "x"}}, workload=b"a\0b")
    batch = take_batch(server.broker)
    assert [record.metadata for record in batch.records] == [b'{"trace":"x"}']
    keep(server.broker, batch)
    worker.says(GRAB_JOB_ALL)
    assignment = packets(arrived(server.broker, {1: b"a\0b"})[worker.read()])
    handle, _, _, details, workload = arguments(assignment, JOB_ASSIGN_EXTENDED)
    assert (handle, workload) == (HANDLE, b"a\0b")
    assert json.loads(details)["metadata"] == {"trace": "x"}


def test_a_job_that_lost_its_worker_says_that_this_is_another_attempt() -> None:
    server = MemoryServer()
    server.connect().asks(SUBMIT_JOB_BG, b"f", b"", b"")
    server.running(b"f").leaves()
    assert assigned(server.extended(b"f"))["attempt"] == 2


# Running again


def test_a_worker_has_its_job_run_again_later_with_its_handle_its_unique_and_its_clients() -> None:
    server = MemoryServer()
    client, worker = server.connect(), server.extended(b"f")
    client.asks(SUBMIT_JOB, b"f", b"u", b"w")
    assigned(worker)
    worker.says(WORK_STATUS, HANDLE, b"1", b"2")
    client.heard()
    assert worker.asks(WORK_RETRY, HANDLE, b"2500", b"why") == []
    assert client.asks(SUBMIT_JOB, b"f", b"u", b"other") == CREATED
    assert client.asks(GET_STATUS, HANDLE) == [(STATUS_RES, HANDLE, b"1", b"0", b"0", b"0")]
    server.passes(2.25)
    assert worker.asks(GRAB_JOB_EXTENDED) == [(NO_JOB,)]
    worker.says(PRE_SLEEP)
    server.passes(0.25)
    assert worker.heard() == [(NOOP,)]
    assert assigned(worker)["attempt"] == 2
    worker.says(WORK_COMPLETE, HANDLE, b"done")
    assert client.heard() == [(WORK_COMPLETE, HANDLE, b"done")] * 2


@pytest.mark.parametrize("delay", [b"0", b"", b"-5", b"soon"])
def test_without_a_delay_it_is_queued_at_once(delay: bytes) -> None:
    server = MemoryServer()
    server.connect().asks(SUBMIT_JOB_BG, b"f", b"", b"w")
    worker = server.extended(b"f")
    assigned(worker)
    worker.says(WORK_RETRY, HANDLE, delay, b"")
    assert assigned(worker)["attempt"] == 2


def test_a_packet_without_delay_and_error_is_taken_as_if_they_were_empty() -> None:
    server = MemoryServer()
    server.connect().asks(SUBMIT_JOB_BG, b"f", b"", b"w")
    worker = server.extended(b"f")
    assigned(worker)
    worker.says(WORK_RETRY, HANDLE)
    assert assigned(worker)["attempt"] == 2


def test_a_job_that_waits_for_its_retry_goes_with_its_last_client() -> None:
    server = MemoryServer()
    client, worker = server.connect(), server.extended(b"f")
    client.asks(SUBMIT_JOB, b"f", b"", b"w")
    assigned(worker)
    worker.says(WORK_RETRY, HANDLE, b"2500", b"")
    client.leaves()
    assert worker.types(b"status") == b"f\t0\t0\t1\n.\n"


def test_only_who_runs_a_job_has_it_run_again() -> None:
    server = MemoryServer()
    client = server.extended()
    client.asks(SUBMIT_JOB_BG, b"f", b"", b"w")
    server.running(b"f")
    assert client.asks(WORK_RETRY, HANDLE, b"0", b"") == [
        (ERROR, b"JOB_NOT_FOUND", b"Job to be run again not found")
    ]
    assert server.extended(b"f").asks(WORK_RETRY, HANDLE, b"0", b"") == []
    assert told(client)[0] == b"running"


# Cancelling


def test_a_queued_job_is_cancelled_for_whoever_waits() -> None:
    server = MemoryServer()
    client, operator = server.connect(), server.extended()
    client.asks(SUBMIT_JOB, b"f", b"", b"w")
    assert operator.asks(CANCEL_JOB, HANDLE + b"\0") == [(CANCEL_RES, HANDLE, b"cancelled")]
    assert client.heard() == [(WORK_FAIL, HANDLE)]
    assert operator.asks(CANCEL_JOB, HANDLE) == [(CANCEL_RES, HANDLE, b"unknown")]


@pytest.mark.parametrize("by", ["packet", "text"])
def test_a_running_jobs_worker_is_told_if_it_has_the_extension(by: str) -> None:
    server = MemoryServer()
    client, operator = server.connect(), server.extended()
    for workload in (b"for old", b"for new"):
        client.asks(SUBMIT_JOB, b"f", b"", workload)
    old, new = server.running(b"f"), server.extended(b"f")
    assigned(new)
    for handle in (HANDLE, b"H:test:2"):
        if by == "packet":
            assert operator.asks(CANCEL_JOB, handle) == [(CANCEL_RES, handle, b"cancelled")]
        else:
            assert operator.types(b"cancel job " + handle) == b"OK\r\n"
    assert client.heard() == [(WORK_FAIL, HANDLE), (WORK_FAIL, b"H:test:2")]
    assert old.heard() == []
    assert new.heard() == [(JOB_CANCELLED, b"H:test:2", b"cancelled")]
    assert new.asks(WORK_COMPLETE, b"H:test:2", b"late") == []
    assert old.asks(WORK_COMPLETE, HANDLE, b"late") == []
    assert client.heard() == []


def test_a_worker_is_told_that_its_job_is_over_its_time_limit() -> None:
    server = MemoryServer()
    server.connect().asks(SUBMIT_JOB_BG, b"f", b"", b"w")
    slow = server.extended()
    slow.says(CAN_DO_TIMEOUT, b"f", b"1000")
    assigned(slow)
    server.passes(1)
    assert slow.heard() == [(JOB_CANCELLED, HANDLE, b"timeout")]
    assert server.worker(b"f").asks(GRAB_JOB) == [(JOB_ASSIGN, HANDLE, b"f", b"w")]


# Results


def test_a_live_job_says_where_it_is() -> None:
    server = MemoryServer()
    client, worker = server.extended(), server.worker(b"f")
    worker.says(SET_CLIENT_ID, b"me")
    submits(client, {"background": True, "run_at": START + 5})
    assert told(client) == (b"delayed", {"submitted_at": START, "attempts": 0, "workers": 1}, b"")
    server.passes(5)
    assert told(client)[0] == b"queued"
    worker.asks(GRAB_JOB)
    running = {
        "submitted_at": START,
        "started_at": START + 5,
        "attempts": 1,
        "worker": "me",
        "workers": 1,
    }
    assert told(client) == (b"running", running, b"")


@pytest.mark.parametrize("handle", [b"H:test:1", b"H:other:1", b"", b"nonsense"])
def test_a_job_that_is_over_and_not_kept_is_unknown(handle: bytes) -> None:
    server = MemoryServer()
    client = server.extended()
    submits(client, {"background": True})
    server.running(b"f").says(WORK_COMPLETE, HANDLE, b"done")
    assert told(client, handle) == (b"unknown", {}, b"")


def kept(state: str, result: bytes) -> ResultRecord:
    """A job that its function's policy has kept."""
    return ResultRecord(1, HANDLE, b"f", b"u", state, result, 1.0, 2.0, 3.0, 9e9, 2, b"me")


@pytest.mark.parametrize(
    ("state", "result", "error"),
    [
        ("complete", b"done\0", {}),
        ("failed", b"", {}),
        ("exception", b"why\xff", {"error": "why\\xff"}),
        ("cancelled", b"", {}),
    ],
)
def test_a_job_that_was_kept_tells_how_it_ended(state: str, result: bytes, error: dict[str, str]) -> None:
    server = MemoryServer()
    client = server.extended()
    server.broker.archive.results[1] = kept(state, result)
    known = {"submitted_at": 1.0, "started_at": 2.0, "finished_at": 3.0, "attempts": 2, "worker": "me"}
    assert told(client) == (state.encode(), {**known, **error}, result)
    assert told(client, b"H:other:1")[0] == b"unknown"
    assert client.asks(GET_STATUS, HANDLE) == [(STATUS_RES, HANDLE, b"0", b"0", b"0", b"0")]


@pytest.mark.parametrize(("said", "error"), [(b"why", "why"), (b"", "timeout")])
def test_a_dead_letter_tells_why_it_is_dead(said: bytes, error: str) -> None:
    server = MemoryServer()
    client = server.extended()
    submits(client, {"background": True})
    job = server.broker.jobs[1]
    client.asks(CANCEL_JOB, HANDLE)
    job.attempts = 3
    server.broker.archive.dead[1] = DeadLetter(job, DeadRecord(1, "timeout", b"me", said, START + 1))
    assert told(client) == (
        b"dead",
        {
            "submitted_at": START,
            "finished_at": START + 1,
            "attempts": 3,
            "worker": "me",
            "error": error,
            "reason": "timeout",
        },
        said,
    )


@pytest.mark.parametrize("set_by", [-3600.0, 3600.0])
def test_how_long_an_execution_took_is_counted_however_the_clock_is_set(set_by: float) -> None:
    server = MemoryServer()
    client = server.extended()
    submits(client, {"background": True})
    worker = server.running(b"f")
    server.sets_clock(START + set_by, 7.0)
    worker.says(WORK_COMPLETE, HANDLE, b"")
    (row,) = client.lists(b"functions f")
    assert row["run"]["sum"] == pytest.approx(7.0)
