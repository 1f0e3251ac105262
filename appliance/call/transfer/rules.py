"""What may be asked for: a transfer's first state, and the reason word against it. Pure."""

from appliance.call.contact import Contact, Transfer
from appliance.call.plans import CurrentPlan
from appliance.plan.transfers import PlaceRule, Target


def transfer_of(contact: Contact, how: str, target: str) -> Transfer:
    """Return a transfer that the contact's agent has asked for."""
    booking = contact.booking
    return Transfer(
        how="blind" if how == "blind" else "consult",
        target=target,
        by=booking.seat if booking else "",
        by_owner=booking.seat_owner if booking else "",
        queue=contact.queue,
    )


def against(plans: CurrentPlan, contact: Contact, target: Target | None) -> str:
    """Return why the contact may not go there, or nothing."""
    if target is None:
        return "not-found"
    plan, booking = plans.plan, contact.booking
    match target.kind:
        case "queue":
            return "" if target.name in plans.queues else "not-found"
        case "agent":
            itself = booking is not None and target.name == booking.seat
            return "wrong-state" if itself else ""
        case "outside":
            allowed = plan.transfers.may_call(contact.klass, target.name)
            return "" if allowed else "refused"
    sites = {site.name for site in plan.sites} | {agent.site for agent in plan.agents}
    return "" if target.name in sites else "not-found"


def leaves(contact: Contact, owner: str = "") -> str:
    """Return the reservation (of *owner*'s, if named) that the contact gives up for the next."""
    booking, transfer = contact.booking, contact.transfer
    if booking is None or transfer is None or transfer.how != "blind":
        return ""
    return booking.reservation if owner in ("", booking.seat_owner) else ""


def place_rule(text: str) -> PlaceRule:
    """Return the rule that *text* names; whatever is none keeps the place."""
    match text:
        case "new" | "waiting-time-only":
            return text
        case _:
            return "keep"
