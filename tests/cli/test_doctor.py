"""``geartrain doctor``."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from geartrain.cli.checkup import examine_functions
from geartrain.store.health import OK, PROBLEM, WARNING
from geartrain.store.intake import Intake
from geartrain.sync.client import Client
from tests.cli.program import Shop, geartrain
from tests.store.jobs import record
from tests.support.processes import geartrain_server

HOUR = 3600.0
NOW = 1.9e9


def row(**others: object) -> dict[str, object]:
    """What a server says of a function with one job and one worker."""
    usual: dict[str, object] = {"function": "f", "queued": {"high": 0, "normal": 1, "low": 0}, "workers": 1}
    return {**usual, **others}


def test_a_store_and_a_server_in_order_are_ok(tmp_path: Path) -> None:
    with geartrain_server("--store", f"sqlite:{tmp_path}/jobs.db") as server:
        seen = geartrain("doctor", "--store", f"sqlite:{tmp_path}/jobs.db", "--server", server.address)
        assert (seen.status, seen.stderr) == (0, "")
        assert f"ok       owner: in use by a server, process {server.pid}\n" in seen.stdout
        assert f"ok       {server.address}: Geartrain " in seen.stdout
        assert "problem" not in seen.stdout
        with Client(server.address) as client:
            client.do_background("nobody", b"")
        alone = geartrain("doctor", "--server", server.address, "--json")
        assert alone.status == 1
        assert [found["mark"] for found in alone.rows] == [OK, PROBLEM]
        assert alone.rows[1]["text"].startswith("nobody: 1 job queued")
    assert "in use by no server" in geartrain("doctor", "--store", f"sqlite:{tmp_path}/jobs.db").stdout


def test_a_damaged_store_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "jobs.db").write_text("no database " * 100)
    seen = geartrain("doctor", "--store", f"sqlite:{tmp_path}/jobs.db")
    assert seen.status == 1
    assert "problem  store: cannot read" in seen.stdout
    assert " -> keep a copy of it" in seen.stdout


def test_a_server_names_the_damaged_rows_that_it_has_set_aside(tmp_path: Path) -> None:
    Intake(f"{tmp_path}/jobs.db").take([record(number, b"work") for number in range(1, 31)])
    file = sqlite3.connect(f"{tmp_path}/jobs.db")
    with file:
        file.execute("UPDATE job SET workload = CAST('wirk' AS BLOB) WHERE number IN (7, 9)")
    file.close()
    with geartrain_server("--store", f"sqlite:{tmp_path}/jobs.db") as server:
        seen = geartrain("doctor", "--server", server.address)
        told = "2 damaged rows set aside since its start: job 7, job 9"
        assert f"warning  {server.address}: {told} -> ask geartrain doctor --store" in seen.stdout
        assert "f: 28 jobs queued" in seen.stdout
    with geartrain_server("--store", f"sqlite:{tmp_path}/jobs.db") as server:
        assert "damaged" not in geartrain("doctor", "--server", server.address).stdout


def test_a_server_that_does_not_answer_is_a_problem() -> None:
    seen = geartrain("doctor", "--server", "127.0.0.1:1")
    assert (seen.status, seen.stderr) == (1, "")
    assert seen.stdout.startswith("problem  127.0.0.1:1: cannot connect")


def test_a_gearmand_is_told_apart(c_shop: Shop) -> None:
    seen = c_shop.run("doctor", "--server", c_shop.server.address)
    assert f"warning  {c_shop.server.address}: no Geartrain: its version is" in seen.stdout
    assert "geartrain import-gearmand" in seen.stdout


@pytest.mark.parametrize(
    ("told", "mark", "text"),
    [
        (row(), OK, "f: 1 job queued, for 1 worker"),
        (row(workers=0), PROBLEM, "f: 1 job queued, and no worker does it"),
        (row(workers=0, paused=True), WARNING, "f: 1 job queued, and it is paused"),
        (row(oldest_at=NOW - 60), OK, "f: 1 job queued, the oldest 1m ago, for 1 worker"),
        (row(oldest_at=NOW - 2 * HOUR), WARNING, "f: 1 job queued, the oldest 2h ago, for 1 worker"),
        (row(queued={"normal": 0}, draining=True), WARNING, "f: new jobs are refused"),
        (row(queued={"normal": 0}, dead=2), WARNING, "f: 2 dead letters"),
        (
            row(queued={"normal": 0}, lost_at=NOW - 60, totals={"lost": 3, "timed_out": 1}),
            WARNING,
            "f: 3 executions lost the worker and 1 took too long, the last 1m ago",
        ),
    ],
)
def test_a_function_that_is_stuck_says_what_to_do(told: dict[str, object], mark: str, text: str) -> None:
    (found,) = examine_functions("server", [told], NOW)
    assert (found.mark, found.text) == (mark, text)
    assert bool(found.advice) == (mark != OK)


def test_workers_that_died_long_ago_are_not_told_of() -> None:
    told = row(queued={"normal": 0}, lost_at=NOW - 2 * HOUR, totals={"lost": 3, "timed_out": 0})
    assert list(examine_functions("server", [told], NOW)) == []


def test_a_function_whose_jobs_wait_for_their_time_is_not_stuck() -> None:
    assert list(examine_functions("server", [row(workers=0, delayed=1)], NOW)) == []
