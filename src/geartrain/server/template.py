"""A configuration file in which everything is explained, and nothing is chosen yet."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Mapping
from importlib.resources import files
from typing import Final

from geartrain.server.options import Option
from geartrain.server.settings import OPTIONS

WIDTH: Final = 120
HEAD: Final = """\
# The configuration of a Geartrain job server: geartrain server --config FILE
#
# What is commented out here holds unless it is changed. The command line (--port 4731) and the environment
# (GEARTRAIN_PORT=4731) win over this file. "geartrain config check FILE" says what is wrong with it, and
# "geartrain config show --config FILE" what holds. Options need a restart; sections are read again on SIGHUP.
"""
HEADINGS: Final = {
    "listen": "Where",
    "store": "Jobs",
    "max-workload": "Limits",
    "log-file": "Log",
    "daemon": "Process",
    "queue-type": "Of gearmand, for what is done otherwise here",
    "http": "The API and the page",
    "listen-tls": "TLS",
}
"""By the option that is the first below it."""

EXAMPLES: Final[Mapping[str, object]] = {
    "listen": ["127.0.0.1", "[::1]"],
    "store": "sqlite:/var/lib/geartrain/jobs.db",
    "worker-wakeup": 1,
    "user": "nobody",
    "http": ["127.0.0.1:8730"],
    "http-name": ["jobs.example.org"],
    "listen-tls": ["127.0.0.1:4731"],
    "tls-certificate": "/etc/geartrain/tls/server.pem",
    "tls-key": "/etc/geartrain/tls/server.key",
    "tls-client-ca": "/etc/geartrain/tls/clients.pem",
    "tls-client": "required",
}
"""For options whose default, nothing, cannot be written in a file."""


def template() -> str:
    """The file: every option with its help and its default, and every section."""
    sections = files("geartrain.server").joinpath("sections.toml").read_text(encoding="utf-8")
    return HEAD + "".join(map(entry, OPTIONS)) + sections


def entry(option: Option) -> str:
    """An option, below its heading if it is the first of its kind."""
    heading = f"\n# ---- {HEADINGS[option.name]}\n" if option.name in HEADINGS else ""
    help = textwrap.fill(explained(option), WIDTH, initial_indent="# ", subsequent_indent="# ")
    return f"{heading}\n{help}\n#{option.name} = {toml(shown(option))}\n"


def explained(option: Option) -> str:
    """An option's help, and that it has no default, where what is shown is none."""
    return option.help if shown(option) == option.default else f"{option.help} Default: none."


def shown(option: Option) -> object:
    """The default where it can be written, else an example."""
    return EXAMPLES.get(option.name, [] if option.default == () else option.default)


def toml(value: object) -> str:
    """A value as TOML has it, which is JSON for all that options have."""
    return json.dumps(value)
