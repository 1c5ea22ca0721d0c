"""What is wrong with a file of jobs."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import pytest

from geartrain.store.health import OK, PROBLEM, WARNING, Finding, examine, examine_mount
from geartrain.store.intake import Intake
from geartrain.store.mounts import Mount
from geartrain.store.schema import take_lock
from tests.store.jobs import record


@pytest.fixture
def path(tmp_path: Path) -> str:
    """A file with two jobs."""
    path = str(tmp_path / "jobs.db")
    Intake(path).take([record(1), record(2, b"x" * 100_000)])
    return path


def finding(path: str, subject: str) -> Finding:
    (found,) = [found for found in examine(path) if found.subject == subject]
    return found


def change(path: str, statement: str) -> None:
    connection = sqlite3.connect(path)
    with connection:
        connection.execute(statement)
    connection.close()


def test_a_file_in_order_has_no_problem(path: str) -> None:
    found = list(examine(path))
    assert {finding.mark for finding in found} <= {OK, WARNING}  # the file system may be a fleeting one
    assert finding(path, "store").text == f"{path}, version 2 of its form"
    assert finding(path, "SQLite").text == sqlite3.sqlite_version
    assert finding(path, "integrity").mark == OK
    assert finding(path, "content").text.startswith("jobs: 2, dead letters: 0, results: 0")


def test_no_file_is_no_problem_yet(tmp_path: Path) -> None:
    (found,) = examine(str(tmp_path / "jobs.db"))
    assert (found.mark, found.subject) == (WARNING, "store")


def test_it_says_which_process_uses_the_file(path: str) -> None:
    assert finding(path, "owner").text == "in use by no server"
    with take_lock(path, os.getpid()):
        assert finding(path, "owner").text == f"in use by a server, process {os.getpid()}"


def test_rows_set_aside_and_rows_that_will_be_are_counted_with_the_reason(path: str) -> None:
    change(path, "INSERT INTO set_aside VALUES (9, x'00', x'00', 'no sense in it', 1)")
    change(path, "UPDATE job SET head = x'00' WHERE number = 1")
    found = finding(path, "set aside")
    assert found.mark == WARNING
    assert found.text.startswith("2 rows are no jobs")
    assert "1 times no sense in it" in found.text
    assert "1 times a head of 1 bytes, at least" in found.text
    assert "geartrain export --set-aside" in found.advice


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("PRAGMA user_version = 99", "is of a newer Geartrain: its form is version 99"),
        ("PRAGMA application_id = 3", "is the SQLite file of another program"),
    ],
)
def test_a_file_of_another_program_or_version_is_a_problem(path: str, statement: str, message: str) -> None:
    change(path, statement)
    found = finding(path, "store")
    assert found.mark == PROBLEM
    assert message in found.text
    assert found.advice


def test_a_file_that_is_no_database_is_a_problem(path: str) -> None:
    Path(path).write_bytes(b"no database, but long enough to be one" * 100)
    found = finding(path, "store")
    assert (found.mark, found.text) == (PROBLEM, f"cannot read {path}: file is not a database")


def test_an_empty_file_is_a_problem(path: str) -> None:
    Path(path).write_bytes(b"")
    assert finding(path, "store").mark == PROBLEM


def test_damage_in_the_middle_is_a_problem(path: str) -> None:
    with open(path, "r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * 4096)
    assert PROBLEM in {found.mark for found in examine(path) if found.subject in ("integrity", "store")}


def test_a_network_file_system_is_a_problem_and_a_fleeting_one_a_warning() -> None:
    assert examine_mount(Mount("/mnt", "nfs4")).mark == PROBLEM
    assert examine_mount(Mount("/tmp", "tmpfs")).mark == WARNING
    assert examine_mount(Mount("/", "ext4")).mark == OK
