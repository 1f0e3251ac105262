"""Entries of one contact's story, for the tests of what is made of it."""

import msgspec

from appliance.ledger.entry import Entry
from appliance.ledger.records import Fact


def entry(at_s: float, fact: Fact) -> Entry:
    """Return the entry of a fact, so long after the first."""
    return Entry(
        appliance="a",
        chain="c",
        number=1,
        wall_us=round(at_s * 1e6),
        mono_s=0.0,
        kind=fact.kind(),
        contact="c1",
        facts=msgspec.msgpack.encode(fact),
    )
