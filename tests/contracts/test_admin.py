"""What an administrator may rely on, with either shell and either server."""

from __future__ import annotations

import pytest

from geartrain import ConnectError, ServerError, SettingsError
from tests.contracts.shells import Shell
from tests.support.machine import HOST, free_port
from tests.support.processes import ServerProgram


def test_status_counts_the_jobs_and_workers_of_a_function(
    shell: Shell, job_server: ServerProgram, function: str
) -> None:
    client, worker, admin = (
        shell.client(job_server.address),
        shell.worker(job_server.address),
        shell.admin(job_server.address),
    )
    for _ in range(3):
        client.do_background(function)
    worker.register(function)
    job = worker.grab(10)
    assert job is not None
    assert (function, 3, 1, 1) in admin.status()
    assert (function, 0, 2, 0, 1) in admin.priority_status()
    job.complete()


def test_workers_names_connections_and_their_functions(
    shell: Shell, job_server: ServerProgram, function: str
) -> None:
    worker, admin = shell.worker(job_server.address, id="a-worker"), shell.admin(job_server.address)
    worker.register(function)
    assert worker.grab(0.05) is None
    (found,) = [row for row in admin.workers() if function in row.functions]
    assert (found.id, found.address) == ("a-worker", HOST)


def test_jobs_and_uniques_are_listed(
    shell: Shell, job_server: ServerProgram, function: str, unique: str
) -> None:
    client, admin = shell.client(job_server.address), shell.admin(job_server.address)
    handle = client.do_background(function, unique=unique)
    assert handle in [row.handle for row in admin.show_jobs()]
    assert unique in admin.show_unique_jobs()
    admin.cancel_job(handle)
    with pytest.raises(ServerError) as caught:
        admin.cancel_job("H:nowhere:1")
    assert caught.value.error_code == "UNKNOWN_JOB"


def test_a_function_is_created_limited_and_dropped(
    shell: Shell, job_server: ServerProgram, function: str
) -> None:
    client, admin = shell.client(job_server.address), shell.admin(job_server.address)
    admin.create_function(function)
    admin.max_queue(function, 1)
    client.do_background(function)
    with pytest.raises(ServerError, match="QUEUE_ERROR"):
        client.do_background(function)
    admin.max_queue(function)
    client.do_background(function)
    admin.max_queue(function, 1, 2, 3)
    admin.create_function(f"{function}-unwanted")
    admin.drop_function(f"{function}-unwanted")
    assert f"{function}-unwanted" not in [row.function for row in admin.status()]


def test_the_server_tells_of_itself(shell: Shell, job_server: ServerProgram) -> None:
    admin = shell.admin(job_server.address)
    assert admin.getpid() == job_server.pid
    assert admin.version()[0].isdigit()
    assert admin.verbose().isupper()
    assert admin.command("version") == admin.version()
    assert admin.lines("status") is not None


def test_a_command_is_one_line_of_words(shell: Shell, job_server: ServerProgram) -> None:
    admin = shell.admin(job_server.address)
    with pytest.raises(SettingsError):
        admin.command("version\nshutdown")
    with pytest.raises(SettingsError):
        admin.create_function("")


def test_a_function_may_have_any_name(shell: Shell, job_server: ServerProgram, function: str) -> None:
    admin = shell.admin(job_server.address)
    for odd in ("\ttab", "\udce9byte"):
        admin.create_function(function + odd)
        assert function + odd in [row.function for row in admin.status()]
        admin.drop_function(function + odd)
    if "gearmand" in job_server.command[0]:
        with pytest.raises(ServerError, match="'create': only Geartrain's own server does"):
            admin.create_function(f"{function} blank")
    else:
        admin.create_function(f"{function} blank")
        assert f"{function} blank" in [row["function"] for row in admin.functions()]
        admin.drop_function(f"{function} blank")


def test_only_our_server_answers_in_json(shell: Shell, job_server: ServerProgram, function: str) -> None:
    admin = shell.admin(job_server.address)
    if "gearmand" in job_server.command[0]:
        with pytest.raises(ServerError, match="only Geartrain's own server"):
            admin.json_lines("jobs", function)
    else:
        handle = shell.client(job_server.address).do_background(function)
        (job,) = admin.json_lines("jobs", function)
        assert job["handle"] == handle


def test_a_function_is_held_and_let_go(shell: Shell, our_server: ServerProgram, function: str) -> None:
    client, admin = shell.client(our_server.address), shell.admin(our_server.address)
    assert admin.set_policy(function, ttl=60, retry={"attempts": 5}) == {"retry": {"attempts": 5}, "ttl": 60}
    admin.pause(function)
    admin.drain(function)
    with pytest.raises(ServerError, match="QUEUE_ERROR"):
        client.do_background(function)
    admin.resume(function)
    assert admin.policy(function) == {"retry": {"attempts": 5}, "ttl": 60}
    assert admin.set_policy(function, retry=None, ttl=None) == {}
    client.do_background(function)
    (row,) = [row for row in admin.functions() if row["function"] == function]
    assert (row["paused"], row["dead"]) == (False, 0)
    with pytest.raises(
        ServerError, match=r"INVALID_ARGUMENTS: .* rate wants a text such as 10/s, .* got 'a b'"
    ):
        admin.set_policy(function, rate="a b")


def test_jobs_are_purged_or_cancelled_by_unique(
    shell: Shell, our_server: ServerProgram, function: str, unique: str
) -> None:
    client, admin = shell.client(our_server.address), shell.admin(our_server.address)
    handle = client.do_background(function, unique=unique)
    assert admin.cancel_unique(function, unique) == handle
    assert admin.cancel_unique(function, unique) is None
    for _ in range(2):
        client.do_background(function)
    assert admin.purge(function, older_than=1e10) == 0
    assert admin.purge(function) == 2


def test_dead_letters_are_listed_shown_retried_and_discarded(
    shell: Shell, our_server: ServerProgram, function: str
) -> None:
    client, worker, admin = (
        shell.client(our_server.address),
        shell.worker(our_server.address),
        shell.admin(our_server.address),
    )
    admin.set_policy(function, dead_letter=True, keep_result=60)
    handle = client.do_background(function, b"\xff")
    worker.register(function)
    job = worker.grab(10)
    assert job is not None
    job.fail()
    assert worker.grab(0.05) is None
    (row,) = admin.dead_letters(function)
    shown = admin.dead_letter(handle)
    assert shown == {**row, "workload_base64": "/w=="}
    assert admin.retry_dead(handle) == 1
    assert (admin.dead_letters(), admin.dead_letter(handle)) == ([], None)
    assert (admin.discard_dead("*"), admin.result("H:nowhere:1")) == (0, None)


def test_a_dead_server_is_named(shell: Shell) -> None:
    address = f"{HOST}:{free_port()}"
    with pytest.raises(ConnectError, match=address):
        shell.admin(address).version()
