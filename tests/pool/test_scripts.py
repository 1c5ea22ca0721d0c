"""The scripts alone, in a real engine: what each of them answers, and what it leaves behind."""

from __future__ import annotations

import pytest

from geartrain.pool.script import BEAT, COMMIT, JOIN, LEAD, RELEASE, RENEW, Script
from tests.support.engines import EngineSet, Redis

SECTIONS = (
    "undo",
    "documents",
    "no_documents",
    "jobs",
    "heads",
    "dead",
    "alive",
    "aside",
    "over",
    "results",
    "no_results",
)
KEYS = ("lease", "leader", "jobs", "dead", "results", "documents", "number", "aside")


@pytest.fixture
def redis(engine: EngineSet) -> Redis:
    """An engine with nothing in it."""
    engine.primary.ask("FLUSHALL")
    return engine.primary


def run(redis: Redis, script: Script, keys: tuple[str, ...], *arguments: str | bytes) -> str:
    return redis.ask("EVAL", script.text, str(len(keys)), *keys, *arguments)


def lead(redis: Redis, token: str, instead_of: str = "", milliseconds: str = "60000") -> list[str]:
    return run(redis, LEAD, ("lease", "leader"), token, "text of " + token, milliseconds, instead_of).split(
        "\n"
    )


def commit(redis: Redis, token: str = "a", number: str = "", **sections: list[str | bytes]) -> str:
    filled = [sections.get(name, []) for name in SECTIONS]
    arguments = [token, "60000", number, *(str(len(section)) for section in filled)]
    return run(redis, COMMIT, KEYS, *arguments, *(word for section in filled for word in section))


def row(head: bytes, workload: bytes = b"") -> bytes:
    return len(head).to_bytes(4, "big") + head + workload


# The lease


def test_a_free_lease_is_taken(redis: Redis) -> None:
    assert lead(redis, "a") == ["a text of a", "60000"]
    assert redis.ask("GET", "leader") == "a text of a"


def test_a_lease_that_is_held_stays_with_its_holder(redis: Redis) -> None:
    lead(redis, "a")
    assert lead(redis, "b")[0] == "a text of a"
    assert lead(redis, "b", instead_of="c")[0] == "a text of a"


def test_a_lease_is_taken_from_the_one_who_is_named(redis: Redis) -> None:
    lead(redis, "a")
    assert lead(redis, "b", instead_of="a") == ["b text of b", "60000"]


def test_a_lease_is_kept_by_its_holder_for_another_while(redis: Redis) -> None:
    lead(redis, "a", milliseconds="1000")
    assert run(redis, RENEW, ("lease", "leader", "number"), "a", "60000", "", "") == "a text of a\n60000\n0"
    assert run(redis, RENEW, ("lease", "leader", "number"), "b", "60000", "", "").startswith("a text of a\n")


def test_a_lease_that_ran_out_is_kept_by_whoever_led_last(redis: Redis) -> None:
    lead(redis, "a")
    redis.ask("DEL", "lease")
    assert run(redis, RENEW, ("lease", "leader", "number"), "b", "60000", "", "") == ""
    assert run(redis, RENEW, ("lease", "leader", "number"), "a", "60000", "", "") == "a text of a\n60000\n0"


def test_a_lease_is_given_up_by_its_holder_alone(redis: Redis) -> None:
    lead(redis, "a")
    run(redis, RELEASE, ("lease", "leader"), "b")
    assert redis.ask("GET", "lease") == "a text of a"
    run(redis, RELEASE, ("lease", "leader"), "a")
    assert redis.ask("EXISTS", "lease", "leader") == "0"


# Batches


def test_a_commit_without_the_lease_changes_nothing(redis: Redis) -> None:
    assert commit(redis, jobs=["1", row(b"h")]) == "LEADERLESS the lease of the shard is nobody's"
    lead(redis, "b")
    assert commit(redis, jobs=["1", row(b"h")]).startswith("FENCED the lease of the shard is")
    assert commit(redis, token="", jobs=["1", row(b"h")]).startswith("FENCED")
    assert redis.ask("EXISTS", "jobs") == "0"


def test_a_commit_renews_the_lease(redis: Redis) -> None:
    lead(redis, "a", milliseconds="1000")
    commit(redis)
    assert int(redis.ask("PTTL", "lease")) > 50_000


def test_a_lease_that_ran_out_is_no_harm_if_nobody_else_has_led_since(redis: Redis) -> None:
    lead(redis, "a")
    redis.ask("DEL", "lease")
    assert commit(redis, jobs=["1", row(b"h")]) == "OK"
    assert redis.ask("GET", "lease") == "a text of a"
    lead(redis, "b", instead_of="a")
    assert commit(redis).startswith("FENCED")
    redis.ask("DEL", "lease")
    assert commit(redis).startswith("LEADERLESS")


def test_a_commit_does_all_of_its_sections(redis: Redis) -> None:
    lead(redis, "a")
    first = commit(
        redis,
        number="17",
        jobs=["1", row(b"one", b"w"), "2", row(b"two", b"w"), "3", row(b"three", b"")],
        documents=["policy\nf", "{}", "policy\ng", "{}"],
        dead=["2", "reason", "3", "reason"],
        results=["4", "result", "5", "result"],
    )
    second = commit(
        redis,
        undo=["9", "3"],
        heads=["1", row(b"another"), "8", row(b"nobody")],
        no_documents=["policy\ng"],
        alive=["3"],
        aside=["7", "why"],
        over=["2"],
        no_results=["5"],
    )
    assert (first, second) == ("OK", "OK")
    assert redis.ask("HGETALL", "jobs") == "1\n\0\0\0\x07anotherw"
    assert redis.ask("HGETALL", "documents") == "policy\nf\n{}"
    assert redis.ask("HGETALL", "results") == "4\nresult"
    assert redis.ask("HGETALL", "aside") == "7\nwhy"
    assert redis.ask("EXISTS", "dead") == "0"
    assert redis.ask("GET", "number") == "17"


def test_a_commit_may_have_more_than_one_command_can_take(redis: Redis) -> None:
    lead(redis, "a")
    numbers = [str(number) for number in range(20_000)]
    assert commit(redis, jobs=[word for number in numbers for word in (number, row(b"h"))]) == "OK"
    assert redis.ask("HLEN", "jobs") == "20000"
    assert commit(redis, over=[*numbers[1:]]) == "OK"
    assert redis.ask("HKEYS", "jobs") == "0"


# The pool


def test_a_beat_tells_of_all_servers_and_forgets_the_silent(redis: Redis) -> None:
    assert run(redis, BEAT, ("members",), "one", "text 1", "60000") == "one\n0\ntext 1"
    redis.ask("HSET", "members", "gone", "1000 text", "odd", "no beat at all")
    told = run(redis, BEAT, ("members",), "two", "text 2", "60000").split("\n")
    assert (told[::3], told[2::3]) == (["one", "two"], ["text 1", "text 2"])
    assert redis.ask("HKEYS", "members") == "one\ntwo"


def test_asking_for_the_servers_is_no_beat(redis: Redis) -> None:
    assert run(redis, BEAT, ("members",), "", "", "60000") == ""
    assert redis.ask("EXISTS", "members") == "0"


def test_a_pool_is_what_its_first_server_made_it(redis: Redis) -> None:
    assert run(redis, JOIN, ("facts",), "1", "6", "secret") == "1\n6\nsecret"
    assert run(redis, JOIN, ("facts",), "2", "7", "other") == "1\n6\nsecret"
