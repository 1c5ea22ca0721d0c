"""``geartrain config``."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.program import geartrain


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "geartrain.toml"
    path.write_text('grace = 3.0\nstore = "valkey://ada:lovelace@h:1/0"\nport = 1\n[functions.f]\nttl = 1\n')
    return path


def test_check_says_what_is_in_a_file(file: Path) -> None:
    ended = geartrain("config", "check", str(file))
    assert (ended.status, ended.stdout) == (0, f"{file}: 3 options, functions 1\n")


def test_check_says_in_one_line_what_is_wrong_with_a_file(file: Path) -> None:
    file.write_text("prot = 1")
    ended = geartrain("config", "check", str(file))
    wanted = f"geartrain: {file}: there is no key 'prot' (its value is 1); expected perhaps port\n"
    assert (ended.status, ended.stderr) == (2, wanted)


def test_show_says_what_holds_and_where_it_comes_from(file: Path) -> None:
    words = ("--config", str(file), "-j", "7", "--json")
    ended = geartrain("config", "show", *words, GEARTRAIN_GRACE="4", GEARMAND_PORT="2")
    rows = {row["option"]: (row["value"], row["source"]) for row in ended.rows}
    assert rows["job-retries"] == (7, "--job-retries")
    assert rows["grace"] == (4.0, "GEARTRAIN_GRACE")
    assert rows["port"] == (1, str(file))
    assert rows["backlog"] == (1024, "default")


def test_show_masks_passwords(file: Path) -> None:
    ended = geartrain("config", "show", "--config", str(file))
    assert "valkey://ada:***@h:1/0" in ended.stdout
    assert "lovelace" not in ended.stdout
    assert ended.stdout.splitlines()[-1].split() == ["[functions]", "f", str(file)]


def test_show_without_anything_is_gearmands_variable_and_defaults() -> None:
    ended = geartrain("config", "show", GEARMAND_PORT="4731")
    sources = {line.split()[-1] for line in ended.stdout.splitlines()[1:]}
    assert sources == {"default", "GEARMAND_PORT"}


def test_template_prints_a_file_that_can_be_used(tmp_path: Path) -> None:
    path = tmp_path / "geartrain.toml"
    path.write_text(geartrain("config", "template").stdout)
    assert geartrain("config", "check", str(path)).stdout == f"{path}: 0 options\n"
