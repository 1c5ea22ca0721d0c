"""Our own text commands: JSON lines and a dot."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from geartrain.protocol.commands import (
    GRAB_JOB,
    PRE_SLEEP,
    SET_CLIENT_ID,
    SUBMIT_JOB,
    SUBMIT_JOB_BG,
    SUBMIT_JOB_EPOCH,
    SUBMIT_JOB_HIGH,
    WORK_STATUS,
)
from tests.wire import START, MemoryServer, Peer


def handles(peer: Peer, line: bytes) -> list[str]:
    return [row["handle"] for row in peer.lists(line)]


def test_a_running_job_tells_everything_about_itself() -> None:
    server = MemoryServer()
    client = server.connect()
    client.asks(SUBMIT_JOB_HIGH, b"resize", b"cat", b"cat.png")
    worker = server.running(b"resize")
    worker.says(SET_CLIENT_ID, b"me")
    worker.says(WORK_STATUS, b"H:test:1", b"3", b"14")
    client.read()
    assert client.lists(b"job H:test:1") == [
        {
            "handle": "H:test:1",
            "function": "resize",
            "unique": "cat",
            "state": "running",
            "priority": "high",
            "background": False,
            "waiting": 1,
            "attempts": 0,
            "numerator": 3,
            "denominator": 14,
            "workload_bytes": 7,
            "submitted_at": START,
            "run_at": None,
            "worker": "me",
            "worker_host": "127.0.0.1",
        }
    ]


def test_a_job_is_delayed_or_queued_before_it_runs() -> None:
    server = MemoryServer()
    client = server.connect()
    client.asks(SUBMIT_JOB_EPOCH, b"f", b"", b"%d" % (START + 60), b"")
    (job,) = client.lists(b"job H:test:1")
    assert (job["state"], job["run_at"], job["background"]) == ("delayed", START + 60, True)
    server.passes(60)
    (job,) = client.lists(b"job H:test:1")
    assert (job["state"], job["worker"]) == ("queued", None)


@pytest.mark.parametrize("line", [b"job H:test:9", b"job"])
def test_an_unknown_job_is_no_line(line: bytes) -> None:
    assert MemoryServer().connect().lists(line) == []


def test_jobs_are_listed_the_oldest_first_by_function_and_up_to_a_limit() -> None:
    client = MemoryServer().connect()
    for function in (b"f", b"g", b"f"):
        client.asks(SUBMIT_JOB_BG, function, b"", b"")
    assert handles(client, b"jobs") == ["H:test:1", "H:test:2", "H:test:3"]
    assert handles(client, b"jobs f") == ["H:test:1", "H:test:3"]
    assert handles(client, b"JOBS * 2") == ["H:test:1", "H:test:2"]
    assert handles(client, b"jobs f 1") == ["H:test:1"]
    assert handles(client, b"jobs h") == []


@pytest.mark.parametrize("line", [b"jobs", b"jobs *", b"jobs * 0", b"jobs * many"])
def test_without_a_limit_a_thousand_jobs_are_listed(line: bytes) -> None:
    client = MemoryServer().connect()
    for _ in range(1001):
        client.asks(SUBMIT_JOB_BG, b"f", b"", b"")
    assert len(handles(client, line)) == 1000


def test_functions_tell_what_is_queued_and_who_works() -> None:
    server = MemoryServer()
    client = server.connect()
    client.types(b"maxqueue f 9 8")
    client.asks(SUBMIT_JOB_BG, b"f", b"", b"")
    client.asks(SUBMIT_JOB_HIGH, b"f", b"", b"")
    client.asks(SUBMIT_JOB_EPOCH, b"f", b"", b"%d" % (START + 60), b"")
    server.running(b"f").says(GRAB_JOB)
    server.worker(b"f").says(PRE_SLEEP)
    assert client.lists(b"functions") == [
        {
            "function": "f",
            "queued": {"high": 0, "normal": 1, "low": 0},
            "delayed": 1,
            "running": 2,
            "workers": 2,
            "sleeping": 1,
            "max_queue": {"high": 9, "normal": 8, "low": 0},
        }
    ]


def test_peers_tell_what_they_can_do_run_and_wait_for() -> None:
    server = MemoryServer()
    client = server.connect()
    client.asks(SUBMIT_JOB, b"f", b"", b"")
    worker = server.running(b"f")
    worker.says(SET_CLIENT_ID, b"me")
    worker.says(PRE_SLEEP)
    assert client.lists(b"peers") == [
        {
            "number": 1,
            "host": "127.0.0.1",
            "id": "-",
            "functions": [],
            "running": [],
            "waiting": ["H:test:1"],
            "asleep": False,
        },
        {
            "number": 2,
            "host": "127.0.0.1",
            "id": "me",
            "functions": ["f"],
            "running": ["H:test:1"],
            "waiting": [],
            "asleep": True,
        },
    ]


def test_a_name_that_is_no_text_is_shown_with_its_odd_bytes_escaped() -> None:
    client = MemoryServer().connect()
    client.asks(SUBMIT_JOB_BG, b"caf\xe9", b"", b"")
    (job,) = client.lists(b"jobs")
    assert job["function"] == "caf\\xe9"


def test_the_protocol_document_names_every_field() -> None:
    document = (Path(__file__).parents[2] / "docs" / "protocol.md").read_text()
    client = MemoryServer().connect()
    client.asks(SUBMIT_JOB_BG, b"f", b"", b"")
    for line in (b"job H:test:1", b"functions", b"peers"):
        fields = re.search(rf"^\| `{line.split()[0].decode()}\b.*` \| (.*) \|$", document, re.MULTILINE)
        assert fields is not None
        assert fields[1].split(", ") == list(client.lists(line)[0])
