"""What an administrator may rely on of schedules, with either shell."""

from __future__ import annotations

import pytest

from geartrain import ServerError, SettingsError
from tests.contracts.shells import Shell
from tests.support.processes import ServerProgram


def test_a_schedule_is_added_listed_run_and_removed(
    shell: Shell, job_server: ServerProgram, function: str, unique: str
) -> None:
    admin = shell.admin(job_server.address)
    if "gearmand" in job_server.command[0]:
        with pytest.raises(ServerError, match="only Geartrain's own server"):
            admin.schedules()
        return
    added = admin.add_schedule(
        unique, function, b"\xff a", cron="@daily", timezone="Europe/Berlin", catch_up="skip", paused=True
    )
    assert (added["function"], added["workload_bytes"], added["paused"]) == (function, 3, True)
    assert added in admin.schedules()
    assert (
        admin.add_schedule(unique, function, "text", every="5m", unique="u", priority="low")["every"] == 300
    )
    handle = admin.run_schedule(unique)
    client, worker = shell.client(job_server.address), shell.worker(job_server.address)
    assert client.job_status(handle).known
    worker.register(function)
    job = worker.grab(10)
    assert job is not None
    assert (job.handle, job.unique, job.workload) == (handle, "u", b"text")
    job.complete()
    admin.pause_schedule(unique)
    admin.resume_schedule(unique)
    admin.remove_schedule(unique)
    assert unique not in [row["name"] for row in admin.schedules()]


def test_what_cannot_be_names_its_reason(shell: Shell, job_server: ServerProgram) -> None:
    admin = shell.admin(job_server.address)
    with pytest.raises(SettingsError, match="expected a word without NUL"):
        admin.run_schedule("nul\0")
    with pytest.raises(SettingsError, match="expected at most 8190"):
        admin.add_schedule("s", "f", "x" * 8200, every=1)
    if "gearmand" in job_server.command[0]:
        return
    with pytest.raises(ServerError, match="INVALID_ARGUMENTS: schedule s wants either cron or every"):
        admin.add_schedule("s", "f")
    for question in (admin.run_schedule, admin.remove_schedule, admin.pause_schedule, admin.resume_schedule):
        with pytest.raises(ServerError) as refusal:
            question("nothing")
        assert refusal.value.error_code == "UNKNOWN_SCHEDULE"
