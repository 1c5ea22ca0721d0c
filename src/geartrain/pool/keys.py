"""Keys: what the keys of a shard, and of the pool, are called in the engine."""

from __future__ import annotations

from geartrain.pool.address import Address


class Keys:
    """The keys of one shard. All of them are in one slot of a Cluster."""

    def __init__(self, address: Address, shard: int) -> None:
        prefix = address.prefix(shard).encode()
        self.lease = prefix + b"lease"  # who leads: a token and a text; it runs out when nobody renews it
        self.leader = prefix + b"leader"  # the same of whoever has led last, for good
        self.jobs = prefix + b"jobs"  # by number: the length of the head, the head, the workload
        self.dead = prefix + b"dead"  # by number: why a job is a dead letter
        self.results = prefix + b"results"  # by number
        self.documents = prefix + b"documents"  # by kind and name
        self.number = prefix + b"number"  # no handle up to it may be given again
        self.aside = prefix + b"aside"  # by number: rows that are no jobs, and why

    @property
    def lease_keys(self) -> tuple[bytes, bytes]:
        """For the scripts that are about the lease alone."""
        return self.lease, self.leader

    @property
    def renew_keys(self) -> tuple[bytes, bytes, bytes]:
        """For the script that keeps a lease."""
        return self.lease, self.leader, self.number

    @property
    def commit_keys(self) -> tuple[bytes, ...]:
        """For the script that keeps a batch, in its order."""
        return (
            self.lease,
            self.leader,
            self.jobs,
            self.dead,
            self.results,
            self.documents,
            self.number,
            self.aside,
        )


class PoolKeys:
    """The keys of the pool."""

    def __init__(self, address: Address) -> None:
        prefix = address.prefix(None).encode()
        self.facts = prefix + b"facts"  # what was fixed when the pool was made
        self.members = prefix + b"members"  # by server: when it was heard of, and what it says of itself
