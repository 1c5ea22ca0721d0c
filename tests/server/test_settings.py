"""Options: from the command line, a file and the environment to one Settings."""

from __future__ import annotations

import pytest

from geartrain.errors import SettingsError
from geartrain.server.settings import IGNORED, OPTIONS, Settings, settings_from


def test_without_options_every_setting_is_its_default() -> None:
    assert settings_from({}, {}, {}) == Settings()


def test_the_command_line_wins_over_the_file_and_the_file_over_the_environment() -> None:
    environment = {"GEARMAND_PORT": "1"}
    assert settings_from({"port": "3"}, {"port": 2}, environment).port == 3
    assert settings_from({}, {"port": 2}, environment).port == 2
    assert settings_from({}, {}, environment).port == 1
    assert settings_from({}, {}, {"GEARMAND_PORT": ""}).port == 4730


def test_the_environment_wins_over_the_file() -> None:
    environment = {"GEARTRAIN_PORT": "3", "GEARMAND_PORT": "1"}
    assert settings_from({"port": "4"}, {"port": 2}, environment).port == 4
    assert settings_from({}, {"port": 2}, environment).port == 3


@pytest.mark.parametrize(
    ("variable", "text", "field", "value"),
    [
        ("GEARTRAIN_LISTEN", "127.0.0.1, [::1] unix:/run/g", "listen", ("127.0.0.1", "[::1]", "unix:/run/g")),
        ("GEARTRAIN_MAX_WORKLOAD", "100", "max_workload", 100),
        ("GEARTRAIN_EXCEPTIONS", "yes", "exceptions", True),
        ("GEARTRAIN_SYSLOG", "0", "syslog", False),
        ("GEARTRAIN_GRACE", "", "grace", 10.0),
        ("GEARTRAIN_GRACE", "1m30s", "grace", 90.0),
        ("GEARTRAIN_KEEPALIVE_IDLE", "2m", "keepalive_idle", 120),
        ("GEARTRAIN_KEEPALIVE_IDLE", "-1", "keepalive_idle", -1),
    ],
)
def test_each_option_has_its_variable(variable: str, text: str, field: str, value: object) -> None:
    assert getattr(settings_from({}, {}, {variable: text}), field) == value


def test_a_value_of_the_environment_that_cannot_work_is_refused_by_name() -> None:
    with pytest.raises(SettingsError, match="GEARTRAIN_SYSLOG wants true or false, got 'perhaps'"):
        settings_from({}, {}, {"GEARTRAIN_SYSLOG": "perhaps"})


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
        (
            "grace",
            "inf",
            "--grace wants a number of seconds from 0 up, or a time such as 15m or 1h30m, got 'inf'",
        ),
        ("verbose", "LOUD", "--verbose wants one of FATAL, ALERT"),
        ("user", "no such user", "--user wants the name of a user of this machine, got 'no such user'"),
        (
            "store",
            "mysql:jobs",
            "--store wants memory:, sqlite:PATH or a pool such as valkey://HOST:PORT, got 'mysql:jobs'",
        ),
        ("queue-type", "libsqlite3", "--queue-type wants builtin, as --store says where jobs are kept"),
        (
            "protocol",
            "drizzle",
            "--protocol wants one of gear, http, got 'drizzle'",
        ),
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


def test_a_password_in_a_url_that_is_refused_is_not_shown() -> None:
    with pytest.raises(SettingsError) as refusal:
        settings_from({"store": "mysql://ada:s3cret@db/jobs"}, {}, {})
    assert "'mysql://ada:***@db/jobs'" in str(refusal.value)
