"""Brings the ledger to control: in order, one batch at a time, from where control says it is.

Nothing is remembered here of what was sent: after each loss of link, hub or control the box asks
and goes on from the answer. What control acknowledged it has countersigned; the newest signature
of each chain is kept, so that an entry that control has can be told from one that was rewritten.
"""

import asyncio
import contextlib
import itertools
import logging
from collections.abc import Callable
from typing import Literal, Protocol, TypeVar

import msgspec

from appliance.base.errors import BranchlineError, PeerError
from appliance.ledger.entry import NO_HASH, Entry
from appliance.ledger.records import ChainBegun
from appliance.ledger.store import ChainSpan
from appliance.ledger.upload import HEAD_KIND, ChainHead, head_of, pack
from appliance.link.messages import (
    LedgerAck,
    LedgerAsk,
    LedgerBatch,
    LedgerHeads,
    LinkMessage,
    SignedHead,
)
from appliance.plan.signing import load_public_key, verify

_log = logging.getLogger(__name__)

#: kept state: countersigned/<chain>
KEPT = "countersigned/"
#: chains asked about; a chain ends only when a disk fails or a box is renamed
MAX_CHAINS = 64
#: control answers within this, or it is asked anew [s]: long enough for a turn among hundreds of
#: boxes that bring a day's entries; that hub or intake is away the box is told much sooner
ANSWER_S = 120.0
#: rest after control was away; doubles up to the second [s]
RETRY_S, RETRY_MOST_S = 1.0, 30.0
#: how often new entries are looked for [s]
LOOK_S = 1.0
#: answers after which the same may be asked again later: nothing is wrong with the entries
_LATER = frozenset({"control-unreachable", "overload", "internal", "gap"})

_A = TypeVar("_A", LedgerHeads, LedgerAck)


class Outbox(Protocol):
    """The ledger as the upload sees it; `appliance.ledger.outbox` is one."""

    @property
    def synced(self) -> int:
        """Return the number of the last entry that is safe on the disk."""

    @property
    def current(self) -> ChainHead:
        """Return the head of the chain that is being written."""

    async def chains(self) -> list[ChainSpan]:
        """Return the chains in the order in which they were begun."""

    async def batch(self, chain: ChainSpan, after: int) -> list[Entry]:
        """Return the entries of *chain* that come next and are safe on the disk."""

    async def head(self, number: int) -> ChainHead | None:
        """Return the entry of that number as a head, or None."""

    async def first(self, chain: ChainSpan) -> Entry | None:
        """Return the first entry of *chain*."""

    async def kept(self, key: str) -> bytes | None:
        """Return what is kept under *key*, or None."""

    def keep(self, key: str, state: bytes) -> None:
        """Keep *state*."""

    def begin_chain(self, reason: Literal["lost", "broken"], previous: ChainHead) -> None:
        """Go on in a new chain that names *previous*."""


class LedgerUploader:
    """One box's upload. Tell it of the hub's coming and going and hand it the answers."""

    def __init__(
        self,
        appliance: str,
        outbox: Outbox,
        verify_key: bytes,
        send: Callable[[LinkMessage], bool],
        *,
        answer_s: float = ANSWER_S,
        look_s: float = LOOK_S,
    ) -> None:
        self._appliance = appliance
        self._outbox = outbox
        self._key = load_public_key(verify_key)
        self._send = send
        self._answer_s, self._look_s = answer_s, look_s
        self._up = asyncio.Event()
        self._kick = asyncio.Event()
        self._waiting: asyncio.Future[LedgerHeads | LedgerAck] | None = None
        self._serials = itertools.count(1)
        #: what is waited for; 0: an answer to a question
        self._serial = 0
        #: chain -> what control has of it
        self._done: dict[str, ChainHead] = {}
        #: chains that are sent from their beginning, whatever was countersigned
        self._whole: set[str] = set()
        #: chains that control takes no more of -> reason word
        self.refused: dict[str, str] = {}
        #: highest number that control has acknowledged
        self.acknowledged = 0
        #: told when control refuses entries, with reason word and sentence
        self.on_refused: Callable[[str, str], None] = lambda _reason, _detail: None

    # -- what the link tells -------------------------------------------------------------------

    def hub_up(self) -> None:
        """Begin, or begin again."""
        self._up.set()
        self._kick.set()

    def hub_down(self) -> None:
        """Wait for the hub."""
        self._up.clear()
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(PeerError("control-unreachable", "the hub is gone"))

    def take(self, answer: LedgerHeads | LedgerAck) -> None:
        """Take an answer; one that nobody waits for any more is dropped."""
        if isinstance(answer, LedgerAck) and answer.serial != self._serial:
            return
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(answer)

    # -- the work ------------------------------------------------------------------------------

    async def run(self) -> None:
        """Upload, until cancelled."""
        rest_s = RETRY_S
        while True:
            await self._up.wait()
            self._kick.clear()
            before = self.acknowledged
            try:
                await self._upload()
            except (BranchlineError, OSError) as error:
                _log.info("the ledger's upload rests: %s", error)
            rest_s = RETRY_S if self.acknowledged > before else min(2 * rest_s, RETRY_MOST_S)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(rest_s, self._answer_s)):
                    await self._kick.wait()

    async def _upload(self) -> None:
        """Ask where control is, and go on from there; raise BranchlineError where it ends."""
        chains = await self._own_chains()
        heads = await self._ask(LedgerAsk([chain.chain for chain in chains]), LedgerHeads)
        if await self._compare(chains, heads):
            chains = await self._own_chains()
        for chain in chains[:-1]:
            await self._drain(chain)
        while chains:
            await self._drain(chains[-1])
            await asyncio.sleep(self._look_s)
            if self._outbox.current.chain != chains[-1].chain:
                # a new chain was begun; the rest of this one first
                await self._drain(chains[-1])
                return

    async def _own_chains(self) -> list[ChainSpan]:
        """Return the newest chains that this box wrote under its present name."""
        found = await self._outbox.chains()
        return [chain for chain in found if chain.appliance == self._appliance][-MAX_CHAINS:]

    async def _compare(self, chains: list[ChainSpan], answer: LedgerHeads) -> bool:
        """Note how far control is; begin a new chain where it has what is lost here.

        Returns whether there is a new chain.
        """
        lost = await self._note(answer.heads)
        known_there = {signed.chain for signed in answer.heads}
        for chain in chains:
            if chain.chain in known_there - self._done.keys() - self._whole:
                await self._take_up(chain)
        if lost is None and answer.latest is not None:
            latest = self._checked(answer.latest)
            if not await self._knows(chains, latest):
                lost = latest
        if lost is None:
            return False
        _log.error("control has %s of this box, which is not here any more", lost)
        self._outbox.begin_chain("lost", lost)
        return True

    async def _note(self, heads: list[SignedHead]) -> ChainHead | None:
        """Note what control has; return what of the current chain is not here, or None."""
        self._done = {}
        lost: ChainHead | None = None
        current = self._outbox.current.chain
        for signed in heads:
            head = self._checked(signed)
            if await self._outbox.head(head.number) == head:
                known = self._done.get(head.chain)
                if known is None or known.number < head.number:
                    self._done[head.chain] = head
            elif head.chain == current:
                lost = head
        if current in self._done:
            self.acknowledged = max(self.acknowledged, self._done[current].number)
        return lost

    async def _take_up(self, chain: ChainSpan) -> None:
        """Go on after what control once countersigned of *chain*, if it still stands here."""
        kept = await self._outbox.kept(KEPT + chain.chain)
        if kept is None:
            return
        try:
            head = self._checked(msgspec.msgpack.decode(kept, type=SignedHead))
        except (msgspec.MsgspecError, PeerError) as error:
            _log.warning("a kept countersignature does not hold: %s", error)
            return
        if await self._outbox.head(head.number) == head:
            self._done[chain.chain] = head

    async def _knows(self, chains: list[ChainSpan], head: ChainHead) -> bool:
        """Tell whether an entry is here, or a chain was begun after it."""
        if await self._outbox.head(head.number) == head:
            return True
        for chain in reversed(chains):
            first = await self._outbox.first(chain)
            fact = first.fact() if first else None
            if isinstance(fact, ChainBegun) and fact.previous_hash == head.hash:
                return True
        return False

    async def _drain(self, chain: ChainSpan) -> None:
        """Upload what there is of a chain."""
        while chain.chain not in self.refused:
            done = self._done.get(chain.chain)
            entries = await self._outbox.batch(chain, done.number if done else 0)
            if not entries:
                return
            batch = LedgerBatch(
                serial=next(self._serials),
                appliance=self._appliance,
                chain=chain.chain,
                first=entries[0].number,
                after=done.hash if done else NO_HASH,
                data=pack(entries),
            )
            self._settle(entries, await self._ask(batch, LedgerAck))

    def _settle(self, entries: list[Entry], ack: LedgerAck) -> None:
        """Take what became of a batch; raise PeerError where control must be asked anew."""
        if ack.head is not None:
            head = self._checked(ack.head)
            sent = {entry.number: entry for entry in entries}.get(head.number)
            if sent is None or head_of(sent) != head:
                raise PeerError("bad-request", f"control acknowledged {head}, which was not sent")
            self._done[head.chain] = head
            self.acknowledged = max(self.acknowledged, head.number)
            self._outbox.keep(KEPT + head.chain, msgspec.msgpack.encode(ack.head))
        if ack.reason == "gap":
            self._whole.add(entries[0].chain)
        if ack.reason in _LATER:
            raise PeerError(ack.reason, ack.detail)
        if ack.reason == "normal":
            return
        self.on_refused(ack.reason, ack.detail)
        _log.error("control refuses entries: %s: %s", ack.reason, ack.detail)
        if ack.reason != "fork":
            self._give_up(entries[0], ack.reason)

    def _give_up(self, entry: Entry, reason: str) -> None:
        """Send no more of a chain; what happens from now on goes into a new one."""
        self.refused[entry.chain] = reason
        if self._outbox.current.chain == entry.chain:
            self._outbox.begin_chain("broken", self._done.get(entry.chain) or head_of(entry))

    async def _ask(self, message: LinkMessage, kind: type[_A]) -> _A:
        """Send, and return the answer; raise PeerError `control-unreachable`."""
        self._waiting = asyncio.get_running_loop().create_future()
        self._serial = message.serial if isinstance(message, LedgerBatch) else 0
        try:
            if not self._up.is_set() or not self._send(message):
                raise PeerError("control-unreachable", "the hub is away")
            # not wait_for(): until Python 3.12 it may lose that this task was cancelled
            async with asyncio.timeout(self._answer_s):
                answer = await self._waiting
        except TimeoutError:
            detail = f"no answer within {self._answer_s:g} s"
            raise PeerError("control-unreachable", detail) from None
        finally:
            self._waiting = None
        if isinstance(answer, LedgerAck) and kind is LedgerHeads:
            raise PeerError(answer.reason, answer.detail)
        if not isinstance(answer, kind):
            raise PeerError("wrong-state", f"control answered {type(answer).__name__}")
        return answer

    def _checked(self, signed: SignedHead) -> ChainHead:
        """Return a head that control signed, and that is of this box; raise PeerError."""
        head = ChainHead(signed.appliance, signed.chain, signed.number, signed.hash)
        verify(self._key, HEAD_KIND, head.body(), signed.signature)
        if head.appliance != self._appliance:
            raise PeerError("foreign", f"control countersigned entries of {head.appliance!r}")
        return head
