"""Call-backs: a caller leaves a number, and the same contact waits on at its place without a leg.

Its row is as any other's, so `decide` treats it as it does others. The agent comes first: the seat
is reserved, the agent's phone rings and shows whom it is about, and only when the agent has
answered is the caller called. So no more are being called than agents are held for them, and who
picks up finds somebody there.
"""

from collections.abc import Callable, Iterable

from appliance.base.errors import PeerError
from appliance.base.ids import new_id
from appliance.call.contact import CallBack, Contact, had_agent, is_away
from appliance.call.office import Office
from appliance.call.owner import ContactOwner
from appliance.call.twins import awaited, on_line, twin_of
from appliance.call.waiting import WaitingRoom
from appliance.ledger.records import (
    CallBackFailed,
    CallBackMade,
    CallBackPromised,
    CallBackScored,
    ContactLeft,
    ContactMoved,
    ContactReturned,
    OfferEnded,
)
from appliance.link.messages import Release
from appliance.plan.actions import PromiseCallBack
from appliance.wire.commands import Dial, Hang, Play
from appliance.wire.rows import TrunkState

#: what the agent hears while the caller is called
RINGING = "tone:ringback"
#: a call is given up this long after legs should have [s]
RING_GRACE_S = 5.0
#: how long it may take to hear whether a caller may be called [s]; the agent hears it ring
CLEAR_S = 3.0
#: expected wait of a contact: low and high end [s], or None where nothing is known
Expect = Callable[[Contact], tuple[float, float] | None]


class CallBacks:
    """Promises, calls, and scores what was promised."""

    def __init__(self, office: Office, owner: ContactOwner, waiting: WaitingRoom) -> None:
        self._turn, self._book = office.turn, office.book
        self._timers, self._clock = office.timers, office.clock
        self._owner = owner
        self._waiting = waiting
        self._by_tok: dict[str, Contact] = {}
        self._by_leg: dict[int, Contact] = {}
        self._trunks: dict[str, TrunkState] = {}
        #: life of the machine, and of the legs process that leg numbers belong to
        self.boot = ""
        self.epoch = ""
        #: set by the composition root
        self.expect: Expect = lambda _contact: None
        #: asked before a caller is called: whether it may be at once; else `go` comes later
        self.clear: Callable[[Contact], bool] = lambda _contact: True
        #: told of a contact that was promised a call, left, or is over: the escrow follows it
        self.on_change: Callable[[Contact], None] = lambda _contact: None
        owner.stays = self.caller_left
        owner.returns = self.returned
        owner.on_agent = self.call
        owner.on_taken_back = self.stop
        office.book.on_ended.append(lambda contact, _outcome, reason: self._ended(contact, reason))

    def know_trunks(self, trunks: Iterable[TrunkState]) -> None:
        """Take what this box can call by."""
        self._trunks.update((trunk.name, trunk) for trunk in trunks)

    def possible(self, trunk: str) -> bool:
        """Tell whether this box could call anybody back by *trunk*."""
        return trunk in self._trunks

    def some_trunk(self, wanted: str) -> str:
        """Return the trunk to call by: *wanted*, or another of this box; empty: it has none."""
        return wanted if wanted in self._trunks else min(self._trunks, default="")

    def by_tok(self, tok: str) -> Contact | None:
        """Return the contact that is called with this token."""
        return self._by_tok.get(tok)

    def by_leg(self, leg: int) -> Contact | None:
        """Return the contact that is called on this leg and has not answered."""
        return self._by_leg.get(leg)

    # -- the promise ---------------------------------------------------------------------------

    def promise(
        self, contact: Contact, agreed: PromiseCallBack, skills: dict[str, int], agent: str = ""
    ) -> float:
        """Keep the number, and the place; return the middle of the window [s]."""
        step, before = agreed.step, contact.callback
        contact.queue, contact.klass = step.queue, step.klass or contact.klass
        interval = self.expect(contact) or (0.0, 0.0)
        low_s, high_s = interval[0], max(interval[1], step.window_s)
        now_s = self._clock.monotonic_s()
        contact.callback = CallBack(
            number=agreed.number,
            trunk=step.trunk,
            country=step.country,
            queue=step.queue,
            klass=step.klass,
            skills=skills,
            agent=agent,
            ring_s=step.ring_s,
            gap_s=step.gap_s,
            calls=step.calls,
            t_promised=now_s,
            boot=self.boot,
            wall_us=self._clock.wall_us(),
            low_s=low_s,
            high_s=high_s,
        )
        if before is not None:  # a later promise takes the place of an earlier one, in escrow too
            contact.callback.holder, contact.callback.told = before.holder, before.told
            contact.callback.doubt, contact.callback.held = before.doubt, before.held
        fact = CallBackPromised(
            number=agreed.number,
            queue=step.queue,
            low_s=low_s,
            high_s=high_s,
            klass=contact.klass,
        )
        self._turn.note(contact.contact, fact)
        self._book.changed(contact)
        self.on_change(contact)
        return sum(interval) / 2 if interval[1] else high_s

    def caller_left(self, contact: Contact, reason: str) -> bool:
        """Let a contact whose caller left a number wait on; tell whether it does."""
        back = contact.callback
        answered = contact.outside is not None and contact.outside.up
        if back is None or answered or had_agent(contact):
            return False
        self._turn.note(contact.contact, ContactLeft(reason=reason))
        if twin := twin_of(contact, back, self._book.left()):
            self._turn.note(contact.contact, ContactMoved(to=twin.contact, by="call-back"))
            self._release(contact)
            self._book.end(contact, "released", "merged")
            return True
        self._release(contact)
        self._book.set_leg(contact, 0, "")
        contact.up, contact.on_hold, contact.outside = False, False, None
        back.waits = True
        if contact.phase == "flow":
            self._owner.enqueue(contact, back.queue, back.skills, back.klass, back.agent)
        else:
            contact.phase = "waiting"
            self._book.changed(contact)
        self.on_change(contact)
        return True

    def _release(self, contact: Contact) -> None:
        """Give back the seat that was being reached."""
        booking = contact.booking
        if booking is not None:
            release = Release(booking.reservation, booking.fence, "caller-gone")
            self._turn.message(booking.seat_owner, release)
            ended = OfferEnded(reservation=booking.reservation, reason="caller-gone")
            self._turn.note(contact.contact, ended)
            self._book.drop_booking(contact)

    def returned(self, contact: Contact, queue: str) -> bool:
        """Let a caller who is to be called back there take that place; tell whether it is so."""
        if not contact.leg or contact.callback is not None:
            return False
        other = awaited(contact, queue, self._book.left())
        if other is not None:
            self._merge(other, contact)
        return other is not None

    def _merge(self, waiting: Contact, caller: Contact) -> None:
        back = waiting.callback
        assert back is not None  # noqa: S101 - it was found by its number
        leg, epoch, up = caller.leg, caller.epoch, caller.up
        caller.phase = "waiting"
        self._waiting.leave(caller)
        self._turn.note(caller.contact, ContactMoved(to=waiting.contact, by="call-back"))
        self._book.end(caller, "released", "merged")
        self._timers.cancel(_timer(waiting))
        waiting.phase, waiting.up, back.waits = "waiting", up, False
        waiting.keys = caller.keys or waiting.keys
        self._book.set_leg(waiting, leg, epoch)
        fact = ContactReturned(leg=leg, epoch=epoch, was=caller.contact)
        self._turn.note(waiting.contact, fact)
        self._waiting.enter(waiting)
        self._book.changed(waiting)
        self.on_change(waiting)

    # -- the call ------------------------------------------------------------------------------

    def call(self, contact: Contact) -> None:
        """Call the caller for an agent who has answered."""
        back, booking = contact.callback, contact.booking
        if back is None or booking is None or back.tok:
            return
        if why := self._owner.barred(contact):
            self._owner.take_back(contact, why)
            self._turn.command(Hang(booking.leg, why))
            return
        back.tok = new_id()
        back.calls -= 1
        self._turn.command(Play(booking.leg, 1, [RINGING], True))
        self._by_tok[back.tok] = contact
        self._book.changed(contact)
        self.on_change(contact)
        if self.clear(contact):
            self.go(contact)
        else:
            due_s = self._clock.monotonic_s() + CLEAR_S
            self._timers.arm(_timer(contact), due_s, lambda: self._not_cleared(contact.contact))

    def go(self, contact: Contact) -> None:
        """Call the caller, whom nobody else will call now."""
        back = contact.callback
        if back is None or not back.tok:
            return
        self._score(contact, back, kept=self._after_s(back) <= back.high_s)
        fact = CallBackMade(number=back.number, via=back.trunk, left=back.calls)
        self._turn.note(contact.contact, fact)
        self.dial(contact)

    def _not_cleared(self, name: str) -> None:
        contact = self._book.get(name)
        if contact is not None and contact.callback and contact.callback.tok:
            contact.callback.calls += 1
            self.down(contact, "lease-lost")

    def dial(self, contact: Contact) -> None:
        """Send the command to call; a repeated one is the same call."""
        back, booking = contact.callback, contact.booking
        if back is None or booking is None or not back.tok:
            return
        trunk = self._trunks.get(back.trunk)
        dial = Dial(
            tok=back.tok,
            kind=trunk.kind if trunk else "trunk",
            via=back.trunk,
            to=back.number,
            owner=booking.leg,
            caller=contact.called,
            ring_s=back.ring_s,
        )
        self._turn.command(dial)
        due_s = self._clock.monotonic_s() + back.ring_s + RING_GRACE_S
        self._timers.arm(_timer(contact), due_s, lambda: self._lapsed(contact.contact))

    def leg_out(self, contact: Contact, leg: int) -> None:
        """Note the leg that was dialled."""
        if contact.callback is not None:
            contact.callback.leg = leg
            self._by_leg[leg] = contact
            self._book.changed(contact)

    def answered(self, contact: Contact) -> None:
        """Let the two hear each other."""
        back = contact.callback
        if back is None:
            return
        leg = back.leg
        self._forget(contact)
        back.waits = False
        contact.up = True
        self._book.set_leg(contact, leg, self.epoch)
        self._owner.connect(contact)
        self.on_change(contact)

    def down(self, contact: Contact, reason: str) -> None:
        """Let the agent go, and the contact rest until the next call, if there is one."""
        back, booking = contact.callback, contact.booking
        if back is None:
            return
        self._forget(contact)
        self._turn.note(contact.contact, CallBackFailed(reason=reason, left=back.calls))
        if booking is not None:
            self._turn.command(Hang(booking.leg, reason))
            ended = OfferEnded(reservation=booking.reservation, reason=reason)
            self._turn.note(contact.contact, ended)
            self._book.drop_booking(contact)
        if back.calls <= 0:
            self._book.end(contact, "released", reason)
            return
        back.due_s = self._clock.monotonic_s() + back.gap_s
        contact.phase = "resting"
        self.rest(contact)
        self._book.changed(contact)
        self.on_change(contact)
        # the line was perhaps busy because the caller is calling us, and waits here by now
        if (other := on_line(contact, back, self._book)) is not None:
            self._merge(contact, other)

    def stop(self, contact: Contact) -> None:
        """Call no more for this agent, who has gone."""
        back = contact.callback
        if back is not None and back.tok:
            if back.leg:
                self._turn.command(Hang(back.leg, "cancelled"))
            self._forget(contact)
            back.calls += 1  # it was cut short by us
            self.on_change(contact)

    def rest(self, contact: Contact) -> None:
        """Let nobody be offered the contact until its rest is over."""
        back = contact.callback
        if back is not None:
            self._timers.arm(_timer(contact), back.due_s, lambda: self._rested(contact.contact))

    def _rested(self, name: str) -> None:
        contact = self._book.get(name)
        if contact is not None and contact.phase == "resting":
            contact.phase = "waiting"
            self._book.changed(contact)

    def _lapsed(self, name: str) -> None:
        contact = self._book.get(name)
        if contact is not None and contact.callback and contact.callback.tok:
            if contact.callback.leg:
                self._turn.command(Hang(contact.callback.leg, "no-answer"))
            self.down(contact, "no-answer")

    # -- people's commands, and the end --------------------------------------------------------

    def waiting(self) -> list[Contact]:
        """Return who waits for a call, in order of places."""
        found = (contact for contact in self._book.left() if is_away(contact))
        return sorted(found, key=lambda contact: contact.place)

    def cancel(self, name: str) -> None:
        """End a call-back that has not been answered; raise PeerError `contact-gone`."""
        contact = self._book.get(name)
        if contact is None or not is_away(contact):
            raise PeerError("contact-gone", f"nobody waits to be called back as {name}")
        if contact.phase == "reserved":
            leg = contact.booking.leg if contact.booking else 0
            self._owner.take_back(contact, "cancelled")
            if leg:
                self._turn.command(Hang(leg, "cancelled"))
        self._book.end(contact, "released", "cancelled")

    def _ended(self, contact: Contact, reason: str) -> None:
        back = contact.callback
        if back is None:
            return
        self._timers.cancel(_timer(contact))
        self._forget(contact)
        if not had_agent(contact) and reason != "merged":
            self._score(contact, back, kept=False, reason=reason)
        self.on_change(contact)

    def _score(self, contact: Contact, back: CallBack, *, kept: bool, reason: str = "") -> None:
        if back.scored:
            return
        back.scored = True
        fact = CallBackScored(
            kept=kept,
            after_s=round(self._after_s(back), 3),
            low_s=back.low_s,
            high_s=back.high_s,
            reason=reason,
        )
        self._turn.note(contact.contact, fact)

    def _after_s(self, back: CallBack) -> float:
        return self._clock.monotonic_s() - back.t_promised

    def _forget(self, contact: Contact) -> None:
        """Forget the call that was being made."""
        if (back := contact.callback) is not None:
            self._timers.cancel(_timer(contact))
            self._by_tok.pop(back.tok, None)
            self._by_leg.pop(back.leg, None)
            back.tok, back.leg = "", 0


def _timer(contact: Contact) -> str:
    return f"call-back/{contact.contact}"
