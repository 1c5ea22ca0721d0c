"""The configuration file that is delivered: everything is in it, explained, and none of it is chosen."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from geartrain.broker.policy_fields import FIELDS as POLICY_FIELDS
from geartrain.broker.schedule_fields import FIELDS as SCHEDULE_FIELDS
from geartrain.server.configuration import SECTIONS, read_configuration
from geartrain.server.options import Option
from geartrain.server.settings import OPTIONS, Settings, settings_from
from geartrain.server.template import EXAMPLES, HEADINGS, template, toml
from tests.packaging.units import PACKAGING

FILE = PACKAGING / "geartrain.toml"
TEXT = FILE.read_text()
COMMENTED_IN = re.sub(r"^#(?=[^ \n])", "", TEXT, flags=re.MULTILINE)
ENTRY = re.compile(r"((?:^# .*\n)+)^#([\w.-]+) = (.*)$", re.MULTILINE)


def entries(text: str) -> dict[str, tuple[str, str]]:
    """Keys with what is written above them, in one line, and their values; a key twice in a section fails."""
    found: dict[str, tuple[str, str]] = {}
    for explained, key, value in ENTRY.findall(text):
        assert key not in found or key == "function", f"{key} is there twice"
        found[key] = (" ".join(line.removeprefix("# ") for line in explained.splitlines()), value)
    return found


def section(name: str) -> str:
    """The part of the file below a heading."""
    return TEXT.partition(f"# ---- {name}\n")[2].partition("# ----")[0]


OF_OPTIONS = entries(TEXT.partition("# ---- Functions\n")[0])


def test_the_file_is_the_one_that_the_command_line_prints() -> None:
    assert template() == TEXT, "it has changed: geartrain config template >packaging/geartrain.toml"


def test_as_it_is_it_changes_nothing() -> None:
    configuration = read_configuration(str(FILE))
    assert settings_from({}, configuration.options, {}) == Settings()
    assert not any(configuration.sections.values())


def test_with_everything_commented_in_it_can_be_used(tmp_path: Path) -> None:
    path = tmp_path / "geartrain.toml"
    path.write_text(COMMENTED_IN)
    configuration = read_configuration(str(path))
    settings_from({}, configuration.options, {})
    assert set(configuration.options) == {option.name for option in OPTIONS}
    assert all(configuration.sections[each.name] for each in SECTIONS)


def test_every_option_is_there_once_and_nothing_else() -> None:
    assert list(OF_OPTIONS) == [option.name for option in OPTIONS]


@pytest.mark.parametrize("option", OPTIONS, ids=[option.name for option in OPTIONS])
def test_an_option_has_its_text_and_its_default(option: Option) -> None:
    explained, value = OF_OPTIONS[option.name]
    assert explained.startswith(option.help)
    if option.name in EXAMPLES:
        assert explained.endswith("Default: none.")
    else:
        assert value == toml(option.default if option.default != () else [])


def test_every_field_of_a_policy_is_there_with_its_default() -> None:
    found = entries(section("Functions"))
    assert list(found) == list(POLICY_FIELDS)
    for name, field in POLICY_FIELDS.items():
        if field.default not in (None, ""):
            assert found[name][0].endswith(f"Default: {toml(field.default)}"), name
        assert "Default: " in found[name][0]


def test_every_field_of_a_schedule_is_there() -> None:
    found = entries(section("Schedules"))
    assert sorted(found) == sorted(SCHEDULE_FIELDS)
    assert all("Default: " in explained for explained, _ in found.values())


def test_what_stands_over_options_and_in_their_place_is_of_options() -> None:
    names = {option.name for option in OPTIONS}
    assert set(HEADINGS) <= names
    assert set(EXAMPLES) <= names


def test_every_value_is_toml() -> None:
    for _, value in OF_OPTIONS.values():
        assert tomllib.loads(f"value = {value}")
