"""Dead letters over HTTP."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from geartrain.protocol.commands import WORK_EXCEPTION
from tests.support.machine import wait_until
from tests.web.sites import Site, problem


@pytest.fixture
def dead(everywhere: Site, function: str) -> list[str]:
    """The handles of three dead letters of the function."""
    everywhere.does("PATCH", f"/functions/{quote(function, safe='')}", {"policy": {"dead_letter": True}})
    worker = everywhere.connect()
    handles = []
    for number in range(3):
        handles.append(everywhere.submits(function, workload=f"x{number}"))
        worker.grabs(function.encode())
        worker.says(WORK_EXCEPTION, handles[-1].encode(), b"the disk is full")
    wait_until(lambda: len(listed(everywhere, function)) == 3, "three dead letters are known")
    return handles


def listed(site: Site, function: str, **parameters: object) -> list[str]:
    return [row["handle"] for row in site.gets("/dead", function=function, **parameters)["dead"]]


def test_dead_letters_are_listed_page_by_page(everywhere: Site, function: str, dead: list[str]) -> None:
    first = everywhere.gets("/dead", function=function, limit=2)
    assert [row["handle"] for row in first["dead"]] == dead[:2]
    last = everywhere.gets("/dead", function=function, limit=2, cursor=first["next"])
    assert ([row["handle"] for row in last["dead"]], last["next"]) == (dead[2:], None)
    assert set(dead) <= {row["handle"] for row in everywhere.gets("/dead", limit=1000)["dead"]}


def test_a_dead_letter_is_shown_with_what_it_carried(everywhere: Site, dead: list[str]) -> None:
    shown = everywhere.gets(f"/dead/{dead[1]}")
    assert (shown["reason"], shown["error"], shown["workload"]) == ("exception", "the disk is full", "x1")
    assert everywhere.gets(f"/jobs/{dead[1]}/workload")["workload"] == "x1"
    assert everywhere.gets(f"/jobs/{dead[1]}/result")["state"] == "dead"
    problem(everywhere.asks("GET", "/dead/H:none:1"), 404)


def test_dead_letters_are_retried_by_handle(everywhere: Site, function: str, dead: list[str]) -> None:
    told = everywhere.does("POST", "/dead/retry", {"handles": [dead[0], dead[2], "H:none:1"]})
    assert told == {"retried": 2}
    assert listed(everywhere, function) == [dead[1]]
    assert everywhere.gets(f"/jobs/{dead[0]}")["state"] == "queued"


def test_dead_letters_are_discarded_by_function(everywhere: Site, function: str, dead: list[str]) -> None:
    assert everywhere.does("POST", "/dead/discard", {"function": function}) == {"discarded": 3}
    assert listed(everywhere, function) == []


def test_all_dead_letters_are_discarded(everywhere: Site, dead: list[str]) -> None:
    assert everywhere.does("POST", "/dead/discard", {"all": True})["discarded"] >= 3
    assert everywhere.gets("/dead")["dead"] == []


@pytest.mark.parametrize("body", [{}, {"all": True, "function": "f"}, {"all": False}, {"handles": []}])
def test_which_dead_letters_are_meant_has_to_be_said(everywhere: Site, body: dict[str, object]) -> None:
    told = problem(everywhere.asks("POST", "/dead/retry", body), 400)
    assert told["expected"]


def test_a_dead_letter_is_submitted_once_more(everywhere: Site, function: str, dead: list[str]) -> None:
    again = everywhere.does("POST", f"/jobs/{dead[0]}/resubmit")["handle"]
    assert everywhere.gets(f"/jobs/{again}/workload")["workload"] == "x0"
    assert dead[0] in listed(everywhere, function)
