"""``geartrain schedules``."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

from geartrain.cli.durations import exactly, rounded
from tests.cli.program import Shop
from tests.support.machine import wait_until
from tests.support.processes import geartrain_server

MOMENT = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[+-]\d\d:\d\d"


def row_of(shop: Shop, name: str) -> Any:
    """What the server says of a schedule; None when it has none of that name."""
    return {row["name"]: row for row in shop.run("schedules", "--json").rows}.get(name)


def test_a_schedule_is_added_with_all_that_can_be_said_of_it(shop: Shop) -> None:
    when = ("--cron", "30 3 * * 1-5", "--timezone", "Europe/Berlin", "--catch-up", "all")
    added = shop.run("schedules", "add", "all", "f", "a b", *when, "--priority", "low", "-u", "one")
    assert re.fullmatch(
        rf"all: added on {shop.server.address}, next {MOMENT} \(in \d+[dhms]\)\n", added.stdout
    )
    row = row_of(shop, "all")
    assert (row["function"], row["cron"], row["timezone"]) == ("f", "30 3 * * 1-5", "Europe/Berlin")
    assert (row["workload_bytes"], row["priority"], row["unique"]) == (3, "low", "one")
    assert (row["catch_up"], row["origin"], row["every"]) == ("all", "run time", None)
    assert shop.run("schedules", "remove", "all").stdout == f"all: removed on {shop.server.address}\n"
    assert row_of(shop, "all") is None


def test_schedules_are_listed_with_when_they_are_due(shop: Shop) -> None:
    shop.run("schedules", "add", "listed", "f", "--every", "12h")
    lines = shop.run("schedules").stdout.splitlines()
    assert lines[0].split() == ["NAME", "FUNCTION", "WHEN", "NEXT", "LAST", "FIRED", "FROM"]
    (line,) = [line.rstrip() for line in lines if line.startswith("listed ")]
    assert re.fullmatch(rf"listed +f +every 12h +{MOMENT} \(in \d+[hms]\) +0 +run time", line)
    shop.run("schedules", "remove", "listed")


def test_its_job_is_done_at_its_ticks_and_when_told(shop: Shop) -> None:
    shop.run("schedules", "add", "often", "capitals", "--every", "1", stdin=b"")
    wait_until(lambda: row_of(shop, "often")["fired"] > 0, "a tick was due")
    row = row_of(shop, "often")
    assert 0 <= time.time() - row["last_at"] < 60
    (ran,) = shop.run("schedules", "run", "often", "--json").rows
    assert (ran["name"], ran["server"]) == ("often", shop.server.address)
    assert ran["handle"].startswith("H:")
    assert shop.run("schedules", "run", "often").stdout.startswith("H:")
    shop.run("schedules", "remove", "often")


def test_a_schedule_rests_while_it_is_paused(shop: Shop) -> None:
    shop.run("schedules", "add", "resting", "f", "-", "--cron", "@daily", stdin=b"from stdin")
    assert row_of(shop, "resting")["workload_bytes"] == 10
    assert shop.run("schedules", "pause", "resting").stdout == f"resting: paused on {shop.server.address}\n"
    assert row_of(shop, "resting")["paused"] is True
    (line,) = [line for line in shop.run("schedules").stdout.splitlines() if line.startswith("resting")]
    assert line.split()[:4] == ["resting", "f", "@daily", "paused"]
    assert shop.run("schedules", "resume", "resting", "--json").rows == [
        {"server": shop.server.address, "name": "resting", "resumed": True}
    ]
    assert row_of(shop, "resting")["paused"] is False
    shop.run("schedules", "remove", "resting")


def test_what_cannot_be_added_is_wrong_usage(shop: Shop) -> None:
    for words, message in (
        (("s", "f"), "expected --cron LINE or --every INTERVAL, and not both"),
        (("s", "f", "--cron", "@daily", "--every", "5"), "expected --cron LINE or --every INTERVAL"),
        (("s", "f", "--cron", "* * *"), "schedule s cron wants minute, hour, day of the month"),
        (("s", "f", "--every", "soon"), "schedule s every wants whole seconds from 1 up to a year"),
        (
            ("two words", "f", "--every", "5"),
            "a schedule's name wants 1 to 200 bytes without blanks, got 'two words'",
        ),
        (("s", "f", "x" * 9000, "--every", "5"), "bytes as a text command, expected at most 8190"),
    ):
        refused = shop.run("schedules", "add", *words)
        assert (refused.status, refused.stdout) == (2, "")
        assert message in refused.stderr
        assert refused.stderr.count("\n") == 1
    assert row_of(shop, "s") is None


def test_an_unknown_schedule_is_no_servers(shop: Shop) -> None:
    for verb in ("run", "remove", "pause", "resume"):
        refused = shop.run("schedules", verb, "nothing")
        assert (refused.status, refused.stderr) == (
            1,
            "geartrain: no server has a schedule named 'nothing'\n",
        )


def test_schedules_of_the_file_are_run_but_not_removed(tmp_path: Path) -> None:
    file = tmp_path / "geartrain.toml"
    file.write_text('[schedules.nightly]\nfunction = "backup"\ncron = "30 3 * * *"\n')
    with geartrain_server("--config", str(file)) as server:
        shop = Shop(server)
        assert row_of(shop, "nightly")["origin"] == "file"
        assert shop.run("schedules", "run", "nightly").status == 0
        assert [row["function"] for row in shop.run("jobs", "--json").rows] == ["backup"]
        refused = shop.run("schedules", "remove", "nightly")
        assert refused.status == 2
        assert "schedule nightly is in the configuration file" in refused.stderr


def test_spans_of_time_are_shown_in_the_largest_unit() -> None:
    assert [rounded(seconds) for seconds in (0, 0.5, 59.9, 60, 7199, 7200, 90000)] == [
        "0s",
        "0s",
        "59s",
        "1m",
        "1h",
        "2h",
        "1d",
    ]
    assert [exactly(seconds) for seconds in (90, 300, 43200, 86400, 86460)] == [
        "90s",
        "5m",
        "12h",
        "1d",
        "1441m",
    ]
