"""``geartrain workers``."""

from __future__ import annotations

import pytest

from tests.cli.program import Shop
from tests.support.machine import wait_until


@pytest.mark.parametrize("which", ["shop", "c_shop"])
def test_workers_are_listed_with_their_functions(which: str, request: pytest.FixtureRequest) -> None:
    shop: Shop = request.getfixturevalue(which)
    workers = [row["functions"] for row in shop.run("workers", "--json").rows]
    assert ["capitals"] in workers
    assert [] not in workers
    lines = shop.run("workers").stdout.splitlines()
    assert lines[0].split() == ["NUMBER", "ID", "HOST", "STATE", "FUNCTIONS"]
    assert any(line.split()[-1] == "capitals" for line in lines)


def test_a_drained_worker_gets_no_jobs_until_it_is_resumed(shop: Shop) -> None:
    with shop.worker("-f", "drained", "--", "cat"):
        wait_until(lambda: "drained" in shop.server.ask("workers"), "the worker is connected")
        (row,) = [row for row in shop.run("workers", "--json").rows if "drained" in row["functions"]]
        name, number = row["id"], str(row["number"])
        assert shop.run("workers", "drain", name).stdout == f"{number} {name}: drained\n"
        listed = [line for line in shop.run("workers").stdout.splitlines() if name in line]
        assert "draining" in listed[0]
        handle = shop.run("submit", "drained", "x", "-b").stdout.strip()
        assert shop.run("jobs", "show", handle, "--json").rows[0]["state"] == "queued"
        assert shop.run("workers", "resume", number, "--json").rows[0]["draining"] is False
        wait_until(lambda: shop.run("jobs", "show", handle).status == 1, "the job is done")
    again = shop.run("workers", "drain", "nobody")
    assert (again.status, again.stderr) == (1, "geartrain: no server has the worker 'nobody'\n")
