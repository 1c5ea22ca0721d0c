"""An hour's worth of hostile peers in ten minutes: `python -m tests.hostile --help`."""

from __future__ import annotations

import argparse
import sys
from random import SystemRandom

from tests.hostile.trial import STORES, table, trial


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.hostile", description=__doc__)
    parser.add_argument("--seconds", type=float, default=600, help="how long (default: ten minutes)")
    parser.add_argument("--seed", default=str(SystemRandom().getrandbits(64)), help="repeats a run")
    parser.add_argument("--store", choices=STORES, default=STORES[0])
    parser.add_argument("kinds", nargs="*", help="names of kinds of hostile peers (default: all)")
    given = parser.parse_args()
    print(f"seed {given.seed}", flush=True)
    report = trial(given.seed, given.seconds, given.store, given.kinds)
    print(table(report))
    for missed in report.misses():
        print(f"MISSED: {missed}")
    return 1 if report.misses() else 0


if __name__ == "__main__":
    sys.exit(main())
