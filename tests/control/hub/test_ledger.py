"""The boxes' ledgers on their way through the hub: a few at a time, in turn, nothing kept."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import zmq

from appliance.link.codec import decode, encode
from appliance.link.messages import LedgerAck, LedgerAsk, LedgerBatch, LedgerHeads, LinkMessage
from control.hub.ledger import FLYING_MOST, INTAKE_S, WAITING_MOST, LedgerDesk
from tests.appliance.link.rig import until


class Bench:
    """A desk, the boxes it answers, and an intake that answers when it is told to."""

    def __init__(self, folder: Path, *, intake_s: float = INTAKE_S) -> None:
        self.address = f"ipc://{folder / 'intake.ipc'}"
        self.told: list[tuple[str, LinkMessage]] = []
        self.desk = LedgerDesk(self.hear, intake_s=intake_s)
        self.desk.start(self.address)
        self.context: zmq.Context[Any] = zmq.Context()
        self.intake: zmq.Socket[Any] | None = None
        self.asked: list[list[bytes]] = []

    def hear(self, box: str, message: LinkMessage) -> bool:
        self.told.append((box, message))
        return True

    async def come(self) -> None:
        """Let the intake come, and wait until the desk has found it."""
        self.intake = self.context.socket(zmq.ROUTER)
        self.intake.linger = 0
        self.intake.bind(self.address)
        while not self.asked:
            self.desk.take("first", LedgerAsk([]))
            await asyncio.sleep(0.05)
            self.look()
        self.answer(LedgerHeads([]))
        await until(lambda: self.told and isinstance(self.told[-1][1], LedgerHeads))
        self.told.clear()
        self.asked.clear()

    def look(self) -> int:
        """Take what has come to the intake; return how many requests wait for an answer."""
        assert self.intake is not None
        while self.intake.poll(0):
            self.asked.append(self.intake.recv_multipart())
        return len(self.asked)

    def answer(self, message: LinkMessage) -> str:
        """Answer the oldest request; return whose it was."""
        assert self.intake is not None
        route, number, box, _ = self.asked.pop(0)
        self.intake.send_multipart([route, number, box, encode(0, [message])])
        return box.decode()

    def close(self) -> None:
        self.desk.close()
        self.context.destroy(linger=0)


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.close()


def batch(serial: int) -> LedgerBatch:
    return LedgerBatch(serial, "a", "c", 1, b"h" * 32, b"x")


async def test_without_an_intake_boxes_are_told_so(bench: Bench) -> None:
    bench.desk.take("a", batch(7))
    bench.desk.take("b", LedgerAsk([]))
    assert [(box, type(said)) for box, said in bench.told] == [("a", LedgerAck), ("b", LedgerAck)]
    assert [getattr(said, "reason", "") for _, said in bench.told] == ["control-unreachable"] * 2
    assert [getattr(said, "serial", -1) for _, said in bench.told] == [7, 0]


async def test_the_intake_has_a_few_requests_and_the_others_wait_in_turn(bench: Bench) -> None:
    await bench.come()
    for number in range(12):
        bench.desk.take(f"box-{number}", batch(number))
    served: list[str] = []
    for _ in range(12):
        await until(lambda: bench.look())
        await asyncio.sleep(0.02)
        assert bench.look() <= FLYING_MOST
        served.append(bench.answer(LedgerAck(1, "normal")))
    assert served == [f"box-{number}" for number in range(12)]
    await until(lambda: len(bench.told) == 12)


async def test_a_newer_request_takes_the_place_of_an_earlier(bench: Bench) -> None:
    await bench.come()
    bench.desk.take("a", batch(1))
    await until(lambda: bench.look() == 1)
    bench.desk.take("a", batch(2))
    await until(lambda: bench.look() == 2)
    assert bench.answer(LedgerAck(1, "normal")) == "a"
    assert bench.answer(LedgerAck(2, "normal")) == "a"
    await until(lambda: bench.told)
    assert bench.told == [("a", LedgerAck(2, "normal"))]


async def test_what_a_box_that_is_gone_had_asked_is_forgotten(bench: Bench) -> None:
    await bench.come()
    for number in range(FLYING_MOST + 1):
        bench.desk.take(f"box-{number}", batch(number))
    bench.desk.box_down(f"box-{FLYING_MOST}")
    bench.desk.box_down("box-0")
    await until(lambda: bench.look() == FLYING_MOST)
    for _ in range(FLYING_MOST):
        bench.answer(LedgerAck(1, "normal"))
    await until(lambda: len(bench.told) == FLYING_MOST - 1)
    assert "box-0" not in {box for box, _ in bench.told}


async def test_too_many_boxes_are_told_to_come_again(bench: Bench) -> None:
    await bench.come()
    for number in range(FLYING_MOST + WAITING_MOST + 3):
        bench.desk.take(f"box-{number}", batch(number))
    assert [getattr(said, "reason", "") for _, said in bench.told] == ["overload"] * 3


async def test_an_intake_that_does_not_answer_is_given_up(tmp_path: Path) -> None:
    bench = Bench(tmp_path, intake_s=0.5)
    try:
        await bench.come()
        for number in range(FLYING_MOST):
            bench.desk.take(f"box-{number}", batch(number))
        bench.desk.take("last", batch(99))
        await until(lambda: len(bench.told) >= FLYING_MOST)
        reasons = {getattr(said, "reason", "") for _, said in bench.told}
        assert reasons == {"control-unreachable"}
        # who waited has its turn; answers that come too late are dropped
        await until(lambda: bench.look() == FLYING_MOST + 1)
        count = len(bench.told)
        assert bench.answer(LedgerAck(0, "normal")) == "box-0"
        await asyncio.sleep(0.05)
        assert not [said for _, said in bench.told[count:] if said == LedgerAck(0, "normal")]
    finally:
        bench.close()


async def test_what_goes_through_is_not_touched(bench: Bench) -> None:
    await bench.come()
    bench.desk.take("a", batch(9))
    await until(lambda: bench.look() == 1)
    assert decode(bench.asked[0][3])[1] == [batch(9)]
