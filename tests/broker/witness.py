"""Somebody who knows a server's jobs by its events alone, and compares that with what the server has."""

from __future__ import annotations

from collections import Counter
from typing import Any

from geartrain.broker.broker import Broker
from tests.wire import MemoryServer

QUEUED = "queued"
RUNNING = "running"
ENDS = ("completed", "failed", "cancelled", "abandoned")
OF_RUNNING = ("status", "lost", "timed_out", "retried")
OF_WORKERS = ("data", "warning", "exception", "completed")  # also of one that was over its time limit


class Witness:
    """Watches a server on which nothing has happened yet, but that it may have jobs from a store."""

    def __init__(self, server: MemoryServer) -> None:
        server.passes(0)  # jobs of the store whose time was over end now
        self.operator = server.connect()
        (self.end,) = self.operator.lists(b"events -")
        (broker,) = server.inside.brokers
        self.broker: Broker = broker
        self.at_first = Counter(job.function.name.decode() for job in broker.jobs.values())
        self.jobs: dict[str, str] = {job.handle.decode(): QUEUED for job in broker.jobs.values()}
        self.totals_at_first = {row["function"]: row["totals"] for row in self.operator.lists(b"functions")}
        self.failed: set[str] = set()
        self.timed_out: set[str] = set()  # jobs whose workers may still be heard while nobody has them
        self.counts: dict[str, Counter[str]] = {}
        self.firsts: Counter[str] = Counter()

    def looks(self) -> None:
        """Hear what happened, and see that the server says and has the same."""
        *events, end = self.operator.lists(b"events " + self.end["cursor"].encode())
        assert end["missed"] == 0
        self.end = end
        for event in events:
            self.counts.setdefault(event["function"], Counter())[event["kind"]] += 1
            self.take(event["kind"], event["handle"], event)
        self.compare()

    def take(self, kind: str, handle: str, event: dict[str, Any]) -> None:
        """One event changes what is known of its job."""
        state = self.jobs.get(handle)
        if kind in OF_RUNNING:
            assert state == RUNNING, event
        if kind in OF_WORKERS:
            assert state == RUNNING or handle in self.timed_out, event
        if kind in ("submitted", "revived"):
            assert state is None, event
            self.jobs[handle] = QUEUED
        elif kind == "started":
            assert state == QUEUED, event
            assert event["worker"], event
            self.jobs[handle] = RUNNING
            self.firsts[event["function"]] += event["attempts"] == 1
        elif kind == "retried":
            self.jobs[handle] = QUEUED
        elif kind == "timed_out":
            self.timed_out.add(handle)
        elif kind == "dead":
            assert handle in self.failed, event
        elif kind in ENDS:
            assert state, event
            del self.jobs[handle]
            if kind == "failed":
                self.failed.add(handle)
        else:
            assert state, event

    def compare(self) -> None:
        """The server has just those jobs, and its totals are what happened."""
        live = {
            job.handle.decode(): QUEUED if job.worker is None else RUNNING
            for job in self.broker.jobs.values()
        }
        assert self.jobs == live
        shown = {row["function"]: row for row in self.operator.lists(b"functions")}
        for gone in (
            self.counts.keys() | self.totals_at_first.keys()
        ) - shown.keys():  # dropped: it begins anew
            self.counts.pop(gone, None)
            self.firsts.pop(gone, None)
            self.at_first.pop(gone, None)
            self.totals_at_first.pop(gone, None)
        for name, row in shown.items():
            counts = self.counts.get(name, Counter())
            totals = row["totals"]
            before = self.totals_at_first.get(name, Counter())
            assert totals == {kind: before[kind] + counts[kind] for kind in totals}
            came = self.at_first[name] + counts["submitted"] + counts["revived"]
            assert came - sum(counts[end] for end in ENDS) == sum(row["queued"].values()) + row["running"]
            assert sum(row["run"]["counts"]) == counts["started"] - row["running"]
            assert sum(row["wait"]["counts"]) == self.firsts[name]
