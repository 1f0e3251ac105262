"""Runs a plan's flow for a contact: the steps are pure, this gives them ears, mouth and time."""

from collections.abc import Callable

from appliance.call.callbacks import CallBacks
from appliance.call.contact import Contact
from appliance.call.faxes import FaxTaker
from appliance.call.office import Office
from appliance.call.outside import OutsideCalls
from appliance.call.owner import ContactOwner
from appliance.call.prompts import APOLOGY, wait_items
from appliance.call.voicemails import Voicemails
from appliance.flow.lookups import Lookups
from appliance.ledger.records import FlowStepped
from appliance.plan import actions, steps
from appliance.plan.actions import FlowState
from appliance.plan.lookup import Lookup
from appliance.plan.model import Flow
from appliance.routing.expected import announced
from appliance.wire.commands import Hang, Play, StopPlay


class FlowRunner:
    """Moves the contacts that are in a flow."""

    def __init__(
        self,
        office: Office,
        owner: ContactOwner,
        faxes: FaxTaker,
        outside: OutsideCalls,
        lookups: Lookups,
        voicemails: Voicemails,
        callbacks: CallBacks,
    ) -> None:
        self._turn, self._book, self._plans = office.turn, office.book, office.plans
        self._timers, self._clock = office.timers, office.clock
        self._owner = owner
        self._faxes = faxes
        self._outside = outside
        self._lookups = lookups
        self._voicemails = voicemails
        self._callbacks = callbacks

    def start(self, contact: Contact, flow: str) -> None:
        """Begin *flow* for a contact whose leg is up."""
        found = self._plans.flows.get(flow)
        if found is None:
            self.apologise(contact)
            return
        self._move(contact, found, lambda known: steps.begin(known, contact.keys))

    def resume(self, contact: Contact) -> None:
        """Go on after a restart: the step is played again, no try is lost."""
        self._step(contact, steps.resume)

    def digit(self, contact: Contact, digit: str) -> None:
        """Hear a digit."""
        self._step(contact, lambda flow, state: steps.on_digit(flow, state, digit), digit)

    def play_done(self, contact: Contact, play: int, why: str) -> None:
        """Go on after the prompts, or after a prompt that could not be played."""
        if play != contact.play or why in ("stopped", "replaced", "bridged"):
            return
        if contact.flow is None:
            self._turn.command(Hang(contact.leg))
        else:
            self._step(contact, steps.on_prompts_done)

    def outside_failed(self, contact: Contact, reason: str) -> None:
        """Go on where nobody outside could be reached."""
        if (state := contact.flow) is not None:
            fact = FlowStepped(flow=state.flow, step=state.step, reason=reason)
            self._turn.note(contact.contact, fact)
        self._step(contact, steps.on_outside_failed)

    def answered(self, contact: Contact, known: bool | None) -> None:
        """Go on by what a data source knew; None: nothing that can be read came in time."""
        self._step(contact, lambda flow, state: steps.on_answer(flow, state, known=known))

    def talking(self, contact: Contact, *, on: bool) -> None:
        """Hear that the caller begins or stops to talk."""
        self._step(contact, lambda flow, state: steps.on_talking(flow, state, on=on))

    def recorded(self, contact: Contact, length_ms: int) -> None:
        """Go on after the caller was recorded."""
        self._step(contact, lambda flow, state: steps.on_recorded(flow, state, length_ms))

    def apologise(self, contact: Contact) -> None:
        """Say that we are sorry, then release the caller."""
        contact.flow = None
        self._play(contact, APOLOGY)

    def leave(self, contact: Contact) -> None:
        """Stop waiting for the caller's digit."""
        self._timers.cancel(_timer(contact))

    def _step(
        self,
        contact: Contact,
        step: Callable[[Flow, FlowState], actions.Turn],
        digit: str = "",
    ) -> None:
        state = contact.flow
        if state is None or contact.phase != "flow":
            return
        flow = self._plans.flows.get(state.flow)
        if flow is None:
            self.apologise(contact)
            return
        self._move(contact, flow, lambda known: step(known, state), digit)

    def _move(
        self, contact: Contact, flow: Flow, move: Callable[[Flow], actions.Turn], digit: str = ""
    ) -> None:
        before = contact.flow
        after, due = move(flow)
        if before is not None:
            self._note_pressed(contact, before, after, digit)
        contact.flow, due = self._looked(contact, flow, after, due)
        contact.keys = contact.flow.keys
        for action in due:
            self._act(contact, action)
        self._book.changed(contact)

    def _note_pressed(
        self, contact: Contact, before: FlowState, after: FlowState, digit: str
    ) -> None:
        """Journal what the caller pressed at a step, before what comes of it."""
        if after.keys and after.keys != contact.keys:
            digit = after.keys[-1][1]
        elif after is before or after.digits:  # of a number the whole is journalled
            return
        if digit:
            fact = FlowStepped(flow=before.flow, step=before.step, digit=digit)
            self._turn.note(contact.contact, fact)

    def _looked(
        self, contact: Contact, flow: Flow, state: FlowState, due: list[actions.Action]
    ) -> actions.Turn:
        """Answer each look at clock or trunks, until something else is to be done."""
        while due:
            match due[-1]:
                case actions.LookAtClock(calendar):
                    is_open = self._plans.is_open(calendar, self._clock.wall_us())
                    state, more = steps.on_hours(flow, state, is_open=is_open)
                case actions.LookForCallBack(trunk):
                    possible = self._callbacks.possible(trunk)
                    caller = "" if contact.private else contact.caller
                    state, more = steps.on_look(flow, state, possible=possible, caller=caller)
                case _:
                    break
            self._turn.note(contact.contact, FlowStepped(flow=state.flow, step=state.step))
            due = [*due[:-1], *more]
        return state, due

    def _act(self, contact: Contact, action: actions.Action) -> None:
        match action:
            case actions.PlayPrompts(prompts):
                self._play(contact, prompts)
            case actions.StopPrompts():
                self._turn.command(StopPlay(contact.leg))
            case actions.StartTimer(seconds):
                self._arm(contact, self._clock.monotonic_s() + seconds)
            case actions.StopTimer():
                self._timers.cancel(_timer(contact))
            case actions.JoinQueue(queue, skills, klass, agent):
                self._timers.cancel(_timer(contact))
                skills = self._lookups.skills(contact, queue, skills)
                self._owner.enqueue(contact, queue, skills, klass, agent or contact.looked.agent)
            case actions.CallOut(number, trunk, ring_s):
                self._outside.dial(contact, number, trunk, ring_s)
            case actions.StartFax():
                self._faxes.take(contact)
            case actions.AskSource(step):
                self._look_up(contact, step)
            case actions.Release(reason):
                self._turn.command(Hang(contact.leg, reason))
            case _:
                self._take(contact, action)

    def _promise(self, contact: Contact, agreed: actions.PromiseCallBack) -> None:
        """Promise a call back, and say how long it may take."""
        step = agreed.step
        skills = self._lookups.skills(contact, step.queue, step.skills)
        window_s = self._callbacks.promise(contact, agreed, skills, contact.looked.agent)
        minutes = announced(window_s, window_s)
        self._play(contact, (*step.promised, *wait_items(minutes)))

    def _take(self, contact: Contact, action: actions.Action) -> None:
        """Take what the caller leaves with us: a number, a message."""
        match action:
            case actions.PromiseCallBack():
                self._promise(contact, action)
            case actions.StartMessage(mailbox, longest_s):
                self._voicemails.start(contact, mailbox, longest_s)
            case actions.StopMessage():
                self._voicemails.stop(contact)
            case actions.PlayMessage():
                self._voicemails.play(contact)
            case actions.KeepMessage():
                self._voicemails.keep(contact)
            case actions.DropMessage():
                self._voicemails.drop(contact)

    def _look_up(self, contact: Contact, step: Lookup) -> None:
        if step.music:
            contact.play += 1
            self._turn.command(Play(contact.leg, contact.play, list(step.music), True))
        self._lookups.ask(contact, step)

    def _play(self, contact: Contact, prompts: tuple[str, ...]) -> None:
        contact.play += 1
        self._turn.command(Play(contact.leg, contact.play, list(prompts)))
        self._book.changed(contact)

    def _arm(self, contact: Contact, due: float) -> None:
        name = contact.contact
        self._timers.arm(_timer(contact), due, lambda: self._timed_out(name))

    def _timed_out(self, name: str) -> None:
        contact = self._book.get(name)
        if contact is not None:
            self._step(contact, steps.on_timeout)


def _timer(contact: Contact) -> str:
    return f"digit/{contact.contact}"
