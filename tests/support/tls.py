"""Certificates for tests, servers that speak TLS, and a way to them for programs that do not."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, Final, NamedTuple

import trustme

from geartrain.errors import GearmanError
from geartrain.protocol.servers import parse_server
from geartrain.sync.tls_link import TlsLink
from geartrain.tls import TLS
from tests.support.machine import DEADLINE, HOST, free_port
from tests.support.processes import GeartrainProgram

CHUNK: Final = 64 * 1024


class Files:
    """A certificate and its key, in files."""

    def __init__(self, folder: Path, name: str, made: trustme.LeafCert) -> None:
        self.certificate = str(folder / f"{name}.pem")
        self.key = str(folder / f"{name}.key")
        Path(self.certificate).write_bytes(b"".join(pem.bytes() for pem in made.cert_chain_pems))
        Path(self.key).write_bytes(made.private_key_pem.bytes())

    @property
    def server_options(self) -> tuple[str, ...]:
        """For a server with this certificate."""
        return ("--tls-certificate", self.certificate, "--tls-key", self.key)


class Authority:
    """An authority whose certificates are files in a folder."""

    def __init__(self, folder: Path, name: str = "ca") -> None:
        self.folder = folder
        self.made = trustme.CA(organization_name=name)
        self.ca = str(folder / f"{name}.pem")
        self.made.cert_pem.write_to_path(self.ca)

    def issue(self, name: str, *hosts: str, common_name: str | None = None, days: int = 30) -> Files:
        """A certificate for hosts; with less than one day it has expired."""
        expires = datetime.now(UTC) + timedelta(days=days)
        begins = expires - timedelta(days=60)
        options: dict[str, Any] = {"not_before": begins, "not_after": expires, "common_name": common_name}
        return Files(self.folder, name, self.made.issue_cert(*hosts, **options))


class Shared(NamedTuple):
    """What is for all tests that only want TLS to be spoken."""

    folder: TemporaryDirectory[str]
    authority: Authority
    server: Files


@cache
def shared() -> Shared:
    folder = TemporaryDirectory()
    authority = Authority(Path(folder.name))
    return Shared(folder, authority, authority.issue("server", "localhost", HOST))


def trusting() -> TLS:
    """How to speak with a ``TlsProgram``."""
    return TLS(ca=shared().authority.ca)


class TlsProgram(GeartrainProgram):
    """Our server, with TLS on its port as gearmand's --ssl has it."""

    def __init__(self, *options: str, files: Files | None = None, port: int | None = None) -> None:
        files = files or shared().server
        named = ("--ssl-certificate", files.certificate, "--ssl-key", files.key)
        super().__init__("--ssl", *named, *options, port=port)
        self.address = f"tls://{HOST}:{self.port}"

    def connect(self) -> socket.socket:
        """A raw connection inside TLS."""
        return trusting().context().wrap_socket(super().connect(), server_hostname=HOST)


class Proxied(TlsProgram):
    """The same for programs that speak no TLS: what they say to its ``port`` goes through TLS."""

    def __init__(self) -> None:
        super().__init__()
        self.tls_address = self.address
        self.port = free_port()
        self.address = f"{HOST}:{self.port}"
        self.entrance = socket.create_server((HOST, self.port), backlog=256)
        threading.Thread(target=self.let_in, daemon=True).start()

    def connect(self) -> socket.socket:
        return socket.create_connection((HOST, self.port), DEADLINE)

    def let_in(self) -> None:
        with suppress(OSError):  # closed, at the end
            while True:
                endpoint, _ = self.entrance.accept()
                link = TlsLink(parse_server(self.tls_address), DEADLINE, trusting())
                threading.Thread(target=carry, args=(endpoint, link), daemon=True).start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.entrance.close()
        super().__exit__(kind, error, trace)


def carry(endpoint: socket.socket, link: TlsLink) -> None:
    """Carry bytes both ways until both sides have said all."""
    answering = threading.Thread(target=carry_back, args=(link, endpoint), daemon=True)
    answering.start()
    with endpoint:
        with suppress(OSError, GearmanError):
            while chunk := endpoint.recv(CHUNK):
                # PHP sends its next 64 KiB only when TCP has acknowledged the last ones.
                endpoint.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
                link.send(chunk)
                link.drain(None)
        with suppress(OSError):
            link.socket.sendall(link.stream.farewell())
        answering.join()
    link.close()


def carry_back(link: TlsLink, endpoint: socket.socket) -> None:
    with suppress(OSError, GearmanError):
        while True:
            endpoint.sendall(link.receive(None))
    with suppress(OSError):
        endpoint.shutdown(socket.SHUT_RDWR)
