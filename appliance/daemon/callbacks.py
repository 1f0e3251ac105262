"""What `branchline callbacks` asks of the brain."""

from typing import Any

from appliance.base.clock import Clock
from appliance.base.errors import BranchlineError
from appliance.call.callbacks import CallBacks
from appliance.call.contact import Contact, waited_s


class CallBackDesk:
    """Shows who waits to be called back, and cancels."""

    def __init__(self, callbacks: CallBacks, clock: Clock) -> None:
        self._callbacks = callbacks
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
