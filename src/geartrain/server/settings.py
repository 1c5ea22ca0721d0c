"""Settings: every option of ``geartrain server``, once.

A field is the option: its default, its help, its form on the command line and in a file, and what it may be. The
command line is made from ``OPTIONS``, and a file is read with them; nothing else names an option.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final, NamedTuple

from geartrain.errors import SettingsError
from geartrain.protocol.commands import DEFAULT_PORT
from geartrain.server.http_options import HttpOptions
from geartrain.server.options import (
    BYTES,
    FLAG,
    KEEPALIVE,
    PERIOD,
    PORT,
    PREFIX,
    SECONDS,
    SILENCE,
    STORE,
    TEXT,
    USER,
    Option,
    number,
    one_of,
    option,
)
from geartrain.server.sources import given
from geartrain.server.tls_options import TlsOptions, check_tls, from_environment

LEVELS: Final = ("FATAL", "ALERT", "CRITICAL", "ERROR", "WARNING", "NOTICE", "INFO", "DEBUG")
MIB: Final = 1024 * 1024


@dataclass(frozen=True)
class Settings(HttpOptions, TlsOptions):
    """What an operator may choose. ``ignored`` are gearmand's options that were given and have no meaning here."""

    # Where
    listen: tuple[str, ...] = option(
        (),
        TEXT,
        "Listen on an address, a host name, [IPv6] or unix:PATH; may be given again. Without it: all addresses.",
        short="-L",
        metavar="ADDR",
        many=True,
    )
    port: int = option(
        DEFAULT_PORT, PORT, "TCP port; GEARMAND_PORT stands in for it.", short="-p", metavar="PORT"
    )
    backlog: int = option(
        1024, number(1), "Connections that may wait to be accepted.", short="-b", metavar="N"
    )

    # Jobs
    store: str = option(
        "",
        STORE,
        "Where background jobs are kept: memory:, sqlite:PATH, or the valkey://HOST:PORT of a pool. "
        "Without it: jobs.db in the state folder.",
        metavar="URL",
    )
    durability: str = option(
        "full",
        one_of("full", "fast"),
        "What survives: full, the machine's end; fast, the server's.",
        metavar="KIND",
    )
    workload_memory: int = option(
        1024 * MIB,
        number(0),
        "Workloads in memory; beyond it those of kept jobs stay in the store.",
        metavar="BYTES",
    )
    job_handle_prefix: str = option(
        "", PREFIX, "Handles begin with it; without it, with H: and the host's name.", metavar="TEXT"
    )
    job_retries: int = option(
        -1,
        number(-1, 255),
        "Runs of a job whose worker is lost; -1 for no limit.",
        short="-j",
        metavar="N",
    )
    max_lost: int = option(
        20,
        number(0, 1_000_000),
        "Runs in a row that lose their worker or time out, after which a job is a dead letter; 0 for no limit.",
        metavar="N",
    )
    ack: str = option(
        "auto",
        one_of("auto", "memory", "replica", "disk"),
        "What a pool's engine has done when a job is accepted; auto: replica where it has replicas.",
        metavar="KIND",
    )
    engine_hold: float = option(
        5.0, SECONDS, "Time that submits wait for a pool's engine or leader.", metavar="TIME"
    )
    heartbeat: float = option(
        10.0, PERIOD, "Silence after which a pool takes a server's jobs away.", metavar="TIME"
    )
    pool_address: str = option(
        "",
        TEXT,
        "[tls://]HOST:PORT at which the pool's servers reach this one. Without it: as it reaches the engine.",
        metavar="ADDR",
    )
    worker_wakeup: int | None = option(
        None,
        number(0, 255),
        "Sleeping workers that a job wakes, 0 for all. Without it: one, and more when the job is not taken in 50 ms.",
        short="-w",
        metavar="N",
    )
    worker_timeout_unit: str = option(
        "ms", one_of("ms", "s"), "What CAN_DO_TIMEOUT counts in: ms or s.", metavar="UNIT"
    )
    exceptions: bool = option(False, FLAG, "Send WORK_EXCEPTION to clients that did not ask for it, too.")
    grace: float = option(
        10.0, SECONDS, "Time that running jobs get when the server is told to stop.", metavar="TIME"
    )

    # Limits
    max_workload: int = option(64 * MIB, BYTES, "Largest workload.", metavar="BYTES")
    max_unique: int = option(255, number(1, 8192), "Longest unique.", metavar="BYTES")
    max_output: int = option(
        256 * MIB,
        BYTES,
        "What may wait for a peer that does not read, before it is cut off.",
        metavar="BYTES",
    )
    max_unfinished: int = option(
        1024 * MIB,
        BYTES,
        "Bytes of all packets and HTTP bodies that are not whole.",
        metavar="BYTES",
    )
    max_connections: int = option(0, number(0), "Most connections at a time, 0 for no limit.", metavar="N")
    max_schedules: int = option(10_000, number(0), "Most schedules.", metavar="N")
    max_function_schedules: int = option(1000, number(0), "Most schedules of one function.", metavar="N")
    file_descriptors: int = option(
        0, number(0), "Most open files (and connections); 0 for as many as allowed.", short="-f", metavar="N"
    )
    keepalive_idle: int = option(
        30, SILENCE, "Silence before a peer is probed; -1 for the system's.", metavar="TIME"
    )
    keepalive_interval: int = option(10, SILENCE, "Time between probes; -1 for the system's.", metavar="TIME")
    keepalive_count: int = option(
        3, KEEPALIVE, "Probes before a peer is given up; -1 for the system's.", metavar="N"
    )

    # Log
    log_file: str = option(
        "stderr", TEXT, "stderr, none, or a file, which SIGHUP opens anew.", short="-l", metavar="FILE"
    )
    audit_log: str = option(
        "",
        TEXT,
        "A file for what people change, which SIGHUP opens anew. Without it: the log.",
        metavar="FILE",
    )
    log_format: str = option("logfmt", one_of("logfmt", "json"), "logfmt or json.", metavar="FORMAT")
    verbose: str = option(
        "NOTICE", one_of(*LEVELS), f"Least level that is logged: {', '.join(LEVELS)}.", metavar="LEVEL"
    )
    syslog: bool = option(False, FLAG, "Log to syslog as well.")

    # Process
    daemon: bool = option(False, FLAG, "Leave the terminal and run in the background.", short="-d")
    pid_file: str = option("", TEXT, "Write the process id to a file.", short="-P", metavar="FILE")
    user: str = option("", USER, "Become this user; only root can.", short="-u", metavar="USER")

    # gearmand's, for what this release cannot do
    queue_type: str = option(
        "builtin",
        one_of("builtin", expected="builtin, as --store says where jobs are kept"),
        "Only builtin: --store says where jobs are kept.",
        short="-q",
        metavar="NAME",
    )

    ignored: tuple[str, ...] = ()


OPTIONS: Final = tuple(
    Option(name=field.name.replace("_", "-"), **field.metadata)
    for field in sorted(fields(Settings), key=lambda field: field.name not in Settings.__annotations__)
    if field.metadata
)
"""What is for all first, then HTTP and TLS."""


class Ignored(NamedTuple):
    """An option of gearmand that is taken and changes nothing; ``metavar`` is empty for a flag."""

    name: str
    metavar: str
    reason: str
    short: str = ""


NO_PLUGINS: Final = "the queue plugin it belongs to is not used"

IGNORED: Final = (
    Ignored("threads", "N", "one thread does all the work", "-t"),
    Ignored("round-robin", "", "functions always take turns", "-R"),
    Ignored("hashtable-buckets", "N", "the tables grow by themselves"),
    Ignored("coredump", "", "the system decides on core dumps"),
    Ignored("keepalive", "", "keepalive is always on"),
    Ignored("store-queue-on-shutdown", "", NO_PLUGINS),
    Ignored("libtokyocabinet-optimize", "", NO_PLUGINS),
    Ignored("libdrizzle-mysql", "", NO_PLUGINS),
    *(
        Ignored(f"{plugin}-{name}", "TEXT", NO_PLUGINS)
        for plugin, names in {
            "libsqlite3": "db table",
            "mysql": "host port user password db table",
            "libpq": "conninfo table",
            "redis": "server port password prefix",
            "libmemcached": "servers prefix",
            "libtokyocabinet": "file",
            "libdrizzle": "host port uds user password db table",
        }.items()
        for name in names.split()
    ),
)


def settings_from(
    command_line: Mapping[str, object], file: Mapping[str, object], environment: Mapping[str, str]
) -> Settings:
    """Settings from values by option name; ``sources.given`` says which of them counts.

    The values of ``file`` are those of ``read_options``. Raises SettingsError for a value that its option cannot take.
    """
    values: dict[str, object] = {}
    for each in OPTIONS:
        found = given(each, command_line, file, environment)
        if found is not None:
            values[each.name] = found.value
    values |= from_environment(values, environment)
    ignored = tuple(option.name for option in IGNORED if option.name in {**file, **command_line})
    chosen: dict[str, Any] = {
        option.field: values[option.name] for option in OPTIONS if option.name in values
    }
    settings = Settings(**chosen, ignored=ignored)
    check_tls(settings)
    return settings


def read_options(
    values: Mapping[str, object], source: str, sections: Sequence[str] = ()
) -> dict[str, object]:
    """What a file says of options, by their names; raises SettingsError for a key or a value that is wrong.

    ``sections`` are the other keys that a file may have.
    """
    options = {option.name: option for option in OPTIONS}
    known = [*options, *(option.name for option in IGNORED), *sections]
    read: dict[str, object] = {}
    for key, value in values.items():
        if key not in known:
            near = difflib.get_close_matches(key, known, 1)
            wanted = f"perhaps {near[0]}" if near else "an option of geartrain server"
            raise SettingsError(
                f"{source}: there is no key {key!r} (its value is {value!r}); expected {wanted}"
            )
        if key not in sections:
            read[key] = options[key].value_in_file(value, f"{source}: {key}") if key in options else value
    return read
