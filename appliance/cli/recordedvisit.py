"""One contact of a recorded day, put together entry by entry."""

from collections.abc import Callable
from typing import Any, ClassVar, cast, get_args

from appliance.ledger.records import (
    ContactArrived,
    ContactConnected,
    ContactEnded,
    ContactMoved,
    ContactQueued,
    Fact,
    OfferEnded,
    PlaceCorrected,
    SeatOffered,
    TalkEnded,
)
from appliance.plan.model import Channel
from appliance.routing.day import Detour, Failed, Stay, Visit
from appliance.routing.model import Place

#: an agent who is not ready within this after an offer came to nothing is so because of it [µs]
_SOON_US = 5_000_000


class RecordedVisit:
    """What the entries read so far say of one contact."""

    def __init__(self, contact: str, owner: str, arrived: ContactArrived) -> None:
        self._contact = contact
        self.owner = owner
        #: of the plan that its owner obeys now; -1: not known
        self.serial = -1
        self._arrival = arrived.arrival
        self._channel = arrived.channel
        #: what it waited for at first, and in the end
        self.stay: Stay | None = None
        self.last_stay = Stay(queue="")
        self._joined_us = 0
        #: seat that it is offered to, and since when
        self._at_seat = ("", 0)
        #: reservation -> (seat, time)
        self._offers: dict[str, tuple[str, int]] = {}
        #: seat -> offers that came to nothing
        self._failed: dict[str, list[Failed]] = {}
        self._failed_us: dict[str, int] = {}
        #: seat -> when it was made not ready by an offer
        self._left: dict[str, int] = {}
        self._away: dict[str, int] = {}
        #: the flow it is in, by overflow, and since when
        self._in_flow: tuple[str, int] | None = None
        self._detours: list[Detour] = []
        #: who talked with it
        self.seat = ""
        self._connected_us = 0
        self._setup_us = self._talk_us = self._wrap_up_us = -1
        self._talked_us = 0
        self._ended: ContactEnded | None = None
        self._ended_us = 0

    def take(self, at_us: int, fact: Fact) -> None:
        """Take one more entry of the contact."""
        step = self._steps.get(type(fact))
        if step is not None:
            step(self, at_us, fact)

    def _offered(self, at_us: int, fact: SeatOffered) -> None:
        self._offers[fact.reservation] = self._at_seat = (fact.seat, at_us)

    def _moved(self, at_us: int, fact: ContactMoved) -> None:
        if fact.by == "overflow":
            self._in_flow = (fact.to, at_us)

    def _corrected(self, _: int, fact: PlaceCorrected) -> None:
        self._arrival = fact.arrival

    def _talk_ended(self, at_us: int, _: TalkEnded) -> None:
        if self._talk_us < 0 and self.seat:
            self._talk_us = max(0, at_us - self._connected_us)
            self._talked_us = at_us

    def _connected(self, at_us: int, fact: ContactConnected) -> None:
        if not self.seat:
            self.seat, self._connected_us = fact.seat, at_us
            self._at_seat = ("", 0)
            _, offered_us = self._offers.get(fact.reservation, ("", at_us))
            self._setup_us = max(0, at_us - offered_us)

    def _over(self, at_us: int, fact: ContactEnded) -> None:
        self._ended, self._ended_us = fact, at_us
        if self._in_flow is not None:  # who gave up there would have been in it for longer
            self._came_back(at_us + (fact.outcome != "released"), None)

    def _queued(self, at_us: int, fact: ContactQueued) -> None:
        stay = Stay(
            queue=fact.queue,
            klass=fact.klass,
            skills=fact.skills,
            agent=fact.agent,
            site=fact.site,
            serial=self.serial,
        )
        self._joined_us = self._joined_us or at_us
        self.last_stay = stay
        if self._in_flow is not None:
            self._came_back(at_us, stay)
        elif not self._offers and not self._detours:
            self.stay = stay

    def _came_back(self, at_us: int, stay: Stay | None) -> None:
        """Note what a flow did with it."""
        assert self._in_flow is not None  # noqa: S101 - asked for by the caller
        flow, since_us = self._in_flow
        self._in_flow = None
        queue = next((d.stay.queue for d in reversed(self._detours) if d.stay), "")
        queue = queue or (self.stay.queue if self.stay else "")
        took_us = max(0, at_us - since_us)
        self._detours.append(Detour(queue=queue, flow=flow, took_us=took_us, stay=stay))

    def _offer_ended(self, at_us: int, fact: OfferEnded) -> None:
        seat, offered_us = self._offers.get(fact.reservation, (fact.seat, at_us))
        self._at_seat = ("", 0)
        self._failed_us[seat] = at_us
        failed = Failed(max(0, at_us - offered_us), fact.reason)
        self._failed.setdefault(seat, []).append(failed)

    _steps: ClassVar[dict[type[Fact], Callable[["RecordedVisit", int, Any], None]]] = {
        ContactConnected: _connected,
        ContactEnded: _over,
        ContactMoved: _moved,
        ContactQueued: _queued,
        OfferEnded: _offer_ended,
        PlaceCorrected: _corrected,
        SeatOffered: _offered,
        TalkEnded: _talk_ended,
    }

    # -- what seats tell -----------------------------------------------------------------------

    def blamed(self, seat: str, at_us: int) -> bool:
        """Tell whether an agent who is not ready now is so because of an offer of this contact."""
        return self._at_seat[0] == seat or at_us - self._failed_us.get(seat, 0) <= _SOON_US

    def left(self, seat: str, at_us: int) -> None:
        """Note that the agent was made not ready by the offer."""
        self._left[seat] = at_us
        self._away[seat] = -1

    def came_back(self, seat: str, at_us: int) -> None:
        """Note that the agent is ready again."""
        self._away[seat] = max(1, at_us - self._left[seat])

    def noted(self, at_us: int) -> None:
        """Note that the agent has done what followed the talk."""
        self._wrap_up_us = max(0, at_us - self._talked_us)

    def visit(self, home: str, end_us: int) -> Visit:
        """Return it as routing sees it; the day ended at *end_us*."""
        assert self.stay is not None  # noqa: S101 - asked for by the caller
        talk_us = self._talk_us
        if self.seat and talk_us < 0:
            talk_us = end_us - self._connected_us  # it outlasted what was recorded
        gone = self._ended is not None and not self.seat
        gone_us = max(0, self._ended_us - self._joined_us) if gone else -1
        unheard, offered_us = self._at_seat if gone else ("", 0)
        ended = self._ended.outcome if self._ended is not None else "open"
        let_go = bool(self._detours) and self._detours[-1].stay is None
        let_go = let_go and ended in ("released", "voicemail")
        return Visit(
            contact=self._contact,
            owner=self.owner,
            place=Place(self._arrival, self.owner, self._contact),
            joined_us=self._joined_us,
            stay=self.stay,
            channel=_channel(self._channel),
            home=home,
            patience_us=-1 if let_go else gone_us,
            parting=self._ended.outcome if self._ended and gone and not let_go else "abandoned",
            let_go_us=gone_us if let_go else -1,
            seat=self.seat,
            waited_us=max(0, self._connected_us - self._joined_us) if self.seat else 0,
            setup_us=self._setup_us,
            talk_us=talk_us,
            wrap_up_us=self._wrap_up_us,
            unheard=unheard,
            unheard_us=max(0, self._ended_us - offered_us) if unheard else 0,
            failed={seat: self._failures(seat) for seat in self._failed},
            detours=tuple(self._detours),
        )

    def _failures(self, seat: str) -> tuple[Failed, ...]:
        """Return the offers to *seat* that came to nothing; the last made it not ready, if any."""
        *some, last = self._failed[seat]
        return (*some, Failed(last.after_us, last.reason, self._away.get(seat, 0)))


def _channel(word: str) -> Channel:
    """Return the channel of that name; what is not known here counts as voice."""
    return cast(Channel, word) if word in get_args(Channel) else "voice"
