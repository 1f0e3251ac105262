"""Routes what legs and the link say to the contact, flow or seat that it is about."""

import logging
from collections.abc import Callable
from typing import NamedTuple

from appliance.call.arrivals import Arrivals
from appliance.call.attach import Found
from appliance.call.book import ContactBook
from appliance.call.callbacks import CallBacks
from appliance.call.contact import Contact
from appliance.call.faxes import FaxTaker
from appliance.call.outside import OutsideCalls
from appliance.call.overflow import OverflowWatch
from appliance.call.owner import ContactOwner
from appliance.call.plans import CurrentPlan
from appliance.call.prompts import CONFIRMED
from appliance.call.recording import RecordingPolicy
from appliance.call.recovery import Recovery
from appliance.call.relayed import RelayedCalls
from appliance.call.transfer.desk import Transfers
from appliance.call.turn import Turn
from appliance.call.voicemails import Voicemails
from appliance.call.waiting import WaitingRoom
from appliance.call.written import WrittenContacts
from appliance.flow.runner import FlowRunner
from appliance.ledger.records import ContactAnswered, MessageTaken, TrunkChanged
from appliance.link.messages import (
    Confirm,
    LinkMessage,
    Offer,
    Propose,
    Reached,
    Release,
    SeatTold,
    SeatWanted,
    Served,
    Serving,
    ServingAck,
    TransferAsk,
    TransferTold,
)
from appliance.seat.board import SeatBoard
from appliance.seat.offers import SeatOffers
from appliance.seat.proposals import SeatProposals
from appliance.seat.requests import SeatRequests
from appliance.seat.starcodes import StarCodes
from appliance.wire import events as wire
from appliance.wire.commands import Answer, Dial, Hang, Play, ReceiveFax, RecordLeg
from appliance.wire.events import LegsRecord
from appliance.wire.rows import RELAY_CALL, LegRow

log = logging.getLogger(__name__)

#: star codes of an agent's phone, until the desk exists
READY_CODE = "*1"
PAUSE_CODE = "*2"
_DIAL = Dial.__struct_config__.tag
_RECEIVE_FAX = ReceiveFax.__struct_config__.tag
_RECORD_LEG = RecordLeg.__struct_config__.tag


class Rooms(NamedTuple):
    """Everyone that something from outside can be about."""

    turn: Turn
    book: ContactBook
    plans: CurrentPlan
    arrivals: Arrivals
    owner: ContactOwner
    waiting: WaitingRoom
    overflow: OverflowWatch
    outside: OutsideCalls
    callbacks: CallBacks
    flow: FlowRunner
    board: SeatBoard
    offers: SeatOffers
    proposals: SeatProposals
    recovery: Recovery
    recording: RecordingPolicy
    faxes: FaxTaker
    voicemails: Voicemails
    transfers: Transfers
    starcodes: StarCodes
    written: WrittenContacts


class Switchboard:
    """Knows who handles what; decides nothing itself."""

    def __init__(self, rooms: Rooms) -> None:
        self._turn = rooms.turn
        self._book = rooms.book
        self._arrivals = rooms.arrivals
        self._owner = rooms.owner
        self._waiting = rooms.waiting
        self._flow = rooms.flow
        self._outside = rooms.outside
        self._callbacks = rooms.callbacks
        self._board = rooms.board
        self._offers = rooms.offers
        self._recovery = rooms.recovery
        self._recording = rooms.recording
        self._faxes = rooms.faxes
        self._voicemails = rooms.voicemails
        self._transfers = rooms.transfers
        self._consult = rooms.transfers.consult
        self._starcodes = rooms.starcodes
        self._requests = SeatRequests(rooms.turn, rooms.board, rooms.offers)
        self._written = rooms.written
        self._relayed = RelayedCalls(rooms.turn)
        #: life of the legs process that leg numbers belong to
        self.epoch = ""
        #: legs that dialled a star code
        self._codes: set[int] = set()
        self._on: dict[type, Callable[..., None]] = {
            wire.LegIn: self._leg_in,
            wire.LegOut: self._leg_out,
            wire.LegRinging: self._leg_ringing,
            wire.LegUp: self._leg_up,
            wire.LegDown: self._leg_down,
            wire.Digit: self._digit,
            wire.PlayDone: self._play_done,
            wire.Held: self._held,
            wire.Registered: self._registered,
            wire.Unregistered: self._unregistered,
            wire.RecordingDone: self._recording_done,
            wire.Talking: self._talking,
            wire.FaxDone: self._faxes.done,
            wire.TrunkChanged: self._trunk_changed,
            wire.Message: self._message,
            wire.Refused: self._refused,
        }

        self._said: dict[type, Callable[..., None]] = {
            Propose: rooms.proposals.take,
            Offer: self._offered,
            Confirm: self._confirmed,
            Reached: self._reached,
            Release: self._released,
            SeatWanted: self._requests.wanted,
            TransferAsk: self._transfers.asked,
            TransferTold: self._requests.told,
            SeatTold: self._transfers.told,
            Serving: self._written.serving,
            ServingAck: self._offers.written.acknowledged,
            Served: self._written.served,
        }

    def event(self, record: LegsRecord) -> None:
        """Handle an event of legs."""
        handler = self._on.get(type(record))
        if handler is not None:
            handler(record)
            self._turn.wake()

    def link(self, peer: str, message: LinkMessage) -> None:
        """Handle what another appliance, the hub, or we ourselves say."""
        said = self._said.get(type(message))
        if said is None:
            log.debug("< %s from %s", type(message).__name__, peer)
        else:
            said(peer, message)

    def _offered(self, peer: str, message: Offer) -> None:
        if not self._transfers.offered(peer, message):
            self._owner.offered(peer, message)

    def _confirmed(self, peer: str, message: Confirm) -> None:
        if not self._offers.written.confirmed(peer, message):
            self._offers.confirmed(peer, message)

    def _reached(self, peer: str, message: Reached) -> None:
        if not self._consult.reached(peer, message):
            self._owner.reached(peer, message)

    def _released(self, peer: str, message: Release) -> None:
        if not self._consult.released(peer, message):
            self._owner.released(peer, message)
        self._offers.released(peer, message)
        self._written.released(peer, message)
        self._offers.written.released(peer, message)

    def peer_down(self, peer: str) -> None:
        """Free what waits for an appliance that is gone."""
        self._transfers.peer_down(peer)
        self._owner.peer_down(peer)
        self._offers.peer_down(peer)
        self._offers.written.peer_down(peer)

    def peer_up(self, peer: str) -> None:
        """Trust an appliance again that is back."""
        self._owner.peer_up(peer)
        self._offers.peer_up(peer)

    def adopt(self, found: Found, contacts: list[Contact]) -> None:
        """Take legs' snapshot: known contacts go on where their leg is."""
        self.epoch = self._callbacks.epoch = found.epoch
        self._callbacks.boot = found.boot
        self._callbacks.know_trunks(found.trunks)
        for contact in contacts:
            if self._recovery.adopt(contact, found):
                self._resume_flow(contact)

    def adopt_strays(self, found: Found) -> None:
        """Callers that nobody knows are new contacts; other unknown legs are nobody's."""
        self._relayed.adopt(found)
        for row in found.legs.values():
            if row.kind != "relay" and row.state != "down" and not self._known(row):
                self._stray(row)

    def _known(self, row: LegRow) -> bool:
        if self._book.by_leg(row.leg) or self._board.by_leg(row.leg):
            return True
        if self._book.by_agent_leg(row.leg) or self._consult.table.by_leg(row.leg):
            return True
        called = self._outside.by_leg(row.leg) or self._callbacks.by_leg(row.leg)
        return called is not None

    def _stray(self, row: LegRow) -> None:
        """A leg that no state speaks of: its caller is new to us, its agent is nobody's."""
        reservation = row.tok.partition("/")[0]
        if row.out and self._board.by_reservation(reservation) is None:
            self._turn.command(Hang(row.leg, "owner-restart"))
        elif not row.out and row.kind != "peer":
            contact = self._arrivals.take(row, self.epoch)
            if contact.up and contact.phase == "flow":
                self._resume_flow(contact)
        elif row.kind == "peer" and not row.bridge:
            self._turn.command(Hang(row.leg, "owner-restart"))

    def _resume_flow(self, contact: Contact) -> None:
        if contact.flow is not None:
            self._flow.resume(contact)
        else:
            self._begin(contact)

    # -- legs ----------------------------------------------------------------------------------

    def _leg_in(self, record: wire.LegIn) -> None:
        row = record.row
        if row.kind == "relay":
            self._relayed.came_in(row)
        elif row.kind == "peer":
            self._offers.peer_call(row)
        elif row.kind == "phone" and row.called in (READY_CODE, PAUSE_CODE):
            self._star_code(row)
        else:
            self._arrivals.take(row, self.epoch)

    def _star_code(self, row: LegRow) -> None:
        seat = self._board.by_account(row.via)
        if seat is None:
            self._turn.command(Hang(row.leg, "refused"))
            return
        if row.called == READY_CODE:
            self._board.resume(seat)
        else:
            self._board.pause(seat, "agent")
        self._codes.add(row.leg)
        self._turn.command(Answer(row.leg))

    def _leg_out(self, record: wire.LegOut) -> None:
        reservation, _, is_phone = record.tok.partition("/")
        if reservation.startswith(RELAY_CALL):
            return
        if is_phone:
            seat = self._board.by_reservation(reservation)
            if seat is not None:
                self._offers.phone_out(seat, record.leg)
                return
        elif contact := self._book.by_reservation(reservation):
            self._owner.agent_leg_out(contact, record.leg)
            return
        elif contact := self._consult.table.by_token(reservation):
            self._consult.table.set_leg(contact, record.leg)
            return
        elif contact := self._outside.by_tok(record.tok):
            self._outside.leg_out(contact, record.leg)
            return
        elif contact := self._callbacks.by_tok(record.tok):
            self._callbacks.leg_out(contact, record.leg)
            return
        self._turn.command(Hang(record.leg, "cancelled"))

    def _leg_ringing(self, record: wire.LegRinging) -> None:
        if seat := self._board.by_leg(record.leg):
            self._offers.phone_ringing(seat)
        elif contact := self._book.by_agent_leg(record.leg):
            self._owner.agent_leg_ringing(contact)
        elif contact := self._consult.table.by_leg(record.leg):
            self._consult.ringing(contact)

    def _leg_up(self, record: wire.LegUp) -> None:
        leg = record.leg
        if contact := self._book.by_leg(leg):
            contact.up = True
            self._turn.note(contact.contact, ContactAnswered())
            self._begin(contact)
        elif seat := self._board.by_leg(leg):
            if seat.reservation is not None and leg == seat.reservation.leg_phone:
                self._offers.phone_up(seat)
        elif contact := self._book.by_agent_leg(leg):
            self._owner.connect(contact)
        elif contact := self._consult.table.by_leg(leg):
            self._consult.up(contact)
        elif contact := self._outside.by_leg(leg):
            self._outside.answered(contact)
        elif contact := self._callbacks.by_leg(leg):
            self._callbacks.answered(contact)
        elif self._relayed.up(leg, record.t):
            pass
        elif leg in self._codes:
            self._turn.command(Play(leg, 1, list(CONFIRMED)))

    def _begin(self, contact: Contact) -> None:
        """The caller hears us: begin the flow, or what waiting callers hear."""
        if contact.phase == "flow":
            self._flow.start(contact, contact.entry)
        elif contact.phase in ("waiting", "reserved"):
            self._waiting.enter(contact)
        self._book.changed(contact)

    def _leg_down(self, record: wire.LegDown) -> None:
        leg, reason = record.leg, record.reason
        if self._relayed.down(leg, reason, record.t):
            return
        if contact := self._book.by_leg(leg):
            self._flow.leave(contact)
            if not self._voicemails.caller_gone(contact, reason):
                self._owner.caller_down(contact, reason)
            return
        if contact := self._outside.by_leg(leg):
            self._outside.down(contact, reason)
            return
        if contact := self._callbacks.by_leg(leg):
            self._callbacks.down(contact, reason)
            return
        contact, target_of = self._book.by_agent_leg(leg), self._consult.table.by_leg(leg)
        if seat := self._board.by_leg(leg):
            self._offers.leg_down(seat, leg, reason)
        if contact is not None:
            self._owner.agent_leg_down(contact, reason)
        if target_of is not None:
            self._consult.target_down(target_of, reason)
        self._codes.discard(leg)
        self._starcodes.gone(leg)

    def _held(self, record: wire.Held) -> None:
        if seat := self._board.by_leg(record.leg):
            self._offers.on_hold(seat, on=record.on)
            if contact := self._book.by_agent_leg(record.leg):
                self._owner.talks.hold(contact, on=record.on)

    def _digit(self, record: wire.Digit) -> None:
        if contact := self._book.by_leg(record.leg):
            self._flow.digit(contact, record.digit)
        elif seat := self._board.by_leg(record.leg):
            self._starcodes.digit(seat, record)

    def _talking(self, record: wire.Talking) -> None:
        contact = self._book.by_leg(record.leg)
        if contact is not None:
            self._flow.talking(contact, on=record.on)

    def _recording_done(self, record: wire.RecordingDone) -> None:
        if not self._voicemails.done(record):
            self._recording.done(record)

    def _play_done(self, record: wire.PlayDone) -> None:
        contact = self._book.by_leg(record.leg)
        if contact is None:
            if record.leg in self._codes and record.why == "end":
                self._turn.command(Hang(record.leg))
            self._consult.play_done(record.leg, record.why)
        elif contact.phase == "flow":
            self._flow.play_done(contact, record.play, record.why)
        else:
            self._waiting.play_done(contact, record.play, record.why)

    def _refused(self, record: wire.Refused) -> None:
        log.debug("legs refused command %d (%s): %s", record.command, record.about, record.reason)
        if record.command == _RECEIVE_FAX:
            self._faxes.refused(record)
        if record.command == _RECORD_LEG:
            self._voicemails.refused(record)
        if record.command != _DIAL:
            return
        reservation, _, is_phone = record.about.partition("/")
        if is_phone:
            if seat := self._board.by_reservation(reservation):
                self._offers.refused(seat, record.reason)
        elif contact := self._book.by_reservation(reservation):
            self._owner.agent_leg_down(contact, record.reason)
        elif contact := self._consult.table.by_token(reservation):
            self._consult.target_down(contact, record.reason)
        elif contact := self._outside.by_tok(record.about):
            self._outside.down(contact, record.reason)
        elif contact := self._callbacks.by_tok(record.about):
            self._callbacks.down(contact, record.reason)

    # -- phones, trunks, messages --------------------------------------------------------------

    def _registered(self, record: wire.Registered) -> None:
        self._board.phone_there(record.registration.account)

    def _unregistered(self, record: wire.Unregistered) -> None:
        self._board.phone_gone(record.account)

    def _trunk_changed(self, record: wire.TrunkChanged) -> None:
        trunk = record.trunk
        self._callbacks.know_trunks([trunk])
        self._turn.note("", TrunkChanged(trunk=trunk.name, up=trunk.up, reason=trunk.reason))

    def _message(self, record: wire.Message) -> None:
        fact = MessageTaken(
            line=record.line, sender=record.sender, text=record.text, slot=record.slot
        )
        self._turn.note("", fact)
