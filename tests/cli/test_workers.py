"""``geartrain workers``."""

from __future__ import annotations

import pytest

from tests.cli.program import Shop


@pytest.mark.parametrize("which", ["shop", "c_shop"])
def test_workers_are_listed_with_their_functions(which: str, request: pytest.FixtureRequest) -> None:
    shop: Shop = request.getfixturevalue(which)
    workers = [row["functions"] for row in shop.run("workers", "--json").rows]
    assert ["capitals"] in workers
    assert [] not in workers
    lines = shop.run("workers").stdout.splitlines()
    assert lines[0].split() == ["ID", "HOST", "STATE", "FUNCTIONS"]
    assert any(line.split()[-1] == "capitals" for line in lines)
