"""Roles that are granted to the names of client certificates, over Gearman in TLS and over HTTPS."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from geartrain import TLS, Client, PermissionDenied
from tests.support.machine import HOST, free_port
from tests.support.processes import ServerProgram
from tests.support.tls import Authority, Files, TlsProgram

RULES = """
[access.roles.billing]
submit = ["invoice"]
view = ["invoice"]

[[access.grants]]
role = "billing"
certificate = "billing-*"
"""


class Place:
    """A server that asks for certificates, and those of two clients."""

    def __init__(self, folder: Path) -> None:
        self.authority = Authority(folder)
        self.files = self.authority.issue("server", "localhost", HOST)
        self.billing = self.authority.issue("b", "billing-1.example.org", common_name="billing-1")
        self.other = self.authority.issue("o", "other.example.org", common_name="other")
        self.port = free_port()
        (folder / "geartrain.toml").write_text(RULES)
        self.options = (
            *("--config", str(folder / "geartrain.toml"), "--tls-client-ca", self.authority.ca),
            *("--tls-client", "optional", "--http", f"{HOST}:{self.port}", "--http-tls"),
        )

    def tls(self, files: Files | None) -> TLS:
        shown = ("", "") if files is None else (files.certificate, files.key)
        return TLS(ca=self.authority.ca, certificate=shown[0], key=shown[1])

    def get(self, path: str, files: Files | None) -> httpx.Response:
        context = ssl.create_default_context(cafile=self.authority.ca)
        if files is not None:
            context.load_cert_chain(files.certificate, files.key)
        return httpx.get(f"https://{HOST}:{self.port}/api/v1{path}", verify=context)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return Place(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def guarded(place: Place) -> Iterator[ServerProgram]:
    with TlsProgram(*place.options, files=place.files) as server:
        yield server


def test_a_certificate_gives_the_roles_of_its_names(place: Place, guarded: ServerProgram) -> None:
    with Client(guarded.address, tls=place.tls(place.billing)) as client:
        assert client.do_background("invoice")
        with pytest.raises(PermissionDenied, match="on function secret"):
            client.do_background("secret")
    for files in (place.other, None):
        with (
            Client(guarded.address, tls=place.tls(files)) as client,
            pytest.raises(PermissionDenied, match="on function invoice"),
        ):
            client.do_background("invoice")


def test_it_does_over_https_too(place: Place, guarded: ServerProgram) -> None:
    assert place.get("/session", place.billing).json()["rights"]["submit"] == ["invoice"]
    assert place.get("/functions", place.billing).is_success
    assert place.get("/functions", place.other).status_code == 401
    assert place.get("/functions", None).status_code == 401
