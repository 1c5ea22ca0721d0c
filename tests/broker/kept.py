"""A store so simple that one can see it is right: dictionaries that do what a batch says."""

from __future__ import annotations

import json

from geartrain.broker.assignments import arrived
from geartrain.broker.batch import Batch, DeadRecord, Document, JobRecord, Kept, ResultRecord
from geartrain.broker.durability import adopt, keep, take_back, take_batch
from geartrain.broker.policy import Policies
from tests.wire import MemoryServer


class KeptJobs:
    """What would be in a file."""

    def __init__(self) -> None:
        self.jobs: dict[int, JobRecord] = {}
        self.dead: dict[int, DeadRecord] = {}
        self.results: dict[int, ResultRecord] = {}
        self.documents: dict[tuple[str, str], Document] = {}
        self.last_number = 0

    def commit(self, batch: Batch) -> None:
        """All of it, in the order in which the SQLite store does it."""
        self.jobs |= {record.number: record for record in batch.records}
        for change in batch.changes:
            if change.number in self.jobs:
                workload = self.jobs[change.number].workload
                self.jobs[change.number] = change._replace(workload=workload)
        self.dead |= batch.buried
        for number in [*batch.exhumed, *batch.removed]:
            self.dead.pop(number, None)
        for number in batch.removed:
            self.jobs.pop(number, None)
        self.results |= {result.number: result for result in batch.results}
        for number in batch.forgotten:
            self.results.pop(number, None)
        for key, document in batch.documents.items():
            self.documents.pop(key, None)
            if document.text:
                self.documents[key] = document
        self.last_number = max(self.last_number, batch.last_number)

    def take(self, server: MemoryServer, works: bool = True) -> Batch:
        """One whole commit; where it does not work nothing is kept."""
        batch = take_batch(server.broker)
        self.end(server, batch, works)
        return batch

    def end(self, server: MemoryServer, batch: Batch, works: bool = True) -> None:
        """What becomes of a batch."""
        if works:
            self.commit(batch)
            keep(server.broker, batch)
        else:
            take_back(server.broker, batch)

    def deliver(self, server: MemoryServer) -> None:
        """Give workers the workloads that only the store has."""
        broker = server.broker
        wanted = {job.number: self.jobs[job.number].workload for job, _ in broker.fetches.values()}
        packets = arrived(broker, wanted)
        for connection in broker.connections:
            connection.outgoing[:] = [packets.get(packet, packet) for packet in connection.outgoing]

    def restarted(self, server: MemoryServer) -> MemoryServer:
        """A new server that takes over at the same time of day."""
        successor = MemoryServer(server.broker.rules, has_store=True, build=server.built)
        successor.sets_clock(server.clock)
        results = sorted(self.results.values(), key=lambda result: result.finished_at)
        documents = list(self.documents.values())
        everything_else = Kept([], list(self.dead.values()), results, documents, self.last_number)
        for part in (everything_else, Kept(jobs=[self.jobs[number] for number in sorted(self.jobs)])):
            adopt(successor.broker, part)
        return successor

    def check(self, server: MemoryServer) -> None:
        """Whether it has what the server has, where nothing is left to commit."""
        broker = server.broker
        alive = [job for job in broker.jobs.values() if job.background]
        buried = [letter.job for letter in broker.archive.dead.values()]
        told = [
            (record.number, record.handle, record.attempts, record.run_at) for record in self.jobs.values()
        ]
        known = [(job.number, job.handle, job.attempts, job.run_at) for job in [*alive, *buried]]
        assert sorted(told) == sorted(known)
        assert self.dead == {number: letter.record for number, letter in broker.archive.dead.items()}
        assert self.results == broker.archive.results
        remembered = Policies()
        for (kind, name), document in self.documents.items():
            assert kind == "policy"
            remembered.set(name, json.loads(document.text))
        assert remembered.set_later == broker.policies.set_later
