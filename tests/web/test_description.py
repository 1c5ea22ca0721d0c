"""The description of the API holds: what it allows works, what it does not is refused, and answers are as it says."""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import pytest

from geartrain.protocol.commands import CAN_DO, WORK_COMPLETE, WORK_FAIL
from geartrain.web.application import OPERATIONS
from tests.support.machine import wait_until
from tests.support.processes import Program
from tests.web.sites import API, Site, site

STATUSES: Final = """
[checks.not_a_server_error]
expected-statuses = ["2xx", "3xx", "4xx", "503", "504"]
"""
"""What is not done for now, or not in time, is no fault."""

NOT_THERE: Final = "ensure_resource_availability"  # a job that was just submitted is no dead letter, for one
PHASES: Final = {
    "examples,coverage,fuzzing": NOT_THERE,
    "stateful": f"{NOT_THERE},negative_data_rejection,use_after_free",
}
"""By phases of the program: checks that are left out. What follows from answers it takes for wrong where it is
right, and a job that was cancelled has a result that says so."""

SECONDS: Final = float(os.environ.get("GEARTRAIN_API_SECONDS", "8"))  # that requests are made up for
STREAMS: Final = ("/events", "/live", "/jobs/{handle}/events")  # they do not end by themselves


def test_every_path_is_described_and_the_description_says_nothing_else(alone: Site) -> None:
    told = alone.gets("/openapi.json")
    described = {(method.upper(), path) for path, methods in told["paths"].items() for method in methods}
    there = {(operation.method, operation.path) for operation in OPERATIONS}
    assert described == there | {("GET", "/openapi.json")}
    ids = [about["operationId"] for methods in told["paths"].values() for about in methods.values()]
    assert len(set(ids)) == len(ids)


@pytest.mark.timeout(SECONDS + 100)
def test_requests_made_up_from_the_description_find_no_fault(tmp_path: Path) -> None:
    with site() as asked, lived_in(asked) as names:
        description = tmp_path / "openapi.json"
        description.write_text(json.dumps(usable(asked.gets("/openapi.json"), names)))
        (tmp_path / "schemathesis.toml").write_text(STATUSES)
        for phases, left_out in PHASES.items():
            options = (
                f"--phases {phases} --checks all --exclude-checks {left_out} --continue-on-failure"
                f" --max-time {int(SECONDS / len(PHASES))} --request-timeout 10 --generation-database none"
                " --warnings off --no-color --suppress-health-check all"
            )
            program_file = str(Path(sys.executable).with_name("st"))
            command = [program_file, "run", str(description), "--url", asked.url + API, *options.split()]
            with Program(*command, folder=tmp_path) as program:
                wait_until(lambda: not program.running(), "all requests are made", SECONDS + 60)
                assert program.wait() == 0, program.output()
        assert asked.gets("/functions")["functions"]
        assert "Traceback" not in asked.server.output()


@contextmanager
def lived_in(there: Site) -> Iterator[dict[str, list[Any]]]:
    """Have jobs of all kinds, schedules and dead letters, and a worker; gives their names by what they are of."""
    policy = {"dead_letter": True, "keep_result": 600}
    there.does("PATCH", "/functions/work", {"policy": {"keep_result": 600}})
    there.does("PATCH", "/functions/fail", {"policy": policy})
    dead = [there.submits("fail") for _ in range(20)]
    failing = there.connect()
    for handle in dead:
        failing.grabs(b"fail")
        failing.says(WORK_FAIL, handle.encode())
    failing.leaves()
    wait_until(lambda: len(there.gets("/dead")["dead"]) == 20, "dead letters are known")
    queued = [there.submits("wait", workload=f"x{number}", unique=f"u{number}") for number in range(20)]
    later = [there.submits("wait", delay=3600) for _ in range(5)]
    schedules = ["nightly", "hourly"]
    for name in schedules:
        there.does("PUT", f"/schedules/{name}", {"function": "wait", "every": "1d"})
    with working(there):
        done = [there.submits("work", workload="x") for _ in range(10)]
        wait_until(lambda: there.gets(f"/jobs/{done[-1]}")["state"] == "complete", "jobs are done")
        number = there.gets("/workers")["workers"][0]["number"]
        yield {
            "handle": [*dead[:5], *queued[:5], *later, *done],
            "function": ["fail", "wait", "work"],
            "schedule": schedules,
            "number": [str(number)],
            "schedule.cron": ["0 3 * * *", "*/5 8-18 * * mon-fri"],
            "schedule.every": [3600, "12h"],
            "schedule.timezone": ["Europe/Berlin"],
            "schedule.catch_up": ["last", "skip", "all"],
            "job.workload_base64": ["", "eA==", "/w=="],
            "schedule.workload_base64": ["", "eA=="],
            "function.policy": [{"timeout": 60}, {"retry": {"attempts": 3}, "timeout": None}, {}],
            "job.cursor": [
                there.gets("/jobs", limit=1)["next"],
                0.5,
            ],  # in a query that number is a cursor, too
            "dead.cursor": [there.gets("/dead", limit=1)["next"]],
        }


@contextmanager
def working(there: Site) -> Iterator[None]:
    """A worker that does jobs while the block lasts."""
    worker = there.connect()
    worker.says(CAN_DO, b"work")

    def work() -> None:
        with suppress(AssertionError, OSError):  # it is told to end by the end of its connection
            while True:
                handle, _, workload = worker.waits_for_a_job()
                worker.says(WORK_COMPLETE, handle, workload)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        worker.endpoint.shutdown(socket.SHUT_RDWR)
        thread.join()


def usable(description: dict[str, Any], names: dict[str, list[Any]]) -> dict[str, Any]:
    """The description without endless answers, with what is there, and with values that have a meaning of their own.

    Those are what a schema does not tell apart from others: a line of a crontab, a policy, the cursor of a page.
    """
    paths = {path: about for path, about in description["paths"].items() if path not in STREAMS}
    for path, methods in paths.items():
        kind = path.split("/")[1].removesuffix("s")
        for about in methods.values():
            for parameter in about["parameters"]:
                if parameter["in"] == "path":
                    there = names[kind if parameter["name"] == "name" else parameter["name"]]
                    parameter["examples"] = {name: {"value": name} for name in there}
                else:
                    parameter["schema"] = with_names(kind, parameter["name"], parameter["schema"], names)
            content = about.get("requestBody", {}).get("content", {})
            content.pop("application/octet-stream", None)  # wants the function as a parameter, JSON does not
            if content:
                body = content["application/json"]
                body["schema"] = with_names(kind, "", body["schema"], names)
    return {**description, "paths": paths}


def with_names(kind: str, name: str, schema: dict[str, Any], names: dict[str, list[Any]]) -> dict[str, Any]:
    """A schema as it is in a test that should not wait, and should find something."""
    if schema.get("format") == "span":  # how long a text of units may be is more than a pattern can say
        schema = {**{word: schema[word] for word in schema if word != "pattern"}, "type": "number"}
    if name == "wait":
        return {**schema, "maximum": 0.05}
    if f"{kind}.{name}" in names:
        return {"enum": names[f"{kind}.{name}"]}
    if name in names:
        return {"anyOf": [{"enum": names[name]}, schema]}
    if "items" in schema:
        return {**schema, "items": with_names(kind, name.removesuffix("s"), schema["items"], names)}
    members = schema.get("properties", {}).items()
    return (
        {**schema, "properties": {each: with_names(kind, each, of, names) for each, of in members}}
        if members
        else schema
    )
