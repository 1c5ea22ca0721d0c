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
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID

from geartrain.errors import GearmanError
from geartrain.protocol.servers import parse_server
from geartrain.sync.tls_link import TlsLink
from geartrain.tls import TLS
from tests.support.machine import DEADLINE, HOST, free_port
from tests.support.processes import GeartrainProgram

CHUNK: Final = 64 * 1024


class Files(NamedTuple):
    """A certificate and its key, in files."""

    certificate: str
    key: str

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
        self.certificate = x509.load_pem_x509_certificate(self.made.cert_pem.bytes())
        key = load_pem_private_key(self.made.private_key_pem.bytes(), None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        self.key = key

    def issue(self, name: str, *hosts: str, common_name: str | None = None, days: int = 30) -> Files:
        """A certificate for hosts; with less than one day it has expired."""
        expires = datetime.now(UTC) + timedelta(days=days)
        begins = expires - timedelta(days=60)
        options: dict[str, Any] = {"not_before": begins, "not_after": expires, "common_name": common_name}
        made = self.made.issue_cert(*hosts, **options)
        files = Files(str(self.folder / f"{name}.pem"), str(self.folder / f"{name}.key"))
        Path(files.certificate).write_bytes(b"".join(pem.bytes() for pem in made.cert_chain_pems))
        Path(files.key).write_bytes(made.private_key_pem.bytes())
        return files

    def sign(self, name: str, common_name: str, *others: x509.GeneralName) -> Files:
        """A certificate with just these names: a common name, and alternative names where there are any."""
        key = ec.generate_private_key(ec.SECP256R1())
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)]))
            .issuer_name(self.certificate.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(datetime.now(UTC) - timedelta(days=1))
            .not_valid_after(datetime.now(UTC) + timedelta(days=1))
        )
        if others:
            builder = builder.add_extension(x509.SubjectAlternativeName(others), critical=False)
        signed = builder.sign(self.key, hashes.SHA256())
        certificate, private = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        certificate.write_bytes(signed.public_bytes(Encoding.PEM))
        private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return Files(str(certificate), str(private))

    def revoke(self, *files: Files, days: int = 1) -> str:
        """The file with the list of what the authority has revoked; with less than one day it is out of date."""
        ends = datetime.now(UTC) + timedelta(days=days)
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.certificate.subject)
            .last_update(ends - timedelta(days=10))
            .next_update(ends)
        )
        for each in files:
            number = x509.load_pem_x509_certificate(Path(each.certificate).read_bytes()).serial_number
            revoked = (
                x509.RevokedCertificateBuilder().serial_number(number).revocation_date(datetime.now(UTC))
            )
            builder = builder.add_revoked_certificate(revoked.build())
        path = self.folder / f"{Path(self.ca).stem}.crl"
        path.write_bytes(builder.sign(self.key, hashes.SHA256()).public_bytes(Encoding.PEM))
        return str(path)


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
