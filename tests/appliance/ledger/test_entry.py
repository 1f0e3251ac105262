"""The hash chain, by hand: what is hashed, and what the walk finds."""

import hashlib

import msgspec
import pytest

from appliance.ledger.entry import NO_HASH, Entry, Walk, entry_hash, hash_of
from appliance.ledger.records import ChainBegun, ContactAnswered, Fact

BOX = "box"


def entry(chain: str, number: int, fact: Fact, previous: bytes, contact: str = "") -> Entry:
    bare = Entry(
        appliance=BOX,
        chain=chain,
        number=number,
        wall_us=1_800_000_000_000_000 + number,
        mono_s=number / 4,
        kind=fact.kind(),
        contact=contact,
        facts=msgspec.msgpack.encode(fact),
    )
    return msgspec.structs.replace(bare, hash=hash_of(previous, bare))


def chain_of(chain: str, length: int, first: int = 1) -> list[Entry]:
    entries = [entry(chain, first, ChainBegun(reason="first"), NO_HASH)]
    for number in range(first + 1, first + length):
        entries.append(entry(chain, number, ContactAnswered(), entries[-1].hash, "c1"))
    return entries


def faults(entries: list[Entry]) -> list[tuple[str, int]]:
    walk = Walk()
    walk.feed(entries)
    return [(found.chain, found.number) for found in walk.result().breaks]


def test_the_hash_is_as_documented() -> None:
    previous = bytes(range(32))
    body = msgspec.msgpack.encode(["box", "chain", 7, 123, 0.5, "kind", "contact", b"\x80"])
    wanted = hashlib.sha256(previous + body).digest()
    found = entry_hash(previous, "box", "chain", 7, 123, 0.5, "kind", "contact", b"\x80")
    assert found == wanted


def test_whole_chains_have_no_fault() -> None:
    assert faults(chain_of("a", 10) + chain_of("b", 5, first=11)) == []


def test_another_appliance_s_chain_does_not_pass_for_ours() -> None:
    theirs = [msgspec.structs.replace(one, appliance="other") for one in chain_of("a", 3)]
    assert faults(theirs) == [("a", 1)]


@pytest.mark.parametrize("at", range(6))
def test_an_altered_entry_is_found_where_it_is(at: int) -> None:
    entries = chain_of("a", 6)
    entries[at] = msgspec.structs.replace(entries[at], wall_us=0)
    assert faults(entries) == [("a", at + 1)]


def test_an_entry_with_a_new_hash_betrays_itself_at_the_next() -> None:
    entries = chain_of("a", 6)
    entries[3] = entry("a", 4, ContactAnswered(), entries[2].hash, "forged")
    assert faults(entries) == [("a", 5)]


def test_a_chain_must_begin_as_chains_do() -> None:
    assert faults(chain_of("a", 6)[1:]) == [("a", 2)]
    assert faults([entry("a", 1, ContactAnswered(), NO_HASH)]) == [("a", 1)]


def test_a_chain_that_goes_on_after_another_is_a_fault() -> None:
    first, second = chain_of("a", 4), chain_of("b", 2, first=3)
    assert faults([*first[:2], *second, *first[2:]]) == [("a", 3)]
    again = chain_of("a", 2, first=5)
    assert faults([*first[:2], *second, *again]) == [("a", 5)]


def test_a_walk_from_the_middle_believes_its_first_entry_only() -> None:
    entries = chain_of("a", 6)
    walk = Walk()
    walk.feed(entries[2:], mid_chain=True)
    assert walk.result().ok
    entries[4] = msgspec.structs.replace(entries[4], contact="other")
    walk = Walk()
    walk.feed(entries[2:4], mid_chain=True)
    walk.feed(entries[4:])
    assert [found.number for found in walk.result().breaks] == [5]
