"""``geartrain wait``, and what ``geartrain status`` says of a job that was kept."""

from __future__ import annotations

import re

from tests.cli.program import Shop


def kept(shop: Shop, function: str, command: str, workload: str = "x") -> str:
    """The handle of a job of a function whose results are kept, once it is over."""
    shop.server.ask(f'policy {function} {{"keep_result":60}}')
    handle = shop.run("submit", function, workload, "-b").stdout.strip()
    with shop.worker("-f", function, "--", "sh", "-c", command):
        shop.run("wait", handle)
    return handle


def test_the_result_of_a_background_job_is_the_output(shop: Shop) -> None:
    handle = kept(shop, "kept", "tr a-z A-Z", "late")
    waited = shop.run("wait", handle)
    assert (waited.status, waited.stdout, waited.stderr) == (0, "LATE", "")
    assert shop.run("wait", handle, "--json").rows == [{"handle": handle, "result": "LATE"}]
    known = shop.run("status", handle)
    assert re.fullmatch(rf"{handle}: complete at \d{{4}}-[-:+ \d]+, 1 attempt\n", known.stdout)
    (row,) = shop.run("status", handle, "--json").rows
    assert (row["known"], row["state"], row["attempts"], row["error"]) == (False, "complete", 1, "")


def test_a_job_that_failed_is_status_1(shop: Shop) -> None:
    handle = kept(shop, "kept-badly", "exit 7")
    failed = shop.run("wait", handle)
    assert (failed.status, failed.stdout) == (1, "")
    assert failed.stderr == "geartrain: CommandFailed: sh: exit status 7\n"
    assert shop.run("status", handle).stdout.startswith(f"{handle}: exception at ")


def test_who_will_not_wait_longer_is_told_so(shop: Shop) -> None:
    handle = shop.run("submit", "never-done", "x", "-b").stdout.strip()
    late = shop.run("wait", handle, "--timeout", "0.1")
    assert (late.status, late.stdout) == (1, "")
    assert (
        late.stderr
        == f"geartrain: job {handle} is not over in time: no worker knows its function; it stays queued\n"
    )


def test_a_job_of_which_nothing_is_kept_says_what_to_do(shop: Shop) -> None:
    missed = shop.run("wait", "H:gone:1")
    assert missed.status == 1
    assert "set keep_result in its function's policy" in missed.stderr


def test_a_gearmand_has_no_results(c_shop: Shop) -> None:
    missed = c_shop.run("wait", "H:gone:1")
    assert missed.status == 1
    assert missed.stderr.endswith("is no Geartrain server\n")
    assert c_shop.run("status", "H:gone:1").stdout == "H:gone:1: done, or never known\n"


def test_a_delayed_job_may_have_any_priority(shop: Shop) -> None:
    delayed = ("submit", "later-low", "x", "--background", "--delay", "1000.5", "--priority", "low")
    (row,) = shop.run("jobs", "show", shop.run(*delayed).stdout.strip(), "--json").rows
    assert (row["state"], row["priority"]) == ("delayed", "low")
