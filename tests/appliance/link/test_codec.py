"""Frames: bytes and back, and what cannot be read."""

from contextlib import suppress

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.base.errors import PeerError
from appliance.link.codec import decode, encode
from appliance.link.messages import (
    Beat,
    Carried,
    Carry,
    Confirm,
    Context,
    Delta,
    Document,
    DocumentAck,
    EscrowGot,
    EscrowPut,
    EscrowSettle,
    Goodbye,
    Hello,
    LeaseAnswer,
    LeaseAsk,
    LedgerAck,
    LedgerAsk,
    LedgerBatch,
    LedgerHeads,
    LinkMessage,
    NotCarried,
    Offer,
    Part,
    ProposalRefused,
    Propose,
    QueueViews,
    Reached,
    Release,
    Resnapshot,
    SeatAsk,
    SeatTold,
    SeatWanted,
    Served,
    Serving,
    ServingAck,
    Settled,
    SignedHead,
    Snapshot,
    TransferAsk,
    TransferTold,
)
from appliance.routing.model import Candidate, Failure, Proposal, QueueView, Trace
from tests.appliance.link.rig import contact, hello, seat

PROPOSAL = Proposal(
    contact="c1",
    contact_owner="a",
    contact_incarnation=1,
    contact_fence=2,
    seat="ann",
    seat_owner="b",
    seat_incarnation=3,
    seat_epoch=4,
    seat_fence=5,
    trace=Trace(
        plan_serial=1, contact_score=2.5, waited_ms=10, candidates=(Candidate("ann", 1.0),)
    ),
)
CONTEXT = Context(
    caller="+4930",
    caller_name="",
    private=False,
    called="100",
    queue="sales",
    klass="bronze",
    keys=[("menu", "1")],
    waited_ms=5,
    arrived="2026-01-01T00:00:00.000000Z",
)
FAILURE = Failure(owner="a", contact="c1", seat="ann", reason="busy", for_ms=100)
HEAD = SignedHead("a", "c", 2, b"h" * 32, b"s" * 64)
EVERY: list[LinkMessage] = [
    hello("a"),
    Beat(1, 2, 3),
    Snapshot(1, 2, [contact("c1", "a")], [seat("ann", "a")], [FAILURE], ["b"], "s", True),
    Delta(1, 3, [contact("c1", "a")], [seat("ann", "a")], ["bob"], [FAILURE], ["b"], False),
    Resnapshot(4),
    Propose(PROPOSAL),
    ProposalRefused("c1", "ann", "seat-busy"),
    Offer(
        reservation="r",
        fence=1,
        contact="c1",
        contact_incarnation=1,
        contact_fence=2,
        seat="ann",
        seat_epoch=1,
        agent_title="Ann",
    ),
    Confirm("r", 1, CONTEXT),
    Release("r", 1, "normal"),
    Reached("r", 1, "ringing"),
    QueueViews([QueueView("sales", 1, 2, 3)]),
    Document("plan", 1, b"{}", b"s"),
    DocumentAck("plan", 1, "normal"),
    Part(b"x", True),
    Goodbye("shutdown"),
    LedgerAsk(["c"]),
    LedgerHeads([HEAD], HEAD),
    LedgerBatch(1, "a", "c", 2, b"h" * 32, b"x"),
    LedgerAck(1, "normal", "", HEAD),
    TransferAsk(reservation="r", fence=1, do="consult", target="21", place="new", note="n"),
    TransferTold("r", 1, "failed", "seat-busy"),
    SeatAsk("c", "queue:sales", ("ann",)),
    SeatTold("c", "queue:sales", "bob", "box-b"),
    SeatWanted(
        contact="c", contact_incarnation=1, contact_fence=2, seat="ann", recall=True, leaves="r"
    ),
    EscrowPut("c1", 1, b"sealed"),
    EscrowGot("c1", 1),
    LeaseAsk("a", 1, ["c1"]),
    LeaseAnswer("a", 1, True, ["c1"]),
    EscrowSettle(False, [Settled("c1", "over", "served", "normal", 2)]),
    Serving("r", 1),
    ServingAck("r", 1),
    Served("r", 1),
    Carry("b", b"packet"),
    Carried("a", b"packet"),
    NotCarried("b", "unreachable"),
]


@pytest.mark.parametrize("record", EVERY, ids=lambda record: type(record).__name__)
def test_every_record_survives(record: LinkMessage) -> None:
    assert decode(encode(3, [record, record])) == (3, [record, record], [])


def test_every_record_has_its_example() -> None:
    assert {type(record) for record in EVERY} == set(LinkMessage.__args__)


@pytest.mark.parametrize("record", EVERY, ids=lambda record: type(record).__name__)
def test_fields_of_a_newer_version_are_passed_over(record: LinkMessage) -> None:
    fields = [*msgspec.msgpack.decode(msgspec.msgpack.encode(record)), {"novel": 1}]
    assert decode(msgspec.msgpack.encode((1, [fields]))) == (1, [record], [])


def test_a_hello_of_the_first_version_is_read() -> None:
    """Bytes as version 1 sent them; they must be read for as long as 1 is spoken."""
    frame = bytes.fromhex(
        "92019198"
        + "01"
        + "01"
        + "a9"
        + b"appliance".hex()
        + "a161"
        + "a173"
        + "07"
        + "a130"
        + "00"
    )
    # it says nothing of the documents it holds: it is sent all
    assert decode(frame) == (1, [Hello(1, "appliance", "a", "s", 7, "0", 0, [])], [])


@pytest.mark.parametrize(
    ("records", "tags"),
    [
        ([[99, 1]], [99]),
        ([[1, "no version"]], [1]),
        ([[5]], [5]),
        ([[5, -1.5]], [5]),
        (["text", 7, None, [], {}], [0, 0, 0, 0, 0]),
        ([[20, "novel-kind", 1, b"", b""]], [20]),
    ],
)
def test_bad_records_are_told_by_their_tags(records: list[object], tags: list[int]) -> None:
    frame = msgspec.msgpack.encode((1, [*records, [5, 8]]))
    assert decode(frame) == (1, [Resnapshot(8)], tags)


@given(st.binary(max_size=200))
def test_no_bytes_crash_the_decoder(frame: bytes) -> None:
    with suppress(PeerError):
        decode(frame)


@given(st.data())
def test_no_altered_frame_crashes_the_decoder(data: st.DataObject) -> None:
    frame = bytearray(encode(1, EVERY))
    for _ in range(data.draw(st.integers(1, 5))):
        frame[data.draw(st.integers(0, len(frame) - 1))] = data.draw(st.integers(0, 255))
    with suppress(PeerError):
        decode(bytes(frame))


def test_nesting_without_end_is_refused() -> None:
    with pytest.raises(PeerError):
        decode(b"\x91" * 100_000)


def test_a_context_of_the_version_before_has_no_transfer() -> None:
    older = msgspec.to_builtins(CONTEXT)[: CONTEXT.__struct_fields__.index("handled")]
    context = msgspec.convert(older, type(CONTEXT))
    assert (context.handled, context.notes, context.transfer, context.by) == ([], [], "", "")


def test_rows_of_the_version_before_say_nothing_of_a_link() -> None:
    snapshot, delta, wanted = (
        next(one for one in EVERY if isinstance(one, kind))
        for kind in (Snapshot, Delta, SeatWanted)
    )
    older = [msgspec.to_builtins(one) for one in (snapshot, delta, wanted)]
    frame = msgspec.msgpack.encode((1, [older[0][:-2], older[1][:-1], older[2][:-1]]))
    _, read, bad = decode(frame)
    assert bad == []
    assert isinstance(read[0], Snapshot)
    assert (read[0].reaches, read[0].site, read[0].link_full) == (["b"], "", False)
    assert isinstance(read[1], Delta)
    assert (read[1].reaches, read[1].link_full) == (["b"], None)
    assert isinstance(read[2], SeatWanted)
    assert (read[2].recall, read[2].leaves) == (True, "")


def test_offers_and_leases_of_the_version_before_bring_no_trace_and_no_word_of_a_disk() -> None:
    offer, got, answer = (
        next(one for one in EVERY if isinstance(one, kind))
        for kind in (Offer, EscrowGot, LeaseAnswer)
    )
    older = [msgspec.to_builtins(one)[:-1] for one in (offer, got, answer)]
    _, read, bad = decode(msgspec.msgpack.encode((1, older)))
    assert bad == []
    first, second, third = read
    assert isinstance(first, Offer)
    assert isinstance(second, EscrowGot)
    assert isinstance(third, LeaseAnswer)
    assert (first.trace, second.moves, third.kept) == (b"", False, False)
