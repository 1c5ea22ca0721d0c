"""The text protocol from the asking side: questions, and what their answers mean."""

from __future__ import annotations

import pytest

from geartrain.errors import ProtocolError, ServerError, SettingsError
from geartrain.protocol import admin
from geartrain.protocol.admin import AdminProtocol, Answer, Query


def ask(query: Query[Answer], *chunks: bytes) -> AdminProtocol:
    """A question whose answer has come in chunks."""
    protocol = AdminProtocol("server:1")
    protocol.ask(query.line, query.listing)
    for chunk in chunks:
        assert not protocol.answered
        protocol.receive(chunk)
    return protocol


def test_a_command_ends_with_crlf() -> None:
    protocol = ask(admin.VERSION)
    assert protocol.take_outgoing() == b"version\r\n"
    assert protocol.take_outgoing() == b""


def test_a_list_ends_with_a_dot_however_it_is_cut() -> None:
    whole = b"a\t3\t1\t2\nb\t0\t0\t0\n.\n"
    for cut in range(1, len(whole)):
        protocol = ask(admin.STATUS, whole[:cut], whole[cut:])
        assert admin.as_statuses(protocol.lines) == [("a", 3, 1, 2), ("b", 0, 0, 0)]


def test_one_line_is_the_answer_to_other_commands() -> None:
    protocol = ask(admin.VERSION, b"OK 1.1.20\n")
    assert admin.as_value(protocol.lines) == "1.1.20"
    assert admin.as_pid(["OK 12"]) == 12


@pytest.mark.parametrize(
    ("line", "code", "text"),
    [
        (b"ERR UNKNOWN_JOB\r\n", "UNKNOWN_JOB", "refused"),
        (b"ERR UNKNOWN_COMMAND Unknown+server+commandx\r\n", "UNKNOWN_COMMAND", "Unknown server commandx"),
        (b"ERR function not found\r\n", "ERR", "function not found"),
    ],
)
def test_an_err_line_is_an_error(line: bytes, code: str, text: str) -> None:
    error = ask(admin.SHOW_JOBS, line).error
    assert isinstance(error, ServerError)
    assert (error.error_code, error.text, error.server) == (code, text, "server:1")


def test_an_unknown_command_of_ours_says_whose_it_is() -> None:
    error = ServerError("UNKNOWN_COMMAND", "", server="server:1")
    ours = admin.json_lines(("job", "H:1"))
    assert "server:1 does not know the command 'job': only Geartrain's" in str(admin.refusal(error, ours))
    assert admin.refusal(error, admin.VERSION) is error
    other = ServerError("JOB_NOT_FOUND", "", server="server:1")
    assert admin.refusal(other, ours) is other


def test_lines_become_rows() -> None:
    assert admin.as_queues(["with\ttab\t1\t2\t3\t4"]) == [("with\ttab", 1, 2, 3, 4)]
    assert admin.as_connected(["38 127.0.0.1 my id : f g", "39 127.0.0.1 - :"]) == [
        ("38", "127.0.0.1", "my id", ("f", "g")),
        ("39", "127.0.0.1", "-", ()),
    ]
    assert admin.as_jobs(["H:1\t2\t0\t1"]) == [("H:1", 2, False, True)]
    assert admin.as_objects(['{"handle": "H:1"}']) == [{"handle": "H:1"}]


def test_limits_are_none_one_or_three() -> None:
    assert admin.max_queue("f", ()).line == "maxqueue f"
    assert admin.max_queue("f", (5,)).line == "maxqueue f 5"
    assert admin.max_queue("f", (1, 2, 3)).line == "maxqueue f 1 2 3"
    with pytest.raises(SettingsError, match="maxqueue"):
        admin.max_queue("f", (1, 2))


def test_a_command_is_words_on_one_line() -> None:
    with pytest.raises(SettingsError, match="one line"):
        Query("status\nversion", True, admin.as_lines)
    for word in ("", "nul\0"):
        with pytest.raises(SettingsError, match="expected a word"):
            admin.create_function(word)


def test_a_name_goes_as_its_bytes_where_they_neither_separate_words_nor_end_a_line() -> None:
    for name, line in (
        ("shop\tresize", b"create function shop\tresize\r\n"),
        ("caf\udce9", b"create function caf\xe9\r\n"),
        ("50%", b"create function 50%\r\n"),
        ("two words", b"%create function two%20words\r\n"),
        ("a\r", b"%create function a%0D\r\n"),
        ("50% \udce9\n", b"%create function 50%25%20%E9%0A\r\n"),
    ):
        protocol = AdminProtocol("server:1")
        protocol.ask(admin.create_function(name).line, False)
        assert protocol.take_outgoing() == line


def test_half_a_character_is_no_part_of_a_command() -> None:
    with pytest.raises(SettingsError, match="lone surrogates"):
        admin.create_function("\ud800 ")


def test_an_answer_nobody_asked_for_is_an_error() -> None:
    with pytest.raises(ProtocolError, match="server:1"):
        AdminProtocol("server:1").receive(b"hello\n")
