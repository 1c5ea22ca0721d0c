"""What an operator may choose of the broker."""

from __future__ import annotations

from typing import NamedTuple

from geartrain.protocol.packet import PAYLOAD_LIMIT


def no_chance() -> float:
    """What comes at random where nothing may."""
    return 0.0


def nothing() -> dict[str, object]:
    """What is known of a server unless its owner says more."""
    return {}


class Rules(NamedTuple):
    """What an operator may choose."""

    prefix: bytes = b"H:localhost"  # of every handle
    job_retries: int = -1  # most executions of a job that loses its worker; -1 is no limit, 0 the same as 1
    max_lost: int = 20  # most executions in a row that are lost or time out; 0 is no limit
    worker_wakeup: int = 1  # sleepers that a new job wakes at once; 0 is all
    wakes_more: bool = True  # whether another is woken when the job is not taken soon
    exceptions: bool = False  # whether connections hear WORK_EXCEPTION without having asked
    max_unique: int = 255  # bytes
    shard: int = 0  # which part of a pool's functions is ours; see ``shards.py``
    shards: int = 1
    timeout_in_seconds: bool = False  # CAN_DO_TIMEOUT's unit, else milliseconds
    payload_limit: int = PAYLOAD_LIMIT  # bytes of a packet after its header
    memory: int = 1 << 30  # bytes of workloads beyond which kept ones stay in the store
    max_results: int = (
        100_000  # of jobs that are over, the oldest go first; and no more than ``memory`` bytes of them
    )
    max_schedules: int = 10_000
    max_function_schedules: int = 1000  # of one function
    version: bytes = b"0"
    pid: int = 0
    verbose: bytes = b"ERROR"


def no_file() -> str:
    """Why there is no file to write anew."""
    return "this server keeps its jobs in no file of its own"
