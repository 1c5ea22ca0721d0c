"""For tests of programs that use Gearman: a pool of job servers in memory, stand-ins for jobs, a pytest fixture."""

from geartrain.tasks.local import AsyncLocalJob, LocalJob
from geartrain.testing.pool import MemoryPool, bind

__all__ = ["AsyncLocalJob", "LocalJob", "MemoryPool", "bind"]
