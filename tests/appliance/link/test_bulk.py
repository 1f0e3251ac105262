"""Long documents in parts."""

import zlib
from random import Random

import pytest

from appliance.base.errors import PeerError
from appliance.link import bulk
from appliance.link.bulk import PART_BYTES, Assembly, is_bulk, split
from appliance.link.codec import encode
from appliance.link.messages import DEAD_S, Document, Part, Resnapshot
from tests.appliance.link.rig import World

BODY = Random(1).randbytes(700_000)
PLAN = Document("plan", 7, BODY, b"s" * 64)


def test_parts_make_the_document_again() -> None:
    parts = split(PLAN)
    assert len(parts) == 11
    assembly = Assembly()
    for _ in range(2):
        taken = [assembly.take(part) for part in parts]
        assert taken[:-1] == [None] * 10
        assert taken[-1] == PLAN


def test_small_documents_stay_whole() -> None:
    assert not is_bulk(Document("plan", 1, bytes(PART_BYTES), b""))
    assert is_bulk(Document("plan", 1, bytes(PART_BYTES + 1), b""))
    assert not is_bulk(Resnapshot(1))


@pytest.mark.parametrize(
    "parts",
    [
        [Part(b"no zlib", True)],
        [Part(b"", True)],
        [split(PLAN)[0], Part(b"", True)],
        [Part(zlib.compress(b"no frame"), True)],
        [Part(zlib.compress(encode(0, [Resnapshot(1)])), True)],
        [Part(zlib.compress(encode(0, [])), True)],
    ],
    ids=range(6),
)
def test_parts_that_make_no_document_are_refused(parts: list[Part]) -> None:
    assembly = Assembly()
    for part in parts[:-1]:
        assert assembly.take(part) is None
    with pytest.raises(PeerError) as caught:
        assembly.take(parts[-1])
    assert caught.value.reason == "bad-request"


def test_a_bomb_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "MAX_FRAME", 1 << 20)
    with pytest.raises(PeerError, match="too long"):
        Assembly().take(Part(zlib.compress(bytes(50 << 20)), False))


def test_other_records_do_not_wait_behind_a_long_document() -> None:
    world = World()
    world.add("a", knows=["b"])
    world.add("b", knows=["a"])
    world.nodes["a"].dial("b")
    world.run(0.5)
    world.nodes["a"].send("b", PLAN)
    world.run(0.1)
    world.nodes["a"].send("b", Resnapshot(1))
    world.run(0.1)
    assert world.handlers["b"].messages == [("a", Resnapshot(1))]
    world.run(DEAD_S)
    assert world.handlers["b"].messages[1:] == [("a", PLAN)]
    assert world.handlers["b"].downs == []


def test_bad_parts_end_the_session() -> None:
    world = World()
    world.add("a", knows=["b"])
    world.add("b", knows=["a"])
    world.nodes["a"].dial("b")
    world.run(0.5)
    world.nodes["a"].send("b", Part(b"rubbish", True))
    world.run(0.2)
    assert world.handlers["b"].downs == [("a", "bad-request")]
