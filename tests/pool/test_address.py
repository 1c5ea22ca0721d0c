"""What the URL of a pool's engine means."""

from __future__ import annotations

import pytest

from geartrain.errors import SettingsError
from geartrain.pool.address import CLUSTER, SENTINEL, SINGLE, Tls, address_of, is_pool, slot_of, tag_of


@pytest.mark.parametrize("name", ["valkey", "redis"])
def test_an_engine_alone(name: str) -> None:
    address = address_of(f"{name}://jobs:se%2Fcret@db.example/3?namespace=shop&shards=4")
    assert (address.kind, address.places) == (SINGLE, (("db.example", 6379),))
    assert (address.user, address.password, address.database) == ("jobs", "se/cret", 3)
    assert (address.namespace, address.shards, address.tls) == ("shop", 4, None)
    assert address.name == f"{name}://jobs@db.example/3?namespace=shop&shards=4"


def test_a_password_needs_no_user() -> None:
    address = address_of("valkey://:secret@127.0.0.1:7000")
    assert (address.user, address.password, address.name) == ("", "secret", "valkey://127.0.0.1:7000")


def test_sentinels() -> None:
    address = address_of("valkey+sentinel://a,b:7,[::1]:8/jobs/2?tls=1&tls_ca=/etc/ca.pem")
    assert (address.kind, address.service, address.database) == (SENTINEL, "jobs", 2)
    assert address.places == (("a", 26379), ("b", 7), ("::1", 8))
    assert address.tls == Tls("/etc/ca.pem", "", "")


def test_a_cluster_has_more_shards() -> None:
    address = address_of("redis+cluster://a,b:7001")
    assert (address.kind, address.places) == (CLUSTER, (("a", 6379), ("b", 7001)))
    assert address.shards > 1
    assert address_of("redis://a").shards == 1


@pytest.mark.parametrize("url", ["valkeys://a", "rediss://a:1/0", "rediss+cluster://a"])
def test_an_s_asks_for_tls(url: str) -> None:
    assert address_of(url).tls == Tls("", "", "")


def test_other_urls_are_no_pools() -> None:
    assert is_pool("valkey://a")
    assert not any(map(is_pool, ["memory:", "sqlite:valkey://a", "valkey:a", "keydb://a", "redis+other://a"]))


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("keydb://a", "valkey://HOST:PORT"),
        ("valkey://", "'': HOST or HOST:PORT is expected"),
        ("valkey://a:0", "'a:0': HOST or HOST:PORT is expected"),
        ("valkey://a:b", "'a:b': HOST or HOST:PORT is expected"),
        ("valkey://a:65536", "'a:65536': HOST or HOST:PORT is expected"),
        ("valkey://a,b", "'a,b': HOST or HOST:PORT is expected"),
        ("valkey+cluster://a,,b", "'': HOST or HOST:PORT is expected"),
        ("valkey://a/x", "'/x': the number of a database is expected"),
        ("valkey://a/1/2", "'/1/2': the number of a database is expected"),
        ("valkey+sentinel://a", "/SERVICE is expected"),
        ("valkey+cluster://a/1", "no database is expected"),
        ("valkey://a?tls=yes", "tls=yes: 1 is expected"),
        ("valkeys://a?tls=0", "tls=0: 1 is expected"),
        ("valkey://a?tls_ca=x", "tls_ca is expected only with tls=1"),
        ("valkey://a?shards=0", "shards=0: 1 to 256 is expected"),
        ("valkey://a?namespace={x}", "namespace={x}: 1 to 64 letters"),
        ("valkey://a?namespce=x", "'namespce': one of namespace, shards"),
        ("valkey://a#x", "nothing is expected behind a #"),
    ],
)
def test_a_url_that_is_wrong_is_named_with_what_was_expected(url: str, expected: str) -> None:
    with pytest.raises(SettingsError) as refused:
        address_of(url.replace("://", "://user:hidden@"))
    assert expected in str(refused.value)
    assert "hidden" not in str(refused.value)


def test_the_keys_of_a_shard_are_in_one_slot() -> None:
    address = address_of("valkey://a?namespace=shop&shards=3")
    assert address.prefix(None) == "shop:{pool}:"
    assert address.prefix(2) == f"shop:{{{tag_of(2, 3)}}}:"


@pytest.mark.parametrize("shards", [1, 2, 6, 7, 256])
def test_shards_are_spread_evenly_over_the_slots(shards: int) -> None:
    slots = [slot_of(tag_of(shard, shards)) for shard in range(shards)]
    assert [slot * shards // 16384 for slot in slots] == list(range(shards))


def test_slots_are_those_of_the_engine() -> None:
    assert slot_of("123456789") == 0x31C3
