"""What a client does when a server breaks its word: the server here is a socket that the test speaks for."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from geartrain import ConnectionLost, JobFailed, JobTimeout
from geartrain.protocol.commands import (
    JOB_CREATED,
    OPTION_RES,
    STATUS_RES,
    WORK_COMPLETE,
    WORK_DATA,
    WORK_FAIL,
)
from geartrain.protocol.packet import response
from tests.contracts.shells import Shell
from tests.support.machine import DEADLINE, HOST

CREATED = response(JOB_CREATED, b"H:odd:1")
WELCOME = response(OPTION_RES, b"exceptions")

Answers = list[bytes]  # one for each connection: what it hears after its first packets, before it ends


@contextmanager
def odd_server(answers: Answers, stays: Callable[[], object] | None = None) -> Iterator[str]:
    """A server that takes one connection for each answer; with ``stays`` the last one stays open."""
    with socket.create_server((HOST, 0)) as listener:
        listener.settimeout(DEADLINE)

        def serve() -> None:
            for answer in answers:
                link, _ = listener.accept()
                with link:
                    link.recv(65536)
                    link.sendall(answer)
                    if stays and answer is answers[-1]:
                        stays()

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"{HOST}:{listener.getsockname()[1]}"
        finally:
            thread.join(DEADLINE)


def test_a_job_that_was_not_acknowledged_is_submitted_again(shell: Shell) -> None:
    with odd_server([b"", WELCOME, WELCOME + CREATED]) as address:
        assert shell.client(address).do_background("f") == "H:odd:1"


def test_a_job_is_submitted_again_only_so_often(shell: Shell) -> None:
    with odd_server([b"", b""]) as address, pytest.raises(ConnectionLost) as caught:
        shell.client(address, submit_retries=1).do_background("f")
    assert caught.value.submitted is None


def test_a_job_that_was_acknowledged_is_not_submitted_again_by_who_does_not_want_it(shell: Shell) -> None:
    with odd_server([WELCOME + CREATED]) as address, pytest.raises(ConnectionLost) as caught:
        shell.client(address, resubmit=False).do("f")
    assert caught.value.submitted is True
    assert caught.value.handle == "H:odd:1"


def test_a_job_that_was_acknowledged_goes_on_over_the_next_connection(shell: Shell) -> None:
    running = response(STATUS_RES, b"H:odd:1", b"1", b"1", b"0", b"0")
    done = response(WORK_COMPLETE, b"H:odd:1", b"result")
    with odd_server([WELCOME + CREATED, WELCOME + running + CREATED + done]) as address:
        assert shell.client(address).do("f") == b"result"


def test_an_answer_that_is_not_gearman_is_not_waited_for_again(shell: Shell) -> None:
    with (
        odd_server([WELCOME + CREATED + b"HTTP/1.0 400 Bad Request\r\n"]) as address,
        pytest.raises(ConnectionLost, match="HTTP"),
    ):
        shell.client(address).do("f")


def test_bytes_that_are_not_gearman_end_the_connection(shell: Shell) -> None:
    with (
        odd_server([b"HTTP/1.0 400 Bad Request\r\n"]) as address,
        pytest.raises(ConnectionLost, match="HTTP"),
    ):
        shell.client(address, submit_retries=0).do_background("f")


def test_a_nul_behind_the_handle_of_a_failed_job_is_no_harm(shell: Shell) -> None:
    with (
        odd_server([WELCOME + CREATED + response(WORK_FAIL, b"H:odd:1\0")]) as address,
        pytest.raises(JobFailed),
    ):
        shell.client(address).do("f")


def test_a_result_without_its_separator_is_empty(shell: Shell) -> None:
    with odd_server([WELCOME + CREATED + response(WORK_COMPLETE, b"H:odd:1")]) as address:
        assert shell.client(address).do("f") == b""


def test_packets_of_unknown_jobs_are_no_harm(shell: Shell) -> None:
    stray = response(WORK_DATA, b"H:odd:7", b"x")
    with odd_server([WELCOME + stray + CREATED]) as address:
        assert shell.client(address).do_background("f") == "H:odd:1"


def test_an_administrator_does_not_wait_for_ever(shell: Shell) -> None:
    over = threading.Event()
    with odd_server([b"OK 1.0\r\n", b"status\t1"], stays=lambda: over.wait(DEADLINE)) as address:
        assert shell.admin(address).version() == "1.0"
        admin = shell.admin(address, timeout=0.05)
        with pytest.raises(JobTimeout):
            admin.status()
        over.set()


def test_an_administrator_hears_that_the_connection_is_lost(shell: Shell) -> None:
    with odd_server([b"a\t1\t0\t0\n"]) as address, pytest.raises(ConnectionLost, match=address):
        shell.admin(address).status()


def test_a_silent_server_ends_in_a_timeout(shell: Shell) -> None:
    over = threading.Event()
    with odd_server([b""], stays=lambda: over.wait(DEADLINE)) as address:
        client = shell.client(address)
        for call in (lambda: client.do_background("f", timeout=0.05), lambda: client.ping(timeout=0.05)):
            with pytest.raises(JobTimeout):
                call()
        over.set()
