"""What monitors ask of a server: metrics, health, history and the live stream, over real sockets."""

from __future__ import annotations

import json
import re
import signal
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from prometheus_client.parser import text_string_to_metric_families

from geartrain.protocol.commands import (
    ERROR,
    SUBMIT_JOB,
    SUBMIT_JOB_BG,
    SUBMIT_JOB_EPOCH,
    WORK_COMPLETE,
    WORK_FAIL,
)
from tests.server.links import Connect, Link, links_to
from tests.support.disks import small_disk, writer_stopped
from tests.support.engines import standalone
from tests.support.machine import DEADLINE, HOST, free_port, wait_until
from tests.support.pools import Pool, about
from tests.support.processes import ServerProgram, geartrain_server

DOCUMENT = Path(__file__).parents[2] / "docs" / "metrics.md"


class Watched(NamedTuple):
    """A server with a web server."""

    gear: ServerProgram
    port: int
    connect: Connect

    def get(self, path: str) -> tuple[int, bytes]:
        """The status and the body of an answer."""
        try:
            with urllib.request.urlopen(f"http://{HOST}:{self.port}{path}", timeout=DEADLINE) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()

    def tells(self, path: str) -> Mapping[str, object]:
        """An answer in JSON."""
        read = json.loads(self.get(path)[1])
        assert isinstance(read, dict)
        return read

    def metrics(self) -> dict[tuple[str, ...], float]:
        """By a sample's name and the values of its labels."""
        text = self.get("/metrics")[1].decode()
        return {
            (sample.name, *sample.labels.values()): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }


@contextmanager
def watched(*options: str) -> Iterator[Watched]:
    port = free_port()
    with geartrain_server("--http", f"{HOST}:{port}", *options) as gear, links_to(gear) as connect:
        yield Watched(gear, port, connect)


@pytest.fixture(scope="module")
def shared() -> Iterator[Watched]:
    with watched() as server:
        yield server


@pytest.fixture
def server(shared: Watched) -> Iterator[Watched]:
    """A server that keeps jobs; connections to it end with the test."""
    with links_to(shared.gear) as connect:
        yield shared._replace(connect=connect)


def families_of(text: str) -> dict[str, str]:
    """The kinds of metrics, by name."""
    return dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE))


def documented() -> dict[str, str]:
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \|", DOCUMENT.read_text(), re.MULTILINE)
    assert len(rows) == len(dict(rows))
    return dict(rows)


def test_the_document_lists_every_metric_and_no_other(server: Watched) -> None:
    only_in_a_pool = {
        "geartrain_engine_round_trip_seconds",
        "geartrain_engine_failures_total",
        "geartrain_results_fenced_total",
        "geartrain_shards_led",
    }
    shown = families_of(server.get("/metrics")[1].decode())
    assert shown == {name: kind for name, kind in documented().items() if name not in only_in_a_pool}


def test_jobs_are_counted_as_they_come_run_and_end(server: Watched) -> None:
    client, worker = server.connect(), server.connect()
    for _ in range(3):
        client.submits(SUBMIT_JOB_BG, b"count", b"x")
    client.asks(SUBMIT_JOB_BG, b"count", b"same", b"")
    client.asks(SUBMIT_JOB_BG, b"count", b"same", b"")
    worker.says(WORK_COMPLETE, worker.grabs(b"count")[0], b"")
    worker.says(WORK_FAIL, worker.grabs(b"count")[0])
    worker.grabs(b"count")
    found = server.metrics()
    assert found["geartrain_jobs_submitted_total", "count"] == 4
    assert found["geartrain_jobs_joined_total", "count"] == 1
    assert found["geartrain_jobs_started_total", "count"] == 3
    assert found["geartrain_jobs_completed_total", "count"] == 1
    assert found["geartrain_jobs_failed_total", "count"] == 1
    assert found["geartrain_jobs_running", "count"] == 1
    assert found["geartrain_jobs_queued", "count", "normal"] == 1
    assert found["geartrain_workers", "count", "busy"] == 1
    assert found["geartrain_workers", "count", "idle"] == 0
    assert found["geartrain_oldest_job_age_seconds", "count"] > 0
    assert found["geartrain_job_wait_seconds_count", "count"] == 3
    assert found["geartrain_job_run_seconds_count", "count"] == 2
    assert found["geartrain_job_run_seconds_bucket", "count", "+Inf"] == 2


def test_a_job_before_its_time_is_delayed_and_not_queued(server: Watched) -> None:
    client = server.connect()
    server.gear.ask('schedule-add tick {"function":"later","every":"1h"}')
    client.asks(SUBMIT_JOB_EPOCH, b"later", b"", b"99999999999", b"")
    found = server.metrics()
    assert found["geartrain_jobs_delayed", "later"] == 1
    assert found["geartrain_jobs_queued", "later", "normal"] == 0
    assert found[("geartrain_schedules",)] == 1


def test_connections_bytes_and_commits_are_those_of_clients_and_workers(server: Watched) -> None:
    before = server.metrics()
    client = server.connect()
    client.submits(SUBMIT_JOB_BG, b"bytes", b"x" * 100_000)
    after = server.metrics()
    assert after[("geartrain_connections",)] == before[("geartrain_connections",)] + 1
    assert after[("geartrain_received_bytes_total",)] - before[("geartrain_received_bytes_total",)] > 100_000
    assert after[("geartrain_sent_bytes_total",)] > before[("geartrain_sent_bytes_total",)]
    commits = "geartrain_store_commit_seconds_count"
    assert after[(commits,)] > before[(commits,)]
    assert after[("geartrain_store_bytes",)] > 100_000


def test_stats_tell_the_same_of_the_server(server: Watched) -> None:
    stats = json.loads(server.gear.ask("stats").splitlines()[0])
    assert stats["received_bytes"] > 0
    assert stats["store"] == "sqlite"
    assert stats["store_bytes"] > 0
    assert stats["faults"] == []
    assert stats["connections"] >= 1


def test_the_loop_is_looked_at(server: Watched) -> None:
    wait_until(lambda: server.metrics()[("geartrain_loop_lag_seconds_count",)] > 0, "the loop was looked at")
    assert server.tells("/livez")["alive"] is True


def test_a_server_that_takes_jobs_is_ready(server: Watched) -> None:
    assert server.get("/readyz") == (200, b'{"ready":true,"reasons":[]}')
    assert server.metrics()[("geartrain_ready",)] == 1


def test_a_server_whose_disk_gets_full_is_not_ready(tmp_path: Path) -> None:
    with (
        small_disk(tmp_path / "disk", "2m") as disk,
        watched("--store", f"sqlite:{disk}/jobs.db") as server,
    ):
        status, body = server.get("/readyz")
        assert status == 503
        assert reasons_in(body) == [f"1 MiB are free on the disk of {disk}, expected 100 MiB"]
        client = server.connect()
        while client.asks(SUBMIT_JOB_BG, b"f", b"", b"x" * 20_000)[0] != ERROR:
            pass
        reasons = reasons_in(server.get("/readyz")[1])
        assert reasons[0].startswith("the store keeps nothing: ")
        assert reasons[1].startswith("0 MiB are free")
        assert server.metrics()[("geartrain_ready",)] == 0
        assert server.metrics()[("geartrain_store_commit_failures_total",)] > 0


def test_a_server_whose_disk_is_silent_is_not_ready_after_some_seconds(tmp_path: Path) -> None:
    with watched("--store", f"sqlite:{tmp_path}/jobs.db") as server, writer_stopped(server.gear):
        server.connect().says(SUBMIT_JOB_BG, b"f", b"", b"")
        wait_until(lambda: server.get("/readyz")[0] == 503, "the silence is noticed")
        (reason,) = reasons_in(server.get("/readyz")[1])
        assert reason.startswith("the store has not answered for ")


def reasons_in(body: bytes) -> list[str]:
    reasons = json.loads(body)["reasons"]
    assert isinstance(reasons, list)
    return reasons


def test_a_server_that_is_about_to_end_says_so_to_who_has_asked_already() -> None:
    with watched() as server:
        worker = server.connect()
        server.connect().submits(SUBMIT_JOB, b"slow")
        handle = worker.grabs(b"slow")[0]
        with open_connection(server) as kept:
            kept.sends(READYZ[:-2])
            server.gear.process.send_signal(signal.SIGUSR1)
            server.gear.wait_for_output("finishing")
            kept.sends(READYZ[-2:])
            answer = kept.rest()
        assert answer.startswith(b"HTTP/1.1 503 ")
        assert answer.endswith(b'{"ready":false,"reasons":["the server is about to end"]}')
        worker.says(WORK_COMPLETE, handle, b"")
        assert server.gear.wait() == 0


READYZ = b"GET /readyz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"


def open_connection(server: Watched) -> Link:
    return Link(socket.create_connection((HOST, server.port), DEADLINE))


# In a pool


def test_servers_of_a_pool_show_what_they_lead_and_the_sum_is_right() -> None:
    ports = [free_port() for _ in range(2)]
    with standalone() as engine:
        members = Pool(f"{engine.url}?shards=2")
        with members.stack:
            for port in ports:
                members.add("--http", f"{HOST}:{port}")
            members.wait_until_led()
            wait_until(lambda: all(map(leads_one, members.servers)), "each server leads one")
            with links_to(members.servers[0]) as connect:
                client = connect()
                for number in range(20):
                    client.submits(SUBMIT_JOB_BG, b"f%d" % number)
                found = [
                    Watched(gear, port, connect) for gear, port in zip(members.servers, ports, strict=True)
                ]
                shown = [server.metrics() for server in found]
                assert all(figures[("geartrain_shards_led",)] == 1 for figures in shown)
                assert all(figures[("geartrain_engine_round_trip_seconds_count",)] > 0 for figures in shown)
                assert all(figures[("geartrain_results_fenced_total",)] == 0 for figures in shown)
                assert sum(figures[("geartrain_store_commit_seconds_count",)] for figures in shown) > 0
                names = [{key[1] for key in figures if key[0] == SUBMITTED} for figures in shown]
                assert names[0] | names[1] == {f"f{number}" for number in range(20)}
                assert not names[0] & names[1]
                assert all(names)
                text = found[0].get("/metrics")[1].decode()
                assert families_of(text) == {
                    name: kind for name, kind in documented().items() if name != "geartrain_store_bytes"
                }
                stats = [json.loads(server.ask("stats").splitlines()[0]) for server in members.servers]
                assert sum(row["jobs"] for row in stats) == 20


def leads_one(server: ServerProgram) -> bool:
    return [row["here"] for row in about(server) if "shard" in row].count(True) == 1


SUBMITTED = "geartrain_jobs_submitted_total"


def test_a_server_whose_pool_has_lost_its_engine_is_not_ready() -> None:
    port = free_port()
    with standalone() as engine:
        members = Pool(engine.url, "--engine-hold", "0.5", "--heartbeat", "1")
        with members.stack:
            gear = members.add("--http", f"{HOST}:{port}")
            members.wait_until_led()
            with links_to(gear) as connect:
                server = Watched(gear, port, connect)
                assert server.get("/readyz")[0] == 200
                engine.nodes[0].pause()
                wait_until(lambda: server.get("/readyz")[0] == 503, "the engine is missed")
                assert reasons_in(server.get("/readyz")[1])[0].startswith("the engine does not answer: ")
                engine.nodes[0].go_on()
                wait_until(lambda: server.get("/readyz")[0] == 200, "the engine is back")


# History and the live stream


def test_the_history_has_rates_of_the_last_seconds(server: Watched) -> None:
    read = server.tells("/api/v1/history?span=day")
    assert read["step"] == 300.0
    assert server.get("/api/v1/history?span=week")[0] == 400


def test_each_open_page_hears_a_snapshot_a_second_and_they_are_the_same(server: Watched) -> None:
    server.connect().submits(SUBMIT_JOB_BG, b"seen")
    with open_connection(server) as first, open_connection(server) as second:
        for link in (first, second):
            link.sends(b"GET /api/v1/live HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        heard = [next_snapshots(link, 3) for link in (first, second)]
    assert {row["function"] for row in heard[0][0]["functions"]} >= {"seen"}
    assert heard[0][0]["server"]["store"] == "sqlite"
    times = [[snapshot["at"] for snapshot in snapshots] for snapshots in heard]
    assert len({*times[0], *times[1]}) < 6
    assert 0.9 < times[0][2] - times[0][1] < 5


def next_snapshots(link: Link, count: int) -> list[dict[str, Any]]:
    """The next snapshots of a stream."""
    found: list[dict[str, Any]] = []
    while len(found) < count:
        line = link.hears_line()
        if line.startswith(b"data: "):
            found.append(json.loads(line.removeprefix(b"data: ")))
    return found
