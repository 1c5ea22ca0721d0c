"""The unit files, as far as systemd can judge them where it does not run."""

from __future__ import annotations

import shutil
import subprocess
import sysconfig
from pathlib import Path

import pytest

from geartrain.server.activation import NAMES
from geartrain.server.settings import Settings
from geartrain.tasks.supervisor import KILL_AFTER
from tests.packaging.units import UNITS, settings_of
from tests.support.machine import require

OURS = Path(sysconfig.get_path("scripts"), "geartrain")
WORST = 14  # tenths of systemd's points of exposure, of 100
SERVICES = ("geartrain.service", "geartrain-worker@.service")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The unit files, with the program where it is here, and a worker by name."""
    for unit in UNITS.iterdir():
        text = unit.read_text().replace("ExecStart=geartrain ", f"ExecStart={OURS} ")
        (tmp_path / unit.name).write_text(text)
    shutil.copy(tmp_path / "geartrain-worker@.service", tmp_path / "geartrain-worker@thumbnails.service")
    return tmp_path


@pytest.mark.parametrize(
    "unit", ["geartrain.service", "geartrain.socket", "geartrain-worker@thumbnails.service"]
)
def test_systemd_finds_nothing_wrong_with_a_unit(unit: str, folder: Path) -> None:
    judged = judge("verify", "--man=no", str(folder / unit))
    assert (judged.returncode, judged.stdout + judged.stderr) == (0, "")


@pytest.mark.parametrize("unit", ["geartrain.service", "geartrain-worker@thumbnails.service"])
def test_a_service_is_exposed_as_little_as_we_say(unit: str, folder: Path) -> None:
    judged = judge("security", "--offline=true", f"--threshold={WORST}", str(folder / unit))
    assert judged.returncode == 0, judged.stdout


def judge(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [require("systemd-analyze"), "--no-pager", *words], capture_output=True, text=True, check=False
    )


def test_the_socket_has_a_name_that_the_server_knows() -> None:
    assert set(settings_of("geartrain.socket")["FileDescriptorName"]) <= set(NAMES)


def test_the_server_has_more_time_to_stop_than_its_jobs() -> None:
    (seconds,) = settings_of("geartrain.service")["TimeoutStopSec"]
    assert int(seconds) > 2 * Settings().grace


def test_a_worker_has_more_time_to_stop_than_its_jobs() -> None:
    (seconds,) = settings_of("geartrain-worker@.service")["TimeoutStopSec"]
    (command,) = settings_of("geartrain-worker@.service")["ExecStart"]
    words = command.split()
    assert int(seconds) > int(words[words.index("--grace") + 1]) + KILL_AFTER
    assert words.index("--grace") < words.index("$WORKER")


def test_no_service_restarts_with_options_that_cannot_work() -> None:
    for unit in SERVICES:
        assert settings_of(unit)["RestartPreventExitStatus"] == ["2"]
