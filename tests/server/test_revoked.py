"""Certificates that their authority has revoked, and which names of a certificate count."""

from __future__ import annotations

import signal
import ssl
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path

import httpx
import pytest
from cryptography import x509

from geartrain import TLS, Client
from geartrain.errors import GearmanError, SettingsError
from geartrain.server.tls_options import TlsOptions, check_tls
from geartrain.tls import TlsStream
from tests.support.machine import HOST, can_connect, free_port, wait_until
from tests.support.processes import GeartrainProgram
from tests.support.tls import Authority, Files


class Place:
    """A server that looks at what its clients' authority has revoked."""

    def __init__(self, folder: Path) -> None:
        self.authority = Authority(folder)
        self.good, self.bad = (self.authority.issue(name, f"{name}.example") for name in ("good", "bad"))
        self.crl = self.authority.revoke(self.bad)
        self.own = self.authority.issue("own", HOST)
        port = free_port()
        self.address = f"tls://{HOST}:{port}"
        where = ("--listen-tls", f"{HOST}:{port}", "--verbose", "INFO")
        checks = ("--tls-client-ca", self.authority.ca, "--tls-client-crl", self.crl)
        self.http = free_port()
        https = ("--http", f"{HOST}:{self.http}", "--http-tls")
        self.server = GeartrainProgram(*where, *https, *self.own.server_options, *checks)

    def refusal(self, files: Files) -> str:
        """Why the server does not serve who shows a certificate; empty where it does."""
        tls = TLS(self.authority.ca, files.certificate, files.key)
        try:
            with Client(self.address, tls=tls, timeout=10.0) as client:
                client.ping()
        except GearmanError as error:
            return str(error)
        return ""

    def is_served_over_https(self, files: Files) -> bool:
        """Whether somebody who shows a certificate gets an answer there."""
        context = ssl.create_default_context(cafile=self.authority.ca)
        context.load_cert_chain(files.certificate, files.key)
        try:
            return httpx.get(f"https://{HOST}:{self.http}/livez", verify=context).is_success
        except (httpx.ReadError, httpx.ConnectError, httpx.RemoteProtocolError):
            return False

    def read_again(self) -> None:
        """Have the server read its files again."""
        wait_until(lambda: self.server.has_written('message="the certificate', 1), "signals are heard")
        told = self.server.output().count('message="the certificate')
        self.server.process.send_signal(signal.SIGHUP)
        wait_until(lambda: self.server.has_written('message="the certificate', told + 1), "files are read")


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    place = Place(tmp_path)
    with place.server:
        yield place


def test_a_revoked_certificate_is_refused_and_another_one_is_not(place: Place) -> None:
    assert place.refusal(place.good) == ""
    assert "it says that our certificate is revoked" in place.refusal(place.bad)
    assert 'reason="its certificate is revoked"' in place.server.output()


def test_sighup_reads_the_list_again(place: Place) -> None:
    place.authority.revoke(place.good)
    place.read_again()
    assert "revoked" in place.refusal(place.good)
    assert place.refusal(place.bad) == ""
    Path(place.crl).write_text("no list")
    place.read_again()
    assert "a list of revoked certificates in PEM form is expected" in place.server.output()
    assert "revoked" in place.refusal(place.good)


def test_it_holds_over_https_too(place: Place) -> None:
    wait_until(lambda: can_connect(place.http), "the port takes requests")
    assert (place.is_served_over_https(place.good), place.is_served_over_https(place.bad)) == (True, False)
    place.authority.revoke(place.good)
    place.read_again()
    assert (place.is_served_over_https(place.good), place.is_served_over_https(place.bad)) == (False, True)


def test_such_a_list_wants_authorities() -> None:
    with pytest.raises(SettingsError, match=r"--tls-client-crl a\.crl wants --tls-client-ca FILE as well"):
        check_tls(TlsOptions(tls_client_crl="a.crl"))


def test_a_list_that_is_out_of_date_lets_nobody_in(place: Place) -> None:
    place.authority.revoke(place.bad, days=-1)
    place.read_again()
    assert place.refusal(place.good)
    assert "the list of revoked certificates of its authority is out of date (crl)" in place.server.output()


def test_so_does_the_list_of_another_authority(place: Place, tmp_path: Path) -> None:
    other = Authority(tmp_path, "other")
    Path(place.crl).write_text(Path(other.revoke()).read_text())
    place.read_again()
    assert place.refusal(place.good)
    assert "there is no list of revoked certificates of its authority (crl)" in place.server.output()


def test_a_client_looks_at_such_a_list_too(place: Place, tmp_path: Path) -> None:
    path = tmp_path / "clients.crl"
    tls = TLS(place.authority.ca, place.good.certificate, place.good.key, crl=str(path))
    path.write_text(Path(place.authority.revoke(place.bad)).read_text())
    with Client(place.address, tls=tls) as client:
        client.ping()
    path.write_text(Path(place.authority.revoke(place.own)).read_text())
    with (
        pytest.raises(GearmanError, match="its certificate is revoked"),
        Client(place.address, tls=tls) as client,
    ):
        client.ping()


def test_a_list_that_cannot_be_read_is_refused_at_the_start(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    with pytest.raises(SettingsError, match="a list of revoked certificates in PEM form is expected"):
        TLS(authority.ca, crl=authority.ca).context()
    with pytest.raises(SettingsError, match="cannot read"):
        TLS(authority.ca, crl=str(tmp_path / "nowhere")).context()


# Names

DNS = x509.DNSName


@pytest.mark.parametrize(
    ("common_name", "others", "names"),
    [
        ("billing-1", [], ("billing-1",)),
        ("billing-1", [DNS("other.example")], ("other.example",)),
        ("billing-1", [DNS("a.example"), DNS("billing-1")], ("a.example", "billing-1")),
        ("billing-1", [x509.IPAddress(ip_address("10.0.0.1"))], ()),
        ("billing-1", [x509.UniformResourceIdentifier("spiffe://example/x")], ()),
        ("billing-1", [x509.RFC822Name("billing-2@example.org")], ()),
    ],
)
def test_a_common_name_counts_where_there_are_no_alternative_names(
    tmp_path: Path, common_name: str, others: list[x509.GeneralName], names: tuple[str, ...]
) -> None:
    authority = Authority(tmp_path)
    files = authority.sign("client", common_name, *others)
    assert shown_names(authority, files) == names


def shown_names(authority: Authority, files: Files) -> tuple[str, ...]:
    """The names that a server knows of who shows a certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    own = authority.issue("server", "server.example")
    context.load_cert_chain(own.certificate, own.key)
    context.load_verify_locations(authority.ca)
    context.verify_mode = ssl.CERT_REQUIRED
    client = TlsStream(TLS(authority.ca, files.certificate, files.key).context(), "server.example")
    server = TlsStream(context, None)
    said = b""
    while not client.shake_hands(said):
        server.shake_hands(client.take())
        said = server.take()
    assert server.shake_hands(client.take())
    return server.names()
