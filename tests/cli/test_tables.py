"""Tables of any length: rows are printed as they come."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from geartrain.cli.output import Column
from geartrain.cli.tables import PAGE, Grid, fit, print_rows
from geartrain.protocol.commands import SUBMIT_JOB_BG
from geartrain.protocol.packet import request
from tests.cli.program import Shop
from tests.server.links import Link
from tests.support.machine import wait_until

COLUMNS = (Column("NAME", lambda row: row["name"]), Column("N", lambda row: row["n"], right=True))


def rows(count: int, server: str = "s:1") -> Iterator[dict[str, Any]]:
    for number in range(count):
        yield {"server": server, "name": f"name-{number}", "n": number}


def test_a_page_is_printed_before_the_next_one_is_there(capsys: pytest.CaptureFixture[str]) -> None:
    printed = []

    def coming() -> Iterator[dict[str, Any]]:
        for number, row in enumerate(rows(3 * PAGE)):
            if number % PAGE == 0:
                printed.append(capsys.readouterr().out.count("\n"))
            yield row

    print_rows(coming(), COLUMNS, False)
    assert printed == [0, PAGE + 1, PAGE]
    assert capsys.readouterr().out.count("\n") == PAGE


def test_widths_are_those_of_the_first_page_and_nothing_is_cut(capsys: pytest.CaptureFixture[str]) -> None:
    print_rows([*rows(PAGE), {"server": "s:1", "name": "a name that is longer", "n": 5}], COLUMNS, False)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "NAME        N"
    assert lines[1] == "name-0      0"
    assert lines[PAGE] == f"name-{PAGE - 1}  {PAGE - 1}"
    assert lines[PAGE + 1] == "a name that is longer    5"


def test_several_servers_have_a_column(capsys: pytest.CaptureFixture[str]) -> None:
    print_rows([*rows(1), *rows(1, "s:2")], COLUMNS, False, 2)
    assert capsys.readouterr().out.splitlines()[0].split() == ["SERVER", "NAME", "N"]
    print_rows(rows(PAGE), COLUMNS, False, 2)
    assert capsys.readouterr().out.splitlines()[0].split() == ["SERVER", "NAME", "N"]
    print_rows(rows(PAGE), COLUMNS, False)
    assert capsys.readouterr().out.splitlines()[0].split() == ["NAME", "N"]


def test_on_a_terminal_what_is_too_wide_goes_on_below() -> None:
    grid = Grid(COLUMNS, [{"server": "", "name": "Größe größer", "n": 1}])
    widths = [12, 5]
    fit(widths, 15)
    assert widths == [10, 5]
    fit(widths, 3)
    assert widths == [8, 5]
    grid.screen._force_terminal = True
    grid.widths = [8, 3]
    assert list(grid.lines(["Größe größer", "1234"])) == ["Größe     123", "größer      4"]
    assert list(grid.lines(["Größengrößer", "1"])) == ["Größengr    1", "ößer"]


def test_json_is_printed_row_by_row(capsys: pytest.CaptureFixture[str]) -> None:
    print_rows(rows(2), COLUMNS, True)
    assert [json.loads(line)["n"] for line in capsys.readouterr().out.splitlines()] == [0, 1]


def test_more_jobs_and_dead_letters_than_one_answer_has_are_listed(shop: Shop) -> None:
    count = 2 * PAGE + 5
    with Link(shop.server.connect()) as client:
        client.sends(b"".join(request(SUBMIT_JOB_BG, b"many", b"", b"") for _ in range(count)))
        heard = [client.hears()[-1] for _ in range(count)]
    handles = [handle.decode() for handle in heard if isinstance(handle, bytes)]
    for words in ([], ["-s", "queued"]):
        listed = shop.run("jobs", "-f", "many", "--limit", "100000", *words)
        assert [line.split()[0] for line in listed.stdout.splitlines()] == ["HANDLE", *handles]
    limited = shop.run("jobs", "-f", "many", "--limit", str(PAGE + 1), "--json").rows
    assert [row["handle"] for row in limited] == handles[: PAGE + 1]
    shop.run("functions", "set", "many", "ttl=1ms", "dead_letter=true")
    wait_until(lambda: not shop.run("jobs", "-f", "many", "--json").rows, "all jobs are too old")
    dead = shop.run("dead", "-f", "many", "--limit", "100000", "--json").rows
    assert sorted(row["handle"] for row in dead) == sorted(handles)
    assert len(shop.run("dead", "-f", "many", "--limit", str(PAGE + 1), "--json").rows) == PAGE + 1
    shop.run("dead", "discard", "-f", "many")
