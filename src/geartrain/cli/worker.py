"""``geartrain worker``: a command for each job, or the tasks of a Python application."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import signal
from collections.abc import Sequence
from typing import Any, Final

import click

from geartrain.aio.worker import AsyncWorker
from geartrain.cli.durations import at_least, duration
from geartrain.cli.job_command import JobCommand
from geartrain.cli.names import known_functions
from geartrain.cli.options import servers_of, servers_option
from geartrain.cli.secrecy import tls_given
from geartrain.tasks.supervisor import KILL_AFTER

OF_APPLICATIONS: Final = ("processes", "max_jobs", "max_lifetime", "max_rss", "start_timeout", "reload")


@click.command("worker", short_help="Do the work: with a command, or with a Python application.")
@servers_option
@click.option(
    "-f",
    "--function",
    "functions",
    multiple=True,
    metavar="NAME",
    help="Run COMMAND for its jobs.",
    shell_complete=known_functions,
)
@click.option("--processes", type=click.IntRange(1), metavar="N", help="Processes of the application.")
@click.option("--concurrency", type=click.IntRange(1), metavar="N", help="Jobs at a time (in each process).")
@click.option("--max-jobs", type=click.IntRange(1), metavar="N", help="Replace a process after so many jobs.")
@click.option(
    "--max-lifetime", callback=at_least(1), metavar="TIME", help="Replace a process after this time."
)
@click.option("--max-rss", type=click.IntRange(1), metavar="BYTES", help="Replace a process that is larger.")
@click.option("--grace", callback=duration, metavar="TIME", help="Time that running jobs get at the end.")
@click.option(
    "--kill-after",
    callback=duration,
    metavar="TIME",
    help="Time that work gets which was taken away.  [default: 5]",
)
@click.option(
    "--start-timeout",
    callback=at_least(0.1),
    metavar="TIME",
    help="Time in which a process has to import the application.  [default: 60]",
)
@click.option("--reload", is_flag=True, default=None, help="Start anew when a source file changes.")
@click.argument("words", nargs=-1, metavar="module:app | -f NAME -- COMMAND [ARG]...")
def command(
    servers: tuple[str, ...], functions: tuple[str, ...], words: tuple[str, ...], **limits: Any
) -> None:
    """Work on jobs until SIGTERM; running jobs are finished first.

    With -f: a COMMAND is run for each job. It reads the workload from stdin and writes the result to stdout; when it
    fails (its exit status is not 0), so does the job.

    Without: work on the tasks of a Python application, in processes.
    """
    given = {name: value for name, value in limits.items() if value is not None}
    if functions:
        return work_with_command(servers, functions, words, given)
    if len(words) != 1 or ":" not in words[0]:
        raise click.UsageError(f"expected module:app, or -f NAME -- COMMAND, got {' '.join(words)!r}")
    from geartrain.tasks.supervisor import run

    run(words[0], servers=servers_of(servers), tls=tls_given(), **given)


def work_with_command(
    servers: tuple[str, ...], functions: Sequence[str], words: Sequence[str], given: dict[str, Any]
) -> None:
    for name in OF_APPLICATIONS:
        if name in given:
            raise click.UsageError(f"--{name.replace('_', '-')} is for module:app, not for -f {functions[0]}")
    if not words:
        raise click.UsageError(f"expected a COMMAND after -f {functions[0]} --")
    if shutil.which(words[0]) is None:
        raise click.UsageError(f"cannot run {words[0]!r}: expected a program")
    from geartrain.tasks.first_process import reap_as_first_process
    from geartrain.tasks.plan import log_to_stderr

    reap_as_first_process()
    log_to_stderr()
    number = asyncio.run(work(servers, functions, words, given))
    if number is not None:
        signal.signal(number, signal.SIG_DFL)
        signal.raise_signal(number)


async def work(
    servers: tuple[str, ...], functions: Sequence[str], words: Sequence[str], given: dict[str, Any]
) -> signal.Signals | None:
    """Run the command for jobs until a signal; the second signal, where there was one."""
    job_command = JobCommand(words, given.get("kill_after", KILL_AFTER))
    worker = AsyncWorker(servers_of(servers), concurrency=given.get("concurrency", 1), tls=tls_given())
    for function in functions:
        worker.add_function(function, job_command.run)
    working = asyncio.create_task(worker.run(handle_signals=False))
    loop = asyncio.get_running_loop()
    heard: list[signal.Signals] = []

    def on_signal(number: signal.Signals) -> None:
        heard.append(number)
        if len(heard) > 1:
            working.cancel()
            return
        worker.stop()
        if "grace" in given:
            loop.call_later(given["grace"], working.cancel)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal, number)
    with contextlib.suppress(asyncio.CancelledError):
        await working
    return heard[1] if len(heard) > 1 else None
