"""Who is who: contacts that are to be called back, and callers who are the same person. Pure."""

from collections.abc import Iterable

from appliance.call.contact import CallBack, Contact, is_away
from appliance.plan.diallable import normalised

#: phases in which a contact that is to be called back waits for its turn
_WAITS = ("waiting", "resting")


def twin_of(contact: Contact, back: CallBack, others: Iterable[Contact]) -> Contact | None:
    """Return who is to be called back at the same number already, in the same queue."""
    queue = back.queue if contact.phase == "flow" else contact.queue
    for other in others:
        same = other.callback is not None and other.callback.number == back.number
        if same and is_away(other) and other.queue == queue:
            return other
    return None


def awaited(caller: Contact, queue: str, others: Iterable[Contact]) -> Contact | None:
    """Return who waits in *queue* to be called back at the number that *caller* shows."""
    for other in others:
        back = other.callback
        if back is None or not back.waits or other.phase not in _WAITS or other.queue != queue:
            continue
        if shows(caller, back):
            return other
    return None


def on_line(contact: Contact, back: CallBack, others: Iterable[Contact]) -> Contact | None:
    """Return who waits on the line in the contact's queue and shows the number to be called."""
    for other in others:
        waits = other.phase == "waiting" and other.leg and other.queue == contact.queue
        if waits and shows(other, back):
            return other
    return None


def shows(caller: Contact, back: CallBack) -> bool:
    """Tell whether *caller* shows the number that is to be called."""
    if caller.private:
        return False
    return (normalised(caller.caller, back.country) or caller.caller) == back.number
