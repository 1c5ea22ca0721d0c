"""The page about the job store says what is true: its command lines run."""

from __future__ import annotations

import os
import re
import sqlite3
import subprocess
import sys
from pathlib import Path

from geartrain.cli.commands import NAMES
from tests.support.machine import DEADLINE
from tests.support.processes import geartrain_server

PAGE = (Path(__file__).parents[2] / "docs" / "store.md").read_text()
BLOCK = re.compile(r"```sh\n(.*?)```", re.DOTALL)
ELSEWHERE = ("user:password@host", "geartrain server")  # lines that need more than this test has


def test_the_commands_of_the_page_run(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "queue.db")
    connection.execute(
        "CREATE TABLE gearman_queue (unique_key, function_name, priority, data BLOB, when_to_run)"
    )
    connection.close()
    state = {"STATE_DIRECTORY": str(tmp_path)}
    lines = [line for block in BLOCK.findall(PAGE) for line in block.splitlines()]
    assert len(lines) > 8
    with geartrain_server("--store", f"sqlite:{tmp_path}/jobs.db") as server:
        for line in lines:
            if not any(word in line for word in ELSEWHERE):
                run(
                    line.replace("localhost:4730", server.address),
                    tmp_path,
                    {**state, "GEARMAN_SERVERS": server.address},
                )


def run(line: str, folder: Path, environment: dict[str, str]) -> None:
    """Run a line of the page in a folder; only what needs a store of its own may end badly."""
    if line.startswith("geartrain import-gearmand") and "--" not in line:
        line += " --store sqlite:moved.db"  # the default one is in use here
    words = line.replace("geartrain ", f"'{sys.executable}' -m geartrain ", 1).replace(
        'grep \'"function": "resize"\'', "cat"
    )
    ended = subprocess.run(
        words,
        shell=True,
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        timeout=DEADLINE,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, b""), line


def test_the_page_names_no_command_that_is_not_there() -> None:
    assert set(re.findall(r"geartrain ([a-z-]+)", PAGE)) <= set(NAMES)


def test_the_page_names_the_tables_of_the_file(tmp_path: Path) -> None:
    with geartrain_server("--store", f"sqlite:{tmp_path}/jobs.db"):
        pass
    connection = sqlite3.connect(tmp_path / "jobs.db")
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    connection.close()
    (told,) = re.findall(r"Tables: ([^;]*);", PAGE)
    assert set(re.findall(r"`(\w+)`", told)) == tables
