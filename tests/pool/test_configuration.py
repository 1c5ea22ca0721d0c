"""What stands in the servers' configuration files, in a pool: it is the leader's that counts."""

from __future__ import annotations

from pathlib import Path

import pytest

from geartrain.pool.address import Address
from tests.support.engines import EngineSet
from tests.support.pools import pool


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The file that all servers of the pool have."""
    path = tmp_path / "geartrain.toml"
    path.write_text("")
    return path


@pytest.fixture
def url(engine: EngineSet, address: Address) -> str:
    """A pool that nobody has used."""
    return f"{engine.url}?namespace={address.namespace}"


def test_a_schedule_has_missed_nothing_when_a_server_begins_to_lead(url: str, file: Path) -> None:
    file.write_text('[schedules.nightly]\nfunction = "backup"\ncron = "30 3 29 2 *"\n')
    with pool(url, 1, "--config", str(file)) as members:
        (server,) = members.servers
        assert '"name":"nightly"' in server.ask("schedules").replace(" ", "")
        assert server.ask("jobs") == ".\n"


def test_a_server_that_begins_to_lead_has_read_the_file_again(url: str, file: Path) -> None:
    with pool(url, 2, "--config", str(file)) as members:
        file.write_text("[functions.resize]\nmax_queue = 7\n")
        for server in members.servers:
            server.hang_up()
            server.wait_for_output("configuration read again")
        (other,) = members.followers()
        members.leader().kill()
        members.wait_until_led()
        assert '"max_queue":{"high":7' in other.ask("policy resize").replace(" ", "")
