"""Schedules over HTTP."""

from __future__ import annotations

import base64

import pytest

from tests.web.sites import Site, problem, site

BYTES = bytes(range(256))


def test_a_schedule_is_made_shown_changed_and_removed(everywhere: Site, function: str) -> None:
    path = f"/schedules/{function}"
    made = everywhere.does(
        "PUT", path, {"function": function, "cron": "0 3 * * *", "timezone": "Europe/Berlin"}
    )
    assert (made["name"], made["cron"], made["origin"]) == (function, "0 3 * * *", "run time")
    assert everywhere.gets(path) == made
    assert made in everywhere.gets("/schedules")["schedules"]
    changed = everywhere.does("PUT", path, {"function": function, "every": "12h", "priority": "low"})
    assert (changed["cron"], changed["every"], changed["priority"]) == (None, 43200, "low")
    assert everywhere.does("DELETE", path)["every"] == 43200
    for method in ("GET", "DELETE"):
        told = problem(everywhere.asks(method, path), 404)
        assert function in told["detail"]


def test_a_schedule_runs_when_it_is_told(everywhere: Site, function: str) -> None:
    body = {"function": function, "every": 86400, "workload_base64": base64.b64encode(BYTES).decode()}
    everywhere.does("PUT", f"/schedules/{function}", body)
    told = everywhere.does("POST", f"/schedules/{function}/run")
    assert told["name"] == function
    handle, _, workload = everywhere.connect().grabs(function.encode())
    assert (handle.decode(), workload) == (told["handle"], BYTES)


def test_a_schedule_rests_and_goes_on(everywhere: Site, function: str) -> None:
    everywhere.does("PUT", f"/schedules/{function}", {"function": function, "every": 86400})
    assert everywhere.does("POST", f"/schedules/{function}/pause")["paused"] is True
    assert everywhere.does("POST", f"/schedules/{function}/resume")["paused"] is False
    problem(everywhere.asks("POST", "/schedules/nothing/pause"), 404)


@pytest.mark.parametrize(
    ("fields", "name", "value"),
    [
        ({"every": "often"}, "every", "'often'"),
        ({"cron": "at noon"}, "cron", "'at noon'"),
        ({"cron": "0 3 * * *", "timezone": "Mars"}, "timezone", "'Mars'"),
        ({"every": 5, "catch_up": "perhaps"}, "catch_up", "'perhaps'"),
        ({"every": 5, "cron": "0 3 * * *"}, "every", 5),
        ({"every": 5, "when": "now"}, "when", "now"),
        ({"every": 5, "workload_base64": "?"}, "workload_base64", "?"),
    ],
)
def test_what_is_wrong_with_a_schedule_is_named(
    everywhere: Site, fields: dict[str, object], name: str, value: object
) -> None:
    told = problem(everywhere.asks("PUT", "/schedules/wrong", {"function": "f", **fields}), 400)
    assert (told["name"], told["value"]) == (name, value)
    assert told["expected"]


def test_a_schedule_of_the_configuration_stays(tmp_path_factory: pytest.TempPathFactory) -> None:
    file = tmp_path_factory.mktemp("site") / "geartrain.toml"
    file.write_text('[schedules.backup]\nfunction = "backup"\nevery = "1d"\n')
    with site("--config", str(file)) as configured:
        assert configured.gets("/schedules/backup")["origin"] == "file"
        told = problem(configured.asks("DELETE", "/schedules/backup"), 409)
        assert "configuration file" in told["detail"]
