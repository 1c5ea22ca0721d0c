"""Accidents: exceptions that nobody expected. Each ends one peer or one timer, and everybody else goes on."""

from __future__ import annotations

from typing import NamedTuple

from geartrain.broker.model import Connection


class Accident(NamedTuple):
    """An exception for the log, and whose fault it may be."""

    what: str  # was being done
    error: Exception
    connection: (
        Connection | None
    )  # must end, as what it asked for is done in part; None where it was nobody's packet
