"""Standard streams that are closed or full: one line, and an exit status that is not 0 where output is lost."""

from __future__ import annotations

import os
import shlex
import subprocess

import pytest

from tests.cli.program import PROGRAM, Shop
from tests.support.machine import DEADLINE

FULL = "geartrain: cannot write standard output: No space left on device\n"
CLOSED = "geartrain: cannot write standard output: Bad file descriptor\n"
UNREADABLE = "geartrain: cannot read standard input: Bad file descriptor\n"


def in_a_shell(shop: Shop, line: str) -> subprocess.CompletedProcess[str]:
    """The end of a line of a shell in which ``geartrain`` is the program."""
    whole = (
        f'geartrain() {{ {shlex.join(PROGRAM)} "$@"; }}; export GEARMAN_SERVERS={shop.server.address}; {line}'
    )
    return subprocess.run(
        ["bash", "-c", whole], capture_output=True, text=True, timeout=DEADLINE, check=False, errors="replace"
    )


@pytest.mark.parametrize(
    ("line", "status", "told"),
    [
        ("geartrain functions >&-", 1, CLOSED),
        ("geartrain functions >/dev/full", 1, FULL),
        ("geartrain functions --json >/dev/full", 1, FULL),
        ("geartrain submit capitals x >/dev/full", 1, FULL),
        ("geartrain submit lost x -b >&-", 1, CLOSED),
        ("geartrain submit lost -b <&-", 1, UNREADABLE),
        ("geartrain import - --server $GEARMAN_SERVERS <&-", 1, UNREADABLE),
        ("geartrain config template >/dev/full", 1, FULL),
        ("geartrain --help >/dev/full", 1, FULL),
        ("geartrain --version >&-", 1, CLOSED),
        ("geartrain nonsense 2>&-", 2, ""),
        ("geartrain nonsense 2>/dev/full", 2, ""),
        ("geartrain functions <&- >&- 2>&-", 1, ""),
        ("geartrain functions --server 127.0.0.1:1 2>/dev/full", 3, ""),
    ],
)
def test_a_stream_that_cannot_be_used_is_one_line(shop: Shop, line: str, status: int, told: str) -> None:
    ended = in_a_shell(shop, line)
    assert (ended.returncode, ended.stdout, ended.stderr) == (status, "", told)


def test_a_reader_that_has_enough_hears_nothing() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as pipe:
        ended = subprocess.run(
            [*PROGRAM, "config", "template"],
            stdout=pipe,
            stderr=subprocess.PIPE,
            timeout=DEADLINE,
            check=False,
        )
    assert (ended.returncode, ended.stderr) == (1, b"")


def test_names_of_bytes_that_are_no_text_go_all_the_way(shop: Shop) -> None:
    worker = b"caf\xe9 \tx".decode("utf-8", "surrogateescape")
    with shop.worker("-f", worker, "--", "sh", "-c", 'printf %s "$GEARTRAIN_FUNCTION"; cat'):
        ended = shop.run("submit", worker, "y\udcff", "-u", "u\udce9")
        assert (ended.status, ended.stdout, ended.stderr) == (0, worker + "y\udcff", "")
    assert shop.run("functions", "pause", worker).stdout.startswith(r"caf\xe9 \tx: paused on ")
    queued = shop.run("submit", worker, "y", "-b", "-u", "u\udce9").stdout.strip()
    assert shop.run("status", "--unique", "u\udce9").stdout == "u\\xe9: queued\n"
    assert [row["handle"] for row in shop.run("jobs", "-f", worker, "--json").rows] == [queued]
    assert [row["handle"] for row in shop.run("jobs", "-u", "u\udce9", "--json").rows] == [queued]
    assert shop.run("jobs", "cancel", "-f", worker, "-u", "u\udce9").stdout == f"{queued}: cancelled\n"
    assert shop.run("functions", "maxqueue", worker, "3").status == 0
    assert shop.run("functions", "purge", worker).status == 0
    assert "max_queue.high    3" in shop.run("functions", "show", worker).stdout
    assert shop.run("schedules", "add", "odd", worker, "--every", "1h").status == 0
    assert shop.run("schedules", "remove", "odd").status == 0
    assert shop.run("dead", "-f", worker).status == 0
    assert shop.run("functions", "drop", worker).status == 0
    assert shop.run("status", "\udce9").stdout == "\\xe9: done, or never known\n"
