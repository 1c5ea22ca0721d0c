"""One server for all interop tests, and the Python side of each conversation."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest

from geartrain.sync.client import Client
from geartrain.sync.worker import JobFunction, Worker
from tests.interop.programs import LANGUAGES, ClientProgram, Language
from tests.support.machine import DEADLINE
from tests.support.members import follower
from tests.support.processes import Program, ServerProgram, geartrain_server
from tests.support.tls import Proxied

RunClient = Callable[..., ClientProgram]
StartWorker = Callable[[], Program]
Work = Callable[[str, JobFunction], None]


SERVERS: dict[str, Callable[[], AbstractContextManager[ServerProgram]]] = {
    "alone": geartrain_server,
    "pool": follower,
    "tls": Proxied,
}


@pytest.fixture(scope="session", params=SERVERS)
def shared_server(request: pytest.FixtureRequest) -> Iterator[ServerProgram]:
    """Our server, for every test that keeps to function names of its own; also one of a pool, or behind TLS."""
    with SERVERS[request.param]() as program:
        yield program


@pytest.fixture
def function(request: pytest.FixtureRequest) -> str:
    """A function name that no other test uses."""
    name: str = request.node.name
    return name.translate(str.maketrans("[]", "--"))


@pytest.fixture(params=LANGUAGES, ids=lambda language: str(language.name))
def language(request: pytest.FixtureRequest) -> Language:
    """Each of the other languages that is installed."""
    language: Language = request.param
    language.check()
    return language


@pytest.fixture
def run_client(language: Language, shared_server: ServerProgram, function: str) -> Iterator[RunClient]:
    """Start the language's client: ``run_client(mode, workload, unique="", priority="normal", suffix="")``."""
    running: list[ClientProgram] = []

    def run(
        mode: str, workload: bytes, unique: str = "", priority: str = "normal", suffix: str = ""
    ) -> ClientProgram:
        arguments = (str(shared_server.port), mode, function + suffix, unique, priority)
        program = ClientProgram(*language.script("client"), *arguments, stdin=workload)
        running.append(program)
        return program

    yield run
    for program in running:
        program.kill()


@pytest.fixture
def work(shared_server: ServerProgram) -> Iterator[Work]:
    """Start a worker in Python: ``work(name, function)``."""
    started: list[tuple[Worker, threading.Thread]] = []

    def start(name: str, function: JobFunction) -> None:
        worker = Worker(shared_server.address)
        worker.add_function(name, function)
        thread = threading.Thread(target=worker.run)
        thread.start()
        started.append((worker, thread))

    yield start
    for worker, thread in started:
        worker.stop()
        thread.join()


@pytest.fixture
def client(shared_server: ServerProgram) -> Iterator[Client]:
    """A client in Python."""
    with Client(shared_server.address, timeout=DEADLINE) as client:
        yield client


@pytest.fixture
def start_worker(language: Language, shared_server: ServerProgram, function: str) -> Iterator[StartWorker]:
    """Start the language's worker, ready for jobs; its functions begin with the name of the test's function."""
    running: list[Program] = []

    def start() -> Program:
        program = Program(*language.script("worker"), str(shared_server.port), function)
        running.append(program)
        program.wait_for_output("ready")
        return program

    yield start
    for program in running:
        program.kill()
