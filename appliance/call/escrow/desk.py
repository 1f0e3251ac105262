"""The three parts of the escrow together: our own call-backs, those of others, and our vote."""

from collections.abc import Iterable

import msgspec

from appliance.call.callbacks import CallBacks
from appliance.call.contact import Contact
from appliance.call.escrow.holder import EscrowHolder
from appliance.call.escrow.owner import EscrowOwner, Fleet
from appliance.call.office import Office
from appliance.call.owner import ContactOwner
from appliance.link.lease import LeaseVoter
from appliance.link.messages import (
    EscrowGot,
    EscrowPut,
    EscrowSettle,
    LeaseAnswer,
    LeaseAsk,
    LinkMessage,
)

#: what an appliance's claims are filed under
CLAIMS_KEY = "lease-claims/"


class Claims(msgspec.Struct, frozen=True):
    """What an appliance wants its peers to leave out."""

    claims: list[str]


class EscrowDesk:
    """Who hears what the link says of call-backs in escrow. Does nothing until `join`."""

    def __init__(self, office: Office, owner: ContactOwner, callbacks: CallBacks) -> None:
        self._turn, self._clock = office.turn, office.clock
        self._book = office.book
        self._name = office.book.name
        self._fleet: Fleet | None = None
        self.owner = EscrowOwner(office, owner, callbacks)
        self.holder = EscrowHolder(office, owner, callbacks)
        self.owner.ask = self.holder.ask = self._ask
        self._voter = LeaseVoter(office.clock.monotonic_s(), self._hears, self._keep)
        owner.barred = self._barred

    def join(self, fleet: Fleet) -> None:
        """Begin: there are others."""
        self._fleet = fleet
        self.owner.join(fleet)
        self.holder.join(fleet)

    def remember(self, states: Iterable[tuple[str, bytes]]) -> None:
        """Take what the ledger kept."""
        kept = list(states)
        for key, state in kept:
            if key.startswith(CLAIMS_KEY):
                claims = msgspec.msgpack.decode(state, type=Claims).claims
                self._voter.recall(key.removeprefix(CLAIMS_KEY), claims)
        self.owner.remember(kept)
        self.holder.remember(kept)

    def held(self) -> list[tuple[Contact, str]]:
        """Return what is held for want of a peer's word or the right to act, and whose it is."""
        found = []
        for contact in self._book.left():
            back = contact.callback
            if back is not None and back.held:
                found.append((contact, back.holder if back.doubt else back.owner))
        return sorted(found, key=lambda one: one[0].place)

    def up(self, peer: str) -> bool:
        """Tell whether a peer is there."""
        return self._fleet is not None and peer in self._fleet.up()

    def tick(self) -> None:
        """Look at the time; called about twice a second."""
        if self._fleet is not None:
            self.owner.tick()
            self.holder.tick()

    def peer_up(self, peer: str) -> None:
        """A peer is there again."""
        self.owner.peer_up(peer)

    def take(self, peer: str, message: LinkMessage) -> None:
        """Take what a peer or the hub says of call-backs in escrow."""
        match message:
            case EscrowPut():
                self.holder.put(peer, message)
            case EscrowGot():
                self.owner.got(peer, message)
            case EscrowSettle(ask=True):
                self.holder.asked(peer, message)
            case EscrowSettle():
                self.owner.settled(peer, message.contacts)
            case LeaseAsk():
                self._turn.message(peer, self._vote(peer, message))
            case LeaseAnswer():
                self._answered(peer, message)
        self._turn.wake()

    def _barred(self, contact: Contact) -> str:
        return self.owner.barred(contact) or self.holder.barred(contact)

    def _hears(self, owner: str) -> bool:
        return owner == self._name or (self._fleet is not None and owner in self._fleet.up())

    def _ask(self, voter: str, ask: LeaseAsk) -> None:
        if voter == self._name:
            self._answered(voter, self._vote(voter, ask))
        else:
            self._turn.message(voter, ask)

    def _vote(self, who: str, ask: LeaseAsk) -> LeaseAnswer:
        now_s = self._clock.monotonic_s()
        granted, claims = self._voter.ask(ask.about, who, ask.claims, now_s)
        return LeaseAnswer(ask.about, ask.number, granted, claims, kept=ask.about == who)

    def _keep(self, about: str, claims: list[str]) -> None:
        """Put an appliance's claims on disk; the answer leaves after that."""
        if claims:
            self._turn.keep(CLAIMS_KEY + about, Claims(claims))
        else:
            self._turn.forget(CLAIMS_KEY + about)

    def _answered(self, voter: str, answer: LeaseAnswer) -> None:
        own = answer.about == self._name
        seeker = self.owner.seeker if own else self.holder.seeker(answer.about)
        if seeker is not None:
            seeker.answered(
                voter, answer.number, answer.claims, granted=answer.granted, kept=answer.kept
            )
            if own:
                self.owner.granted()
