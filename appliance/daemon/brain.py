"""The brain, composed of its rooms and free of I/O: ledger, clock and senders are handed in."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from appliance.base.clock import Clock
from appliance.base.hlc import HybridClock
from appliance.call.arrivals import Arrivals
from appliance.call.attach import Found
from appliance.call.book import ContactBook
from appliance.call.callbacks import CallBacks
from appliance.call.contact import Contact
from appliance.call.escrow.desk import EscrowDesk
from appliance.call.expectation import Expectation
from appliance.call.faxes import FaxTaker
from appliance.call.linkbudget import LinkBudget
from appliance.call.office import Office
from appliance.call.outside import OutsideCalls
from appliance.call.overflow import OverflowWatch
from appliance.call.owner import ContactOwner
from appliance.call.places import PlaceKeeper
from appliance.call.plans import CurrentPlan
from appliance.call.recording import RecordingPolicy
from appliance.call.recovery import Recovery, kept_contacts
from appliance.call.sites import SiteChooser
from appliance.call.timers import Cancellable, Timers
from appliance.call.transfer.desk import Transfers
from appliance.call.transfer.rules import leaves
from appliance.call.turn import Journal, Turn
from appliance.call.voicemails import Voicemails
from appliance.call.waiting import WaitingRoom
from appliance.call.written import WrittenContacts
from appliance.flow.lookups import Ask, Lookups, nobody
from appliance.flow.runner import FlowRunner
from appliance.ledger.records import PlanTaken
from appliance.link.messages import LinkMessage, ProposalRefused, SeatAsk
from appliance.plan.model import Plan
from appliance.seat.board import SeatBoard
from appliance.seat.local import LocalFloor
from appliance.seat.offers import SeatOffers
from appliance.seat.proposals import SeatProposals
from appliance.seat.recovery import adopt_seats, kept_seats
from appliance.seat.starcodes import StarCodes
from appliance.seat.state import Seat
from appliance.seat.switchboard import Rooms, Switchboard
from appliance.wire.commands import BrainRecord
from appliance.wire.events import LegsRecord


class Surroundings(NamedTuple):
    """What the brain is given: who it is, and the outside world."""

    name: str
    site: str
    incarnation: int
    journal: Journal
    clock: Clock
    #: send a command to legs, a message to a peer
    command: Callable[[BrainRecord], None]
    message: Callable[[str, LinkMessage], bool]
    #: call back when the loop comes round; call back later
    soon: Callable[[Callable[[], None]], object]
    later: Callable[[float, Callable[[], None]], Cancellable]
    recordings: Path
    record: bool = True
    #: days that messages are kept; 0: until somebody deletes them
    keep_days: int = 0
    #: ask a data source
    ask: Ask = nobody


class Brain:
    """Contacts, flows, seats and the matchmaker of one appliance."""

    def __init__(self, given: Surroundings, plan: Plan | None = None) -> None:
        self.given = given
        clock, name = given.clock, given.name
        self.plans = CurrentPlan(plan)
        self.turn = Turn(
            name, given.journal, command=given.command, message=given.message, soon=given.soon
        )
        self.turn.deliver = self.link
        self.hlc = HybridClock(clock)
        self.floor = LocalFloor(
            name, given.incarnation, self.turn, clock, self.plans.plan, given.site
        )
        self.budget = LinkBudget(name, given.site, self.plans)
        self.budget.on_full.append(self.floor.set_link_full)
        self.turn.before_commit.insert(0, self.budget.settle)
        book = ContactBook(
            name, given.site, given.incarnation, self.turn, self.floor, clock, self.budget
        )
        self.office = Office(
            self.turn, book, self.plans, Timers(clock, given.later), clock, self.hlc
        )
        self.rooms = self._furnish()
        self.book, self.board = self.rooms.book, self.rooms.board
        self.owner, self.offers = self.rooms.owner, self.rooms.offers
        self.switchboard = Switchboard(self.rooms)
        self.places = PlaceKeeper(self.office)
        self.expectation = Expectation(self.book, self.plans, clock)
        self.expectation.look = self.floor.views
        self.expectation.source = self.floor.proposer_of
        self.rooms.waiting.expect = self.expectation.expect
        self.rooms.waiting.told = self.expectation.told
        self.rooms.overflow.expect = self.expectation.expect
        self.rooms.callbacks.expect = self.expectation.expect
        self.escrow = EscrowDesk(self.office, self.owner, self.rooms.callbacks)
        self.sites = SiteChooser(name, self.turn, self.plans)
        self.sites.look = self.expectation.sites
        self.expectation.look_at_sites = self.floor.sites
        self.sites.expect = self.expectation.expect_at
        self.owner.give = self.sites.give
        self._kept: tuple[list[Contact], list[Seat]] = ([], [])

    def _furnish(self) -> Rooms:
        """Make the rooms, each from those to its left."""
        given, office = self.given, self.office
        turn, book, plans, timers, clock, _ = office
        overflow = OverflowWatch(office)
        waiting = WaitingRoom(office, overflow)
        overflow.on_leaving = waiting.leave
        owner = ContactOwner(office, waiting, overflow)
        recording = RecordingPolicy(turn, given.recordings, clock, enabled=given.record)
        faxes = FaxTaker(office)
        owner.on_failure = self.floor.set_failure
        written = WrittenContacts(office, owner)
        owner.talks.on_begun = lambda contact: (
            recording.talk(contact) if contact.channel == "voice" else written.watch(contact)
        )
        board = SeatBoard(
            *(given.name, given.site, given.incarnation, turn),
            floor=self.floor,
            plans=plans,
            timers=timers,
            clock=clock,
            budget=self.budget,
        )
        outside = OutsideCalls(turn, book)
        lookups = Lookups(office, given.ask)
        voicemails = Voicemails(office, written, given.recordings, given.keep_days)
        callbacks = CallBacks(office, owner, waiting)
        flow = FlowRunner(office, owner, faxes, outside, lookups, voicemails, callbacks)
        lookups.on_answer = flow.answered
        voicemails.on_recorded = flow.recorded
        voicemails.on_gone = owner.caller_down
        overflow.start = flow.start
        transfers = Transfers(office, owner, outside, waiting)
        transfers.find = lambda contact, target, tried: self.floor.find(
            contact.contact, target, tried, link_full=self.budget.is_full(leaves(contact))
        )
        outside.on_moved = transfers.outside_up
        outside.on_failed = lambda contact, reason: (
            transfers.outside_failed(contact, reason)
            if contact.phase == "moving"
            else flow.outside_failed(contact, reason)
        )
        starcodes = StarCodes(office)
        starcodes.partners = transfers.partners
        offers = SeatOffers(office, board)
        offers.on_talk = starcodes.listen
        offers.is_target = lambda token: transfers.consult.table.by_token(token) is not None
        return Rooms(
            turn=turn,
            book=book,
            plans=plans,
            arrivals=Arrivals(office, owner),
            owner=owner,
            waiting=waiting,
            flow=flow,
            overflow=overflow,
            outside=outside,
            callbacks=callbacks,
            board=board,
            offers=offers,
            proposals=SeatProposals(
                office, board, offers, self.floor.contested, self.floor.clocks
            ),
            recovery=Recovery(
                office, owner, waiting, outside, voicemails, transfers, callbacks, written
            ),
            recording=recording,
            faxes=faxes,
            voicemails=voicemails,
            transfers=transfers,
            starcodes=starcodes,
            written=written,
        )

    def remember(self, states: Iterable[tuple[str, bytes]]) -> None:
        """Read what the ledger kept, to be adopted when legs has shown its legs."""
        kept = list(states)
        self.sites.remember(kept)
        self._kept = (kept_contacts(kept), kept_seats(kept))
        self.rooms.voicemails.remember(kept)
        self.escrow.remember(kept)

    def found(self, found: Found) -> None:
        """Take legs' snapshot, at the first attach and at each later one."""
        contacts, seats = self._kept
        if self.switchboard.epoch:  # not the first: what we know ourselves is the newest
            contacts, seats = list(self.book), list(self.board)
            self.book.clear()
            self.rooms.transfers.consult.table.clear()
            self.budget.clear()
            self.board.clear()
        self._kept = ([], [])
        self.switchboard.adopt(found, contacts)
        adopt_seats(self.board, self.offers, seats, found, self.given.clock.monotonic_s())
        self.switchboard.adopt_strays(found)
        self.places.check()
        self.turn.wake()

    def event(self, record: LegsRecord) -> None:
        """Take an event of legs."""
        self.switchboard.event(record)

    def link(self, peer: str, message: LinkMessage) -> None:
        """Take a message of a peer, the hub or ourselves."""
        if isinstance(message, SeatAsk):
            self.floor.asked(peer, message)
            self.turn.wake()
        elif isinstance(message, ProposalRefused) and not self.rooms.transfers.seat_refused(
            peer, message
        ):
            self.floor.refused(peer, message)
        else:
            self.switchboard.link(peer, message)

    def take_plan(self, plan: Plan, digest: str = "") -> None:
        """Put a plan in force: the next call follows it, those in progress keep their way."""
        self.plans.take(plan)
        self.floor.set_plan(plan)
        for seat in self.board:  # their agents may take other channels now
            self.board.changed(seat)
        self.turn.note("", PlanTaken(serial=plan.serial, digest=digest))

    def tick(self) -> None:
        """Look again at what only time has changed; called about twice a second."""
        self.places.look()
        self.escrow.tick()
        self.turn.wake()
