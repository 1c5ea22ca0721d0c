"""Text command ``stats``: the server in one row."""

from __future__ import annotations

from geartrain.broker.answers import json_lines, text
from geartrain.broker.broker import Broker


def stats(broker: Broker, words: list[bytes]) -> bytes:
    """``stats``: what this server holds; what its owner knows of it stands behind that."""
    row: dict[str, object] = {"version": text(broker.rules.version), "pid": broker.rules.pid}
    row.update(counts(broker))
    return json_lines([row | broker.about()])


def summed(rows: list[dict[str, int]]) -> dict[str, object]:
    """The counts of several brokers."""
    total: dict[str, object] = {}
    for name in rows[0] if rows else ():
        total[name] = sum([row[name] for row in rows])
    return total


def counts(broker: Broker) -> dict[str, int]:
    """How much there is in a broker."""
    archive = broker.archive
    functions = broker.functions.values()
    return {
        "connections": len(broker.connections),
        "functions": len(broker.functions),
        "jobs": len(broker.jobs),
        "running": sum([function.running for function in functions]),
        "delayed": sum([sum(function.delayed) for function in functions]),
        "schedules": len(broker.schedules.by_name),
        "dead": len(archive.dead),
        "results": len(archive.results),
        "workload_bytes": broker.memory,
        "result_bytes": archive.size,
        "set_aside": broker.damage.count,
    }
