"""How both libraries speak TLS with servers of ours: what is trusted, what is refused, and what they say then."""

from __future__ import annotations

import signal
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from geartrain import TLS, ConnectError, ConnectionLost, GearmanError, JobHandle, NoServers, WorkerJob
from tests.contracts.shells import Shell
from tests.support.machine import HOST, free_port, wait_until
from tests.support.processes import GeartrainProgram, ServerProgram
from tests.support.tls import Authority, TlsProgram, trusting


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def strict(authority: Authority) -> Iterator[ServerProgram]:
    """A server that wants its clients' certificates."""
    own = authority.issue("own", "localhost")
    with TlsOnly(*own.server_options, "--tls-client-ca", authority.ca) as server:
        yield server


class TlsOnly(GeartrainProgram):
    """A server with a port for TLS beside its plain one, and the address of that."""

    def __init__(self, *options: str) -> None:
        port = free_port()
        super().__init__("--listen-tls", f"{HOST}:{port}", *options)
        self.address = f"tls://localhost:{port}"


def refusal_of(shell: Shell, server: str, tls: TLS | ssl.SSLContext | None) -> GearmanError:
    """How a call ends that cannot reach its server."""
    client = shell.client(server, tls=tls, timeout=10.0, connect_timeout=1.0)
    with pytest.raises((ConnectError, ConnectionLost)) as refusal:
        client.do_background("nothing")
    assert server in str(refusal.value)
    return refusal.value


def test_client_worker_and_admin_speak_tls_with_a_server_that_wants_their_certificate(
    shell: Shell, strict: ServerProgram, authority: Authority, function: str
) -> None:
    shown = authority.issue("shown", "worker.example")
    tls = TLS(authority.ca, shown.certificate, shown.key)
    worker = shell.worker(strict.address, tls=tls)

    def reverse(job: WorkerJob) -> bytes:
        return job.workload[::-1]

    worker.add_function(function, reverse)
    large = bytes(range(256)) * 40_000
    with shell.running(worker):
        client = shell.client(strict.address, tls=tls)
        assert client.do(function, large) == large[::-1]
        assert list(client.map(function, [b"ab", b"cd"])) == [b"ba", b"dc"]
        handles = client.submit_many(function, [b"x"] * 2000)
        assert handles[0].server == strict.address
        assert JobHandle.parse(handles[0].qualified).server == strict.address
    assert shell.admin(strict.address, tls=tls).version()


def test_a_server_of_gearmands_form_is_spoken_to_with_the_argument_alone(shell: Shell) -> None:
    with TlsProgram() as server:
        for tls in (trusting(), trusting().context()):
            assert shell.admin(f"{HOST}:{server.port}", tls=tls).version()


@pytest.mark.parametrize(
    ("certificate", "tls", "reason"),
    [
        ("own", TLS(), "its certificate is from an authority that is not trusted (ca)"),
        ("late", None, "its certificate has expired"),
        ("elsewhere", None, "its certificate is for another name"),
    ],
)
def test_a_server_whose_certificate_is_wrong_is_refused(
    shell: Shell, authority: Authority, certificate: str, tls: TLS | None, reason: str
) -> None:
    hosts = {"own": ("localhost", 30), "late": ("localhost", -1), "elsewhere": ("elsewhere.example", 30)}
    host, days = hosts[certificate]
    with TlsOnly(*authority.issue(certificate, host, days=days).server_options) as server:
        error = refusal_of(shell, server.address, tls or TLS(authority.ca))
        assert isinstance(error, NoServers)
        assert reason in str(error)
        named = TLS(authority.ca, server_name=host)
        for wanted in (TLS(verify=False), *([named] if days > 0 else [])):
            assert shell.admin(server.address, tls=wanted).version()


@pytest.mark.parametrize(
    ("shown", "reason"),
    [
        ("nothing", "it wants a client's certificate"),
        ("late", "it says that our certificate has expired"),
        ("stranger", "it does not trust the authority of our certificate"),
    ],
)
def test_a_server_that_refuses_the_clients_certificate_says_why(
    shell: Shell, strict: ServerProgram, authority: Authority, tmp_path: Path, shown: str, reason: str
) -> None:
    tls = TLS(authority.ca)
    if shown != "nothing":
        issuer = authority if shown == "late" else Authority(tmp_path)
        files = issuer.issue(shown, "client.example", days=-1 if shown == "late" else 30)
        tls = TLS(authority.ca, files.certificate, files.key)
    assert reason in str(refusal_of(shell, strict.address, tls))


def test_a_server_without_tls_is_named_at_once(shell: Shell, server: ServerProgram) -> None:
    address = f"tls://{server.address}"
    assert "it ended the connection before TLS was agreed on" in str(refusal_of(shell, address, TLS()))


def test_a_port_that_says_something_else_is_named(shell: Shell) -> None:
    with socket.create_server((HOST, 0)) as listener:

        def greet() -> None:
            with suppress(OSError):
                while True:
                    endpoint, _ = listener.accept()
                    with endpoint:
                        endpoint.sendall(b"220 mail.example ESMTP\r\n")
                        endpoint.recv(4096)

        thread = threading.Thread(target=greet, daemon=True)
        thread.start()
        address = f"tls://{HOST}:{listener.getsockname()[1]}"
        assert "it does not speak TLS" in str(refusal_of(shell, address, TLS()))
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def test_a_server_that_does_not_answer_the_handshake_is_given_up_in_time(shell: Shell) -> None:
    with socket.create_server((HOST, 0)) as listener:
        address = f"tls://{HOST}:{listener.getsockname()[1]}"
        assert "in 1 s" in str(refusal_of(shell, address, TLS()))


def test_a_client_without_tls_hears_where_it_is(shell: Shell) -> None:
    with TlsProgram() as server:
        client = shell.client(f"{HOST}:{server.port}", timeout=10.0)
        with pytest.raises(GearmanError) as refusal:
            client.do_background("nothing")
    assert "this port speaks TLS" in str(refusal.value)


def test_a_worker_comes_back_to_a_server_that_was_away(shell: Shell, function: str) -> None:
    with TlsProgram() as server:
        port = server.port
        worker = shell.worker(server.address, tls=trusting())
        done: list[bytes] = []

        def note(job: WorkerJob) -> None:
            done.append(job.workload)

        worker.add_function(function, note)
        with shell.running(worker):
            client = shell.client(server.address, tls=trusting())
            client.do(function, b"before")
            server.end(signal.SIGTERM)
            with TlsProgram(port=port):
                client.do(function, b"after", timeout=15.0)
                wait_until(lambda: done == [b"before", b"after"], "both jobs are done")


def test_a_renewed_certificate_is_used_by_the_next_connection(
    shell: Shell, strict: ServerProgram, authority: Authority, tmp_path: Path
) -> None:
    good = authority.issue("good", "client.example")
    bad = Authority(tmp_path).issue("bad", "client.example")
    tls = TLS(authority.ca, bad.certificate, bad.key)
    admin = shell.admin(strict.address, tls=tls)
    with pytest.raises((ConnectError, ConnectionLost)):
        admin.version()
    for file in ("certificate", "key"):
        Path(getattr(bad, file)).write_text(Path(getattr(good, file)).read_text())
    assert admin.version()
