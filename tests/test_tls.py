"""TLS without a server: files that do not fit, the names of a certificate, and what went wrong in words."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from geartrain import TLS, AsyncClient, Client, SettingsError, Worker
from geartrain.tls import RECORD, SLICE, TlsStream, reason_of
from tests.support.tls import Authority, Files


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def pair(authority: Authority) -> tuple[TlsStream, TlsStream]:
    """A client, which shows a certificate, and a server, which have agreed."""
    own = authority.issue("own", "server.example")
    shown = authority.issue("shown", "a.example", "b.example", "10.0.0.1", common_name="billing-1")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(own.certificate, own.key)
    context.load_verify_locations(authority.ca)
    context.verify_mode = ssl.CERT_REQUIRED
    client = TlsStream(TLS(authority.ca, shown.certificate, shown.key).context(), "server.example")
    server = TlsStream(context, None)
    agree(client, server)
    return client, server


def agree(client: TlsStream, server: TlsStream) -> None:
    said = b""
    while not client.shake_hands(said):
        server.shake_hands(client.take())
        said = server.take()
    assert server.shake_hands(client.take())


def sealed(stream: TlsStream, packet: bytes) -> bytes:
    return b"".join(stream.seal(packet))


def test_the_verified_names_of_the_other_end_are_known(pair: tuple[TlsStream, TlsStream]) -> None:
    client, server = pair
    assert server.names() == ("a.example", "b.example")  # the common name counts where there are no others
    assert client.names() == ("server.example",)


@pytest.mark.parametrize("size", [0, 1, RECORD, SLICE, SLICE + 1, 10 * SLICE])
def test_bytes_arrive_as_they_were_said(pair: tuple[TlsStream, TlsStream], size: int) -> None:
    client, server = pair
    said = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    assert server.receive(sealed(client, said)) == said


def test_what_is_not_whole_waits_for_its_rest(pair: tuple[TlsStream, TlsStream]) -> None:
    client, server = pair
    record = sealed(client, b"one") + sealed(client, b"two")
    heard = [server.receive(record[place : place + 1]) for place in range(len(record))]
    assert b"".join(heard) == b"onetwo"
    assert sum(map(bool, heard)) == 2


def test_a_farewell_ends_one_direction(pair: tuple[TlsStream, TlsStream]) -> None:
    client, server = pair
    assert server.receive(sealed(client, b"last") + client.farewell()) == b"last"
    assert server.ended
    assert client.receive(sealed(server, b"answer") + server.farewell()) == b"answer"
    assert client.is_over()


def test_what_was_good_before_a_bad_record_is_heard(pair: tuple[TlsStream, TlsStream]) -> None:
    client, server = pair
    assert server.receive(sealed(client, b"good") + b"\x17\x03\x03\x00\x20" + b"?" * 32) == b"good"
    assert server.is_over()
    with pytest.raises(ssl.SSLError):
        server.receive(b"")


def test_files_that_do_not_fit_are_named(authority: Authority, tmp_path: Path) -> None:
    own, other = authority.issue("own", "a"), authority.issue("other", "b")
    empty = tmp_path / "empty"
    empty.touch()
    locked = tmp_path / "locked"
    locked.write_text("-----BEGIN ENCRYPTED PRIVATE KEY-----")
    broken = tmp_path / "broken"
    broken.write_text("-----BEGIN CERTIFICATE-----\nno\n-----END CERTIFICATE-----\n")
    for tls, message in (
        (TLS(ca="/no/such"), "cannot read /no/such: No such file or directory"),
        (TLS(ca=str(empty)), f"{empty}: a certificate in PEM form is expected"),
        (TLS(ca=str(broken)), f"{broken}: the authorities cannot be read"),
        (TLS(certificate=own.key), f"{own.key}: a certificate in PEM form is expected"),
        (TLS(certificate=own.certificate), f"{own.certificate}: a private key in PEM form is expected"),
        (
            TLS("", own.certificate, other.key),
            f"{other.key}: the key is not that of the certificate {own.certificate}",
        ),
        (TLS("", own.certificate, str(locked)), f"{locked}: the key has a password, one without is expected"),
        (TLS(key=own.key), f"the key {own.key} wants a certificate beside it"),
    ):
        with pytest.raises(SettingsError) as refusal:
            tls.context()
        assert message in str(refusal.value)


def test_bad_files_are_refused_where_they_are_given() -> None:
    for make in (Client, AsyncClient, Worker):
        with pytest.raises(SettingsError, match="cannot read /no/such"):
            make("localhost", tls=TLS(ca="/no/such"))


@pytest.mark.parametrize(
    ("server", "trusted", "name", "reason"),
    [
        ("late", "ca", "server.example", "its certificate has expired"),
        ("own", "ca", "other.example", "its certificate is for another name"),
        ("own", "ca", "10.0.0.1", "its certificate is for another address"),
        ("own", "other", "server.example", "its certificate is from an authority that is not trusted (ca)"),
    ],
)
def test_a_server_that_is_not_what_it_should_be_is_refused_in_words(
    authority: Authority, tmp_path: Path, server: str, trusted: str, name: str, reason: str
) -> None:
    files: dict[str, Files] = {
        "own": authority.issue("own", "server.example"),
        "late": authority.issue("late", "server.example", days=-1),
    }
    authorities = {"ca": authority.ca, "other": Authority(tmp_path, "other").ca}
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files[server].certificate, files[server].key)
    with pytest.raises(ssl.SSLError) as refusal:
        agree(TlsStream(TLS(authorities[trusted]).context(), name), TlsStream(context, None))
    assert reason_of(refusal.value) == reason
    agree(TlsStream(TLS(verify=False).context(), name), TlsStream(context, None))
