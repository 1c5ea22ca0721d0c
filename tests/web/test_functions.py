"""Functions over HTTP: shown, and told how they are to be served."""

from __future__ import annotations

import json
from urllib.parse import quote, unquote_to_bytes

import pytest

from geartrain.protocol.commands import CAN_DO, GRAB_JOB, NO_JOB, SUBMIT_JOB_BG
from tests.web.sites import Site, good, problem


def path(function: str, *more: str) -> str:
    return "/".join(["/functions", quote(function, safe=""), *more])


def test_a_function_is_shown_in_the_list_and_alone(everywhere: Site, function: str) -> None:
    everywhere.submits(function)
    (row,) = [row for row in everywhere.gets("/functions")["functions"] if row["function"] == function]
    assert row["queued"] == {"high": 0, "normal": 1, "low": 0}
    assert everywhere.gets(path(function))["queued"]["normal"] == 1
    told = problem(everywhere.asks("GET", "/functions/nothing"), 404)
    assert (told["name"], told["value"]) == ("function", "nothing")


def test_a_policy_is_set_field_by_field_and_taken_back(everywhere: Site, function: str) -> None:
    told = everywhere.does("PATCH", path(function), {"policy": {"timeout": 60, "retry": {"attempts": 5}}})
    assert told["set"] == told["policy"] == {"timeout": 60, "retry": {"attempts": 5}}
    told = everywhere.does("PATCH", path(function), {"policy": {"timeout": None}})
    assert told["set"] == {"retry": {"attempts": 5}}
    assert everywhere.does("PATCH", path(function), {"policy": {}})["set"] == {"retry": {"attempts": 5}}


def test_what_is_wrong_with_a_policy_is_named(everywhere: Site, function: str) -> None:
    told = problem(everywhere.asks("PATCH", path(function), {"policy": {"timeout": "soon"}}), 400)
    assert (told["name"], told["value"]) == ("timeout", "'soon'")
    assert told["expected"].startswith("a number of seconds")
    told = problem(everywhere.asks("PATCH", path(function), {"policy": {"time": 1}}), 400)
    assert (told["name"], told["value"]) == ("time", "1")
    told = problem(everywhere.asks("PATCH", path(function), {"policy": {"x" * 9000: 1}}), 413)
    assert told["expected"] == "at most 8190 bytes as a text command"


def test_a_paused_function_hands_out_nothing_until_it_is_resumed(everywhere: Site, function: str) -> None:
    handle = everywhere.submits(function)
    assert everywhere.does("POST", path(function, "pause"))["policy"] == {"paused": True}
    worker = everywhere.connect()
    worker.sleeps(function.encode())
    assert worker.asks(GRAB_JOB) == (NO_JOB,)
    assert everywhere.does("POST", path(function, "resume"))["policy"] == {}
    assert everywhere.connect().grabs(function.encode())[0] == handle.encode()


def test_a_drained_function_takes_no_more_jobs(everywhere: Site, function: str) -> None:
    everywhere.submits(function)
    everywhere.does("POST", path(function, "drain"))
    problem(everywhere.asks("POST", "/jobs", {"function": function}), 503)


@pytest.mark.parametrize("verb", ["pause", "resume", "drain"])
def test_a_function_that_is_not_known_is_not_paused(everywhere: Site, function: str, verb: str) -> None:
    told = problem(everywhere.asks("POST", path(function, verb)), 404)
    assert (told["detail"], told["code"]) == (f"no function named {function!r}", "UNKNOWN_FUNCTION")
    problem(everywhere.asks("GET", path(function)), 404)


def test_nothing_has_a_name_with_nul(everywhere: Site) -> None:
    told = problem(everywhere.asks("GET", "/functions/a%00b"), 404)
    assert (told["name"], told["value"], told["expected"]) == ("name", "a\0b", "a name without NUL")


@pytest.mark.parametrize("odd", ["shop%09resize", "two%20words", "caf%E9", "a%0D%0Ab", "50%2541", "%2A%3F"])
def test_every_name_can_be_a_part_of_a_path(everywhere: Site, function: str, odd: str) -> None:
    name, place = function.encode() + unquote_to_bytes(odd), f"/functions/{quote(function, safe='')}{odd}"
    everywhere.connect().asks(SUBMIT_JOB_BG, name, b"", b"x")
    shown = name.decode("utf-8", "backslashreplace")
    assert everywhere.gets(place)["function"] == shown
    assert everywhere.does("POST", f"{place}/pause")["policy"] == {"paused": True}
    changed = everywhere.does("PATCH", place, {"policy": {"timeout": 5}})
    assert changed["set"] == {"paused": True, "timeout": 5}
    for asked in (name, shown):
        (row,) = everywhere.does("GET", f"/jobs?function={quote(asked, safe='')}")["jobs"]
        assert row["function"] == shown
    body = json.dumps({"function": name.decode("utf-8", "surrogateescape")})
    made = good(everywhere.http.post("/jobs", content=body, headers={"Content-Type": "application/json"}))
    assert everywhere.gets(f"/jobs/{made['handle']}")["function"] == shown
    assert everywhere.does("POST", f"{place}/purge", {})["cancelled"] == 2
    assert everywhere.does("DELETE", place) is None


def test_old_jobs_are_purged(everywhere: Site, function: str) -> None:
    for _ in range(3):
        everywhere.submits(function)
    purged = {"function": function, "cancelled": 0}
    assert everywhere.does("POST", path(function, "purge"), {"older_than": 3600}) == purged
    assert everywhere.does("POST", path(function, "purge"), {}) == {**purged, "cancelled": 3}


def test_a_function_that_is_not_used_is_forgotten(everywhere: Site, function: str) -> None:
    everywhere.submits(function)
    worker = everywhere.connect()
    worker.says(CAN_DO, function.encode())
    worker.knows_that_server_has_heard()
    problem(everywhere.asks("DELETE", path(function)), 409)
    worker.leaves()
    other = f"{function}-other"
    everywhere.submits(other)
    assert everywhere.does("DELETE", path(other)) is None
    problem(everywhere.asks("DELETE", path(other)), 404)
