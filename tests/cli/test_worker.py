"""``geartrain worker -f NAME -- COMMAND``; what it does for jobs is in ``test_submit``."""

from __future__ import annotations

import signal

from tests.cli.program import Shop
from tests.support.machine import DEADLINE, wait_until


def running(shop: Shop, function: str) -> bool:
    rows = shop.run("jobs", "--function", function, "--json").rows
    return any(row["state"] == "running" for row in rows)


def test_one_worker_may_have_several_functions(shop: Shop) -> None:
    with shop.worker("-f", "one", "-f", "two", "--", "cat"):
        assert shop.run("submit", "one", "1").stdout == "1"
        assert shop.run("submit", "two", "2").stdout == "2"


def test_sigterm_ends_the_worker_after_its_job(shop: Shop) -> None:
    wait_for_file = 'read -r file; until test -e "$file"; do sleep 0.02; done; rm "$file"; echo end'
    with shop.worker("-f", "slow", "--", "sh", "-c", wait_for_file) as worker:
        file = f"/tmp/geartrain-test-{worker.pid}"
        handle = shop.run("submit", "slow", file, "-b").stdout.strip()
        wait_until(lambda: running(shop, "slow"), "the job runs")
        worker.process.send_signal(signal.SIGTERM)
        assert worker.running()
        open(file, "w").close()
        assert worker.process.wait(DEADLINE) == 0
    assert shop.run("status", handle).stdout == f"{handle}: done, or never known\n"


def test_a_c_server_gets_the_same(c_shop: Shop) -> None:
    assert c_shop.run("submit", "capitals", "test").stdout == "TEST\n"
    assert c_shop.run("submit", "capitals", "bad").status == 1
