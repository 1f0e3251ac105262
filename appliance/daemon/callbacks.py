"""What `branchline callbacks` asks of the brain."""

from typing import Any

from appliance.base.clock import Clock, rfc3339
from appliance.base.errors import BranchlineError
from appliance.call.callbacks import CallBacks
from appliance.call.contact import Contact, waited_s
from appliance.call.escrow.desk import EscrowDesk


class CallBackDesk:
    """Shows who waits to be called back, cancels, and lets go what is held."""

    def __init__(self, callbacks: CallBacks, escrow: EscrowDesk, clock: Clock) -> None:
        self._callbacks = callbacks
        self._escrow = escrow
        self._clock = clock

    def list(self, _request: dict[str, Any]) -> dict[str, Any]:
        """Return all call-backs, in order of places."""
        return {"callbacks": [self._row(contact) for contact in self._callbacks.waiting()]}

    def cancel(self, request: dict[str, Any]) -> dict[str, Any]:
        """End one, named by its contact."""
        contact = str(request.get("contact", ""))
        try:
            self._callbacks.cancel(contact)
        except BranchlineError as error:
            return {"error": error.reason, "message": error.message}
        return {"cancelled": contact}

    def held(self, _request: dict[str, Any]) -> dict[str, Any]:
        """Return what is held for want of a peer's word, or of the right to call for it."""
        return {"callbacks": [self._held(*one) for one in self._escrow.held()]}

    def release(self, request: dict[str, Any]) -> dict[str, Any]:
        """Take a person's word that the peer has not called one, named by its contact."""
        contact, by = str(request.get("contact", "")), str(request.get("by", ""))
        try:
            self._escrow.owner.release(contact, by[:64] or "somebody")
        except BranchlineError as error:
            return {"error": error.reason, "message": error.message}
        return {"released": contact}

    def _held(self, contact: Contact, peer: str) -> dict[str, Any]:
        back = contact.callback
        assert back is not None  # noqa: S101 - `held` returns no others
        return {
            "contact": contact.contact,
            "number": back.number,
            "queue": contact.queue,
            "ours": back.doubt,
            "peer": peer,
            "peer_up": self._escrow.up(peer),
            "since": rfc3339(back.held_us) if back.held_us else "",
        }

    def _row(self, contact: Contact) -> dict[str, Any]:
        back, now_s = contact.callback, self._clock.monotonic_s()
        assert back is not None  # noqa: S101 - `waiting` returns no others
        return {
            "contact": contact.contact,
            "number": back.number,
            "queue": contact.queue,
            "state": _state(contact),
            "waited_s": round(waited_s(contact, now_s), 1),
            "due_in_s": round(back.t_promised + back.high_s - now_s, 1),
            "calls_left": back.calls,
            "seat": contact.booking.seat if contact.booking else "",
        }


def _state(contact: Contact) -> str:
    """Return a word for people, as `branchline callbacks list --help` explains it."""
    if contact.callback and contact.callback.held:
        return "held"
    if contact.phase != "reserved":
        return contact.phase
    return "calling" if contact.callback and contact.callback.tok else "agent"
