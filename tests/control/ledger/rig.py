"""Boxes with a real ledger, a real link, and the hub and the intake as processes of their own."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TypeVar

import msgspec
from sqlalchemy import select

from appliance.base.clock import Clock, SystemClock
from appliance.base.ids import new_id
from appliance.ledger.entry import NO_HASH, Entry
from appliance.ledger.journal import LedgerJournal
from appliance.ledger.outbox import LedgerOutbox
from appliance.ledger.records import (
    ContactArrived,
    ContactConnected,
    ContactEnded,
    ContactQueued,
    Fact,
    SeatOffered,
    TalkEnded,
)
from appliance.ledger.upload import pack, portion
from appliance.link.messages import Hello, LedgerAck, LedgerBatch, LedgerHeads, LinkMessage
from appliance.link.uploader import LedgerUploader
from control.ledger.store import LedgerStore
from control.models.base import Base
from control.models.database import Database
from tests.control.hub.rig import Box, Control

_PROGRAM = """
import sys, msgspec
from control.{module} import run
from control.settings import ControlSettings
run(msgspec.json.decode(sys.argv[1], type=ControlSettings))
"""
_Row = TypeVar("_Row", bound=Base)
QUEUES = ("sales", "billing")
KINDS = ("served", "served", "abandoned", "released", "failed")
#: generous: the machine may be busy [s]
PATIENCE_S = 60.0


class Process:
    """The hub or the intake, to be killed and started again."""

    def __init__(self, control: Control, module: str) -> None:
        self._control = control
        self._module = module
        self.start()

    def start(self) -> None:
        settings = msgspec.json.encode(self._control.settings).decode()
        self.running = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM.format(module=self._module), settings],
            cwd=Path(__file__).parents[3],
        )

    def kill(self) -> None:
        """Kill -9."""
        os.kill(self.running.pid, signal.SIGKILL)
        self.running.wait()

    def stop(self) -> int:
        """Stop in good order; return the exit code."""
        if self.running.poll() is None:
            self.running.terminate()
        return self.running.wait(20)


class LedgerBox(Box):
    """A box that uploads its ledger."""

    def __init__(self, name: str, control: Control, folder: Path, *, answer_s: float = 10) -> None:
        super().__init__(name, control, folder)
        self.folder = folder / name
        self._answer_s = answer_s
        self.refusals: list[str] = []
        self.open_ledger()

    def open_ledger(self) -> None:
        """Open the ledger that stands in the box's folder."""
        self.journal = LedgerJournal(self.folder / "ledger.db", self.name, clock=SystemClock())
        self.outbox = LedgerOutbox(self.journal, self.journal.commit)
        self.uploader = LedgerUploader(
            self.name,
            self.outbox,
            self._control.parts.plan_public,
            lambda message: self.node.send("hub", message),
            answer_s=self._answer_s,
            look_s=0.05,
        )
        self.uploader.on_refused = lambda reason, _detail: self.refusals.append(reason)

    def start(self) -> None:
        super().start()
        self.start_upload()

    def start_upload(self) -> None:
        self.upload = asyncio.create_task(self.uploader.run())
        if self.up:
            self.uploader.hub_up()

    async def stop_upload(self) -> None:
        """Close the ledger, as when the brain ends; the link stays."""
        if hasattr(self, "upload"):
            self.upload.cancel()
            await asyncio.gather(self.upload, return_exceptions=True)
        self.outbox.close()
        self.journal.close()

    async def stop(self) -> None:
        await self.stop_upload()
        await super().stop()

    def on_up(self, peer: str, hello: Hello) -> None:
        super().on_up(peer, hello)
        self.uploader.hub_up()

    def on_down(self, peer: str, reason: str) -> None:
        super().on_down(peer, reason)
        self.uploader.hub_down()

    def on_message(self, peer: str, message: LinkMessage) -> None:
        if isinstance(message, LedgerHeads | LedgerAck):
            self.uploader.take(message)
        else:
            super().on_message(peer, message)

    # -- what happens at the box ---------------------------------------------------------------

    def calls(self, count: int) -> list[str]:
        """Journal many contacts of all kinds."""
        return [self.call(number) for number in range(count)]

    def call(self, number: int = 0) -> str:
        """Journal a whole contact; return its id."""
        contact = new_id()
        facts = story(QUEUES[number % 2], KINDS[number % len(KINDS)], "ann", self.name)
        for fact in facts:
            self.journal.record(fact, contact)
        self.journal.commit()
        return contact

    @property
    def all_up(self) -> bool:
        """Tell whether control has acknowledged everything."""
        return self.uploader.acknowledged == self.journal.head()[1]


def story(queue: str, outcome: str, agent: str, owner: str) -> list[Fact]:
    """Return a contact's facts, from its arrival to its end."""
    facts: list[Fact] = [
        ContactArrived(arrival=1 << 16, caller="0301234567", called="4930100", via="provider"),
        ContactQueued(queue=queue, klass="gold"),
    ]
    talked = outcome == "served"
    if talked:
        facts += [
            SeatOffered(seat=agent, owner=owner, reservation="r1", waited_ms=4000),
            ContactConnected(seat=agent, owner=owner, reservation="r1", waited_ms=5000),
            TalkEnded(seat=agent, talked_ms=60_000, by="caller"),
        ]
    facts.append(
        ContactEnded(
            outcome=outcome,  # type: ignore[arg-type] # a test's word
            waited_ms=5000,
            talked_ms=60_000 if talked else 0,
        )
    )
    return facts


class Desk:
    """Control's store, and a box's ledger handed to it without a link."""

    def __init__(self, database: Database, store: LedgerStore) -> None:
        self.database = database
        self.store = store

    def hand_in(self, box: str, entries: Sequence[Entry]) -> list[LedgerAck]:
        """Hand *entries* in as their box would, batch by batch; return the answers."""
        answers = []
        rest, last = list(entries), dict[str, bytes]()
        while rest:
            part = portion(rest)
            rest = rest[len(part) :]
            after = last.get(part[0].chain, NO_HASH)
            answers.append(self.store.take(box, batch_of(part, after=after)))
            last[part[0].chain] = part[-1].hash
        return answers

    def rows(self, kind: type[_Row]) -> list[_Row]:
        """Return all rows of a table."""
        with self.database.session() as session:
            return list(session.scalars(select(kind)))


def batch_of(entries: Sequence[Entry], *, after: bytes = NO_HASH, serial: int = 1) -> LedgerBatch:
    """Return *entries* as a batch."""
    first = entries[0]
    return LedgerBatch(serial, first.appliance, first.chain, first.number, after, pack(entries))


class Books:
    """A box's ledger without a link."""

    def __init__(self, folder: Path, name: str = "a", clock: Clock | None = None) -> None:
        self.name = name
        path = folder / name / "ledger.db"
        self.journal = LedgerJournal(path, name, clock=clock or SystemClock())

    def __enter__(self) -> "Books":
        return self

    def __exit__(self, *_: object) -> None:
        self.journal.close()

    def call(self, *, queue: str = "sales", outcome: str = "served", agent: str = "ann") -> str:
        """Journal a whole contact; return its id."""
        contact = new_id()
        self.tell(contact, story(queue, outcome, agent, self.name))
        return contact

    def calls(self, count: int) -> list[str]:
        """Journal many contacts of all kinds."""
        return [
            self.call(queue=QUEUES[number % 2], outcome=KINDS[number % len(KINDS)])
            for number in range(count)
        ]

    def tell(self, contact: str, facts: Iterable[Fact]) -> None:
        for fact in facts:
            self.journal.record(fact, contact)
        self.journal.commit()

    def entries(self) -> list[Entry]:
        return self.journal.entries(limit=1_000_000)
