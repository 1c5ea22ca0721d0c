"""``geartrain worker``: a command for each job, or the tasks of a Python application."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Sequence
from typing import Any

import click

from geartrain.cli.options import servers_of, servers_option
from geartrain.cli.secrecy import tls_given
from geartrain.errors import Fail
from geartrain.jobs import WorkerJob
from geartrain.sync.worker import Worker


@click.command("worker", short_help="Do the work: with a command, or with a Python application.")
@servers_option
@click.option(
    "-f", "--function", "functions", multiple=True, metavar="NAME", help="Run COMMAND for its jobs."
)
@click.option("--processes", type=click.IntRange(1), metavar="N", help="Processes of the application.")
@click.option("--concurrency", type=click.IntRange(1), metavar="N", help="Jobs at a time in each process.")
@click.option("--max-jobs", type=click.IntRange(1), metavar="N", help="Replace a process after so many jobs.")
@click.option(
    "--max-lifetime", type=click.FloatRange(1), metavar="SECONDS", help="Replace a process after this time."
)
@click.option("--max-rss", type=click.IntRange(1), metavar="BYTES", help="Replace a process that is larger.")
@click.option(
    "--grace", type=click.FloatRange(0), metavar="SECONDS", help="Time that running jobs get at the end."
)
@click.option("--reload", is_flag=True, default=None, help="Start anew when a source file changes.")
@click.argument("words", nargs=-1, metavar="module:app | -f NAME -- COMMAND [ARG]...")
def command(
    servers: tuple[str, ...], functions: tuple[str, ...], words: tuple[str, ...], **limits: Any
) -> None:
    """Work on jobs until SIGTERM; a running job is finished first.

    With -f: a COMMAND is run for each job. It reads the workload from stdin and writes the result to stdout; when it
    fails (its exit status is not 0), so does the job.

    Without: work on the tasks of a Python application, in processes.
    """
    given = {name: value for name, value in limits.items() if value is not None}
    if functions and given:
        option = next(iter(given)).replace("_", "-")
        raise click.UsageError(f"--{option} is for module:app, not for -f {functions[0]}")
    if functions:
        return work_with_command(servers, functions, words)
    if len(words) != 1 or ":" not in words[0]:
        raise click.UsageError(f"expected module:app, or -f NAME -- COMMAND, got {' '.join(words)!r}")
    from geartrain.tasks.supervisor import run

    run(words[0], servers=servers_of(servers), tls=tls_given(), **given)


def work_with_command(servers: tuple[str, ...], functions: Sequence[str], words: Sequence[str]) -> None:
    if not words:
        raise click.UsageError(f"expected a COMMAND after -f {functions[0]} --")
    if shutil.which(words[0]) is None:
        raise click.UsageError(f"cannot run {words[0]!r}: expected a program")
    worker = Worker(servers_of(servers), tls=tls_given())
    for function in functions:
        worker.add_function(function, runner(words))
    worker.run()


def runner(words: Sequence[str]) -> Callable[[WorkerJob], bytes]:
    """The function that runs a command for a job."""

    def run(job: WorkerJob) -> bytes:
        # In a group of its own: Ctrl-C asks us to stop after the job, not the command in the middle of it.
        with subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, process_group=0
        ) as process:
            result, _ = process.communicate(job.workload)
        if process.returncode == 0:
            return result
        if result:
            job.send_data(result)
        raise Fail(f"{words[0]} ended with status {process.returncode}")

    return run
