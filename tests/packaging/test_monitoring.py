"""The Grafana board and Prometheus' alerts: they can be loaded, and they name what servers tell."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from itertools import combinations
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
import yaml

from tests.packaging.units import PACKAGING
from tests.support.engines import standalone
from tests.support.machine import HOST, free_port, require
from tests.support.processes import GeartrainProgram

RULES = PACKAGING / "prometheus" / "alerts.yaml"
BOARD = PACKAGING / "grafana" / "geartrain.json"
PAGE = Path(__file__).parents[2] / "docs" / "service.md"
METRIC = re.compile(r"\b(?:geartrain|process)_\w+\b")
EVERYTHING: list[dict[str, Any]] = json.loads(BOARD.read_text())["panels"]
PANELS = [panel for panel in EVERYTHING if panel["type"] != "row"]
PARTS = re.compile(r"_(?:bucket|sum|count)$")


def alerts() -> list[dict[str, Any]]:
    groups = yaml.safe_load(RULES.read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def metrics_in(text: str) -> set[str]:
    return {PARTS.sub("", name) for name in METRIC.findall(text)}


def metrics_of(*options: str) -> set[str]:
    """The names that a server tells."""
    port = free_port()
    with GeartrainProgram("--http", f"{HOST}:{port}", *options) as server:
        server.ask("create function resize")
        with urlopen(f"http://{HOST}:{port}/metrics") as answer:
            lines = answer.read().decode().splitlines()
    return {line.split()[2] for line in lines if line.startswith("# TYPE")}


@pytest.fixture(scope="module")
def told() -> set[str]:
    """The names that a server with a store of its own, and one of a pool, tell."""
    with standalone() as engine:
        return metrics_of() | metrics_of("--store", engine.url)


def test_every_metric_of_the_alerts_is_one_of_a_server(told: set[str]) -> None:
    wanted = {name for rule in alerts() for name in metrics_in(rule["expr"])}
    assert wanted - told == set()


def test_every_metric_of_the_board_is_one_of_a_server(told: set[str]) -> None:
    assert metrics_in(BOARD.read_text()) - told == set()


def promtool(*words: str) -> None:
    ended = subprocess.run([require("promtool"), *words], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_prometheus_takes_the_rules_and_the_configuration() -> None:
    promtool("check", "rules", "--lint-fatal", str(RULES))
    promtool("check", "config", str(PACKAGING / "prometheus" / "prometheus.yaml"))


def test_alerts_are_heard_when_there_is_a_reason(tmp_path: Path) -> None:
    shutil.copy(RULES, tmp_path)
    shutil.copy(Path(__file__).with_name("alerts_test.yaml"), tmp_path)
    promtool("test", "rules", str(tmp_path / "alerts_test.yaml"))


def test_every_alert_says_how_bad_and_what_it_is_and_the_page_says_what_to_do() -> None:
    page = PAGE.read_text()
    for rule in alerts():
        assert rule["labels"]["severity"] in ("critical", "warning")
        assert rule["annotations"]["summary"]
        assert f"`{rule['alert']}`" in page


def test_no_panels_lie_over_each_other() -> None:
    assert len({panel["id"] for panel in EVERYTHING}) == len(EVERYTHING)
    places = [panel["gridPos"] for panel in EVERYTHING]
    assert all(place["x"] + place["w"] <= 24 for place in places)
    for one, other in combinations(places, 2):
        apart = any(
            first[axis] + first[size] <= second[axis]
            for first, second in ((one, other), (other, one))
            for axis, size in (("x", "w"), ("y", "h"))
        )
        assert apart, (one, other)


def test_the_panels_ask_with_the_variables_of_the_board() -> None:
    board = json.loads(BOARD.read_text())
    names = {variable["name"] for variable in board["templating"]["list"]}
    used = set(re.findall(r"\$\{?([a-z]\w*)", json.dumps(board["panels"])))
    assert used == names


@pytest.mark.parametrize(
    "panel", [panel for panel in EVERYTHING if panel["type"] != "row"], ids=lambda each: each["title"]
)
def test_prometheus_can_read_what_a_panel_asks(panel: dict[str, Any], tmp_path: Path) -> None:
    expressions = [target["expr"].replace("$__rate_interval", "1m") for target in panel["targets"]]
    rules = [{"record": f"panel:{number}", "expr": each} for number, each in enumerate(expressions)]
    file = tmp_path / "panel.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "panel", "rules": rules}]}))
    promtool("check", "rules", str(file))


def test_the_board_is_found_where_grafana_is_told_to_look() -> None:
    provisioning = PACKAGING / "grafana" / "provisioning"
    (source,) = yaml.safe_load((provisioning / "datasources" / "prometheus.yaml").read_text())["datasources"]
    (provider,) = yaml.safe_load((provisioning / "dashboards" / "geartrain.yaml").read_text())["providers"]
    assert source["type"] == "prometheus"
    assert provider["options"]["path"] == "/var/lib/grafana/dashboards"
