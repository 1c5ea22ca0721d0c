"""Schedules of a real server: of its file, of its clients, and what ``docs/schedules.md`` says of them."""

from __future__ import annotations

import asyncio
import json
import logging
import re
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from geartrain.broker.schedule_fields import FIELDS
from geartrain.errors import SettingsError
from geartrain.protocol.commands import (
    CAN_DO,
    ERROR,
    GET_STATUS,
    GRAB_JOB_UNIQ,
    JOB_ASSIGN_UNIQ,
    JOB_CREATED,
    NO_JOB,
    NOOP,
    PRE_SLEEP,
    STATUS_RES,
    SUBMIT_JOB_SCHED,
)
from geartrain.server.configuration import read_configuration
from geartrain.server.desk import OwnDesk
from geartrain.server.life import own_desk
from geartrain.server.schedules import configure_schedules
from geartrain.server.server import Server
from geartrain.server.settings import Settings
from tests.server.links import Link
from tests.support.machine import wait_until
from tests.support.processes import ServerProgram, geartrain_server
from tests.wire import MemoryServer

PAGE = (Path(__file__).parents[2] / "docs" / "schedules.md").read_text()


def written(folder: Path, text: str) -> str:
    path = folder / "geartrain.toml"
    path.write_text(text)
    return str(path)


def test_a_schedule_of_the_file_wakes_a_worker_of_a_server_that_nobody_talks_to(tmp_path: Path) -> None:
    file = written(tmp_path, '[schedules.beat]\nfunction = "beat"\nworkload = "a"\nevery = 1\n')
    with geartrain_server("--config", file) as server, server.connect() as endpoint:
        worker = Link(endpoint)
        worker.says(CAN_DO, b"beat")
        worker.says(PRE_SLEEP)
        assert worker.hears() == (NOOP,)
        kind, *fields = worker.asks(GRAB_JOB_UNIQ)
        _, function, unique, workload = fields
        assert (kind, function, workload) == (JOB_ASSIGN_UNIQ, b"beat", b"a")
        assert re.fullmatch(rb"beat@\d{10}", unique)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (Settings(max_schedules=2), "schedules wants at most 2 tables, as max-schedules says, got 3"),
        (
            Settings(max_function_schedules=1),
            "schedules wants at most 1 tables with function = 'f', as max-function-schedules says, got 2",
        ),
        (Settings(max_schedules=3, max_function_schedules=2), None),
    ],
)
def test_a_file_has_no_more_schedules_than_there_may_be(
    tmp_path: Path, settings: Settings, message: str | None
) -> None:
    tables = [f'[schedules.{name}]\nfunction = "{name[0]}"\nevery = 60\n' for name in ("f1", "f2", "g1")]
    file = written(tmp_path, "".join(tables))
    configuration = read_configuration(file)
    if message is None:
        return configuration.check_limits(settings)
    with pytest.raises(SettingsError, match=f"^{re.escape(f'{file}: {message}')}$"):
        configuration.check_limits(settings)


def test_a_new_file_with_too_many_schedules_changes_nothing(tmp_path: Path) -> None:
    file = written(tmp_path, '[schedules.a]\nfunction = "f"\nevery = 3600\n')
    with geartrain_server("--config", file, "--max-schedules", "1") as server:
        written(
            tmp_path,
            '[schedules.b]\nfunction = "f"\nevery = 3600\n[schedules.c]\nfunction = "g"\nevery = 3600\n',
        )
        server.hang_up()
        server.wait_for_output("schedules wants at most 1 tables")
        assert '"name": "a"' in server.ask("schedules")


def test_a_client_makes_a_recurring_job(server: ServerProgram) -> None:
    with server.connect() as endpoint:
        client = Link(endpoint)
        any_time = (b"", b"*", b"-1", b"*", b"")
        kind, *fields = client.asks(SUBMIT_JOB_SCHED, b"f", b"u", *any_time, b"a\0b")
        handle = fields[0]
        assert kind == JOB_CREATED
        assert client.asks(SUBMIT_JOB_SCHED, b"f", b"u", *any_time, b"") == (JOB_CREATED, handle)
        assert client.asks(GET_STATUS, handle) == (STATUS_RES, handle, b"1", b"0", b"0", b"0")
        kind, *fields = client.asks(SUBMIT_JOB_SCHED, b"f", b"", b"60", *any_time[1:], b"")
        assert (kind, fields[0]) == (ERROR, b"INVALID_ARGUMENT")
        client.says(CAN_DO, b"f")
        assert client.asks(GRAB_JOB_UNIQ) == (NO_JOB,)
    assert server.ask(f"cancel job {handle.decode()}") == "OK\r\n"


def test_a_server_that_finishes_begins_nothing_new() -> None:
    async def finish() -> OwnDesk:
        server = Server(Settings(), logging.getLogger("test"), partial(own_desk, None))
        server.desk.configure(
            partial(configure_schedules, sections={"beat": {"function": "beat", "every": 1}})
        )
        await server.start([])
        await server.finish()
        await server.stop(0)
        assert isinstance(server.desk, OwnDesk)
        return server.desk

    assert asyncio.run(finish()).broker.schedules.stopped


def test_killed_again_and_again_a_server_loses_no_tick_and_does_none_twice(tmp_path: Path) -> None:
    store = ("--store", f"sqlite:{tmp_path / 'jobs.db'}")
    with geartrain_server(*store) as server, server.connect() as endpoint:
        server.ask('schedule-add s {"function":"f","every":1,"catch_up":"all"}')
        Link(endpoint).asks(SUBMIT_JOB_SCHED, b"g", b"", b"", b"", b"", b"", b"", b"")
        server.kill()
    ticks = 3
    for tick in range(1, 1 + ticks):
        with geartrain_server(*store) as server:
            wait_for_jobs(server, tick)
            server.kill()
    with geartrain_server(*store) as server:
        assert [row["origin"] for row in listed(server, "schedules")] == ["wire", "run time"]
        moments = [int(job["unique"].removeprefix("s@")) for job in jobs(server)]
        assert len(moments) >= ticks
        assert moments == list(range(moments[0], moments[0] + len(moments)))


def wait_for_jobs(server: ServerProgram, count: int) -> None:
    wait_until(lambda: len(jobs(server)) >= count, f"the server has {count} jobs")


def jobs(server: ServerProgram) -> list[Any]:
    return listed(server, "jobs f")


def listed(server: ServerProgram, command: str) -> list[Any]:
    *lines, _, _ = server.ask(command).split("\n")
    return [json.loads(line) for line in lines]


def names(server: ServerProgram) -> list[str]:
    return [row["name"] for row in listed(server, "schedules")]


def test_the_file_is_read_again_on_sighup_and_one_that_is_wrong_changes_nothing(tmp_path: Path) -> None:
    schedule = "[schedules.%s]\nfunction = 'f'\ncron = '%s'\n"
    file = written(tmp_path, schedule % ("first", "@daily"))
    with geartrain_server("--config", file) as server:
        assert names(server) == ["first"]
        written(tmp_path, schedule % ("second", "@daily"))
        server.hang_up()
        wait_until(lambda: names(server) == ["second"], "the file is read again")
        written(tmp_path, schedule % ("third", "@sometimes"))
        server.hang_up()
        server.wait_for_output("schedules.third cron wants minute, hour")
        assert names(server) == ["second"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("schedules = 3", ": schedules wants tables of its own, got 3"),
        (
            "[schedules]\nfunction = 'f'",
            ": schedules wants tables such as [schedules.backup], got function = 'f'",
        ),
        (
            "[schedules.s]\nfunction = 'f'\ncron = '0 3 * * *'\ntimezone = 'Berlin'",
            ": schedules.s timezone wants a name that this machine knows, such as Europe/Berlin, got 'Berlin'",
        ),
        ("[schedules.s]\nfunction = 'f'\nevery = -5", ": schedules.s every wants whole seconds"),
        ("[schedule.s]\nfunction = 'f'\nevery = 5", "expected perhaps schedules"),
    ],
)
def test_what_is_wrong_in_the_file_is_named_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(SettingsError) as refusal:
        read_configuration(path)
    assert str(refusal.value).startswith(path)
    assert message in str(refusal.value)


# The page


def test_the_examples_of_the_page_are_read_as_they_are(tmp_path: Path) -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    broker = MemoryServer().broker
    read_configuration(written(tmp_path, example)).apply(broker)
    assert list(broker.schedules.by_name) == ["nightly-backup", "reindex", "report"]


def test_the_page_names_every_field() -> None:
    assert re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE) == list(FIELDS)
