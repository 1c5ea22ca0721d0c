"""The command line in TLS: its options, libgearman's variables, and a server's files that do not fit."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.program import PROGRAM, Outcome, geartrain
from tests.support.machine import HOST, free_port, wait_until
from tests.support.processes import Program, ServerProgram
from tests.support.tls import Authority, Files, TlsProgram

APPLICATION = """
from geartrain import App

app = App()

@app.task
def tls_shout(text: str) -> str:
    return text.upper() + "!"
"""


class Guarded:
    """A server that wants its clients' certificates, and who has one."""

    def __init__(self, folder: Path) -> None:
        self.authority = Authority(folder)
        self.shown = self.authority.issue("shown", "user.example")
        self.server = TlsProgram(
            "--tls-client-ca", self.authority.ca, files=self.authority.issue("own", "localhost", HOST)
        )
        self.options = ("--ca", self.authority.ca, "--cert", self.shown.certificate, "--key", self.shown.key)
        self.environment: dict[str, Any] = {
            "GEARMAND_CA_CERTIFICATE": self.authority.ca,
            "GEARMAN_CLIENT_PEM": self.shown.certificate,
            "GEARMAN_CLIENT_KEY": self.shown.key,
        }

    def run(self, command: str, *words: str) -> Outcome:
        return geartrain(*command.split(), "--server", f"{HOST}:{self.server.port}", *self.options, *words)


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    made = Guarded(tmp_path_factory.mktemp("guarded"))
    with made.server:
        yield made


@pytest.mark.parametrize(
    "words",
    [
        "functions",
        "jobs",
        "workers",
        "dead",
        "schedules",
        "pool",
        "top --json",
        "doctor",
        "status H:nothing:1",
        "submit --background tls-words x",
        "schedules add tls tls-words x --every 1h",
    ],
)
def test_every_command_speaks_tls_with_its_servers(guarded: Guarded, words: str) -> None:
    command, *others = words.split()
    first = [others.pop(0)] if others[:1] == ["add"] else []
    ended = guarded.run(" ".join([command, *first]), *others)
    assert (ended.status, ended.stderr) == (0, "")


def test_libgearmans_variables_stand_in_for_the_options(guarded: Guarded) -> None:
    for address in (f"{HOST}:{guarded.server.port}", guarded.server.address):
        ended = geartrain("functions", "--server", address, **guarded.environment)
        assert (ended.status, ended.stderr) == (0, "")


def test_an_address_is_enough_where_the_system_trusts_the_authority(guarded: Guarded) -> None:
    address = f"tls://localhost:{guarded.server.port}"
    ended = geartrain("functions", "--server", address, SSL_CERT_FILE=guarded.authority.ca)
    assert ended.status == 3
    assert ended.stderr == (f"geartrain: lost the connection to {address}: it wants a client's certificate\n")


def test_a_server_that_is_not_trusted_is_one_line_and_status_3(guarded: Guarded) -> None:
    address = f"tls://localhost:{guarded.server.port}"
    ended = geartrain("submit", "--server", address, "x", "y")
    assert (ended.status, ended.stdout) == (3, "")
    assert ended.stderr == (
        f"geartrain: cannot connect to {address}: its certificate is from an authority that is not trusted (ca)\n"
    )


def test_a_file_that_is_not_there_is_wrong_usage(guarded: Guarded) -> None:
    ended = geartrain("functions", "--ca", "/no/such")
    assert (ended.status, ended.stderr) == (
        2,
        "geartrain: cannot read /no/such: No such file or directory\n",
    )


def test_a_worker_with_a_command_works_in_tls(guarded: Guarded) -> None:
    server = ("--server", f"{HOST}:{guarded.server.port}", *guarded.options)
    with Program(*PROGRAM, "worker", *server, "-f", "tls-rev", "--", "rev"):
        assert guarded.run("submit", "tls-rev", "abc").stdout.strip() == "cba"


def test_the_tasks_of_an_application_run_in_tls(guarded: Guarded, tmp_path: Path) -> None:
    (tmp_path / "loud.py").write_text(APPLICATION)
    path = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
    server = ("--server", f"{HOST}:{guarded.server.port}", *guarded.options)
    with Program(*PROGRAM, "worker", *server, "loud:app", environment={"PYTHONPATH": path}):
        wait_until(lambda: "tls_shout" in guarded.run("functions").stdout, "the worker is connected")
        ended = guarded.run("submit", "tls_shout", "hear")
        assert ended.stdout == "HEAR!"


# geartrain server


def start(*options: str, **environment: Any) -> Outcome:
    """A start that is expected to end by itself."""
    return geartrain("server", "--store", "memory:", "--listen", HOST, "--port", "0", *options, **environment)


def test_a_server_whose_files_do_not_fit_does_not_start(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    own, other = authority.issue("own", HOST), authority.issue("other", HOST)
    tls = ("--listen-tls", f"{HOST}:0")
    for options, message in (
        (tls, "--listen-tls wants --tls-certificate FILE as well"),
        (("--http-tls",), "--http-tls wants --tls-certificate FILE as well"),
        ((*tls, "--tls-certificate", "/no/such"), "cannot read /no/such: No such file or directory"),
        (
            (*tls, "--tls-certificate", own.certificate),
            f"{own.certificate}: a private key in PEM form is expected",
        ),
        (
            (*tls, "--tls-certificate", own.certificate, "--tls-key", other.key),
            f"{other.key}: the key is not that of the certificate {own.certificate}",
        ),
        (
            (*tls, *own.server_options, "--tls-client-ca", own.key),
            f"{own.key}: a certificate in PEM form is expected",
        ),
        (
            (*tls, *own.server_options, "--tls-client", "required"),
            "--tls-client required wants --tls-client-ca FILE as well",
        ),
        (("--ssl",), "cannot read /etc/ssl/certs/gearmand.pem: No such file or directory"),
    ):
        ended = start(*options)
        assert (ended.status, ended.stderr) == (2, f"geartrain: {message}\n")


def test_gearmands_variables_win_over_its_options_and_only_with_ssl(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    own = authority.issue("own", HOST)
    environment: dict[str, Any] = {
        "GEARMAND_SERVER_PEM": own.certificate,
        "GEARMAND_SERVER_KEY": own.key,
        "GEARMAND_CA_CERTIFICATE": "/no/ca",
    }
    ended = start("--ssl", "--ssl-certificate", "/no/such", **environment)
    assert (ended.status, ended.stderr) == (2, "geartrain: cannot read /no/ca: No such file or directory\n")
    port = free_port()
    words = ("server", "--store", "memory:", "--listen", HOST, "--port", str(port), "--ssl-key", "/no/such")
    with ServerProgram(*PROGRAM, *words, port=port, environment=environment) as server:
        server.wait_for_output('option=ssl-key reason="it belongs to --ssl"')
        assert server.ask("version").startswith("OK ")


def test_options_of_tls_come_from_a_file_as_well(tmp_path: Path) -> None:
    files: Files = Authority(tmp_path).issue("own", HOST)
    port, tls_port = free_port(), free_port()
    config = tmp_path / "geartrain.toml"
    config.write_text(
        f'listen = ["{HOST}"]\nport = {port}\nstore = "memory:"\nlisten-tls = ["{HOST}:{tls_port}"]\n'
        f'tls-certificate = "{files.certificate}"\ntls-key = "{files.key}"\n'
    )
    with ServerProgram(*PROGRAM, "server", "--config", str(config), port=port) as server:
        server.wait_for_output(f"address={HOST}:{tls_port} tls=True")
