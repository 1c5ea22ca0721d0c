"""The site of the documents: it builds, every page is in its menu, and its reference has every public name."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import click

import geartrain
from geartrain.cli.commands import NAMES
from geartrain.cli.commands import geartrain as geartrain_program
from geartrain.cli.groups import LIST

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
MENU = set(re.findall(r"^ +- .+: (\S+\.md)$", (ROOT / "mkdocs.yml").read_text(), re.MULTILINE))
PLAIN = {"Payload", "ReturnCode", "Event", "__version__"}
"""Public names that are no classes or functions of their own: the pages say what they are where they are used."""


def test_every_page_is_in_the_menu() -> None:
    assert {str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md")} == MENU


def test_the_reference_has_every_public_name() -> None:
    reference = "".join(page.read_text() for page in (DOCS / "reference").glob("*.md"))
    described = re.findall(r"^::: geartrain\.(\w+)$", reference, re.MULTILINE)
    assert sorted({*described, *PLAIN}) == sorted(geartrain.__all__)


def test_the_page_of_commands_has_every_command_and_its_own_commands() -> None:
    page = (DOCS / "commands.md").read_text()
    assert re.findall(r"^## geartrain (\S+)$", page, re.MULTILINE) == [*NAMES]
    context = click.Context(geartrain_program)
    for name in NAMES:
        command = geartrain_program.get_command(context, name)
        for own in command.list_commands(context) if isinstance(command, click.Group) else []:
            assert f"geartrain {name} {own}" in page or (own == LIST and f"or: {name} {own}" in page)


def test_the_site_builds_without_a_complaint(tmp_path: Path) -> None:
    shutil.copy(ROOT / "mkdocs.yml", tmp_path)
    shutil.copytree(DOCS, tmp_path / "docs")
    (tmp_path / "src").symlink_to(ROOT / "src")
    program = Path(sys.executable).with_name("zensical")
    built = subprocess.run(
        [program, "build", "--strict"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert built.returncode == 0, built.stdout + built.stderr
    assert "do_background" in (tmp_path / "site" / "reference" / "client.html").read_text()
