"""Access rules: what a peer with roles may say, what it hears otherwise, and what others do not hear of it."""

from __future__ import annotations

import json

import pytest

from geartrain.broker.access import ADMIN, EVERYTHING, VIEW, Access, access_of, union
from geartrain.errors import ProtocolError
from geartrain.protocol.commands import (
    CAN_DO,
    CAN_DO_TIMEOUT,
    CANCEL_JOB,
    CANCEL_RES,
    CANT_DO,
    ECHO_REQ,
    ECHO_RES,
    ERROR,
    GET_RESULT,
    GET_STATUS,
    GET_STATUS_UNIQUE,
    GRAB_JOB,
    JOB_ASSIGN,
    JOB_CREATED,
    NO_JOB,
    OPTION_REQ,
    OPTION_RES,
    RESULT_RES,
    STATUS_RES,
    STATUS_RES_UNIQUE,
    SUBMIT_JOB,
    SUBMIT_JOB_BG,
    WORK_COMPLETE,
)
from geartrain.protocol.packet import request
from tests.wire import MemoryServer, Peer


def peer_who_may(server: MemoryServer, **rights: list[str]) -> Peer:
    peer = server.connect()
    peer.may(**rights)
    return peer


def refusal(what: str, right: str, where: str) -> tuple[int, bytes, bytes]:
    return ERROR, b"PERMISSION_DENIED", f"{what} wants the right {right} on {where}".encode()


def denial(what: str, right: str, where: str) -> bytes:
    return f"ERR PERMISSION_DENIED {what}+wants+the+right+{right.replace(' ', '+')}+on+{where}\r\n".encode()


# Names and patterns


def test_a_pattern_is_a_name_or_a_wildcard_as_policies_have_them() -> None:
    access = Access({"view": ["thumb*", "resize", "a[b]"]})
    assert [access.may(VIEW, name) for name in (b"thumb", b"thumbnail", b"resize", b"ab", b"a[b]")] == [
        True
    ] * 5
    assert [access.may(VIEW, name) for name in (b"Thumb", b"resize2", b"a", b"")] == [False] * 4
    assert not access.may(ADMIN, b"thumb")


@pytest.mark.parametrize(
    ("pattern", "wanted", "is_covered"),
    [
        ("*", "*", True),
        ("*", "[a-z]?", True),
        ("thumb*", "thumb*", True),
        ("thumb*", "thumbs_*", True),
        ("thumb*", "thumb?", True),
        ("thumb*", "th*", False),
        ("thumb*", "*", False),
        ("t?umb*", "thumb*", False),
        ("a[b]", "a[b]", True),
        ("a", "a*", False),
    ],
)
def test_a_wildcard_is_covered_by_what_stands_for_all_of_it(
    pattern: str, wanted: str, is_covered: bool
) -> None:
    assert Access({"admin": [pattern]}).covers(ADMIN, wanted) is is_covered


def test_roles_add_up_and_pass_a_link() -> None:
    both = union([Access({"view": ["a"], "submit": ["a"]}), Access({"view": ["b"]})])
    assert [both.of(name) for name in (b"a", b"b", b"c")] == [5, 4, 0]
    again = access_of(both.said)
    assert [again.of(name) for name in (b"a", b"b", b"c")] == [5, 4, 0]
    with pytest.raises(ValueError, match="expected an object"):
        access_of(b"[]")
    assert EVERYTHING.of(b"anything") == 15


# Submits, and questions about jobs


def test_a_submit_needs_the_right_to_and_is_refused_in_its_turn() -> None:
    server = MemoryServer()
    client = peer_who_may(server, submit=["invoice*"])
    client.sends(
        request(SUBMIT_JOB_BG, b"invoice.send", b"", b"")
        + request(SUBMIT_JOB, b"secret", b"", b"")
        + request(ECHO_REQ, b"x")
        + request(SUBMIT_JOB, b"invoice.send", b"", b"")
    )
    assert client.heard() == [
        (JOB_CREATED, b"H:test:1"),
        refusal("SUBMIT_JOB", "submit", "function secret"),
        (ECHO_RES, b"x"),
        (JOB_CREATED, b"H:test:2"),
    ]
    assert server.connect().types(b"status") == b"invoice.send\t2\t0\t0\n.\n"


def test_a_job_of_a_function_on_which_one_has_no_right_is_not_known() -> None:
    server = MemoryServer()
    server.connect().asks(SUBMIT_JOB_BG, b"secret", b"u", b"")
    other = peer_who_may(server, submit=["open"], view=["open"], admin=["open"])
    assert other.asks(OPTION_REQ, b"geartrain") == [(OPTION_RES, b"geartrain")]
    assert other.asks(GET_STATUS, b"H:test:1") == [(STATUS_RES, b"H:test:1", b"0", b"0", b"0", b"0")]
    assert other.asks(GET_STATUS_UNIQUE, b"u") == [(STATUS_RES_UNIQUE, b"u", b"0", b"0", b"0", b"0", b"0")]
    assert other.asks(GET_RESULT, b"H:test:1") == [(RESULT_RES, b"H:test:1", b"unknown", b"{}", b"")]
    assert other.asks(CANCEL_JOB, b"H:test:1") == [(CANCEL_RES, b"H:test:1", b"unknown")]
    assert other.types(b"cancel job H:test:1") == b"ERR UNKNOWN_JOB\r\n"
    for line in (b"job H:test:1", b"result H:test:1", b"workload H:test:1", b"dead-show H:test:1"):
        assert other.types(line) == b".\n"
    other.may(submit=["secret"])
    assert other.asks(GET_STATUS, b"H:test:1") == [(STATUS_RES, b"H:test:1", b"1", b"0", b"0", b"0")]
    assert other.asks(GET_STATUS_UNIQUE, b"u") == [(STATUS_RES_UNIQUE, b"u", b"1", b"0", b"0", b"0", b"0")]
    assert other.lists(b"job H:test:1")[0]["function"] == "secret"
    assert other.types(b"workload H:test:1") == denial("workload", "view", "any+function")
    assert other.asks(CANCEL_JOB, b"H:test:1") == [(CANCEL_RES, b"H:test:1", b"cancelled")]


def test_who_may_only_view_a_job_may_not_cancel_it() -> None:
    server = MemoryServer()
    server.connect().asks(SUBMIT_JOB_BG, b"secret", b"", b"")
    other = peer_who_may(server, view=["*"], submit=["open"])
    other.asks(OPTION_REQ, b"geartrain")
    assert other.asks(CANCEL_JOB, b"H:test:1") == [
        refusal("CANCEL_JOB", "submit or admin", "function secret")
    ]
    assert other.types(b"cancel job H:test:1") == denial("cancel", "submit or admin", "function+secret")
    assert [(what, outcome) for what, _, outcome in server.deeds] == [
        ("CANCEL_JOB", "refused"),
        ("cancel job", "refused"),
    ]


def test_among_equal_uniques_the_status_is_of_a_function_that_one_sees() -> None:
    server = MemoryServer()
    server.connect().asks(SUBMIT_JOB_BG, b"secret", b"u", b"")
    server.connect().asks(SUBMIT_JOB_BG, b"open", b"u", b"")
    server.running(b"secret")
    assert peer_who_may(server, view=["open"]).asks(GET_STATUS_UNIQUE, b"u") == [
        (STATUS_RES_UNIQUE, b"u", b"1", b"0", b"0", b"0", b"0")
    ]


# Workers


def test_a_worker_gets_jobs_of_the_functions_that_it_may_work_on() -> None:
    server = MemoryServer()
    server.connect().asks(SUBMIT_JOB_BG, b"secret", b"", b"")
    worker = peer_who_may(server, work=["open"])
    assert worker.asks(CAN_DO, b"secret") == []
    assert worker.asks(CAN_DO_TIMEOUT, b"secret", b"5000") == []
    worker.sends(request(CAN_DO_TIMEOUT, b"secret"))  # with too few arguments, as some workers say it
    assert worker.asks(GRAB_JOB) == [(NO_JOB,)]
    worker.says(CAN_DO, b"open")
    server.connect().asks(SUBMIT_JOB_BG, b"open", b"", b"")
    assert worker.asks(GRAB_JOB) == [(JOB_ASSIGN, b"H:test:2", b"open", b"")]
    assert server.deeds == [("CAN_DO", "secret", "refused"), ("CAN_DO_TIMEOUT", "secret", "refused")]


def test_a_worker_with_the_extension_hears_that_it_may_not_do_a_function() -> None:
    server = MemoryServer()
    worker = peer_who_may(server, work=["open"])
    worker.asks(OPTION_REQ, b"geartrain")
    assert worker.asks(CAN_DO, b"secret") == [refusal("CAN_DO", "work", "function secret")]


def test_a_worker_without_rights_is_still_a_worker_that_hears_no_error() -> None:
    worker = peer_who_may(MemoryServer())
    worker.says(CAN_DO, b"secret")
    assert worker.asks(WORK_COMPLETE, b"H:test:9", b"") == []


def test_what_a_worker_may_not_do_any_more_is_taken_away_but_not_the_job_that_it_runs() -> None:
    server = MemoryServer()
    client = server.connect()
    client.asks(SUBMIT_JOB, b"resize", b"", b"")
    client.asks(SUBMIT_JOB_BG, b"resize", b"", b"")
    worker = server.running(b"resize")
    worker.may(work=["other"])
    assert worker.asks(GRAB_JOB) == [(NO_JOB,)]
    worker.says(WORK_COMPLETE, b"H:test:1", b"done")
    assert client.heard() == [(WORK_COMPLETE, b"H:test:1", b"done")]
    worker.may(work=["resize"])
    assert worker.asks(GRAB_JOB) == [(JOB_ASSIGN, b"H:test:2", b"resize", b"")]


def test_an_ability_that_a_worker_gave_up_meanwhile_does_not_come_back() -> None:
    server = MemoryServer()
    server.connect().asks(SUBMIT_JOB_BG, b"resize", b"", b"")
    worker = peer_who_may(server)
    worker.says(CAN_DO, b"resize")
    worker.says(CANT_DO, b"resize")
    worker.may_do_all()
    assert worker.asks(GRAB_JOB) == [(NO_JOB,)]


def test_what_was_refused_to_a_worker_is_its_own_when_the_rules_are_gone() -> None:
    server = MemoryServer()
    server.connect().asks(SUBMIT_JOB_BG, b"resize", b"", b"")
    worker = peer_who_may(server)
    worker.says(CAN_DO_TIMEOUT, b"resize", b"5000")
    worker.may_do_all()
    assert worker.asks(GRAB_JOB) == [(JOB_ASSIGN, b"H:test:1", b"resize", b"")]


# Lists, and what changes something


def busy_server() -> MemoryServer:
    """One with jobs, workers, dead letters and policies of two teams."""
    server = MemoryServer()
    for name in (b"a", b"b"):
        server.connect().asks(SUBMIT_JOB_BG, name, b"u" + name, b"")
        server.running(name)
        server.connect().asks(SUBMIT_JOB_BG, name, b"v" + name, b"")
    return server


def test_lists_have_what_one_may_view() -> None:
    peer = peer_who_may(busy_server(), view=["a"])
    assert peer.types(b"status") == b"a\t2\t1\t1\n.\n"
    assert peer.types(b"prioritystatus") == b"a\t0\t1\t0\t1\n.\n"
    assert [line.split(b" : ")[1:] for line in peer.types(b"workers").splitlines()] == [[b"a"], []]
    assert len(peer.types(b"show jobs").splitlines()) == 3
    assert peer.types(b"show unique jobs") == b"ua\nva\n.\n"
    assert [row["function"] for row in peer.lists(b"functions")] == ["a"]
    assert [row["function"] for row in peer.lists(b"jobs")] == ["a", "a"]
    assert [row["function"] for row in peer.lists(b"jobs * 2")] == ["a", "a"]
    assert [row.get("function") for row in peer.lists(b"find {}")] == ["a", "a", None]
    assert [row["functions"] for row in peer.lists(b"peers")] == [["a"]]
    assert peer.types(b"jobs b") == denial("jobs", "view", "function+b")
    assert peer.types(b"dead b") == denial("dead", "view", "function+b")


def test_a_function_is_shown_by_name_to_who_may_view_it() -> None:
    peer = peer_who_may(busy_server(), view=["a"])
    assert [row["function"] for row in peer.lists(b"functions a")] == ["a"]
    assert peer.types(b"functions b") == denial("functions", "view", "function+b")
    assert peer.types(b"functions b 1 0") == denial("functions", "view", "function+b")


def test_a_queue_is_limited_by_a_wildcard_that_stands_for_no_more_than_one_may() -> None:
    peer = peer_who_may(MemoryServer(), admin=["p?b"])
    assert peer.types(b"maxqueue pub 5") == b"OK\r\n"
    assert peer.types(b"maxqueue p?b 5") == b"OK\r\n"
    assert peer.types(b"maxqueue p*b 5") == denial("maxqueue", "admin", "function+p*b")


def test_the_name_of_a_schedule_is_taken_and_nobody_hears_by_which_function() -> None:
    server = MemoryServer()
    for broker in server.inside.brokers:
        broker.schedules.calendar = lambda cron, timezone, after: after + 60.0
    server.connect().lists(b'schedule-add nightly {"function":"secret","every":60}')
    peer = peer_who_may(server, admin=["open"])
    assert peer.types(b'schedule-add nightly {"function":"open","every":60}') == denial(
        "schedule-add", "admin", "the+function+of+schedule+nightly"
    )


def test_events_are_of_what_one_may_view() -> None:
    server = MemoryServer()
    peer = peer_who_may(server, view=["a"])
    *_, last = peer.lists(b"events -")
    client = server.connect()
    for name in (b"a", b"b"):
        client.asks(SUBMIT_JOB_BG, name, b"", b"")
    *rows, _ = peer.lists(b"events " + last["cursor"].encode())
    assert [row["function"] for row in rows] == ["a"]


def test_a_star_is_what_one_may_administrate() -> None:
    server = busy_server()
    peer = peer_who_may(server, admin=["a"], view=["*"])
    assert peer.lists(b"purge *") == [{"function": "*", "cancelled": 1}]
    assert peer.types(b"purge b") == denial("purge", "admin", "function+b")
    assert server.connect().types(b"status") == b"a\t1\t1\t1\nb\t2\t1\t1\n.\n"
    assert server.deeds == [("purge", "*", "done"), ("purge", "b", "refused")]


def test_dead_letters_are_decided_on_by_who_may() -> None:
    server = MemoryServer()
    for name in ("a", "b"):
        server.sets_policy(name, ttl=1, dead_letter=True)
        server.connect().asks(SUBMIT_JOB_BG, name.encode(), b"", b"")
    server.passes(2)
    peer = peer_who_may(server, admin=["a"], view=["a"])
    assert [row["function"] for row in peer.lists(b"dead")] == ["a"]
    assert peer.lists(b"dead-discard H:test:2") == [{"target": "H:test:2", "discarded": 0}]
    assert peer.lists(b"dead-retry *") == [{"target": "*", "retried": 1}]
    assert [row["function"] for row in server.connect().lists(b"dead")] == ["b"]


def test_policies_are_set_for_names_and_for_wildcards_that_stand_for_no_more_than_one_may() -> None:
    server = MemoryServer()
    peer = peer_who_may(server, admin=["thumb*"], view=["thumb*"])
    assert peer.lists(b'policy thumb_* {"timeout":60}')[0]["set"] == {"timeout": 60}
    assert peer.lists(b"policy thumb_1")[0]["policy"] == {"timeout": 60}
    assert peer.types(b'policy * {"timeout":60}') == denial("policy", "admin", "function+*")
    assert peer.types(b"policy *") == denial("policy", "view", "function+*")
    assert peer.types(b"pause th*") == denial("pause", "admin", "function+th*")
    peer.may(view=["*"])
    assert peer.types(b"policy thumb_1 {}") == denial("policy", "admin", "any+function")


def test_drop_function_does_not_take_one_that_differs_in_case() -> None:
    server = MemoryServer()
    server.connect().types(b"create function Secret")
    peer = peer_who_may(server, admin=["secret"])
    assert peer.types(b"drop function secret") == b"ERR function not found\r\n"
    assert server.connect().types(b"status") == b"Secret\t0\t0\t0\n.\n"


def test_a_worker_is_drained_by_who_may_decide_on_all_that_it_can_do() -> None:
    server = MemoryServer()
    server.worker(b"a")
    peer = peer_who_may(server, admin=["a"])
    number = server.connect().lists(b"peers")[0]["number"]
    assert peer.lists(b"peer-drain %d" % number)[0]["draining"] is True
    peer.may(admin=["b"])
    assert peer.lists(b"peer-resume %d" % number) == []


@pytest.mark.parametrize("line", [b"getpid", b"verbose", b"stats"])
def test_questions_about_the_server_need_the_right_to_view_something(line: bytes) -> None:
    peer = peer_who_may(MemoryServer(), submit=["*"])
    assert peer.types(line) == denial(line.decode(), "view", "any+function")
    peer.may(view=["resize"])
    assert not peer.types(line).startswith(b"ERR")
    assert peer.types(b"version").startswith(b"OK")


# Tokens


def test_a_token_gives_what_its_holder_may_from_then_on_in_the_same_chunk() -> None:
    server = MemoryServer()
    server.tokens[b"s3cret"] = Access({"submit": ["*"]})
    peer = peer_who_may(server)
    peer.sends(
        request(SUBMIT_JOB_BG, b"resize", b"", b"")
        + request(OPTION_REQ, b"token:s3cret")
        + request(SUBMIT_JOB_BG, b"resize", b"", b"")
    )
    assert peer.heard() == [
        refusal("SUBMIT_JOB_BG", "submit", "function resize"),
        (OPTION_RES, b"token"),
        (JOB_CREATED, b"H:test:1"),
    ]


def test_where_there_are_no_rules_a_token_is_an_option_that_nobody_knows() -> None:
    assert MemoryServer().connect().asks(OPTION_REQ, b"token:s3cret") == [
        (ERROR, b"UNKNOWN_OPTION", b"Server does not recognize given option")
    ]


def test_the_third_wrong_token_ends_the_connection() -> None:
    peer = peer_who_may(MemoryServer())
    wrong = (ERROR, b"PERMISSION_DENIED", b"the token is none of this server's")
    assert peer.asks(OPTION_REQ, b"token:a") == [wrong]
    assert peer.asks(OPTION_REQ, b"Token:b\0") == [wrong]
    with pytest.raises(ProtocolError, match="3 wrong tokens") as ended:
        peer.says(OPTION_REQ, b"token:c")
    assert ended.value.refusal == "PERMISSION_DENIED"


# The audit log


def test_the_audit_log_tells_what_changed_and_how_that_ended_without_rules_too() -> None:
    server = MemoryServer()
    peer = server.connect()
    peer.types(b"create function resize")
    peer.types(b"pause resize")
    peer.types(b"cancel job H:test:7")
    peer.types(b'policy resize {"timeout":5}')
    peer.types(b"status")
    peer.types(b"policy resize")
    assert server.deeds == [
        ("create function", "resize", "done"),
        ("pause", "resize", "done"),
        ("cancel job", "H:test:7", "failed"),
        ("policy", 'resize {"timeout":5}', "done"),
    ]


def test_the_audit_log_tells_no_workload() -> None:
    server = MemoryServer()
    fields = {"function": "resize", "every": 60, "workload": "secret", "unique": "u"}
    line = "schedule-add nightly " + json.dumps(fields, separators=(",", ":"))
    server.connect().types(line.encode())
    ((what, on, _),) = server.deeds
    assert (what, on) == ("schedule-add", 'nightly {"function":"resize","every":60,"unique":"u"}')


def test_the_audit_log_tells_a_refusal_once() -> None:
    server = MemoryServer()
    peer = peer_who_may(server)
    for _ in range(3):
        peer.asks(SUBMIT_JOB, b"secret", b"", b"")
    assert server.deeds == [("SUBMIT_JOB", "secret", "refused")]
