"""``geartrain functions``."""

from __future__ import annotations

from typing import Any

from tests.cli.program import Shop


def row_of(shop: Shop, function: str) -> Any:
    """What the server says of a function; None when it does not know it."""
    rows = {row["function"]: row for row in shop.run("functions", "--json").rows}
    return rows.get(function)


def test_functions_are_listed_with_their_jobs_and_workers(shop: Shop) -> None:
    lines = shop.run("functions").stdout.splitlines()
    assert lines[0].split() == [
        "FUNCTION",
        "STATE",
        "QUEUED",
        "h/n/l",
        "DELAYED",
        "RUNNING",
        "WORKERS",
        "MAXQUEUE",
        "h/n/l",
    ]
    assert [line.split()[-1] for line in lines if line.startswith("capitals")] == ["1"]


def test_a_function_is_created_and_dropped(shop: Shop) -> None:
    created = shop.run("functions", "create", "new")
    assert created.stdout == f"new: created on {shop.server.address}\n"
    assert row_of(shop, "new")["workers"] == 0
    assert shop.run("functions", "drop", "new", "--json").rows == [
        {"server": shop.server.address, "function": "new", "dropped": True}
    ]
    assert row_of(shop, "new") is None
    again = shop.run("functions", "drop", "new")
    assert (again.status, again.stderr) == (
        1,
        "geartrain: ERR: function not found\n",
    )


def test_a_queue_is_limited_for_all_priorities_or_each(shop: Shop) -> None:
    shop.run("submit", "limited", "x", "-b")
    shop.run("functions", "maxqueue", "limited", "1")
    assert row_of(shop, "limited")["max_queue"] == {"high": 1, "normal": 1, "low": 1}
    refused = shop.run("submit", "limited", "y", "-b")
    assert (refused.status, refused.stdout) == (1, "")
    shop.run("functions", "maxqueue", "limited", "3", "2", "0")
    assert row_of(shop, "limited")["max_queue"] == {"high": 3, "normal": 2, "low": 0}
    shop.run("functions", "maxqueue", "limited")
    assert shop.run("submit", "limited", "y", "-b").status == 0


def test_a_c_server_tells_what_it_knows(c_shop: Shop) -> None:
    c_shop.run("submit", "counted", "x", "-b", "--priority", "low")
    row = row_of(c_shop, "counted")
    assert (row["queued"], row["running"], row["workers"]) == ({"high": 0, "normal": 0, "low": 1}, 0, 0)
