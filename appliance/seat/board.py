"""The seats of this appliance: who is there, in which state, kept and published."""

from collections.abc import Callable, Iterator

from appliance.base.clock import Clock
from appliance.call.book import FloorWriter
from appliance.call.linkbudget import LinkBudget
from appliance.call.plans import CurrentPlan
from appliance.call.timers import Timers
from appliance.call.turn import Turn
from appliance.ledger.records import SeatChanged, WrapUpEnded, WrapUpStarted
from appliance.plan.model import Channel
from appliance.routing.model import SeatState
from appliance.seat.state import Reservation, Seat, Work, has_room, row_of

#: what a seat's kept state is filed under
SEAT_KEY = "seat/"


class SeatBoard:
    """All agents logged in here. A registered phone is a seat, until the desk exists."""

    def __init__(
        self,
        name: str,
        site: str,
        incarnation: int,
        turn: Turn,
        floor: FloorWriter,
        plans: CurrentPlan,
        timers: Timers,
        clock: Clock,
        budget: LinkBudget,
    ) -> None:
        self.budget = budget
        self.name = name
        self.site = site
        self.incarnation = incarnation
        self._turn = turn
        self._floor = floor
        self._plans = plans
        self._timers = timers
        self._clock = clock
        self._seats: dict[str, Seat] = {}
        self._by_account: dict[str, Seat] = {}
        self._by_reservation: dict[str, Seat] = {}
        self._by_leg: dict[int, Seat] = {}
        #: reservation of a written contact -> its seat
        self._by_work: dict[str, Seat] = {}
        #: told of each change of state, for telemetry
        self.on_change: Callable[[Seat], None] = lambda _seat: None
        #: told of a seat that takes nothing more, and why, before it says so
        self.on_closing: Callable[[Seat, str], None] = lambda _seat, _reason: None

    def __iter__(self) -> Iterator[Seat]:
        return iter(list(self._seats.values()))

    def __len__(self) -> int:
        return len(self._seats)

    def clear(self) -> None:
        """Forget the table, not what is kept; every seat is about to be adopted anew."""
        tables = (self._seats, self._by_account, self._by_reservation, self._by_leg, self._by_work)
        for table in tables:
            table.clear()

    def get(self, seat: str) -> Seat | None:
        """Return the seat of this agent."""
        return self._seats.get(seat)

    def by_account(self, account: str) -> Seat | None:
        """Return the seat whose phone has this account."""
        return self._by_account.get(account)

    def by_reservation(self, reservation: str) -> Seat | None:
        """Return the seat that *reservation* holds."""
        return self._by_reservation.get(reservation)

    def by_leg(self, leg: int) -> Seat | None:
        """Return the seat that *leg*, a phone's or a peer's, belongs to."""
        return self._by_leg.get(leg)

    # -- presence ------------------------------------------------------------------------------

    def phone_there(self, account: str) -> None:
        """Log in the agent whose phone registered; a refresh changes nothing."""
        agent = self._plans.agent_by_account.get(account)
        if agent is None:
            return
        seat = self._seats.get(agent.name)
        if seat is None:
            epoch = self._clock.wall_us() // 1000
            self.add(Seat(seat=agent.name, account=account, epoch=epoch))
            self.set_state(self._seats[agent.name], "ready")
        elif seat.state == "away":
            seat.epoch = self._clock.wall_us() // 1000
            self.set_state(seat, "ready")

    def phone_gone(self, account: str) -> None:
        """Log out the agent whose phone is gone; a talk is left to its legs."""
        seat = self._by_account.get(account)
        if seat is None:
            return
        if seat.reservation is not None and seat.reservation.phase == "talking":
            seat.pause_after = False
            seat.why = "phone-gone"
        else:
            self.remove(seat)

    def add(self, seat: Seat) -> None:
        """Take a seat in, new or adopted."""
        self._seats[seat.seat] = seat
        self._by_account[seat.account] = seat
        if seat.reservation is not None:
            self.hold(seat, seat.reservation)
        for reservation in seat.work:
            self._by_work[reservation] = seat

    def remove(self, seat: Seat) -> None:
        """Forget a seat."""
        self.on_closing(seat, "seat-gone")
        self.free(seat)
        self._timers.cancel(_timer(seat))
        self._seats.pop(seat.seat, None)
        self._by_account.pop(seat.account, None)
        self._note(seat, "away")
        self._floor.drop_seat(seat.seat)
        self._turn.forget(SEAT_KEY + seat.seat)
        seat.state = "away"
        self.on_change(seat)

    # -- states --------------------------------------------------------------------------------

    def set_state(self, seat: Seat, state: SeatState, why: str = "") -> None:
        """Change state, keep and publish."""
        now = self._clock.monotonic_s()
        if state == "paused":
            self.on_closing(seat, "seat-paused")
        seat.since = now
        if state == "ready":
            seat.t_ready = now
        seat.state, seat.why = state, why
        seat.fence += 1
        self._note(seat, state)
        self.publish(seat)
        self.on_change(seat)

    def publish(self, seat: Seat) -> None:
        """Publish and keep the seat as it is."""
        now = self._clock.monotonic_s()
        agent = self._plans.agents.get(seat.seat)
        row = row_of(seat, self.name, self.incarnation, self.site, now, agent)
        self._floor.set_seat(row)
        self._turn.keep(SEAT_KEY + seat.seat, seat)

    def changed(self, seat: Seat) -> None:
        """Keep and publish a seat that takes other contacts than before, in its old state."""
        seat.fence += 1
        self.publish(seat)

    def keep(self, seat: Seat) -> None:
        """Keep a change that routing need not see."""
        self._turn.keep(SEAT_KEY + seat.seat, seat)

    def pause(self, seat: Seat, why: str) -> None:
        """Make the seat not ready, after the talk if one runs."""
        if seat.reservation is not None:
            seat.pause_after = True
            self.keep(seat)
        else:
            self._timers.cancel(_timer(seat))
            self.set_state(seat, "paused", why)

    def resume(self, seat: Seat) -> None:
        """Make the seat ready; ends a wrap-up too."""
        seat.pause_after = False
        if seat.reservation is None:
            self._timers.cancel(_timer(seat))
            self.set_state(seat, "ready")

    def back_to_ready(self, seat: Seat) -> None:
        """Undo an offer that came to nothing: ready again, idle since before it."""
        since = seat.t_ready
        if seat.pause_after:
            seat.pause_after = False
            self.set_state(seat, "paused", "agent")
            return
        self.set_state(seat, "ready")
        seat.since = seat.t_ready = since
        self.publish(seat)

    # -- reservations and legs -----------------------------------------------------------------

    def has_room(self, seat: Seat, channel: Channel) -> bool:
        """Tell whether the plan lets *seat* take one more contact of *channel*."""
        agent = self._plans.agents.get(seat.seat)
        return agent is not None and has_room(seat, agent, channel)

    def by_work(self, reservation: str) -> Seat | None:
        """Return the seat at which *reservation* holds a slot for a written contact."""
        return self._by_work.get(reservation)

    def add_work(self, seat: Seat, work: Work) -> None:
        """Note a written contact that holds a slot."""
        seat.work[work.reservation] = work
        self._by_work[work.reservation] = seat

    def drop_work(self, seat: Seat, work: Work) -> None:
        """Free the slot of a written contact."""
        seat.work.pop(work.reservation, None)
        self._by_work.pop(work.reservation, None)

    def hold(self, seat: Seat, reservation: Reservation) -> None:
        """Note the reservation that holds the seat."""
        seat.reservation = reservation
        self._by_reservation[reservation.reservation] = seat
        self.budget.take(reservation.reservation, reservation.contact_owner)
        for leg in (reservation.leg_phone, reservation.leg_in):
            self.set_leg(seat, leg)

    def set_leg(self, seat: Seat, leg: int) -> None:
        """Note a leg that belongs to the seat's reservation."""
        if leg:
            self._by_leg[leg] = seat

    def free(self, seat: Seat) -> None:
        """Forget the reservation and its legs."""
        held = seat.reservation
        if held is None:
            return
        self._by_reservation.pop(held.reservation, None)
        self.budget.free(held.reservation)
        self._by_leg.pop(held.leg_phone, None)
        if self._by_leg.get(held.leg_in) is seat:
            del self._by_leg[held.leg_in]
        seat.reservation = None

    def wrap_up(self, seat: Seat, seconds: float) -> None:
        """Give the agent time for notes; the wrap-up belongs to the agent, not to a queue."""
        if seat.why == "phone-gone":
            self.remove(seat)
        elif not seconds:
            self._after_wrap_up(seat)
        else:
            self.arm_wrap_up(seat, self._clock.monotonic_s() + seconds)
            self.set_state(seat, "wrap-up")
            self._turn.note("", WrapUpStarted(seat=seat.seat, seconds=seconds))

    def cut_wrap_up(self, seat: Seat) -> None:
        """End a wrap-up before its time, for a contact that comes back."""
        if seat.state == "wrap-up":
            self._timers.cancel(_timer(seat))
            seconds = self._clock.monotonic_s() - seat.since
            self._turn.note("", WrapUpEnded(seat=seat.seat, seconds=seconds))

    def arm_wrap_up(self, seat: Seat, due: float) -> None:
        """End the wrap-up at *due*."""
        name = seat.seat
        seat.due = due
        self._timers.arm(_timer(seat), due, lambda: self._wrapped_up(name))

    def _wrapped_up(self, name: str) -> None:
        seat = self._seats.get(name)
        if seat is not None and seat.state == "wrap-up":
            seconds = self._clock.monotonic_s() - seat.since
            self._turn.note("", WrapUpEnded(seat=name, seconds=seconds))
            self._after_wrap_up(seat)

    def _after_wrap_up(self, seat: Seat) -> None:
        if seat.pause_after:
            seat.pause_after = False
            self.set_state(seat, "paused", "agent")
        else:
            self.set_state(seat, "ready")

    def _note(self, seat: Seat, state: str) -> None:
        facts = SeatChanged(seat=seat.seat, epoch=seat.epoch, state=state, reason=seat.why)
        self._turn.note("", facts)


def _timer(seat: Seat) -> str:
    return f"wrap-up/{seat.seat}"
