"""Events over HTTP: what happens to jobs, as it happens."""

from __future__ import annotations

from urllib.parse import quote

from geartrain.protocol.commands import WORK_COMPLETE, WORK_FAIL, WORK_STATUS
from tests.support.machine import wait_until
from tests.web.sites import Site, problem


def test_everything_that_happens_is_told(everywhere: Site, function: str) -> None:
    with everywhere.listens("GET", "/events", function=function) as events:
        everywhere.submits(f"{function}-other")
        handle = everywhere.submits(function, unique="u")
        worker = everywhere.connect()
        worker.grabs(function.encode())
        worker.says(WORK_STATUS, handle.encode(), b"1", b"2")
        worker.says(WORK_COMPLETE, handle.encode(), b"")
        told = [next(events) for _ in range(4)]
    assert [kind for kind, _ in told] == ["submitted", "started", "status", "completed"]
    assert {(row["handle"], row["function"], row["unique"]) for _, row in told} == {(handle, function, "u")}
    assert (told[2][1]["numerator"], told[2][1]["denominator"]) == (1, 2)


def test_a_sample_tells_how_many_events_it_leaves_out(alone: Site, function: str) -> None:
    with alone.listens("GET", "/events", sample="1", function=function) as events:
        alone.does("POST", "/jobs/batch", {"jobs": [{"function": function}] * 3})
        (missed, told), (submitted, _) = next(events), next(events)
        alone.does("POST", f"/functions/{function}/purge", {})
    alone.does("DELETE", f"/functions/{function}")
    assert (missed, told["count"], submitted) == ("missed", 2, "submitted")


def test_the_events_of_a_job_begin_with_the_job_and_end_with_it(everywhere: Site, function: str) -> None:
    handle = everywhere.submits(function)
    other = everywhere.submits(function)
    with everywhere.listens("GET", f"/jobs/{handle}/events") as events:
        kind, job = next(events)
        assert (kind, job["handle"], job["state"]) == ("job", handle, "queued")
        worker = everywhere.connect()
        worker.grabs(function.encode())
        worker.says(WORK_COMPLETE, handle.encode(), b"")
        worker.grabs(function.encode())
        assert [kind for kind, _ in events] == ["started", "completed"]
    assert everywhere.gets(f"/jobs/{other}")["state"] == "running"


def test_the_events_of_a_job_are_told_whatever_its_function_is_called(
    everywhere: Site, function: str
) -> None:
    name = f"{function} with blanks"
    handle = everywhere.submits(name)
    with everywhere.listens("GET", f"/jobs/{handle}/events") as events:
        assert next(events)[1]["function"] == name
        everywhere.does("DELETE", f"/jobs/{handle}")
        assert [kind for kind, _ in events] == ["cancelled"]


def test_the_events_of_a_job_that_is_over_are_the_job(everywhere: Site, function: str) -> None:
    everywhere.does("PATCH", f"/functions/{quote(function, safe='')}", {"policy": {"dead_letter": True}})
    handle = everywhere.submits(function)
    worker = everywhere.connect()
    worker.grabs(function.encode())
    worker.says(WORK_FAIL, handle.encode())
    wait_until(lambda: everywhere.gets(f"/jobs/{handle}")["state"] == "dead", "the job is a dead letter")
    with everywhere.listens("GET", f"/jobs/{handle}/events") as events:
        ((kind, job),) = events
    assert (kind, job["state"]) == ("job", "dead")
    problem(everywhere.http.get("/jobs/H:none:1/events", headers={"Accept": "text/event-stream"}), 404)


def test_head_tells_of_events_and_does_not_wait(everywhere: Site) -> None:
    answer = everywhere.http.head("/events", headers={"Accept": "text/event-stream"})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/event-stream"
