"""TLS at the server's ports: who is let in, who is refused in time, and that nobody else notices."""

from __future__ import annotations

import signal
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest

from geartrain.protocol.commands import (
    CAN_DO,
    ECHO_REQ,
    ECHO_RES,
    ERROR,
    GRAB_JOB,
    JOB_CREATED,
    SUBMIT_JOB,
    SUBMIT_JOB_BG,
    WORK_COMPLETE,
)
from geartrain.protocol.packet import HEADER_SIZE, request
from geartrain.tls import TLS, TlsStream
from tests.server.links import LOOPS, Link, peers_seen_by, server_on
from tests.support.machine import DEADLINE, HOST, free_port, require, wait_until
from tests.support.processes import ServerProgram
from tests.support.tls import Authority, Files

LARGE = 64 * 1024 * 1024
IMPATIENT = ("--tls-handshake", "0.5", "--verbose", "INFO")


class Secured:
    """A server with a plain port and one for TLS, on one of the loops."""

    def __init__(self, folder: Path, loop: str, *options: str) -> None:
        self.authority = Authority(folder)
        self.other = Authority(folder, "other")
        self.own = self.authority.issue("own", "localhost", HOST)
        self.tls_port = free_port()
        where = ("--listen-tls", f"{HOST}:{self.tls_port}")
        self.server = server_on(loop, *where, *self.own.server_options, *IMPATIENT, *options)

    def connect(self, shown: Files | None = None, **context: Any) -> Link:
        """A connection in TLS that trusts the authority, and shows a certificate."""
        files = (shown.certificate, shown.key) if shown else ("", "")
        made = TLS(self.authority.ca, *files).context()
        for name, value in context.items():
            setattr(made, name, value)
        return Link(made.wrap_socket(self.connect_plainly(), server_hostname=HOST))

    def connect_plainly(self) -> socket.socket:
        """A connection to the port for TLS, without it."""
        return socket.create_connection((HOST, self.tls_port), DEADLINE)

    def by_hand(self, piece: int = 65536) -> ByHand:
        """A connection whose bytes the test sees."""
        return ByHand(self.connect_plainly(), TlsStream(TLS(self.authority.ca).context(), HOST), piece)

    def says(self, reason: str) -> None:
        """Wait until the log gives a reason why somebody was refused."""
        self.server.wait_for_output(f'reason="{reason}"')


class ByHand:
    """A client in TLS that sends so many bytes at a time."""

    def __init__(self, link: socket.socket, stream: TlsStream, piece: int) -> None:
        self.link = link
        self.stream = stream
        self.piece = piece

    def sends(self, sealed: bytes) -> None:
        for start in range(0, len(sealed), self.piece):
            self.link.sendall(sealed[start : start + self.piece])

    def agree(self) -> bytes:
        """Go through the handshake but for its last words, which are given."""
        chunk = b""
        while not self.stream.shake_hands(chunk):
            self.sends(self.stream.take())
            chunk = self.link.recv(65536)
        return self.stream.take()

    def sealed(self, packet: bytes) -> bytes:
        return b"".join(self.stream.seal(packet))

    def hears(self, size: int) -> bytes:
        """So many plain bytes, or what there is before the end."""
        plain = b""
        while len(plain) < size or size == 0:
            chunk = self.link.recv(65536)
            plain += self.stream.receive(chunk)
            if not chunk:
                break
        return plain

    def __enter__(self) -> ByHand:
        return self

    def __exit__(self, *_: object) -> None:
        self.link.close()


@pytest.fixture(scope="module", params=LOOPS)
def secured(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    """A server that anybody may talk to."""
    made = Secured(tmp_path_factory.mktemp("tls"), request.param)
    with made.server:
        yield made


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    """A server that wants its clients' certificates."""
    folder = tmp_path_factory.mktemp("strict")
    made = Secured(folder, "uvloop", "--tls-client-ca", str(folder / "ca.pem"))
    with made.server:
        yield made


@pytest.fixture
def canary(secured: Secured) -> Iterator[None]:
    """A client in TLS and one without it are served before and after the test."""
    with Link(secured.server.connect()) as plain, secured.connect() as inside:
        for link in (plain, inside):
            assert link.asks(ECHO_REQ, b"before") == (ECHO_RES, b"before")
        yield
        for link in (plain, inside):
            assert link.asks(ECHO_REQ, b"after") == (ECHO_RES, b"after")


def refused(link: Link) -> str:
    """How a connection ends that TLS 1.3 lets begin before the server has looked at the certificate."""
    with link, pytest.raises(ssl.SSLError) as refusal:
        link.asks(ECHO_REQ, b"x")
    return str(refusal.value.reason)


# Served


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_job_goes_from_a_plain_client_to_a_worker_in_tls(secured: Secured, version: ssl.TLSVersion) -> None:
    with Link(secured.server.connect()) as client, secured.connect(maximum_version=version) as worker:
        client.submits(SUBMIT_JOB, b"one", b"workload")
        handle, _, workload = worker.grabs(b"one")
        worker.says(WORK_COMPLETE, handle, workload[::-1])
        assert client.hears() == (WORK_COMPLETE, handle, b"daolkrow")


def test_text_commands_are_answered_in_tls(secured: Secured) -> None:
    with secured.connect() as link:
        link.sends(b"version\n")
        assert link.hears_line().startswith(b"OK ")


def test_64_mib_go_both_ways(secured: Secured, canary: None) -> None:
    large = b"0123456789abcdef" * (LARGE // 16)
    with secured.connect() as client, secured.connect() as worker:
        client.submits(SUBMIT_JOB, b"large", large)
        handle, _, workload = worker.grabs(b"large")
        assert workload == large
        worker.says(WORK_COMPLETE, handle, large)
        assert client.hears() == (WORK_COMPLETE, handle, large)


def test_what_is_said_in_one_breath_with_the_handshake_is_heard(secured: Secured) -> None:
    with secured.by_hand() as hand:
        agreed = hand.agree()
        hand.sends(agreed + hand.sealed(request(ECHO_REQ, b"at once")))
        assert hand.hears(len(b"at once") + HEADER_SIZE).endswith(b"at once")


def test_records_cut_anywhere_are_put_together(secured: Secured, canary: None) -> None:
    with secured.by_hand(piece=1) as hand:
        hand.sends(hand.agree())
        hand.sends(hand.sealed(request(ECHO_REQ, b"piecemeal")))
        assert hand.hears(len(b"piecemeal") + HEADER_SIZE).endswith(b"piecemeal")


def test_who_says_farewell_still_hears_the_answers_and_a_farewell(secured: Secured) -> None:
    with secured.by_hand() as hand:
        hand.sends(hand.agree())
        hand.sends(hand.sealed(request(ECHO_REQ, b"bye")) + hand.stream.farewell())
        hand.link.shutdown(socket.SHUT_WR)
        assert hand.hears(len(b"bye") + HEADER_SIZE).endswith(b"bye")
        hand.hears(0)
        assert hand.stream.ended  # not only the connection


def test_a_worker_in_tls_that_is_killed_loses_its_job_to_another(secured: Secured) -> None:
    with Link(secured.server.connect()) as client, secured.connect() as worker:
        handle = client.submits(SUBMIT_JOB_BG, b"killed")
        assert worker.grabs(b"killed")[0] == handle
        worker.endpoint.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # a reset
        worker.leaves()
        with secured.connect() as next_worker:
            next_worker.says(CAN_DO, b"killed")
            assert next_worker.waits_for_a_job()[0] == handle


def test_who_reads_too_slowly_is_cut_off(tmp_path: Path) -> None:
    small = Secured(tmp_path, "uvloop", "--max-output", "1000000")
    with small.server, small.connect() as slow, Link(small.server.connect()) as other:
        with suppress(OSError):  # it may find out itself
            for _ in range(100):
                slow.sends(request(ECHO_REQ, b"x" * 500_000))
        small.server.wait_for_output("peer cut off, as it reads too slowly")
        wait_until(lambda: peers_seen_by(other) == 1, "the slow one is gone")


# Refused


def test_a_client_that_says_nothing_is_given_up(secured: Secured, canary: None) -> None:
    with secured.connect_plainly() as silent:
        secured.says("it took more than 0.5 s")
        assert silent.recv(1) == b""


@pytest.mark.parametrize("part", [slice(1), slice(-1), slice(None)], ids=["a byte", "half", "a hello"])
def test_a_client_that_stops_in_the_middle_of_the_handshake_is_given_up(
    secured: Secured, canary: None, part: slice
) -> None:
    given_up = secured.server.output().count("it took more than 0.5 s")
    with secured.by_hand() as hand:
        hand.stream.shake_hands(b"")
        hand.sends(hand.stream.take()[part])
        while hand.link.recv(65536):
            pass
    wait_until(lambda: secured.server.has_written("it took more than 0.5 s", given_up + 1), "it is logged")


def test_a_hundred_silent_clients_keep_nobody_waiting(secured: Secured, canary: None) -> None:
    with ExitStack() as silent:
        for _ in range(100):
            silent.enter_context(secured.connect_plainly())
        with secured.connect() as link:
            assert link.asks(ECHO_REQ, b"x") == (ECHO_RES, b"x")


def test_a_client_that_leaves_before_the_handshake_is_logged(secured: Secured, canary: None) -> None:
    secured.connect_plainly().close()
    secured.says("it ended the connection before TLS was agreed on")


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        (request(ECHO_REQ, b"x"), b"TLS_REQUIRED\0this port speaks TLS"),
        (b"status\n", b"ERR TLS_REQUIRED this+port+speaks+TLS\r\n"),
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"ERR TLS_REQUIRED this+port+speaks+TLS\r\n"),
        (b"\x80garbage of a kind that nobody knows", b""),
    ],
)
def test_a_client_without_tls_is_told_where_it_is(
    secured: Secured, canary: None, said: bytes, answer: bytes
) -> None:
    with Link(secured.connect_plainly()) as plain:
        plain.sends(said)
        assert plain.rest().endswith(answer)


def test_a_client_without_tls_that_still_talks_reads_where_it_is(secured: Secured, canary: None) -> None:
    with Link(secured.connect_plainly()) as plain:
        plain.sends(b"status\n")
        plain.endpoint.recv(1, socket.MSG_PEEK)  # the server has answered
        plain.sends(b"status\n" * 1000)
        assert plain.rest() == b"ERR TLS_REQUIRED this+port+speaks+TLS\r\n"


def test_a_client_in_tls_at_the_plain_port_is_refused_at_once(secured: Secured, canary: None) -> None:
    context = TLS(secured.authority.ca).context()
    with secured.server.connect() as plain, pytest.raises((ssl.SSLError, ConnectionError)):
        context.wrap_socket(plain, server_hostname=HOST)
    secured.says("TLS is spoken at one end only")


def test_a_record_that_is_not_of_the_connection_ends_it(secured: Secured, canary: None) -> None:
    with secured.connect() as link:
        assert link.asks(ECHO_REQ, b"x") == (ECHO_RES, b"x")
        raw = socket.socket(fileno=link.endpoint.detach())
        with raw:
            raw.settimeout(DEADLINE)  # the descriptor does not block, which a new socket object does not know
            raw.sendall(b"\x17\x03\x03\x00\x20" + b"?" * 32)
            while raw.recv(4096):
                pass
    secured.server.wait_for_output('reason="TLS: ')


def test_half_a_record_and_then_the_end_is_the_end(secured: Secured, canary: None) -> None:
    with Link(secured.server.connect()) as watcher:
        before = peers_seen_by(watcher)
        link = secured.connect()
        assert link.asks(ECHO_REQ, b"x") == (ECHO_RES, b"x")
        assert peers_seen_by(watcher) == before + 1
        with socket.socket(fileno=link.endpoint.detach()) as raw:
            raw.sendall(b"\x17\x03\x03\x40\x00half")
        wait_until(lambda: peers_seen_by(watcher) == before, "the peer is forgotten")


def test_an_old_version_of_tls_is_refused(secured: Secured, canary: None) -> None:
    words = ("s_client", "-connect", f"{HOST}:{secured.tls_port}", "-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0")
    asked = subprocess.run([require("openssl"), *words], input=b"", capture_output=True, check=False)
    assert asked.returncode == 1
    secured.says("it speaks a version of TLS that is too old")


def test_a_client_cannot_renegotiate(secured: Secured, canary: None) -> None:
    words = ("s_client", "-connect", f"{HOST}:{secured.tls_port}", "-tls1_2", "-CAfile", secured.authority.ca)
    asked = subprocess.run(
        [require("openssl"), *words], input=b"R\n", capture_output=True, timeout=15, check=False
    )
    assert b"RENEGOTIATING" in asked.stdout + asked.stderr
    assert b"no renegotiation" in asked.stdout + asked.stderr


def test_handshakes_count_as_connections(tmp_path: Path) -> None:
    few = Secured(tmp_path, "uvloop", "--max-connections", "2")
    with few.server, Link(few.server.connect()) as one, few.connect_plainly() as silent:
        one.asks(ECHO_REQ, b"x")
        with few.connect_plainly() as third:
            assert third.recv(1) == b""
        assert silent.recv(1) == b""  # given up later
        few.server.wait_for_output("connections are turned away")


# Certificates of clients


def test_a_client_with_a_certificate_of_the_authority_is_served(strict: Secured) -> None:
    with strict.connect(strict.authority.issue("good", "good.example")) as link:
        assert link.asks(ECHO_REQ, b"x") == (ECHO_RES, b"x")


def test_a_client_without_a_certificate_is_refused_where_one_is_required(strict: Secured) -> None:
    assert refused(strict.connect()) == "TLSV13_ALERT_CERTIFICATE_REQUIRED"
    strict.says("it shows no certificate, and one is required")


def test_a_client_with_a_certificate_of_another_authority_is_refused(strict: Secured) -> None:
    assert refused(strict.connect(strict.other.issue("stranger", "a"))) == "TLSV1_ALERT_UNKNOWN_CA"
    strict.says("its certificate is from an authority that is not trusted (ca)")


def test_a_client_with_an_expired_certificate_is_refused(strict: Secured) -> None:
    expired = strict.authority.issue("expired", "late.example", days=-1)
    assert refused(strict.connect(expired)) == "SSLV3_ALERT_CERTIFICATE_EXPIRED"
    strict.says("its certificate has expired")


def test_where_certificates_are_optional_a_wrong_one_is_refused_and_none_is_not(tmp_path: Path) -> None:
    options = ("--tls-client-ca", str(tmp_path / "ca.pem"), "--tls-client", "optional")
    lax = Secured(tmp_path, "asyncio", *options)
    with lax.server, lax.connect() as link:
        assert link.asks(ECHO_REQ, b"x") == (ECHO_RES, b"x")
        assert refused(lax.connect(lax.other.issue("stranger", "a"))) == "TLSV1_ALERT_UNKNOWN_CA"


# New certificates


def numbers_of(link: Link) -> int:
    """The serial number of the certificate that a server has shown."""
    assert isinstance(link.endpoint, ssl.SSLSocket)
    return int(str((link.endpoint.getpeercert() or {})["serialNumber"]), 16)


def test_new_files_hold_from_sighup_on_and_bad_ones_do_not(tmp_path: Path) -> None:
    made = Secured(tmp_path, "uvloop")
    with made.server as server, made.connect() as early:
        first = numbers_of(early)
        made.authority.issue("own", "localhost", HOST)
        server.process.send_signal(signal.SIGHUP)
        wait_until(lambda: server.has_written('message="the certificate"', 2), "the files are read again")
        with made.connect() as late:
            second = numbers_of(late)
            assert second != first
        key = Path(made.own.key)
        good = key.read_text()
        for bad, reason in (
            ("", "a private key in PEM form is expected"),
            (made_up_key(tmp_path), "not that of"),
        ):
            key.write_text(bad)
            server.process.send_signal(signal.SIGHUP)
            server.wait_for_output(reason)
            with made.connect() as later:
                assert numbers_of(later) == second
        key.write_text(good)
        # Who came before goes on with what it began with.
        assert early.asks(ECHO_REQ, b"x") == (ECHO_RES, b"x")


def made_up_key(folder: Path) -> str:
    return Path(Authority(folder, "third").issue("third", "c").key).read_text()


def test_no_job_is_lost_while_certificates_change(tmp_path: Path) -> None:
    made = Secured(tmp_path, "uvloop")
    with made.server as server, made.connect() as worker:
        worker.says(CAN_DO, b"change")
        for turn in range(20):
            made.authority.issue("own", "localhost", HOST)
            server.process.send_signal(signal.SIGHUP)
            with made.connect() as client:
                assert client.submits(SUBMIT_JOB, b"change", b"%d" % turn)
                handle, _, workload = worker.waits_for_a_job()
                worker.says(WORK_COMPLETE, handle, workload)
                assert client.hears() == (WORK_COMPLETE, handle, b"%d" % turn)


def test_an_expired_certificate_is_shown_and_the_log_warns(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    late = authority.issue("own", "localhost", HOST, days=-1)
    with server_on("uvloop", "--listen-tls", f"{HOST}:{free_port()}", *late.server_options) as server:
        server.wait_for_output("clients will refuse the certificate")
        assert "its certificate has expired" in server.output()


def test_a_plain_server_has_no_word_of_tls_in_its_log(server: ServerProgram) -> None:
    assert "tls" not in server.output()
    with Link(server.connect()) as link:
        assert link.asks(GRAB_JOB)[0] not in (ERROR, JOB_CREATED)
