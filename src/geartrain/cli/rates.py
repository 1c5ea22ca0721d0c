"""How much happens a second, from totals that are asked for again and again."""

from __future__ import annotations

from typing import Any, Final

from geartrain.cli.output import Row

TOTALS: Final = ("submitted", "completed", "failed")


class Rates:
    """The rates of functions since the last look."""

    def __init__(self) -> None:
        self.at = 0.0  # monotonic seconds of the last look
        self.totals: dict[tuple[str, str], dict[str, int]] = {}  # by server and function

    def look(self, functions: list[Row], now: float) -> list[Row]:
        """The same rows, with ``rates`` where there was a look before; a server that began anew has none for once."""
        seconds = now - self.at
        before, self.totals, self.at = self.totals, {}, now
        rows: list[Row] = []
        for row in functions:
            totals = row.get("totals")
            if totals is None:
                rows.append(row)
                continue
            key = (str(row["server"]), str(row["function"]))
            self.totals[key] = {name: totals[name] for name in TOTALS}
            rows.append({**row, "rates": rates_between(before.get(key), self.totals[key], seconds)})
        return rows


def rates_between(before: dict[str, int] | None, now: dict[str, int], seconds: float) -> dict[str, float]:
    """What happened a second; nothing where that cannot be said."""
    if before is None or seconds <= 0:
        return {}
    grown = {name: now[name] - before[name] for name in now}
    return {} if min(grown.values()) < 0 else {name: count / seconds for name, count in grown.items()}


def total_rate(functions: list[Row], name: str) -> float:
    """The rate of all functions together."""
    found: list[Any] = [row.get("rates", {}).get(name, 0.0) for row in functions]
    return float(sum(found))
