"""The file of ``--config``: what it may say, and how it is told what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from geartrain.broker.policy import Policies
from geartrain.errors import SettingsError
from geartrain.server.configuration import Configuration, read_configuration
from geartrain.server.settings import Settings, settings_from


def read(folder: Path, text: str) -> Configuration:
    path = folder / "geartrain.toml"
    path.write_text(text)
    return read_configuration(str(path))


def test_a_file_gives_options_by_their_long_names(tmp_path: Path) -> None:
    text = 'listen = ["::1", "unix:/run/g"]\nport = 4731\ngrace = 2\nexceptions = true\nthreads = 4\n'
    assert settings_from({}, read(tmp_path, text).options, {}) == Settings(
        listen=("::1", "unix:/run/g"), port=4731, grace=2.0, exceptions=True, ignored=("threads",)
    )


def test_a_file_may_begin_with_the_mark_that_editors_on_windows_put_there(tmp_path: Path) -> None:
    path = tmp_path / "geartrain.toml"
    path.write_bytes(b'\xef\xbb\xbfgrace = 3\r\nverbose = "INFO"\r\n')
    assert read_configuration(str(path)).options == {"grace": 3.0, "verbose": "INFO"}


def test_a_time_may_have_units_wherever_a_file_has_one(tmp_path: Path) -> None:
    options = 'grace = "1m"\nheartbeat = "500ms"\nkeepalive-interval = "90s"\n'
    configuration = read(tmp_path, options + '[functions.f]\nttl = "1h30m"\nretry = { delay = "2s" }\n')
    settings = settings_from({}, configuration.options, {})
    assert (settings.grace, settings.heartbeat, settings.keepalive_interval) == (60.0, 0.5, 90)
    policies = Policies()
    policies.configure(configuration.sections["functions"])
    assert policies.fields(b"f") == {"ttl": 5400, "retry": {"delay": 2}}


def test_a_section_is_no_option_and_keeps_the_order_of_the_file(tmp_path: Path) -> None:
    text = 'port = 4731\n[functions."thumb*"]\nttl = 1\n[functions."*"]\nretry = { attempts = 5 }\n'
    configuration = read(tmp_path, text)
    assert configuration.options == {"port": 4731}
    assert list(configuration.sections["functions"].items()) == [
        ("thumb*", {"ttl": 1}),
        ("*", {"retry": {"attempts": 5}}),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("prot = 4731", "there is no key 'prot' (its value is 4731); expected perhaps port"),
        (
            "colour = 'red'",
            "there is no key 'colour' (its value is 'red'); expected an option of geartrain server",
        ),
        ("port = true", "port wants a port from 0 (any free one) to 65535, or a service's name, got True"),
        ("backlog = '32'", "backlog wants a number from 1 up, got '32'"),
        ("exceptions = 1", "exceptions wants true or false, got 1"),
        ("listen = ['::1', 2]", "listen wants a text, got ['::1', 2]"),
        ("[function.f]", "there is no key 'function' (its value is {'f': {}}); expected perhaps functions"),
        ("functions = 3", "functions wants tables of its own, got 3"),
        ("[functions]\nf = 3", '[functions."f"] wants a table such as { timeout = 60 }, got 3'),
        (
            "[functions.f]\ntimeout = '1x'",
            "[functions.\"f\"] timeout wants a number of seconds from 0 up, or a time such as 15m or 1h30m, got '1x'",
        ),
        ("[functions.f]\nretry = 5", '[functions."f"] retry wants a table such as { attempts = 5 }, got 5'),
    ],
)
def test_what_is_wrong_in_a_file_is_named_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(SettingsError) as refusal:
        read(tmp_path, text)
    assert str(refusal.value) == f"{tmp_path / 'geartrain.toml'}: {message}"


def test_what_is_no_toml_is_named_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"geartrain\.toml is not a TOML file: .* line 2"):
        read(tmp_path, "port = 4731\nport: 4731")


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"cannot read .*missing\.toml: No such file or directory"):
        read_configuration(str(tmp_path / "missing.toml"))
