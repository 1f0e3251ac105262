"""What matchmakers propose for this appliance's seats: followed, or refused by word."""

from collections.abc import Callable, Mapping

from appliance.call.office import Office
from appliance.link.messages import ProposalRefused, Propose
from appliance.routing.contest import best
from appliance.routing.model import Proposal
from appliance.routing.trace import pack
from appliance.seat.board import SeatBoard
from appliance.seat.offers import SeatOffers
from appliance.seat.state import Seat

#: how long a seat that two matchmakers propose for waits for the better proposal [s]: more than
#: the difference of their ways here, less than anybody notices
COLLECT_S = 0.02


class SeatProposals:
    """Takes proposals; where several may come for a seat, the best of them."""

    def __init__(
        self,
        office: Office,
        board: SeatBoard,
        offers: SeatOffers,
        contested: Callable[[str], bool],
        clocks: Mapping[str, int],
    ) -> None:
        self._turn, self._timers, self._clock = office.turn, office.timers, office.clock
        self._board = board
        self._offers = offers
        #: whether more than one matchmaker may propose for a seat of ours now
        self._contested = contested
        #: appliances whose clock is off, and how far [ms]
        self._clocks = clocks
        #: seat -> proposals that wait for others, each with its matchmaker
        self._collected: dict[str, list[tuple[str, Proposal]]] = {}

    def take(self, matchmaker: str, message: Propose) -> None:
        """Reserve the seat for the proposed contact and offer it to the contact's owner.

        While two matchmakers may propose, the first waits a moment for what the other says.
        """
        proposal = message.proposal
        name = proposal.seat
        seat = self._board.get(name)
        against = self._against(seat, proposal)
        if seat is None or against:
            self._refuse(matchmaker, proposal, against or "seat-gone")
        elif name in self._collected:
            self._collected[name].append((matchmaker, proposal))
        elif self._contested(name):
            self._collected[name] = [(matchmaker, proposal)]
            due = self._clock.monotonic_s() + COLLECT_S
            self._timers.arm(f"collect/{name}", due, lambda: self._settle(name))
        else:
            self._follow(seat, proposal)

    def _settle(self, name: str) -> None:
        """Take the best of the proposals that came for a seat, and refuse the others."""
        collected = self._collected.pop(name)
        seat = self._board.get(name)
        able = []
        for matchmaker, proposal in collected:
            against = self._against(seat, proposal)
            if against:
                self._refuse(matchmaker, proposal, against)
            else:
                able.append((matchmaker, proposal))
        if seat is None or not able:
            return
        chosen = best((proposal for _, proposal in able), self._clocks)
        for matchmaker, proposal in able:
            if proposal is not chosen:
                self._refuse(matchmaker, proposal, "seat-busy")
        self._follow(seat, chosen)

    def _refuse(self, matchmaker: str, proposal: Proposal, reason: str) -> None:
        refused = ProposalRefused(proposal.contact, proposal.seat, reason)
        self._turn.message(matchmaker, refused)

    def _follow(self, seat: Seat, proposal: Proposal) -> None:
        if proposal.channel == "voice":
            self._reserve(seat, proposal)
        else:
            self._offers.written.reserve(seat, proposal)

    def _reserve(self, seat: Seat, proposal: Proposal) -> None:
        owner, incarnation = proposal.contact_owner, proposal.contact_incarnation
        held = self._offers.hold(seat, proposal.contact, owner, incarnation)
        self._offers.offer(seat, held, proposal.contact_fence, pack(proposal))

    def _against(self, seat: Seat | None, proposal: Proposal) -> str:
        """Return why *proposal* cannot be followed, or nothing."""
        if seat is None:
            return "seat-gone"
        if proposal.seat_incarnation != self._board.incarnation:
            return "stale-incarnation"
        if seat.epoch != proposal.seat_epoch:
            return "stale-fence"
        if seat.state == "paused":
            return "seat-paused"
        voice = proposal.channel == "voice"
        if not self._board.has_room(seat, proposal.channel) or (voice and seat.state != "ready"):
            return "seat-busy"
        return self._board.budget.against(proposal.contact_owner) if voice else ""
