"""An exception of a signal handler, at any point inside a call, leaves the client usable."""

from __future__ import annotations

import random
import signal
import threading
from collections.abc import Callable, Iterator

import pytest

from geartrain import TLS, Admin, Client, JobHandle, Worker
from tests.support.machine import DEADLINE
from tests.support.processes import ServerProgram, geartrain_server
from tests.support.tls import TlsProgram, trusting

# A file or a socket that was just being opened when the signal came is closed by its own end.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")

INTERRUPTIONS = 500  # in each of the four tests
LONGEST_CALL = 0.002  # seconds before the signal comes, at most


class TimeLimitError(Exception):
    """What the handler raises: the client knows nothing of it."""


def interrupted(call: Callable[[], object], seconds: float) -> bool:
    """Make a call that a signal ends after some time; whether it did."""
    try:
        try:
            signal.setitimer(signal.ITIMER_REAL, seconds)
            call()
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    except TimeLimitError:
        return True
    return False


@pytest.fixture
def handler() -> Iterator[None]:
    """A handler of SIGALRM that raises."""

    def on_alarm(number: int, frame: object) -> None:
        raise TimeLimitError

    before = signal.signal(signal.SIGALRM, on_alarm)
    yield
    signal.signal(signal.SIGALRM, before)


@pytest.fixture(params=["plain", "tls"])
def secured(request: pytest.FixtureRequest) -> Iterator[tuple[ServerProgram, TLS | None]]:
    """A server, and how to speak with it, with a worker that answers."""
    tls = trusting() if request.param == "tls" else None
    with TlsProgram() if tls else geartrain_server() as server:
        worker = Worker(server.address, tls=tls)
        worker.add_function("echo", lambda job: job.workload)
        thread = threading.Thread(target=worker.run)
        thread.start()
        yield server, tls
        worker.stop()
        thread.join(DEADLINE)


def interrupt(client: Client, handle: JobHandle) -> None:
    """Have calls of all kinds interrupted, each at a point of its own."""
    calls: list[Callable[[], object]] = [
        lambda: client.do("echo", b"1", timeout=DEADLINE),
        lambda: client.do_background("nobody", b"2"),
        lambda: client.submit_many("nobody", [b"3"] * 3),
        lambda: list(client.map("echo", [b"4"] * 3, timeout=DEADLINE)),
        lambda: client.job_status(handle, timeout=DEADLINE),
        lambda: client.do("echo", b"5"),
    ]
    count = 0
    while count < INTERRUPTIONS:
        count += interrupted(random.choice(calls), 1e-5 + random.random() * LONGEST_CALL)


@pytest.mark.usefixtures("handler")
def test_a_client_is_usable_after_a_handler_raised_at_any_point(
    secured: tuple[ServerProgram, TLS | None],
) -> None:
    server, tls = secured
    with Client(server.address, tls=tls) as client:
        interrupt(client, client.do_background("nobody"))
        assert client.do("echo", b"still here", timeout=DEADLINE) == b"still here"
        assert len(client.connections.open) == 1


@pytest.mark.usefixtures("handler")
def test_other_threads_of_an_interrupted_client_get_their_results(
    secured: tuple[ServerProgram, TLS | None],
) -> None:
    """A connection that was interrupted in a write or a read is made anew, and their jobs go on there."""
    server, tls = secured
    over = threading.Event()
    wrong: list[object] = []

    def work(client: Client) -> None:
        while not over.is_set():
            word = b"%d" % random.randrange(1_000_000)
            try:
                if client.do("echo", word, timeout=DEADLINE) != word:
                    wrong.append(word)
            except Exception as error:  # the test names whatever it is
                wrong.append(error)

    with Client(server.address, tls=tls, submit_retries=100) as client:
        handle = client.do_background("nobody")
        other = threading.Thread(target=work, args=(client,))
        other.start()
        try:
            interrupt(client, handle)
        finally:
            over.set()
            other.join(DEADLINE)
        assert not other.is_alive()
        assert wrong == []
        assert client.do("echo", b"still here", timeout=DEADLINE) == b"still here"


def test_the_administrator_hears_the_answer_to_its_own_question(server: ServerProgram, handler: None) -> None:
    with Admin(server.address) as admin, Client(server.address) as client:
        for number in range(50):
            client.do_background(f"function-{number}", b"")
        for _ in range(INTERRUPTIONS):
            interrupted(admin.status, random.uniform(1e-5, LONGEST_CALL))
            assert admin.version().startswith("0.")
        assert len(admin.status()) == 50
