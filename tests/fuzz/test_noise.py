"""Noise on every port, for FUZZ_SECONDS: the server lives, its memory stays, and who behaves is served all the time."""

from __future__ import annotations

import os
import time
from pathlib import Path
from random import SystemRandom

import pytest

from geartrain.errors import SettingsError
from geartrain.server.configuration import read_configuration
from tests.fuzz.noise import Noise
from tests.fuzz.peers import Canary, Talker, memory_of
from tests.support.machine import HOST, free_port
from tests.support.processes import GeartrainProgram
from tests.support.tls import Authority

SECONDS = float(os.environ.get("FUZZ_SECONDS", "30"))  # a minute, for both builds
SEED = os.environ.get("FUZZ_SEED") or str(SystemRandom().getrandbits(64))
DOCUMENTS = int(40 * SECONDS)
MOST_MEMORY = 200 * 1024 * 1024  # bytes by which a server may grow: queues are bounded below
CONFIGURATION = """
[functions."*"]
max_queue = 200
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
        canary = Canary(server.address, until)
        says = [(Noise.packet, server.port), (Noise.line, server.port), (Noise.request, http)]
        says += [(Noise.request, gear_http), (Noise.record, tls)]
        talkers = [
            Talker(Noise(f"{SEED} {say.__name__} {port} {turn}"), port, say, until)
            for say, port in says
            for turn in range(2)
        ]
        peers: list[Canary | Talker] = [canary, *talkers]
        for peer in peers:
            peer.start()
        for peer in peers:
            peer.join()
        assert server.running(), server.output()[-5000:]
        assert [peer.failure for peer in peers if peer.failure] == [], server.output()[-5000:]
        assert canary.served > SECONDS
        assert all(talker.said > SECONDS and (talker.heard or talker.port == tls) for talker in talkers)
        assert "Traceback" not in server.output(), server.output()[-5000:]
        assert memory_of(server.pid) - before < MOST_MEMORY
        assert server.stop() == 0


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
