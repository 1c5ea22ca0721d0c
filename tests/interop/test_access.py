"""Unchanged programs of other makes under access rules, by the network that they come from and where they come in."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest

from geartrain import Client
from tests.interop.programs import ClientProgram, Language
from tests.support.machine import HOST, require
from tests.support.processes import GeartrainProgram, Program, ServerProgram

RULES = """
[access.roles.team]
submit = ["mine*"]
work = ["mine*"]

[access.roles.viewer]
view = ["mine*"]

[[access.grants]]
role = "team"
network = "127.0.0.0/8"

[[access.grants]]
role = "viewer"
listener = "127.0.0.1"
"""


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProgram]:
    """A server where this machine may do some things."""
    path = tmp_path_factory.mktemp("rules") / "geartrain.toml"
    path.write_text(RULES)
    with GeartrainProgram("--config", str(path)) as server:
        yield server


def run_client(language: Language, server: ServerProgram, mode: str, function: str) -> ClientProgram:
    return ClientProgram(
        *language.script("client"), str(server.port), mode, function, "", "normal", stdin=b"abc"
    )


def test_a_client_submits_what_it_may(language: Language, guarded: ServerProgram) -> None:
    with run_client(language, guarded, "background", f"mine.{language.name}") as program:
        assert program.heard_to_the_end()[0][0] == "created"


def test_a_client_ends_that_submits_what_it_may_not(language: Language, guarded: ServerProgram) -> None:
    with run_client(language, guarded, "background", f"theirs.{language.name}") as program:
        program.wait()
        assert not [line for line in program.heard() if line[0] == "created" and len(line) > 1 and line[1]]
    guarded.wait_for_output(f"on=theirs.{language.name} outcome=refused")


def test_a_worker_gets_jobs_of_the_functions_that_it_may_work_on(
    language: Language, guarded: ServerProgram
) -> None:
    prefix = f"mine.{language.name}.worker"
    with Program(*language.script("worker"), str(guarded.port), prefix) as worker:
        worker.wait_for_output("ready")
        with Client(guarded.address) as client:
            assert client.do(f"{prefix}-reverse", b"abc", timeout=30) == b"cba"


def test_gearadmin_lists_what_it_may_view_and_changes_nothing(guarded: ServerProgram) -> None:
    command = (require("gearadmin"), "-h", HOST, "-p", str(guarded.port))
    with Client(guarded.address) as client:
        client.do_background("mine.admin", b"")
    listed = subprocess.run((*command, "--status"), capture_output=True, text=True, check=True)
    assert "mine.admin\t1" in listed.stdout
    refused = subprocess.run((*command, "--drop-function", "mine.admin"), capture_output=True, text=True)
    assert "PERMISSION_DENIED" in refused.stdout + refused.stderr


def test_gearman_hears_why_it_is_refused(guarded: ServerProgram) -> None:
    command = (require("gearman"), "-h", HOST, "-p", str(guarded.port), "-b", "-f")
    subprocess.run((*command, "mine.command", "x"), check=True, capture_output=True)
    refused = subprocess.run((*command, "theirs.command", "x"), capture_output=True, text=True)
    assert (
        "PERMISSION_DENIED:SUBMIT_JOB_BG wants the right submit on function theirs.command" in refused.stderr
    )
