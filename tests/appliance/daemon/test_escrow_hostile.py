"""What an enrolled peer may put in escrow, and what of it is never acted on."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
import zmq

from appliance.base.errors import PeerError
from appliance.call.contact import CallBack, Contact
from appliance.call.escrow.holder import MAX_SEALED
from appliance.call.escrow.owner import Fleet, Stub
from appliance.link.identity import CurveKeys
from appliance.link.lease import LEASE_S, SILENT_S
from appliance.link.messages import (
    EscrowGot,
    EscrowPut,
    EscrowSettle,
    LeaseAnswer,
    LeaseAsk,
    Settled,
)
from appliance.link.sealing import Sealer
from appliance.routing.model import Place
from appliance.wire.rows import TrunkState
from tests.appliance.brainkit import Box, World

NUMBER = "+493012345678"


def pair() -> CurveKeys:
    public, secret = (key.decode() for key in zmq.curve_keypair())
    return CurveKeys(public=public, secret=secret)


KEYS = {name: pair() for name in ("a", "b", "c")}


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    """Return box a, of a fleet of three; `b` is silent, `c` grants what it is asked."""
    world = World()
    made = Box(world, tmp_path, "a")
    keys = {name: one.public for name, one in KEYS.items()}
    made.brain.escrow.join(Fleet(lambda: keys, lambda: {"c"}, lambda: "", Sealer(KEYS["a"])))

    def post(peer: str, message: object) -> bool:
        made.sent.append((peer, message))  # type: ignore[arg-type]
        if peer == "c" and isinstance(message, LeaseAsk):
            answer = LeaseAnswer(message.about, message.number, True)
            world.soon(lambda: made.brain.escrow.take("c", answer))
        return True

    made.post = post
    world.run(LEASE_S)
    yield made
    world.close()


def stub(name: str = "c1", number: str = NUMBER, back: bool = True) -> bytes:
    callback = CallBack(
        number=number, trunk="provider", country="DE", queue="sales", klass="", skills={},
        ring_s=30.0, gap_s=60.0, calls=3, t_promised=90.0, boot="x", wall_us=0, low_s=0.0,
        high_s=600.0,
    )  # fmt: skip
    contact = Contact(
        contact=name, place=Place(1, "b", name), epoch="e", leg=7, kind="trunk", via="provider",
        caller=NUMBER, caller_name="", private=False, called="400", arrived="", t_arrived=80.0,
        t_queued=90.0, queue="sales", phase="waiting", callback=callback if back else None,
    )  # fmt: skip
    return msgspec.msgpack.encode(Stub(contact, 100.0))


def sealed(text: bytes, by: str = "b") -> bytes:
    return Sealer(KEYS[by]).seal(text, KEYS["a"].public)


def put(box: Box, text: bytes, name: str = "c1", peer: str = "b", number: int = 1) -> None:
    box.brain.escrow.take(peer, EscrowPut(name, number, text))
    box.world.run(0.1)


def stand_in(box: Box) -> list[Contact]:
    box.world.run(SILENT_S + LEASE_S)
    return list(box.brain.book)


def answers(box: Box) -> list[EscrowGot]:
    return [message for _, message in box.sent if isinstance(message, EscrowGot)]


def test_a_good_one_is_taken_at_its_place_and_age(box: Box) -> None:
    put(box, sealed(stub()))
    assert answers(box) == [EscrowGot("c1", 1, moves=True)]
    (contact,) = stand_in(box)
    assert contact.place == Place(1, "b", "c1")
    (row,) = box.brain.floor.rows().contacts
    assert 10_000 + SILENT_S * 1000 < row.age_ms < 13_000 + (SILENT_S + LEASE_S) * 1000


BAD = {
    "short": b"x",
    "noise": b"x" * 200,
    "nothing-in-it": sealed(b"nonsense"),
    "of-another-peer": sealed(stub(), by="c"),
    "another-contact": sealed(stub("another")),
    "premium": sealed(stub(number="+499001234567")),
    "help": sealed(stub(number="112")),
    "no-number": sealed(stub(number="sip:x@y")),
    "no-call-back": sealed(stub(back=False)),
}


@pytest.mark.parametrize("which", BAD)
def test_a_bad_one_is_forgotten(box: Box, which: str) -> None:
    put(box, BAD[which])
    put(box, sealed(stub("c2")), "c2")
    assert [contact.contact for contact in stand_in(box)] == ["c2"]
    assert [key for key, _ in box.journal.kept() if key == "escrow-stub/c1"] == []


def test_one_that_is_too_long_is_not_kept(box: Box) -> None:
    put(box, b"x" * (MAX_SEALED + 1))
    assert answers(box) == []


def test_nobody_puts_forgets_or_settles_what_is_anothers(box: Box) -> None:
    put(box, sealed(stub()))
    put(box, b"", peer="c", number=9)
    put(box, sealed(stub(), by="c"), peer="c", number=9)
    box.brain.escrow.take("c", EscrowSettle(ask=True, contacts=[Settled("c1")]))
    assert len(stand_in(box)) == 1


def test_an_older_stub_does_not_take_a_newer_ones_place(box: Box) -> None:
    put(box, sealed(stub()), number=2)
    put(box, sealed(stub(number="+499001234567")), number=1)
    assert len(stand_in(box)) == 1


def test_answers_that_nobody_asked_for_change_nothing(box: Box) -> None:
    escrow = box.brain.escrow
    escrow.take("b", EscrowGot("nobody", 1))
    escrow.take("b", LeaseAnswer("a", 1, True, ["x"]))
    escrow.take("b", LeaseAnswer("nobody", 1, True))
    escrow.take("b", EscrowSettle(ask=False, contacts=[Settled("nobody", "over", "served")]))
    escrow.take("b", EscrowSettle(ask=True, contacts=[Settled("nobody")]))
    box.world.run(1)
    settled = [message for _, message in box.sent if isinstance(message, EscrowSettle)]
    assert settled == [EscrowSettle(ask=False, contacts=[Settled("nobody")])]


def test_without_a_trunk_nothing_is_taken_until_there_is_one(tmp_path: Path, box: Box) -> None:
    callbacks = box.brain.rooms.callbacks
    callbacks._trunks.clear()
    put(box, sealed(stub()))
    assert stand_in(box) == []
    callbacks.know_trunks([TrunkState("gsm-1", "line", True)])
    (contact,) = stand_in(box)
    assert contact.callback is not None
    assert contact.callback.trunk == "gsm-1"


def test_a_stub_outlives_a_kill(box: Box) -> None:
    put(box, sealed(stub()))
    box.kill()
    box.start()
    keys = {name: one.public for name, one in KEYS.items()}
    box.brain.escrow.join(Fleet(lambda: keys, lambda: {"c"}, lambda: "", Sealer(KEYS["a"])))
    box.world.run(LEASE_S)
    assert len(stand_in(box)) == 1


def test_sealing_refuses_by_word() -> None:
    with pytest.raises(PeerError, match="bad-signature"):
        Sealer(KEYS["a"]).open(b"x", KEYS["b"].public)
