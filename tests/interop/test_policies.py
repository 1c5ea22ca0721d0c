"""What the server's configuration file alone does for clients and workers that know nothing of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from geartrain.sync.admin import Admin
from tests.interop.conftest import RunClient, StartWorker
from tests.interop.programs import PERL, PHP
from tests.support.machine import wait_until
from tests.support.processes import ServerProgram, geartrain_server

pytestmark = pytest.mark.parametrize("language", [PHP, PERL], ids=["php", "perl"], indirect=True)

Configure = Callable[[str, str], None]


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The server's configuration, which says nothing at its start."""
    path = tmp_path_factory.mktemp("configuration") / "geartrain.toml"
    path.write_text("")
    return path


@pytest.fixture(scope="module")
def shared_server(file: Path) -> Iterator[ServerProgram]:
    """Our server with a configuration file."""
    with geartrain_server("--config", str(file)) as program:
        yield program


@pytest.fixture
def configure(shared_server: ServerProgram, file: Path, function: str) -> Configure:
    """Let ``[functions]`` of the file hold: ``configure("-fail", "timeout = 1")``."""

    def write(suffix: str, fields: str) -> None:
        told = shared_server.output().count("configuration read again")
        file.write_text(f'[functions."{function}{suffix}"]\n{fields}\n')
        shared_server.hang_up()
        wait_until(
            lambda: shared_server.output().count("configuration read again") > told,
            "the configuration is read again",
        )

    return write


@pytest.fixture
def admin(shared_server: ServerProgram) -> Iterator[Admin]:
    with Admin(shared_server.address) as admin:
        yield admin


def letter(admin: Admin, function: str) -> Any:
    """The one dead letter of a function, as soon as there is one."""
    wait_until(lambda: bool(admin.dead_letters(function)), "the job is dead")
    (row,) = admin.dead_letters(function)
    return row


def queue(admin: Admin, function: str) -> Any:
    """The function's row of ``functions``."""
    return next(row for row in admin.functions() if row["function"] == function)


def test_a_job_that_fails_is_run_again_and_then_a_dead_letter(
    configure: Configure, run_client: RunClient, start_worker: StartWorker, admin: Admin, function: str
) -> None:
    configure("-fail", 'retry = { attempts = 3, on = ["fail"] }')
    start_worker()
    ((_, handle),) = run_client("background", b"x", suffix="-fail").heard_to_the_end()
    row = letter(admin, f"{function}-fail")
    assert (row["handle"], row["reason"], row["attempts"]) == (handle, "fail", 3)


def test_an_exception_is_kept_with_the_dead_letter(
    configure: Configure, run_client: RunClient, start_worker: StartWorker, admin: Admin, function: str
) -> None:
    configure(
        "-exception", 'retry = { attempts = 2, on = ["exception"], backoff = "exponential", delay = 0.1 }'
    )
    start_worker()
    run_client("background", b"x", suffix="-exception").heard_to_the_end()
    row = letter(admin, f"{function}-exception")
    assert (row["reason"], row["attempts"]) == ("exception", 2)
    assert "the disk is full" in row["error"]


def test_a_waiting_client_hears_of_the_last_execution_only(
    configure: Configure, run_client: RunClient, start_worker: StartWorker, function: str
) -> None:
    configure("-fail", 'retry = { attempts = 3, on = ["fail"], foreground = true }')
    start_worker()
    client = run_client("do", b"x", suffix="-fail")
    client.wait()
    assert [line[0] for line in client.heard()] == ["created", "fail"]


def test_a_worker_that_hangs_loses_its_job_to_another(
    configure: Configure, run_client: RunClient, start_worker: StartWorker, admin: Admin, function: str
) -> None:
    configure("-hang", "timeout = 0.5\nretry = { attempts = 2 }")
    for _ in range(2):
        start_worker()
    run_client("background", b"x", suffix="-hang").heard_to_the_end()
    row = letter(admin, f"{function}-hang")
    assert (row["reason"], row["attempts"]) == ("timeout", 2)


def test_the_client_of_a_job_that_hangs_hears_that_it_failed(
    configure: Configure, run_client: RunClient, start_worker: StartWorker
) -> None:
    configure("-hang", 'timeout = 0.5\non_timeout = "fail"')
    start_worker()
    client = run_client("do", b"x", suffix="-hang")
    client.wait()
    assert client.heard()[-1] == ("fail",)


def test_a_paused_function_keeps_its_jobs_until_it_goes_on(
    configure: Configure, run_client: RunClient, start_worker: StartWorker, admin: Admin, function: str
) -> None:
    configure("-echo", "paused = true")
    start_worker()
    run_client("background", b"x", suffix="-echo").heard_to_the_end()
    # The worker does what is not paused, so it is awake and well.
    assert run_client("do", b"abc", suffix="-reverse").heard_to_the_end()[-1] == ("complete", b"cba")
    assert queue(admin, f"{function}-echo")["queued"]["normal"] == 1
    configure("-echo", "paused = false")
    wait_until(lambda: queue(admin, f"{function}-echo")["queued"]["normal"] == 0, "the job is done")


def test_a_rate_holds_jobs_back(
    configure: Configure, run_client: RunClient, start_worker: StartWorker, admin: Admin, function: str
) -> None:
    configure("-echo", 'rate = "1/h"')
    for _ in range(3):
        run_client("background", b"x", suffix="-echo").heard_to_the_end()
    start_worker()
    wait_until(lambda: queue(admin, f"{function}-echo")["queued"]["normal"] == 2, "one job is done")
    assert run_client("do", b"abc", suffix="-reverse").heard_to_the_end()[-1] == ("complete", b"cba")
    assert queue(admin, f"{function}-echo")["queued"]["normal"] == 2
    configure("-echo", 'rate = "1000/s"')
    wait_until(lambda: queue(admin, f"{function}-echo")["queued"]["normal"] == 0, "the others are done")


def test_a_full_or_drained_queue_refuses_jobs(
    configure: Configure, run_client: RunClient, admin: Admin, function: str
) -> None:
    configure("-echo", "max_queue = 1")
    run_client("background", b"x", suffix="-echo").heard_to_the_end()
    run_client("background", b"x", suffix="-echo").wait()
    assert queue(admin, f"{function}-echo")["queued"]["normal"] == 1
    configure("-echo", "draining = true")
    admin.purge(f"{function}-echo")
    run_client("background", b"x", suffix="-echo").wait()
    assert queue(admin, f"{function}-echo")["queued"]["normal"] == 0


def test_a_result_is_kept(
    configure: Configure, run_client: RunClient, start_worker: StartWorker, admin: Admin
) -> None:
    configure("-reverse", "keep_result = 60")
    start_worker()
    ((_, handle),) = run_client("background", b"abc", suffix="-reverse").heard_to_the_end()
    assert isinstance(handle, str)
    wait_until(lambda: admin.result(handle) is not None, "the job is done")
    row = admin.result(handle)
    assert row is not None
    assert (row["state"], row["result"], row["attempts"]) == ("complete", "cba", 1)
