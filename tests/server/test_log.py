"""The log's lines."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from geartrain.errors import SettingsError
from geartrain.server.log import NOTICE, JSONLines, Logfmt, open_log, reopen_log
from geartrain.server.settings import Settings


@pytest.fixture(autouse=True)
def _root_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    for handler in root.handlers:
        if handler not in handlers:
            handler.close()
    root.handlers = handlers
    root.setLevel(level)


def record(message: str, **fields: object) -> logging.LogRecord:
    return logging.makeLogRecord({"msg": message, "levelname": "NOTICE", "created": 0.25, **fields})


def test_logfmt_quotes_what_needs_it() -> None:
    line = Logfmt().format(record("peer ended", host="::1", id="", text='say "hi"\n'))
    assert line == (
        'time=1970-01-01T00:00:00.250Z level=NOTICE message="peer ended" host=::1 id="" text="say \\"hi\\"\\n"'
    )


def test_no_terminal_obeys_a_line_of_the_log() -> None:
    said = "\x1b[31m\x9bm\x7f\u202e\u200b\u2028\ud800"
    line = Logfmt().format(record(said, id=said, host="a\u202eb"))
    shown = r'"\u001b[31m\x9bm\x7f\u202e\u200b\u2028\ud800"'
    assert line.partition("message=")[2] == rf'{shown} id={shown} host="a\u202eb"'
    as_json = JSONLines().format(record(said, id=said))
    assert as_json.isascii()
    assert as_json.isprintable()
    assert json.loads(as_json)["id"] == said


def test_json_has_the_same_fields() -> None:
    assert json.loads(JSONLines().format(record("peer ended", waiting=3))) == {
        "time": "1970-01-01T00:00:00.250Z",
        "level": "NOTICE",
        "message": "peer ended",
        "waiting": 3,
    }


def test_an_exception_is_one_line() -> None:
    try:
        raise ValueError("odd")
    except ValueError as error:
        line = Logfmt().format(record("broken", exc_info=(ValueError, error, error.__traceback__)))
    assert "\n" not in line
    assert line.endswith('ValueError: odd"')


def test_levels_are_gearmands(tmp_path: Path) -> None:
    file = tmp_path / "log"
    log = open_log(Settings(log_file=str(file), verbose="NOTICE"))
    log.info("unseen")
    log.log(NOTICE, "seen")
    log.log(60, "fatal")
    assert [line.split()[1:] for line in file.read_text().splitlines()] == [
        ["level=NOTICE", "message=seen"],
        ["level=FATAL", "message=fatal"],
    ]


def test_a_log_that_was_renamed_goes_on_under_its_name_once_it_is_reopened(tmp_path: Path) -> None:
    file = tmp_path / "log"
    log = open_log(Settings(log_file=str(file)))
    log.error("first")
    file.rename(tmp_path / "log.1")
    log.error("second")
    reopen_log()
    log.error("third")
    assert "second" in (tmp_path / "log.1").read_text()
    assert file.read_text().endswith("message=third\n")


def test_a_log_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"cannot write the log to .*: No such file or directory"):
        open_log(Settings(log_file=str(tmp_path / "no" / "log")))


def test_none_is_no_log(capfd: pytest.CaptureFixture[str]) -> None:
    open_log(Settings(log_file="none")).error("unheard")
    assert capfd.readouterr() == ("", "")
