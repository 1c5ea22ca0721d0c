"""``geartrain submit``."""

from __future__ import annotations

from datetime import UTC, datetime

from tests.cli.conftest import CAPITALS
from tests.cli.program import Shop


def test_the_result_of_a_job_is_the_output(shop: Shop) -> None:
    done = shop.run("submit", "capitals", "this is a test")
    assert (done.status, done.stdout, done.stderr) == (0, "THIS IS A TEST\n", "")


def test_the_workload_may_come_from_stdin(shop: Shop) -> None:
    assert shop.run("submit", "capitals", stdin=b"from stdin\n").stdout == "FROM STDIN\n"
    assert shop.run("submit", "capitals", "-", stdin=b"from stdin\n").stdout == "FROM STDIN\n"


def test_a_job_that_fails_is_status_1_and_its_output_is_still_there(shop: Shop) -> None:
    failed = shop.run("submit", "capitals", "bad luck")
    assert (failed.status, failed.stdout) == (1, "BAD LUCK\n")
    assert failed.stderr == "geartrain: CommandFailed: sh: exit status 7\n"


def test_as_json_the_result_comes_with_its_handle(shop: Shop) -> None:
    (row,) = shop.run("submit", "capitals", "test", "--unique", "json", "--json").rows
    assert (row["unique"], row["result"], row["server"]) == ("json", "TEST\n", shop.server.address)
    assert row["handle"].startswith("H:")


def test_a_result_that_is_no_text_is_base_64_in_json(shop: Shop) -> None:
    with shop.worker("-f", "binary", "--", "printf", r"\377"):
        (row,) = shop.run("submit", "binary", "x", "--json").rows
    assert row["result_base64"] == "/w=="


def test_in_the_background_the_handle_is_the_output(shop: Shop) -> None:
    handle = shop.run("submit", "later", "x", "--background").stdout.strip()
    assert shop.run("status", handle).stdout == f"{handle}: queued\n"


def test_equal_uniques_share_a_job(shop: Shop) -> None:
    first = shop.run("submit", "joined", "x", "-b", "--unique", "one")
    second = shop.run("submit", "joined", "x", "-b", "--unique", "one")
    assert first.stdout == second.stdout


def test_priority_chooses_the_queue(shop: Shop) -> None:
    shop.run("submit", "queued", "x", "-b", "--priority", "high")
    shop.run("submit", "queued", "x", "-b", "--priority", "low")
    (row,) = [row for row in shop.run("functions", "--json").rows if row["function"] == "queued"]
    assert row["queued"] == {"high": 1, "normal": 0, "low": 1}


def test_a_delayed_job_waits_in_the_background(shop: Shop) -> None:
    (delayed,) = shop.run("submit", "capitals", "x", "--delay", "1000", "--json").rows
    (timed,) = shop.run("submit", "capitals", "x", "--at", "2100-01-01T00:00:00+00:00", "--json").rows
    (row,) = shop.run("jobs", "show", delayed["handle"], "--json").rows
    assert row["state"] == "delayed"
    (row,) = shop.run("jobs", "show", timed["handle"], "--json").rows
    assert row["run_at"] == datetime(2100, 1, 1, tzinfo=UTC).timestamp()


def test_follow_shows_progress_apart_from_the_result(shop: Shop) -> None:
    followed = shop.run("submit", "capitals", "test", "--follow")
    assert (followed.status, followed.stdout) == (0, "TEST\n")
    followed = shop.run("submit", "capitals", "test", "--follow", "--background")
    assert (followed.status, followed.stdout) == (0, "")
    assert followed.stderr.startswith("H:")


def test_a_job_that_runs_later_is_followed_to_its_result(shop: Shop) -> None:
    shop.run("functions", "set", "later", "keep_result=1h")
    with shop.worker("-f", "later", "--", "sh", "-c", CAPITALS):
        followed = shop.run("submit", "later", "test", "--delay", "100ms", "--follow")
        assert (followed.status, followed.stdout, followed.stderr[:2]) == (0, "TEST\n", "H:")
        created, ended = shop.run("submit", "later", "test", "--delay", "0.1s", "--follow", "--json").rows
        assert ended == {"handle": created["handle"], "state": "complete", "result": "TEST\n"}
        failed = shop.run("submit", "later", "bad", "--delay", "0.1", "--follow")
        assert (failed.status, failed.stdout) == (1, "")
        assert "CommandFailed: sh: exit status 7" in failed.stderr


def test_the_end_of_a_job_is_told_where_no_result_is_kept(shop: Shop) -> None:
    done = shop.run("submit", "capitals", "test", "--delay", "0.1s", "--follow")
    handle, told = done.stderr.splitlines()
    assert (done.status, done.stdout) == (0, "")
    assert (
        told == f"geartrain: {handle} is over; no result of it is kept (keep_result of the function's policy)"
    )
    failed = shop.run("submit", "capitals", "bad", "-b", "--follow")
    handle, told = failed.stderr.splitlines()
    assert (failed.status, failed.stdout) == (1, "")
    assert told.startswith(f"geartrain: job {handle} failed: CommandFailed: sh: exit status 7")


def test_a_job_of_a_c_server_is_followed_as_far_as_it_tells(c_shop: Shop) -> None:
    done = c_shop.run("submit", "capitals", "bad", "-b", "--follow")
    assert (done.status, done.stdout) == (0, "")
    assert "is over; no result of it is kept" in done.stderr


def test_the_server_option_wins_over_the_environment(shop: Shop, c_shop: Shop) -> None:
    (row,) = shop.run("submit", "capitals", "x", "--json", "--server", c_shop.server.address).rows
    assert row["server"] == c_shop.server.address
