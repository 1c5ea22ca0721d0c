"""Noise on every port, for FUZZ_SECONDS: the server lives, its memory stays, and who behaves is served all the time."""

from __future__ import annotations

import os
import time
from pathlib import Path
from random import SystemRandom

import pytest

from geartrain.errors import SettingsError
from geartrain.server.configuration import read_configuration
from tests.fuzz.extremes import Extremes
from tests.fuzz.noise import Noise
from tests.fuzz.peers import Canary, Gauge, Joiner, Talker, Watcher, memory_of
from tests.support.machine import HOST, free_port
from tests.support.processes import GeartrainProgram
from tests.support.tls import Authority

SECONDS = float(os.environ.get("FUZZ_SECONDS", "30"))  # a minute, for both builds
SEED = os.environ.get("FUZZ_SEED") or str(SystemRandom().getrandbits(64))
DOCUMENTS = int(40 * SECONDS)
MOST_MEMORY = 300 * 1024 * 1024  # bytes by which a server may grow: queues are bounded below
LEVEL = 1.2  # times what it had in the second third of the time, at most
CONFIGURATION = """
[functions."*"]
max_queue = 5
max_running = 50
keep_result = 5
"""


@pytest.mark.timeout(SECONDS * 2 + 60)
@pytest.mark.one_server("the web server and its neighbours are one process")
def test_noise_on_every_port_disturbs_nobody(tmp_path: Path) -> None:
    print(f"FUZZ_SEED={SEED}")
    (tmp_path / "config.toml").write_text(CONFIGURATION)
    files = Authority(tmp_path).issue("server", HOST)
    http, gear_http, tls = free_port(), free_port(), free_port()
    options = [
        *("--config", str(tmp_path / "config.toml"), "--verbose", "ERROR"),
        *("--max-workload", "1000000", "--max-output", "4000000", "--tls-handshake", "1"),
        *("--http", f"{HOST}:{http}", "--protocol", "http", "--http-port", str(gear_http)),
        *("--listen-tls", f"{HOST}:{tls}", *files.server_options),
    ]
    with GeartrainProgram(*options) as server:
        before = memory_of(server.pid)
        until = time.monotonic() + SECONDS
        canary, gauge = Canary(server.address, until), Gauge(server.pid, until)
        talkers = talkers_on(server.port, http, gear_http, tls, until)
        peers: list[Canary | Gauge | Talker] = [canary, gauge, *talkers]
        for peer in peers:
            peer.start()
        for peer in peers:
            peer.join()
        assert server.running(), server.output()[-5000:]
        failures = [canary.failure, *(talker.failure for talker in talkers)]
        assert [failure for failure in failures if failure] == [], server.output()[-5000:]
        assert canary.served > SECONDS
        assert all(talker.said for talker in talkers)
        assert all(talker.heard for talker in talkers if talker.port == server.port)
        assert "Traceback" not in server.output(), server.output()[-5000:]
        assert max(gauge.seen) - before < MOST_MEMORY
        earlier, later = gauge.parts()
        assert later < earlier * LEVEL
        assert server.stop() == 0


def talkers_on(gearman: int, http: int, gear_http: int, tls: int, until: float) -> list[Talker]:
    """Two talkers for each kind of noise on each port, and those that join jobs and open streams."""
    noises = [
        ("packet", gearman),
        ("line", gearman),
        ("request", http),
        ("request", gear_http),
        ("record", tls),
    ]
    extremes = [("packet", gearman), ("line", gearman), ("call", http), ("head", http), ("head", gear_http)]
    found: list[Talker] = []
    for turn in range(2):
        for say, port in noises:
            noise = Noise(f"{SEED} {say} {port} {turn}")
            found.append(Talker(noise.random, port, getattr(noise, say), until))
        for say, port in extremes:
            found.append(talker_of(Talker, f"{SEED} extreme {say} {port} {turn}", port, say, until))
        found.append(talker_of(Joiner, f"{SEED} joins {turn}", gearman, "name", until))
        found.append(talker_of(Watcher, f"{SEED} watches {turn}", http, "stream", until))
    return found


def talker_of(kind: type[Talker], seed: str, port: int, say: str, until: float) -> Talker:
    """Somebody who goes to extremes."""
    made_up = Extremes(seed)
    return kind(made_up.random, port, getattr(made_up, say), until)


def test_a_configuration_that_makes_no_sense_is_refused_and_nothing_worse(tmp_path: Path) -> None:
    print(f"FUZZ_SEED={SEED}")
    noise = Noise(SEED)
    file = tmp_path / "config.toml"
    refused = 0
    for _ in range(DOCUMENTS):
        document = noise.document()
        file.write_text(document)
        refusal = refusal_of(str(file))
        assert not refusal or str(file) in refusal, document
        refused += bool(refusal)
    assert refused > DOCUMENTS // 2


def refusal_of(file: str) -> str:
    """What is wrong with a configuration; empty where nothing is."""
    try:
        read_configuration(file)
    except SettingsError as error:
        return str(error)
    return ""
