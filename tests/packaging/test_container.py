"""The container and its example, as far as they can be tried without one."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.packaging.units import PACKAGING
from tests.support.machine import DEADLINE, free_port
from tests.support.processes import geartrain_server

CHECKOUT = Path(__file__).parents[2]
CONTAINER = PACKAGING / "container"
COMPOSE: dict[str, Any] = yaml.safe_load((CONTAINER / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = [name for name, service in SERVICES.items() if service["image"] == "geartrain"]
SERVERS = [name for name in OURS if SERVICES[name]["command"][0] == "server"]


def instructions() -> list[tuple[str, str]]:
    """The Containerfile's instructions with what stands after them, continued lines joined."""
    text = (CONTAINER / "Containerfile").read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(line.split()[0], line.partition(" ")[2]) for line in lines]


def words_of(instruction: str) -> list[str]:
    """The words of the last instruction of that name, as JSON has them."""
    (*_, given) = [rest for name, rest in instructions() if name == instruction]
    words: list[str] = json.loads(given[given.index("[") :])
    return words


def geartrain(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "geartrain", *words],
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )


def test_what_is_copied_is_there_and_the_build_may_see_it() -> None:
    ignored = (CHECKOUT / ".dockerignore").read_text().splitlines()
    copied = [rest.split()[:-1] for name, rest in instructions() if name == "COPY" and "--from" not in rest]
    for source in (source for sources in copied for source in sources):
        assert (CHECKOUT / source).exists()
        assert f"!{source}" in ignored


def test_it_is_installed_as_the_readme_says_with_extras_that_there_are() -> None:
    (extras,) = re.findall(
        r"pip install --no-cache-dir '\.\[(.*)\]'", (CONTAINER / "Containerfile").read_text()
    )
    known = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert set(extras.split(",")) <= set(known)
    assert "pip install '.[server]'" in (CHECKOUT / "README.md").read_text()


def test_the_build_needs_nothing_else_of_the_checkout() -> None:
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
    (first, *_) = [rest for name, rest in instructions() if name == "COPY"]
    assert {project["readme"], *project["license-files"], "setup.py", "pyproject.toml"} <= set(first.split())


def test_it_does_not_run_as_root_and_keeps_its_jobs_in_the_volume() -> None:
    by_name = dict(instructions())
    assert by_name["USER"] == "geartrain"
    environment = dict(word.split("=", 1) for word in shlex.split(by_name["ENV"]))
    assert environment["STATE_DIRECTORY"] == by_name["VOLUME"]


def test_its_command_is_one_that_the_server_takes(tmp_path: Path) -> None:
    name, *words = words_of("CMD")
    here = [word.replace("/etc/geartrain/", f"{PACKAGING}/") for word in words]
    ended = geartrain(name, *here, "--check-args")
    assert (ended.returncode, ended.stderr) == (0, "")


def test_its_health_is_that_of_the_server() -> None:
    (*_, check) = [rest for name, rest in instructions() if name == "HEALTHCHECK"]
    program, *words = json.loads(check[check.index("[") :])
    assert program == "geartrain"
    with geartrain_server() as server:
        assert geartrain(*(word.replace("127.0.0.1:4730", server.address) for word in words)).returncode == 0
    nobody = f"127.0.0.1:{free_port()}"
    assert geartrain(*(word.replace("127.0.0.1:4730", nobody) for word in words)).returncode == 3


def test_the_example_has_a_pool_of_two_servers() -> None:
    assert len(SERVERS) == 2
    for name in SERVERS:
        options = SERVICES[name]["command"][1:]
        assert "--store=valkey://valkey:6379" in options
        here = [word.replace("/etc/geartrain/", f"{PACKAGING}/") for word in options]
        assert geartrain("server", *here, "--check-args").returncode == 0


def test_every_container_of_ours_has_no_rights_and_a_root_that_stays_as_it_is() -> None:
    for name in OURS:
        service = SERVICES[name]
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]


def test_nothing_of_the_example_listens_beyond_loopback() -> None:
    for service in SERVICES.values():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))


def test_what_the_example_mounts_is_there() -> None:
    volumes = set(COMPOSE["volumes"])
    for service in SERVICES.values():
        for source in (mount.split(":")[0] for mount in service.get("volumes", ())):
            assert source in volumes or (CONTAINER / source).exists(), source
    build = SERVICES["queue1"]["build"]
    assert (CONTAINER / build["context"] / build["dockerfile"]).samefile(CONTAINER / "Containerfile")


def test_the_example_waits_only_for_what_is_in_it() -> None:
    for service in SERVICES.values():
        assert set(service.get("depends_on", ())) <= set(SERVICES)


def test_prometheus_asks_each_server_by_the_name_that_it_knows() -> None:
    prometheus = yaml.safe_load((PACKAGING / "prometheus" / "prometheus.yaml").read_text())
    (asked,) = prometheus["scrape_configs"][0]["static_configs"]
    names = [SERVICES[name]["hostname"] for name in SERVERS]
    assert asked["targets"] == [f"{name}:8730" for name in names]


@pytest.mark.parametrize("name", SERVERS)
def test_the_worker_knows_each_server(name: str) -> None:
    assert f"{name}:4730" in SERVICES["worker"]["command"]
