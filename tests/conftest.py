"""Servers that any test may ask for by name; the parts they are made of are in ``tests.support``."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.processes import ServerProgram, gearmand, geartrain_server


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
