"""The API and the page in TLS, with the certificates of the server's other ports."""

from __future__ import annotations

import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from geartrain.tls import TLS
from tests.support.machine import DEADLINE, HOST, wait_until
from tests.support.tls import Authority
from tests.web.sites import API, Site, site


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def secured(authority: Authority) -> Iterator[Site]:
    own = authority.issue("own", HOST, "localhost")
    with site("--http-tls", *own.server_options) as made:
        yield made


def serial_number(made: Site, authority: Authority) -> str:
    """Of the certificate that the site shows a new connection."""
    plain = socket.create_connection((HOST, made.port), DEADLINE)
    with TLS(authority.ca).context().wrap_socket(plain, server_hostname=HOST) as link:
        return str((link.getpeercert() or {})["serialNumber"])


def test_requests_are_answered_in_tls(secured: Site, authority: Authority) -> None:
    url = f"https://{HOST}:{secured.port}{API}"
    with httpx.Client(base_url=url, verify=TLS(authority.ca).context()) as http:
        created = http.post("/jobs", json={"function": "tls", "workload": "x"})
        assert created.status_code == 202
        assert http.get("/functions/tls").json()["queued"]


def test_requests_without_tls_or_trust_are_not(secured: Site) -> None:
    with pytest.raises(httpx.TransportError):
        secured.asks("GET", "/functions")
    with pytest.raises(httpx.ConnectError, match="certificate verify failed"):
        httpx.get(f"https://{HOST}:{secured.port}{API}/functions")


def test_a_client_that_says_nothing_keeps_nobody_waiting(secured: Site, authority: Authority) -> None:
    with socket.create_connection((HOST, secured.port), DEADLINE):
        assert serial_number(secured, authority)


def test_sighup_has_new_certificates_shown(secured: Site, authority: Authority) -> None:
    first = serial_number(secured, authority)
    authority.issue("own", HOST, "localhost")
    secured.server.process.send_signal(signal.SIGHUP)
    wait_until(lambda: serial_number(secured, authority) != first, "the new certificate is shown")


def test_a_clients_certificate_is_asked_for_there_too(authority: Authority, tmp_path: Path) -> None:
    own = authority.issue("strict", HOST)
    options = ("--http-tls", *own.server_options, "--tls-client-ca", authority.ca)
    with site(*options) as made:
        url = f"https://{HOST}:{made.port}{API}/functions"
        shown = authority.issue("shown", "user.example")
        with httpx.Client(verify=TLS(authority.ca, shown.certificate, shown.key).context()) as http:
            assert http.get(url).status_code == 200
        with httpx.Client(verify=TLS(authority.ca).context()) as http, pytest.raises(httpx.TransportError):
            http.get(url)
        other = Authority(tmp_path, "other")
        Path(authority.ca).write_text(Path(authority.ca).read_text() + Path(other.ca).read_text())
        made.server.process.send_signal(signal.SIGHUP)
        stranger = other.issue("stranger", "user.example")
        context = TLS(authority.ca, stranger.certificate, stranger.key).context()

        def let_in() -> bool:
            with httpx.Client(verify=context) as http:
                try:
                    return http.get(url).status_code == 200
                except httpx.TransportError:
                    return False

        wait_until(let_in, "the other authority is trusted as well")
