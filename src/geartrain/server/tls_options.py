"""The options of ``geartrain server`` that are about TLS: gearmand's, and ours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from geartrain.errors import SettingsError
from geartrain.protocol.servers import DEFAULT_TLS_PORT
from geartrain.server.options import FLAG, PERIOD, TEXT, UNIX, Kind, one_of, option

REQUIRED: Final = "required"
OPTIONAL: Final = "optional"

GEARMAND_CERTIFICATE: Final = "/etc/ssl/certs/gearmand.pem"
GEARMAND_KEY: Final = "/etc/ssl/certs/gearmand.key"
VARIABLES: Final = {
    "ssl-ca-file": "GEARMAND_CA_CERTIFICATE",
    "ssl-certificate": "GEARMAND_SERVER_PEM",
    "ssl-key": "GEARMAND_SERVER_KEY",
}
"""gearmand's options, and the variables of the environment that win over them, all of them only with --ssl."""


def split_place(text: str) -> tuple[str, int]:
    """The address and the port of ``ADDR[:PORT]``; raises ValueError."""
    host, colon, port = text.rpartition(":")
    if not colon or text.endswith("]") or (host.count(":") and not host.endswith("]")):
        host, port = text, str(DEFAULT_TLS_PORT)
    if not host or text.startswith(UNIX) or not port.isdecimal() or int(port) > 65535:
        raise ValueError
    return host, int(port)


def read_place(text: str) -> str:
    split_place(text)
    return text


PLACE: Final = Kind("ADDR, ADDR:PORT or [IPv6]:PORT", (str,), read_place)


class TlsFiles(NamedTuple):
    """What the server needs to speak TLS."""

    certificate: str
    key: str  # empty where it is in the certificate's file
    client_ca: str  # empty where clients are asked for no certificate
    client_crl: str  # empty where no list of revoked certificates is looked at
    required: bool  # clients without a certificate are refused


@dataclass(frozen=True)
class TlsOptions:
    """What an operator may choose of TLS."""

    listen_tls: tuple[str, ...] = option(
        (),
        PLACE,
        f"Listen there for TLS, beside --listen; port {DEFAULT_TLS_PORT} unless it is named. May be given again.",
        metavar="ADDR[:PORT]",
        many=True,
    )
    tls_certificate: str = option(
        "",
        TEXT,
        "The server's certificate and those it is signed with, PEM; SIGHUP reads all these files anew.",
        metavar="FILE",
    )
    tls_key: str = option("", TEXT, "Its key, where that is in another file.", metavar="FILE")
    tls_client_ca: str = option(
        "", TEXT, "Authorities of clients' certificates, and of those of a pool's servers.", metavar="FILE"
    )
    tls_client_crl: str = option(
        "",
        TEXT,
        "Lists of certificates that these authorities have revoked, PEM. One that is out of date lets nobody in.",
        metavar="FILE",
    )
    tls_client: str = option(
        "",
        one_of(REQUIRED, OPTIONAL),
        "Whether clients need a certificate: required or optional. Without it: required with --tls-client-ca.",
        metavar="KIND",
    )
    tls_handshake: float = option(10.0, PERIOD, "Time in which TLS must be agreed on.", metavar="TIME")
    http_tls: bool = option(False, FLAG, "Speak TLS on --http, with the same certificates.")

    # gearmand's
    ssl: bool = option(False, FLAG, "gearmand's: speak TLS on all of --listen but Unix sockets.")
    ssl_ca_file: str = option(
        "", TEXT, "With --ssl: authorities of the certificates that clients may show.", metavar="FILE"
    )
    ssl_certificate: str = option(
        "", TEXT, f"With --ssl: the certificate. Without it: {GEARMAND_CERTIFICATE}.", metavar="FILE"
    )
    ssl_key: str = option("", TEXT, f"With --ssl: its key. Without it: {GEARMAND_KEY}.", metavar="FILE")


def from_environment(values: Mapping[str, object], environment: Mapping[str, str]) -> dict[str, object]:
    """gearmand's files as its variables name them; nothing without --ssl."""
    if not values.get("ssl"):
        return {}
    return {name: environment[variable] for name, variable in VARIABLES.items() if environment.get(variable)}


def check_tls(options: TlsOptions) -> None:
    """Raise SettingsError for options that do not go together."""
    if options.ssl:
        check_one(options.tls_certificate, options.ssl_certificate, "certificate")
        check_one(options.tls_key, options.ssl_key, "key")
        check_one(options.tls_client_ca, options.ssl_ca_file, "client-ca")
    for name, given in (
        ("listen-tls", options.listen_tls),
        ("http-tls", options.http_tls),
        ("tls-key", options.tls_key),
    ):
        if given and not (options.tls_certificate or options.ssl):
            raise SettingsError(f"--{name} wants --tls-certificate FILE as well")
    for name, value in (("tls-client", options.tls_client), ("tls-client-crl", options.tls_client_crl)):
        if value and not (options.tls_client_ca or (options.ssl and options.ssl_ca_file)):
            raise SettingsError(f"--{name} {value} wants --tls-client-ca FILE as well")


def check_one(ours: str, theirs: str, what: str) -> None:
    """A file may be named by our option or by gearmand's."""
    if ours and theirs and ours != theirs:
        raise SettingsError(
            f"--tls-{what} {ours}: gearmand's option names {theirs}, expected only one of them"
        )


def files_of(options: TlsOptions) -> TlsFiles | None:
    """The files for TLS; None where none is spoken."""
    if not (options.ssl or options.listen_tls or options.http_tls or options.tls_certificate):
        return None
    certificate, key, authorities = options.tls_certificate, options.tls_key, options.tls_client_ca
    if options.ssl:
        certificate = certificate or options.ssl_certificate
        key = key or options.ssl_key
        authorities = authorities or options.ssl_ca_file
        if not certificate:
            certificate, key = GEARMAND_CERTIFICATE, key or GEARMAND_KEY
    required = options.tls_client == REQUIRED or (not options.tls_client and bool(options.tls_client_ca))
    return TlsFiles(certificate, key, authorities, options.tls_client_crl, required)


def unused(options: TlsOptions) -> list[str]:
    """gearmand's options that were given without --ssl, and so do nothing."""
    given: dict[str, Any] = {name: getattr(options, name.replace("-", "_")) for name in VARIABLES}
    return [] if options.ssl else [name for name, value in given.items() if value]
