"""What `branchline transfer` asks of the brain, checked before anything is done."""

from typing import Any, Final, get_args

from appliance.daemon.brain import Brain
from appliance.plan.transfers import PlaceRule

_HOW: Final = ("blind", "consult", "complete", "back", "conference")
#: a target or note that is longer is nobody's
_LONGEST = 500


def transfer(brain: Brain, request: dict[str, Any]) -> dict[str, Any]:
    """Hand a contact on as *request* says; return its state, or the reason word against it."""
    said = {name: request.get(name, "") for name in ("contact", "how", "target", "place", "note")}
    if not all(isinstance(text, str) and len(text) <= _LONGEST for text in said.values()):
        return _error("bad-request", "contact, how, target, place and note are short texts")
    if said["how"] not in _HOW or said["place"] not in ("", *get_args(PlaceRule)):
        return _error("bad-request", f"how is one of {', '.join(_HOW)}")
    contact = brain.book.get(said["contact"])
    if contact is None:
        return _error("contact-gone", "no caller at this box has that contact")
    reason = brain.rooms.transfers.ask(
        contact, said["how"], said["target"], place=said["place"], note=said["note"]
    )
    brain.turn.wake()
    if reason:
        return _error(reason, f"{said['how']} {said['target']} cannot be".replace("  ", " "))
    return {"contact": contact.contact, "phase": contact.phase}


def _error(reason: str, message: str) -> dict[str, Any]:
    return {"error": reason, "message": message}
