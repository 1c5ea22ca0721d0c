"""TLS: what a program says of it, and one end of a connection without I/O."""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from geartrain.errors import SettingsError

RECORD: Final = 16 * 1024  # bytes: the most that one record carries
SLICE: Final = 16 * RECORD  # bytes that are encrypted at a time, so that a large workload is not copied whole


@dataclass(frozen=True)
class TLS:
    """How a client or a worker speaks TLS with its servers. The files are in PEM form.

    ``ca`` has the authorities that servers' certificates may be from; without it those that the system trusts.
    ``crl`` has the authorities' lists of revoked certificates: one that is revoked, or not covered by a list that is
    in date, is refused.
    ``certificate`` and ``key`` are what servers are shown that ask for it; the key may be in the certificate's file.
    ``server_name`` is the name that the certificate must have, where it is not the host of the address.
    ``verify=False`` encrypts, and trusts any server. The files are read for each connection, so one that is renewed
    is used by the next.
    """

    ca: str = ""
    certificate: str = ""
    key: str = ""
    server_name: str = ""
    verify: bool = True
    crl: str = ""

    def context(self) -> ssl.SSLContext:
        """What Python's ssl needs; raises SettingsError, which names the file that does not fit."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if not self.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        elif self.ca:
            load_authorities(context, self.ca)
        else:
            context.load_default_certs()
        if self.crl and self.verify:
            load_revoked(context, self.crl)
        if self.certificate:
            load_certificate(context, self.certificate, self.key)
        elif self.key:
            raise SettingsError(f"the key {self.key} wants a certificate beside it")
        return context


Speech = TLS | ssl.SSLContext | None
"""How servers are spoken to: with a context of the program's own, too; None is TLS where the address says tls://."""


def context_of(tls: Speech) -> ssl.SSLContext:
    """The context for a new connection."""
    return tls if isinstance(tls, ssl.SSLContext) else (tls or TLS()).context()


def name_of(tls: Speech, host: str) -> str:
    """The name that a server's certificate must have."""
    return (tls.server_name or host) if isinstance(tls, TLS) else host


def load_authorities(context: ssl.SSLContext, path: str) -> None:
    """Trust the authorities of a file; raises SettingsError."""
    check_file(path, "CERTIFICATE", "a certificate")
    try:
        context.load_verify_locations(path)
    except ssl.SSLError as error:
        raise SettingsError(f"{path}: the authorities cannot be read: {error.reason or error}") from None


def load_revoked(context: ssl.SSLContext, path: str) -> None:
    """Refuse the certificates that an authority has revoked, by its lists in a file; raises SettingsError.

    Each authority whose certificates are shown needs a list that is in date.
    """
    check_file(path, "X509 CRL", "a list of revoked certificates")
    try:
        context.load_verify_locations(path)
    except ssl.SSLError as error:
        raise SettingsError(
            f"{path}: the revoked certificates cannot be read: {error.reason or error}"
        ) from None
    context.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF


def load_certificate(context: ssl.SSLContext, path: str, key: str) -> None:
    """Have a certificate to show, and its key; raises SettingsError."""
    check_file(path, "CERTIFICATE", "a certificate")
    key = key or path
    beginning = check_file(key, "PRIVATE KEY", "a private key")
    if "ENCRYPTED" in beginning:
        raise SettingsError(f"{key}: the key has a password, one without is expected")
    try:
        context.load_cert_chain(path, key)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise SettingsError(f"{key}: the key is not that of the certificate {path}") from None
        raise SettingsError(
            f"{path}, {key}: the certificate cannot be used: {error.reason or error}"
        ) from None


def check_file(path: str, label: str, expected: str) -> str:
    """The text of a PEM file that has what is expected; raises SettingsError."""
    try:
        text = Path(path).read_text("ascii", "replace")
    except OSError as error:
        raise SettingsError(f"cannot read {path}: {error.strerror}") from None
    if f"{label}-----" not in text:
        raise SettingsError(f"{path}: {expected} in PEM form is expected")
    return text


class TlsStream:
    """One end of a connection: what the socket brings goes in, plain bytes come out, and the other way round.

    Whatever ``take`` gives has to be sent, after every call.
    """

    def __init__(self, context: ssl.SSLContext, server_name: str | None) -> None:
        """The end of a client, or without a server's name that of the server."""
        self.incoming = ssl.MemoryBIO()
        self.outgoing = ssl.MemoryBIO()
        self.object = context.wrap_bio(
            self.incoming, self.outgoing, server_side=server_name is None, server_hostname=server_name
        )
        self.ended = False  # the other end says no more
        self.error: ssl.SSLError | None = None  # what went wrong behind bytes that were good

    def shake_hands(self, chunk: bytes) -> bool:
        """Take bytes of the socket, whether that was enough; raises ssl.SSLError where the ends do not agree."""
        self.incoming.write(chunk)
        with suppress(ssl.SSLWantReadError):
            self.object.do_handshake()
            return True
        return False

    def receive(self, chunk: bytes) -> bytes:
        """The plain bytes that a chunk makes whole; raises ssl.SSLError where it is not from the other end."""
        if self.error is not None:
            raise self.error
        self.incoming.write(chunk)
        parts: list[bytes] = []
        try:
            while self.incoming.pending or self.object.pending():
                part = self.object.read(RECORD)
                if not part:
                    self.ended = True
                    break
                parts.append(part)
        except ssl.SSLWantReadError:
            pass  # the rest of a record is to come
        except ssl.SSLZeroReturnError:  # after our own farewell
            self.ended = True
        except ssl.SSLError as error:
            if not parts:
                raise
            self.error = error
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def is_over(self) -> bool:
        """Whether ``receive`` has nothing more to give."""
        return self.ended or self.error is not None

    def seal(self, packets: bytes | memoryview) -> Iterator[bytes]:
        """What to send so that the other end gets the packets; raises ssl.SSLError after the connection broke."""
        for start in range(0, len(packets), SLICE):
            self.object.write(packets[start : start + SLICE] if len(packets) > SLICE else packets)
            yield self.outgoing.read()

    def take(self) -> bytes:
        """What TLS itself has to say."""
        return self.outgoing.read() if self.outgoing.pending else b""

    def farewell(self) -> bytes:
        """The last that there is to send."""
        with suppress(ssl.SSLError):
            self.object.unwrap()
        return self.take()

    def names(self) -> tuple[str, ...]:
        """The names of the other end's certificate, as ``names_in`` has them, where that was asked for and verified."""
        return names_in(self.object.getpeercert() or {})


def names_in(certificate: Mapping[str, Any]) -> tuple[str, ...]:
    """The DNS names in what ``getpeercert`` gives; the common name where the certificate has no alternative names."""
    others = certificate.get("subjectAltName", ())
    found = [value for kind, value in others if kind == "DNS"]
    if not others:
        found = [
            value for part in certificate.get("subject", ()) for kind, value in part if kind == "commonName"
        ]
    return tuple(dict.fromkeys(found))


# What went wrong, in words

VERIFICATION: Final = {
    3: "there is no list of revoked certificates of its authority (crl)",
    11: "the list of revoked certificates of its authority is not valid yet (crl)",
    12: "the list of revoked certificates of its authority is out of date (crl)",
    8: "the list of revoked certificates of its authority is not signed by it (crl)",
    10: "its certificate has expired",
    9: "its certificate is not valid yet",
    18: "its certificate is from an authority that is not trusted (ca)",
    19: "its certificate is from an authority that is not trusted (ca)",
    20: "its certificate is from an authority that is not trusted (ca)",
    21: "its certificate is from an authority that is not trusted (ca)",
    23: "its certificate is revoked",
    26: "its certificate is not for this purpose",
    62: "its certificate is for another name",
    64: "its certificate is for another address",
}
"""OpenSSL's codes for what can be wrong with the certificate of the other end."""

REASONS: Final = {
    "WRONG_VERSION_NUMBER": "it does not speak TLS",
    "HTTP_REQUEST": "it speaks HTTP, not TLS",
    "HTTPS_PROXY_REQUEST": "it speaks HTTP, not TLS",
    "PACKET_LENGTH_TOO_LONG": "it does not speak TLS",
    "RECORD_LAYER_FAILURE": "it does not speak TLS",
    "UNEXPECTED_MESSAGE": "it does not speak TLS",
    "PEER_DID_NOT_RETURN_A_CERTIFICATE": "it shows no certificate, and one is required",
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": "it wants a client's certificate",
    "SSLV3_ALERT_HANDSHAKE_FAILURE": "it accepts no cipher of ours, or wants a client's certificate",
    "TLSV1_ALERT_UNKNOWN_CA": "it does not trust the authority of our certificate",
    "SSLV3_ALERT_CERTIFICATE_EXPIRED": "it says that our certificate has expired",
    "SSLV3_ALERT_CERTIFICATE_REVOKED": "it says that our certificate is revoked",
    "SSLV3_ALERT_CERTIFICATE_UNKNOWN": "it does not accept our certificate",
    "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE": "it says that our certificate is not for this purpose",
    "SSLV3_ALERT_BAD_CERTIFICATE": "it does not accept our certificate",
    "UNSUPPORTED_PROTOCOL": "it speaks a version of TLS that is too old",
    "TLSV1_ALERT_PROTOCOL_VERSION": "it does not speak our version of TLS",
    "NO_SHARED_CIPHER": "it has no cipher in common with us",
}
"""OpenSSL's reasons, and what they mean here. "It" is the other end."""


CLOSED_EARLY: Final = "it ended the connection before TLS was agreed on"


def reason_of(error: OSError) -> str:
    """Why there is no connection, in words about the other end."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return VERIFICATION.get(error.verify_code, f"its certificate is refused: {error.verify_message}")
    if isinstance(error, ssl.SSLEOFError):
        return "it ended the connection"
    if isinstance(error, ssl.SSLError):
        return REASONS.get(error.reason or "", (error.reason or str(error)).lower().replace("_", " "))
    return str(error)
