"""Engines that want a password, or TLS."""

from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path
from urllib.parse import quote

import pytest

from geartrain.errors import EngineLost
from geartrain.pool.address import address_of
from tests.pool.stores import registry_of
from tests.support.engines import RELIABLE, SERVICE, EngineSet, sentinels, standalone
from tests.support.machine import HOST, free_port, require


def join(url: str) -> None:
    """Join the pool at a URL."""

    async def conversation() -> None:
        async with registry_of(address_of(url), hold=0.3) as registry:
            await registry.join()

    asyncio.run(conversation())


def refusal(url: str) -> str:
    with pytest.raises(EngineLost) as refused:
        join(url)
    return str(refused.value)


def with_credentials(engine: EngineSet, credentials: str) -> str:
    return engine.url.replace("://", f"://{credentials}@")


def test_a_password_is_said_to_the_engine() -> None:
    with standalone(
        *RELIABLE, "--requirepass", "s/cret", "--user", *["jobs", "on", ">w0rk", "~*", "+@all"]
    ) as engine:
        join(with_credentials(engine, ":s%2Fcret"))
        join(with_credentials(engine, "jobs:w0rk"))
        assert "Authentication required" in refusal(engine.url)
        wrong = refusal(with_credentials(engine, ":other"))
        assert wrong.startswith(
            f"the engine at {engine.nodes[0].place} refuses the user or password of the URL: "
        )
        assert "other" not in wrong


def test_a_password_may_have_any_characters_as_a_url_writes_them() -> None:
    password = "p@ss:w/rd%#? é"
    with standalone(*RELIABLE, "--requirepass", password) as engine:
        join(with_credentials(engine, f":{quote(password, safe='')}"))


def test_a_password_is_said_to_the_primary_and_to_those_sentinels_that_want_one() -> None:
    with sentinels(replicas=0, watchers=1) as engine:
        primary, watcher = engine.nodes[0], engine.watchers[0]
        watcher.ask("SENTINEL", "SET", SERVICE, "auth-pass", "secret")
        primary.ask("CONFIG", "SET", "requirepass", "secret")
        join(with_credentials(engine, ":secret"))
        watcher.ask("CONFIG", "SET", "requirepass", "secret")
        join(with_credentials(engine, ":secret"))


# TLS


def openssl(folder: Path, *words: str) -> None:
    subprocess.run([require("openssl"), *words], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def certificates(tmp_path: Path) -> Path:
    """A folder with an authority, and a certificate of it for this host."""
    key = ("-newkey", "rsa:2048", "-nodes", "-subj")
    openssl(tmp_path, "req", "-x509", *key, "/CN=authority", "-keyout", "ca.key", "-out", "ca.crt")
    openssl(tmp_path, "req", *key, "/CN=engine", "-keyout", "own.key", "-out", "own.csr")
    (tmp_path / "names").write_text(f"subjectAltName=IP:{HOST}\n")
    ours = ("-in", "own.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "names")
    openssl(tmp_path, "x509", "-req", *ours, "-out", "own.crt")
    return tmp_path


def test_tls_is_spoken_with_an_engine_whose_certificate_is_right(certificates: Path) -> None:
    port = free_port()
    files = {"ca-cert-file": "ca.crt", "cert-file": "own.crt", "key-file": "own.key"}
    options = [word for name, file in files.items() for word in (f"--tls-{name}", str(certificates / file))]
    with standalone(*RELIABLE, "--tls-port", str(port), *options):
        ours = f"tls_cert={certificates}/own.crt&tls_key={certificates}/own.key"
        join(f"valkeys://{HOST}:{port}?tls_ca={certificates}/ca.crt&{ours}")
        assert "certificate verify failed" in refusal(f"valkeys://{HOST}:{port}?{ours}")
        assert "lost" in refusal(f"valkeys://{HOST}:{port}?tls_ca={certificates}/ca.crt")
        assert "lost" in refusal(f"valkeys://{HOST}:{port}?tls_ca={certificates}/no-such-file")
        assert "certificate verify failed" in refusal(
            f"valkeys://localhost:{port}?tls_ca={certificates}/ca.crt&{ours}"
        )
