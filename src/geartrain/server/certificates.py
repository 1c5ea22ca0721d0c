"""Certificates: what the server shows and asks for when it speaks TLS; the files are read again on SIGHUP."""

from __future__ import annotations

import logging
import ssl
from datetime import UTC, datetime

from geartrain.errors import SettingsError
from geartrain.server.log import NOTICE
from geartrain.server.settings import Settings
from geartrain.server.tls_options import TlsFiles, files_of
from geartrain.tls import TLS, TlsStream, load_authorities, load_certificate, load_revoked, reason_of


class Certificates:
    """The context of new connections. Connections that are there keep the one they began with."""

    def __init__(self, files: TlsFiles) -> None:
        """Read the files; raises SettingsError, which names the one that does not fit."""
        self.files = files
        self.context = server_context(files)
        self.link_context = link_context(files)

    def read_again(self) -> None:
        """Read the files anew; raises SettingsError, and then the old ones hold."""
        context = server_context(self.files)
        self.link_context = link_context(self.files)
        self.context = context

    def current_context(self) -> ssl.SSLContext:
        """A context for those who take one for good: each connection has what holds when it begins."""
        context = server_context(self.files)

        def renew(connection: ssl.SSLObject, name: str | None, first: ssl.SSLContext) -> None:
            connection.context = self.context

        context.sni_callback = renew
        return context


def server_context(files: TlsFiles) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    # A ticket that a client does not read before it closes would reset the connection, and lose what it said last.
    context.num_tickets = 0
    load_certificate(context, files.certificate, files.key)
    if files.client_ca:
        load_authorities(context, files.client_ca)
        if files.client_crl:
            load_revoked(context, files.client_crl)
        context.verify_mode = ssl.CERT_REQUIRED if files.required else ssl.CERT_OPTIONAL
    return context


def link_context(files: TlsFiles) -> ssl.SSLContext:
    """For links to other servers of a pool."""
    return TLS(files.client_ca, files.certificate, files.key, crl=files.client_crl).context()


def certificates_of(settings: Settings) -> Certificates | None:
    """What the settings' files say; None where no TLS is spoken."""
    files = files_of(settings)
    return None if files is None else Certificates(files)


def renew(certificates: Certificates, log: logging.Logger) -> None:
    """Have the files hold as they are by now, if they are right."""
    try:
        certificates.read_again()
    except SettingsError as error:
        log.error("the certificates are refused, the old ones hold", extra={"error": str(error)})
    else:
        tell_about(certificates, log)


def tell_about(certificates: Certificates, log: logging.Logger) -> None:
    """Let the log know which certificate clients see, and how long they will accept it."""
    file = certificates.files.certificate
    try:
        shown = look_at(certificates)
    except ssl.SSLError as error:
        log.warning("clients will refuse the certificate", extra={"file": file, "reason": reason_of(error)})
        return
    ends = ssl.cert_time_to_seconds(str((shown.object.getpeercert() or {})["notAfter"]))
    expires = datetime.fromtimestamp(ends, UTC).isoformat().replace("+00:00", "Z")
    log.log(
        NOTICE, "the certificate", extra={"file": file, "names": ",".join(shown.names()), "expires": expires}
    )


def look_at(certificates: Certificates) -> TlsStream:
    """What a client sees, found out by being one that trusts this certificate; raises ssl.SSLError as it would be."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.load_verify_locations(certificates.files.certificate)
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    client, server = TlsStream(context, "-"), TlsStream(certificates.context, None)
    said = b""
    while not client.shake_hands(said):
        server.shake_hands(client.take())
        said = server.take()
    return client
