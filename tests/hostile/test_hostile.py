"""Some seconds among hostile peers. `make torture` has ten minutes, and bars for memory and the canary."""

from __future__ import annotations

from random import SystemRandom

import pytest

from tests.hostile.kinds import KINDS
from tests.hostile.trial import table, trial

SECONDS = 5.0
HEAVY = ("long_list", "reader_of_nothing", "silent", "half_a_head")  # they take longer than the suite has
SEED = str(SystemRandom().getrandbits(64))


@pytest.mark.one_server("it looks at the memory of one process")
def test_hostile_peers_do_no_harm_to_others() -> None:
    kinds = [kind.name() for kind in KINDS if kind.name() not in HEAVY]
    report = trial(SEED, SECONDS, kinds=kinds)
    print(f"seed {SEED}\n{table(report)}")
    assert (report.faults, report.accidents) == ([], 0)
    assert all(report.waits.values())
    assert [kind for kind in kinds if not report.tallies[kind]["connections"]] == []
