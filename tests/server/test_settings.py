"""Options: from the command line, a file and the environment to one Settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from geartrain.errors import SettingsError
from geartrain.server.settings import IGNORED, OPTIONS, Settings, read_file, settings_from


def written(folder: Path, text: str) -> str:
    path = folder / "geartrain.toml"
    path.write_text(text)
    return str(path)


def test_without_options_every_setting_is_its_default() -> None:
    assert settings_from({}, {}, {}) == Settings()


def test_the_command_line_wins_over_the_file_and_the_file_over_the_environment() -> None:
    environment = {"GEARMAND_PORT": "1"}
    assert settings_from({"port": "3"}, {"port": 2}, environment).port == 3
    assert settings_from({}, {"port": 2}, environment).port == 2
    assert settings_from({}, {}, environment).port == 1
    assert settings_from({}, {}, {"GEARMAND_PORT": ""}).port == 4730


@pytest.mark.parametrize(
    ("name", "given", "message"),
    [
        (
            "port",
            "65536",
            "--port wants a port from 0 (any free one) to 65535, or a service's name, got '65536'",
        ),
        ("port", "no-such-service", "got 'no-such-service'"),
        ("worker-wakeup", "256", "--worker-wakeup wants a number from 0 to 255, got '256'"),
        (
            "job-handle-prefix",
            "H" * 43,
            f"--job-handle-prefix wants a text of at most 42 bytes, got '{'H' * 43}'",
        ),
        ("job-retries", "-2", "--job-retries wants a number from -1 to 255, got '-2'"),
        ("max-workload", "0", "--max-workload wants a number from 1 up, got '0'"),
        ("grace", "inf", "--grace wants a number of seconds from 0 up, got 'inf'"),
        ("verbose", "LOUD", "--verbose wants one of FATAL, ALERT"),
        ("user", "no such user", "--user wants the name of a user of this machine, got 'no such user'"),
        (
            "store",
            "mysql:jobs",
            "--store wants memory: or sqlite:PATH, got 'mysql:jobs'",
        ),
        ("queue-type", "libsqlite3", "--queue-type wants builtin, as --store says where jobs are kept"),
        (
            "protocol",
            "http",
            "--protocol wants to be left out, as this release speaks the Gearman protocol only",
        ),
        ("ssl", True, "--ssl wants to be left out, as this release has no TLS"),
    ],
)
def test_a_value_that_cannot_work_is_refused_by_name(name: str, given: object, message: str) -> None:
    with pytest.raises(SettingsError) as refusal:
        settings_from({name: given}, {}, {})
    assert message in str(refusal.value)


def test_words_are_taken_in_any_case() -> None:
    settings = settings_from({"verbose": "debug", "queue-type": "BUILTIN"}, {}, {})
    assert (settings.verbose, settings.queue_type) == ("DEBUG", "builtin")


def test_an_option_of_gearmand_without_a_meaning_here_is_remembered() -> None:
    assert settings_from({"threads": "8"}, {"round-robin": True}, {}).ignored == ("threads", "round-robin")


def test_no_option_has_two_meanings() -> None:
    names = [option.name for option in OPTIONS] + [option.name for option in IGNORED]
    shorts = [option.short for option in OPTIONS] + [option.short for option in IGNORED]
    assert len(names) == len(set(names))
    assert len(list(filter(None, shorts))) == len(set(filter(None, shorts)))


def test_a_file_gives_options_by_their_long_names(tmp_path: Path) -> None:
    path = written(
        tmp_path, 'listen = ["::1", "unix:/run/g"]\nport = 4731\ngrace = 2\nexceptions = true\nthreads = 4\n'
    )
    settings = settings_from({}, read_file(path), {})
    assert settings == Settings(
        listen=("::1", "unix:/run/g"), port=4731, grace=2.0, exceptions=True, ignored=("threads",)
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("prot = 4731", ": there is no key 'prot' (its value is 4731); expected perhaps port"),
        (
            "colour = 'red'",
            ": there is no key 'colour' (its value is 'red'); expected an option of geartrain server",
        ),
        ("port = true", ": port wants a port from 0 (any free one) to 65535, or a service's name, got True"),
        ("backlog = '32'", ": backlog wants a number from 1 up, got '32'"),
        ("exceptions = 1", ": exceptions wants true or false, got 1"),
        ("listen = ['::1', 2]", ": listen wants a text, got ['::1', 2]"),
        ("port: 4731", " is not a TOML file: "),
    ],
)
def test_what_is_wrong_in_a_file_is_named_with_the_file(tmp_path: Path, text: str, message: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(SettingsError) as refusal:
        read_file(path)
    assert str(refusal.value).startswith(path + message)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"cannot read .*missing\.toml: No such file or directory"):
        read_file(str(tmp_path / "missing.toml"))
