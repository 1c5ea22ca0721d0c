"""Servers that any test may ask for by name; the parts they are made of are in ``tests.support``."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import nullcontext

import pytest
from hypothesis import settings

from geartrain.broker import session
from tests.support.members import SHARDS, members
from tests.support.processes import ServerProgram, gearmand, geartrain_server

IS_COMPILED = not str(session.__file__).endswith(".py")
SAID_ONCE = [
    *("test_budget.py", "test_layers.py", "bench", "cli", "documents", "packaging", "pool", "typing"),
    "web/browser",
    *(f"web/test_{name}.py" for name in ("access", "description", "ending", "gate", "gear_answer")),
    *(f"web/test_{name}.py" for name in ("gear_http", "gear_request", "history", "page_files", "sampler")),
    *(f"web/test_{name}.py" for name in ("schedules", "tails", "tls", "wrong_requests")),
]
"""What tells nothing of a build: its tests run on the uncompiled code only."""

collect_ignore = SAID_ONCE if IS_COMPILED else []

WAY = os.environ.get("GEARTRAIN_POOL", "")

settings.register_profile("suite", deadline=None)  # no stopwatch: the machine may be busy
settings.register_profile("torture", deadline=None, max_examples=1_000, stateful_step_count=100)
settings.load_profile("suite")  # pytest's --hypothesis-profile=torture takes its time

# A shell has its background jobs begin with SIGINT ignored, and so would every program that a test starts.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave those tests out that say nothing here.

    Against members of pools those that say what is different there; in the compiled build those of the C gearmand.
    """
    if IS_COMPILED:
        items[:] = [item for item in items if not item.get_closest_marker("c_gearmand")]
    if WAY:
        marks = ["one_server", "one_shard"] if WAY == SHARDS else ["one_server"]
        items[:] = [item for item in items if not any(item.get_closest_marker(mark) for mark in marks)]


@pytest.fixture(scope="session", autouse=True)
def pool_for_all() -> Iterator[None]:
    """With GEARTRAIN_POOL in the environment every server is a member of a pool, see ``tests.support.members``."""
    with members(WAY) if WAY else nullcontext():
        yield


@pytest.fixture
def server() -> Iterator[ServerProgram]:
    """Our server, alone in its process, for one test."""
    with geartrain_server() as program:
        yield program


@pytest.fixture
def c_server() -> Iterator[ServerProgram]:
    """The C gearmand, for one test."""
    with gearmand() as program:
        yield program
