"""Text commands by which an operator changes how a function is served, or ends its jobs."""

from __future__ import annotations

import pytest

from geartrain.protocol.commands import (
    ERROR,
    GRAB_JOB,
    GRAB_JOB_UNIQ,
    JOB_ASSIGN,
    JOB_ASSIGN_UNIQ,
    JOB_CREATED,
    NO_JOB,
    NOOP,
    PRE_SLEEP,
    SUBMIT_JOB,
    SUBMIT_JOB_BG,
    SUBMIT_JOB_EPOCH,
    SUBMIT_JOB_HIGH_BG,
    SUBMIT_JOB_LOW_BG,
    WORK_COMPLETE,
    WORK_FAIL,
)
from tests.wire import START, MemoryServer, Peer


def known(peer: Peer) -> list[str]:
    """The handles of all jobs."""
    return [row["handle"] for row in peer.lists(b"jobs")]


@pytest.mark.one_shard("lists are in the order of the shards where their order says nothing else")
def test_a_purge_cancels_what_no_worker_has() -> None:
    server = MemoryServer()
    client, operator = server.connect(), server.connect()
    client.asks(SUBMIT_JOB_BG, b"f", b"", b"")
    worker = server.running(b"f")
    for command in (SUBMIT_JOB_HIGH_BG, SUBMIT_JOB_BG, SUBMIT_JOB_LOW_BG):
        client.asks(command, b"f", b"", b"")
    client.asks(SUBMIT_JOB_EPOCH, b"f", b"", b"%d" % (START + 60), b"")
    client.asks(SUBMIT_JOB, b"f", b"", b"")
    client.asks(SUBMIT_JOB_BG, b"g", b"", b"")
    assert operator.lists(b"purge f") == [{"function": "f", "cancelled": 5}]
    assert client.heard() == [(WORK_FAIL, b"H:test:6")]
    assert known(operator) == ["H:test:1", "H:test:7"]
    assert worker.asks(GRAB_JOB) == [(NO_JOB,)]
    assert server.broker.functions[b"f"].total() == 1


def test_a_purge_of_everything_may_spare_what_is_young() -> None:
    server = MemoryServer()
    client = server.connect()
    for function in (b"f", b"g"):
        client.asks(SUBMIT_JOB_EPOCH, function, b"", b"%d" % (START + 1), b"")
    server.passes(90)
    client.asks(SUBMIT_JOB_EPOCH, b"f", b"", b"%d" % (START + 91), b"")
    server.passes(10)
    assert client.lists(b"purge * 10.5") == [{"function": "*", "cancelled": 2}]
    assert known(client) == ["H:test:3"]
    worker = server.worker(b"f")
    assert worker.asks(GRAB_JOB_UNIQ) == [(JOB_ASSIGN_UNIQ, b"H:test:3", b"f", b"", b"")]
    assert client.lists(b"purge f 1m30s") == [{"function": "f", "cancelled": 0}]
    assert client.lists(b"purge nothing") == [{"function": "nothing", "cancelled": 0}]


@pytest.mark.parametrize("age", [b"-1", b"1x", b"1e3", b"nan", b"5m1h", b"soon"])
def test_an_age_that_is_none_is_refused(age: bytes) -> None:
    client = MemoryServer().connect()
    expected = b"a+number+of+seconds+from+0+up,+or+a+time+such+as+15m+or+1h30m"
    refusal = b"ERR INVALID_ARGUMENTS age+'%b',+expected+%b\r\n" % (age, expected)
    assert client.types(b"purge f " + age) == refusal


def test_a_queued_or_running_job_is_cancelled_by_its_unique() -> None:
    server = MemoryServer()
    client, operator = server.connect(), server.connect()
    client.asks(SUBMIT_JOB, b"f", b"cat", b"")
    worker = server.running(b"f")
    client.asks(SUBMIT_JOB, b"g", b"cat", b"")
    cancelled = {"handle": "H:test:1", "function": "f", "unique": "cat", "state": "running"}
    assert operator.lists(b"cancel-unique f cat") == [cancelled]
    assert client.heard() == [(WORK_FAIL, b"H:test:1")]
    assert worker.asks(WORK_COMPLETE, b"H:test:1", b"late") == []
    assert [row["state"] for row in operator.lists(b"cancel-unique g cat")] == ["queued"]
    assert known(operator) == []


@pytest.mark.parametrize("line", [b"cancel-unique f dog", b"cancel-unique g cat"])
def test_a_unique_that_no_job_has_is_no_line(line: bytes) -> None:
    client = MemoryServer().connect()
    client.asks(SUBMIT_JOB_BG, b"f", b"cat", b"")
    assert client.lists(line) == []
    assert known(client) == ["H:test:1"]


@pytest.mark.parametrize(
    "line",
    [b"policy", b"pause", b"drain", b"resume", b"purge", b"cancel-unique", b"cancel-unique f", b"dead-retry"],
)
def test_a_change_of_nothing_named_is_refused(line: bytes) -> None:
    answer = MemoryServer().connect().types(line)
    verb = line.split()[0]
    assert answer == (
        b"ERR INVALID_ARGUMENTS An+incomplete+set+of+arguments+was+sent+to+this+command+%b\r\n" % verb
    )


def test_a_policy_is_set_field_by_field_and_taken_back() -> None:
    client = MemoryServer().connect()
    (row,) = client.lists(b'policy thumb* {"retry":{"attempts":5,"delay":2},"rate":"10/s"}')
    fields = {"retry": {"attempts": 5, "delay": 2}, "rate": "10/s"}
    assert row == {"function": "thumb*", "policy": fields, "set": fields}
    assert client.lists(b"policy thumbnail") == [{"function": "thumbnail", "policy": fields, "set": {}}]
    (row,) = client.lists(b'policy thumb* {"retry":{"delay":null},"rate":null}')
    assert row["policy"] == {"retry": {"attempts": 5}}
    (row,) = client.lists(b'policy thumb* {"retry":null}')
    assert row["policy"] == {}


@pytest.mark.parametrize(
    ("given", "refusal"),
    [
        (
            b'{"timeout":"1x"}',
            b"[functions.\"f\"]+timeout+wants+a+number+of+seconds+from+0+up,+or+a+time+such+as+15m+or+1h30m,+got+'1x'",
        ),
        (
            b'{"ttl":1e999}',
            b"policy+'{\"ttl\":1e999}',+expected+an+object+of+JSON+without+blanks:"
            b"+expected+numbers+from+-9223372036854775807+to+9223372036854775807",
        ),
        (
            b'{"ttl":60',
            b"policy+'{\"ttl\":60',+expected+an+object+of+JSON+without+blanks:"
            b"+Expecting+',' delimiter:+line+1+column+10+(char+9)".replace(b" ", b"+"),
        ),
        (b'{"ttl": 60}', b"policy+'{\"ttl\":+60}',+expected+an+object+of+JSON+without+blanks"),
        (b"[60]", b"policy+'[60]',+expected+an+object+of+JSON+without+blanks:+expected+an+object"),
    ],
)
def test_a_policy_that_cannot_be_is_refused_and_changes_nothing(given: bytes, refusal: bytes) -> None:
    client = MemoryServer().connect()
    assert client.types(b"policy f " + given) == b"ERR INVALID_ARGUMENTS %b\r\n" % refusal
    assert client.lists(b"policy f") == [{"function": "f", "policy": {}, "set": {}}]


def test_json_that_is_nested_without_end_is_refused() -> None:
    client = MemoryServer().connect()
    assert client.types(b"policy f " + b"[" * 8000).startswith(b"ERR INVALID_ARGUMENTS policy+")


def test_a_paused_function_hands_out_nothing_until_it_is_resumed() -> None:
    server = MemoryServer()
    client, worker = server.connect(), server.worker(b"f")
    client.asks(SUBMIT_JOB_BG, b"f", b"", b"")
    assert client.lists(b"pause f")[0]["policy"] == {"paused": True}
    assert worker.asks(GRAB_JOB) == [(NO_JOB,)]
    worker.says(PRE_SLEEP)
    assert worker.heard() == []
    assert client.lists(b"resume f") == [{"function": "f", "policy": {}, "set": {}}]
    assert worker.heard() == [(NOOP,)]
    assert worker.asks(GRAB_JOB) == [(JOB_ASSIGN, b"H:test:1", b"f", b"")]


def test_a_drained_function_works_off_what_is_queued() -> None:
    server = MemoryServer()
    client = server.connect()
    client.asks(SUBMIT_JOB_BG, b"f", b"", b"")
    assert client.lists(b"drain f")[0]["policy"] == {"draining": True}
    refusal = (ERROR, b"QUEUE_ERROR", b"The function takes no more jobs")
    assert client.asks(SUBMIT_JOB_BG, b"f", b"", b"") == [refusal]
    assert server.worker(b"f").asks(GRAB_JOB) == [(JOB_ASSIGN, b"H:test:1", b"f", b"")]
    client.types(b"resume f")
    assert client.asks(SUBMIT_JOB_BG, b"f", b"", b"") == [(JOB_CREATED, b"H:test:2")]


def test_what_the_configuration_pauses_is_resumed_all_the_same() -> None:
    server = MemoryServer()
    server.broker.policies.configure({"*": {"paused": True, "ttl": 60}})
    client = server.connect()
    (row,) = client.lists(b"resume f")
    assert (row["policy"], row["set"]) == ({"ttl": 60}, {"paused": False})


@pytest.mark.parametrize("verb", [b"pause", b"resume", b"drain"])
def test_what_no_function_is_named_is_not_paused(verb: bytes) -> None:
    server = MemoryServer()
    peer = server.connect()
    assert peer.types(verb + b" nosuch") == b"ERR UNKNOWN_FUNCTION no+function+named+'nosuch'\r\n"
    assert peer.lists(b"policy nosuch") == [{"function": "nosuch", "policy": {}, "set": {}}]


def test_a_function_is_paused_before_it_is_known_by_its_policy_or_a_wildcard() -> None:
    server = MemoryServer()
    peer = server.connect()
    peer.lists(b'policy later {"timeout":60}')
    assert peer.lists(b"pause later")[0]["policy"] == {"timeout": 60, "paused": True}
    assert peer.lists(b"pause late*")[0]["set"] == {"paused": True}


ODD = (b"shop\tresize", b"two words", b"caf\xe9", b"a\r", b"line\nline", b"50%41")


@pytest.mark.parametrize("name", ODD)
def test_every_name_can_be_said_percent_encoded(name: bytes) -> None:
    server = MemoryServer()
    client = server.connect()
    client.asks(SUBMIT_JOB_BG, name, b"u v", b"")
    said = b"".join([b"%%%02X" % octet for octet in name])
    (function,) = client.lists(b"%functions " + said)
    assert function["queued"]["normal"] == 1
    assert client.lists(b"%Pause " + said)[0]["set"] == {"paused": True}
    assert server.broker.functions[name].policy
    assert [row["handle"] for row in client.lists(b"%jobs " + said + b" 1")] == ["H:test:1"]
    assert client.lists(b"%cancel-unique " + said + b" u%20v")[0]["state"] == "queued"
    client.asks(SUBMIT_JOB_BG, name, b"", b"")
    assert client.lists(b"%purge " + said)[0]["cancelled"] == 1
    assert client.types(b"%drop function " + said) == b"OK\r\n"
    assert server.broker.functions == {}


def test_a_percent_sign_means_nothing_elsewhere() -> None:
    peer = MemoryServer().connect()
    assert peer.types(b"%nonsense a%20b") == b"ERR UNKNOWN_COMMAND Unknown+server+command%nonsense\r\n"
    peer.types(b"create function a%20b")
    assert peer.types(b"status") == b"a%20b\t0\t0\t0\n.\n"
