"""The upload's answers: believed only if control signed them, asked anew where none comes."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from appliance.base.clock import SystemClock
from appliance.ledger.journal import LedgerJournal
from appliance.ledger.outbox import LedgerOutbox
from appliance.ledger.records import ContactArrived
from appliance.ledger.upload import HEAD_KIND, ChainHead, unpack
from appliance.link.messages import (
    LedgerAck,
    LedgerAsk,
    LedgerBatch,
    LedgerHeads,
    LinkMessage,
    SignedHead,
)
from appliance.link.uploader import KEPT, LedgerUploader
from appliance.plan.signing import public_bytes, sign
from tests.appliance.link.rig import until

KEY = Ed25519PrivateKey.generate()
Answer = Callable[[LinkMessage], LedgerHeads | LedgerAck | None]


def signed(head: ChainHead, key: Ed25519PrivateKey = KEY) -> SignedHead:
    signature = sign(key, HEAD_KIND, head.body())
    return SignedHead(head.appliance, head.chain, head.number, head.hash, signature)


class Bench:
    """An uploader on a real ledger, and a control that answers as it is told to."""

    def __init__(self, folder: Path) -> None:
        self.journal = LedgerJournal(folder / "ledger.db", "box", clock=SystemClock())
        self.outbox = LedgerOutbox(self.journal, self.journal.commit)
        self.uploader = LedgerUploader(
            "box", self.outbox, public_bytes(KEY), self.send, answer_s=0.3, look_s=0.02
        )
        self.refusals: list[tuple[str, str]] = []
        self.uploader.on_refused = lambda reason, detail: self.refusals.append((reason, detail))
        self.asked: list[LinkMessage] = []
        self.answer: Answer = lambda _: None
        self.journal.record(ContactArrived(arrival=1), "c1")
        self.journal.commit()

    def send(self, message: LinkMessage) -> bool:
        self.asked.append(message)
        answer = self.answer(message)
        if answer is not None:
            asyncio.get_running_loop().call_soon(self.uploader.take, answer)
        return True

    def count(self, kind: type[LinkMessage]) -> int:
        return sum(isinstance(message, kind) for message in self.asked)

    def agree(self, message: LinkMessage) -> LedgerHeads | LedgerAck:
        """Answer as control does."""
        if isinstance(message, LedgerBatch):
            last = unpack("box", message.chain, message.first, message.data)[-1]
            head = ChainHead("box", last.chain, last.number, last.hash)
            return LedgerAck(message.serial, "normal", head=signed(head))
        return LedgerHeads([])


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    made = Bench(tmp_path)
    task = asyncio.create_task(made.uploader.run())
    made.uploader.hub_up()
    yield made
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    made.outbox.close()
    made.journal.close()


async def test_where_no_answer_comes_control_is_asked_anew(bench: Bench) -> None:
    await until(lambda: bench.count(LedgerAsk) >= 2)
    assert bench.count(LedgerBatch) == 0
    bench.answer = bench.agree
    await until(lambda: bench.uploader.acknowledged == bench.journal.head()[1])


async def test_a_batch_goes_out_only_after_the_answer_to_the_last(bench: Bench) -> None:
    bench.answer = lambda message: LedgerHeads([]) if isinstance(message, LedgerAsk) else None
    await until(lambda: bench.count(LedgerAsk) >= 2)
    kinds = [type(message).__name__ for message in bench.asked]
    assert "LedgerBatch LedgerBatch" not in " ".join(kinds)
    assert bench.uploader.acknowledged == 0


async def test_an_acknowledgement_that_control_did_not_sign_counts_for_nothing(
    bench: Bench,
) -> None:
    other = Ed25519PrivateKey.generate()

    def forge(message: LinkMessage) -> LedgerHeads | LedgerAck:
        answer = bench.agree(message)
        if isinstance(answer, LedgerAck) and answer.head is not None:
            head = answer.head
            body = ChainHead(head.appliance, head.chain, head.number, head.hash)
            return msgspec.structs.replace(answer, head=signed(body, other))
        return answer

    bench.answer = forge
    await until(lambda: bench.count(LedgerBatch) >= 2)
    assert bench.uploader.acknowledged == 0
    assert not list(bench.journal.kept(KEPT))


@pytest.mark.parametrize(
    "change", [{"number": 1}, {"hash": b"x" * 32}, {"chain": "another"}, {"appliance": "other"}]
)
async def test_an_acknowledgement_of_what_was_not_sent_counts_for_nothing(
    bench: Bench, change: dict[str, object]
) -> None:
    def lie(message: LinkMessage) -> LedgerHeads | LedgerAck:
        answer = bench.agree(message)
        if isinstance(answer, LedgerAck) and isinstance(message, LedgerBatch):
            last = unpack("box", message.chain, message.first, message.data)[-1]
            true = ChainHead("box", last.chain, last.number, last.hash)
            return LedgerAck(
                message.serial,
                "normal",
                head=signed(msgspec.structs.replace(true, **change)),
            )
        return answer

    bench.answer = lie
    await until(lambda: bench.count(LedgerBatch) >= 2)
    assert bench.uploader.acknowledged <= 1


async def test_a_head_that_control_did_not_sign_begins_no_chain(bench: Bench) -> None:
    forged = signed(ChainHead("box", "x", 99, b"x" * 32), Ed25519PrivateKey.generate())
    bench.answer = lambda message: (
        LedgerHeads([], forged) if isinstance(message, LedgerAsk) else None
    )
    before = bench.journal.head()
    await until(lambda: bench.count(LedgerAsk) >= 2)
    assert bench.journal.head() == before


async def test_late_answers_are_dropped(bench: Bench) -> None:
    bench.answer = bench.agree
    await until(lambda: bench.uploader.acknowledged == bench.journal.head()[1])
    bench.uploader.take(LedgerAck(12345, "bad-chain", "late"))
    bench.uploader.take(LedgerHeads([]))
    assert bench.refusals == []


async def test_while_control_is_away_the_same_is_sent_again(bench: Bench) -> None:
    def away(message: LinkMessage) -> LedgerHeads | LedgerAck:
        if isinstance(message, LedgerBatch):
            return LedgerAck(message.serial, "control-unreachable", "the intake is not running")
        return LedgerHeads([])

    bench.answer = away
    await until(lambda: bench.count(LedgerBatch) >= 2)
    assert bench.refusals == []
    bench.answer = bench.agree
    await until(lambda: bench.uploader.acknowledged == bench.journal.head()[1])
    assert len(bench.journal.entries()) == 3


async def test_after_a_gap_the_chain_is_sent_from_its_beginning(bench: Bench) -> None:
    """Control was put back to an older state, and the box's disk too."""
    bench.answer = bench.agree
    await until(lambda: bench.uploader.acknowledged == bench.journal.head()[1])
    chain = bench.journal.head()[0]
    gone = signed(ChainHead("box", chain, 2, b"g" * 32))

    def behind(message: LinkMessage) -> LedgerHeads | LedgerAck:
        if isinstance(message, LedgerAsk):
            return LedgerHeads([gone])
        assert isinstance(message, LedgerBatch)
        if message.first > 1:
            return LedgerAck(message.serial, "gap", "not here")
        return bench.agree(message)

    bench.answer = behind
    bench.journal.record(ContactArrived(arrival=2), "c2")
    bench.journal.commit()
    bench.uploader.hub_down()
    bench.uploader.hub_up()
    await until(
        lambda: any(
            isinstance(one, LedgerBatch) and (one.first, one.chain) == (1, chain)
            for one in bench.asked[3:]
        )
    )
