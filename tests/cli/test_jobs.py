"""``geartrain jobs``."""

from __future__ import annotations

from geartrain.protocol.commands import SUBMIT_JOB_EPOCH
from tests.cli.program import Shop
from tests.server.links import Link


def queued(shop: Shop, function: str) -> str:
    return shop.run("submit", function, "x", "--background").stdout.strip()


def test_jobs_are_listed_by_function_the_oldest_first(shop: Shop) -> None:
    first, second = queued(shop, "listed"), queued(shop, "listed")
    listed = shop.run("jobs", "--function", "listed", "--json").rows
    assert [row["handle"] for row in listed] == [first, second]
    assert [
        row["handle"] for row in shop.run("jobs", "list", "-f", "listed", "--limit", "1", "--json").rows
    ] == [first]
    lines = shop.run("jobs", "-f", "listed").stdout.splitlines()
    assert lines[0].split() == ["HANDLE", "FUNCTION", "STATE", "PROGRESS", "PRIORITY", "AGE", "WORKER"]
    assert lines[1].split()[:4] == [first, "listed", "queued", "normal"]


def test_a_job_is_shown_field_by_field(shop: Shop) -> None:
    handle = queued(shop, "shown")
    shown = dict(line.split(maxsplit=1) for line in shop.run("jobs", "show", handle).stdout.splitlines())
    assert (shown["handle"], shown["function"], shown["state"]) == (handle, "shown", "queued")
    assert shown["workload_bytes"] == "1"


def test_a_cancelled_job_is_gone(shop: Shop) -> None:
    handle = queued(shop, "cancelled")
    assert shop.run("jobs", "cancel", handle).stdout == f"{handle}: cancelled\n"
    again = shop.run("jobs", "cancel", handle)
    assert (again.status, again.stderr) == (1, f"geartrain: no server knows the job '{handle}'\n")
    assert shop.run("jobs", "show", handle).status == 1


def test_jobs_are_cancelled_by_their_handles_or_a_unique(shop: Shop) -> None:
    first, second = queued(shop, "several"), queued(shop, "several")
    ended = shop.run("jobs", "cancel", first, "H:none:1", second)
    assert ended.stdout == f"{first}: cancelled\n{second}: cancelled\n"
    assert (ended.status, ended.stderr) == (1, "geartrain: no server knows the job 'H:none:1'\n")
    third = shop.run("submit", "several", "x", "-b", "--unique", "u").stdout.strip()
    unique = ("jobs", "cancel", "--unique", "u", "--function", "several")
    assert shop.run(*unique).stdout == f"{third}: cancelled\n"
    again = shop.run(*unique)
    known = "no server knows a job of 'several' with the unique 'u'"
    assert (again.status, again.stderr) == (1, f"geartrain: {known}\n")
    for wrong in ([], [first, *unique[2:]], ["--unique", "u"]):
        assert shop.run("jobs", "cancel", *wrong).status == 2


def test_a_c_server_tells_what_it_knows(c_shop: Shop) -> None:
    handle = queued(c_shop, "queued")
    assert handle in [row["handle"] for row in c_shop.run("jobs", "--json").rows]
    (row,) = c_shop.run("jobs", "show", handle, "--json").rows
    assert (row["state"], row["numerator"], row["denominator"]) == ("queued", 0, 0)
    assert c_shop.run("jobs", "cancel", handle).status == 0
    assert c_shop.run("jobs", "cancel", "H:none:1").status == 1
    refused = c_shop.run("jobs", "--function", "queued")
    assert refused.status == 1
    assert "does not say which jobs are of 'queued'" in refused.stderr


def test_several_servers_are_told_apart(shop: Shop, c_shop: Shop) -> None:
    here, there = queued(shop, "here"), queued(c_shop, "there")
    servers = ("--server", shop.server.address, "--server", c_shop.server.address)
    lines = [line.split()[:2] for line in shop.run("jobs", "--limit", "1000", *servers).stdout.splitlines()]
    assert lines[0] == ["SERVER", "HANDLE"]
    assert [shop.server.address, here] in lines
    assert [c_shop.server.address, there] in lines


def test_jobs_are_sought_by_what_is_known_of_them(shop: Shop) -> None:
    first = shop.run("submit", "sought", "x", "-b", "--unique", "u1", "--priority", "high").stdout.strip()
    second = queued(shop, "sought")

    def found(*words: str) -> list[str]:
        return [row["handle"] for row in shop.run("jobs", "-f", "sought", "--json", *words).rows]

    assert found("--state", "queued") == [first, second]
    assert found("--state", "queued", "--limit", "1") == [first]
    assert found("--unique", "u1") == found("--priority", "high") == [first]
    assert found("--younger", "1h") == [first, second]
    assert found("--older", "1h") == found("--worker", "nobody") == []
    assert found("--handle", second) == [second]
    assert shop.run("jobs", "--older", "long").status == 2


def test_a_workload_is_written_as_it_is(shop: Shop) -> None:
    handle = shop.run("submit", "bytes", "-b", "-", stdin=b"caf\xe9\n").stdout.strip()
    assert shop.run("jobs", "workload", handle).stdout.encode("utf-8", "surrogateescape") == b"caf\xe9\n"
    assert shop.run("jobs", "workload", handle, "--json").rows[0]["workload_base64"] == "Y2Fm6Qo="
    long = shop.run("submit", "bytes", "-b", "-", stdin=b"x" * 70_000).stdout.strip()
    written = shop.run("jobs", "workload", long)
    assert (len(written.stdout), written.stderr) == (65536, "65536 of 70000 bytes\n")
    assert shop.run("jobs", "workload", "H:none:1").status == 1


def test_a_time_that_no_calendar_has_is_shown_as_a_number(shop: Shop) -> None:
    for said in ("1764563605000", str(2**63 - 1)):
        with Link(shop.server.connect()) as client:
            _, *handle = client.asks(SUBMIT_JOB_EPOCH, b"ms", b"", said.encode(), b"x")
        shown = shop.run("jobs", "show", handle[0].decode())
        assert (shown.status, shown.stderr) == (0, "")
        told = dict(line.split(maxsplit=1) for line in shown.stdout.splitlines())
        assert told["run_at"] == f"{float(said):.0f} seconds after 1970"
