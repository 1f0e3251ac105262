"""What `branchline appliance status` shows."""

from typing import Any

from appliance.base.clock import Clock
from appliance.call.contact import waited_s
from appliance.daemon.brain import Brain
from appliance.daemon.reporter import Reporter
from appliance.wire.rows import TrunkState


def status(
    brain: Brain, reporter: Reporter, trunks: dict[str, TrunkState], clock: Clock
) -> dict[str, Any]:
    """Return the box at a glance: its links, contacts, seats and trunks."""
    now = clock.monotonic_s()
    return {
        "name": brain.given.name,
        "site": brain.given.site,
        "incarnation": brain.given.incarnation,
        "plan_serial": brain.plans.plan.serial,
        "legs_up": reporter.legs_up,
        "hub_up": reporter.hub_up,
        "peers": reporter.peers,
        "relays": reporter.relays,
        "clocks_off_ms": reporter.clocks,
        "link": {
            "calls": brain.budget.used,
            "calls_limit": brain.budget.limit,
            "kbit_s": brain.budget.used_kbit_s,
            "kbit_s_limit": brain.budget.limit_kbit_s,
        },
        "contacts": [
            {
                "contact": contact.contact,
                "channel": contact.channel,
                "subject": contact.subject,
                "phase": contact.phase,
                "answered": contact.up,
                "queue": contact.queue,
                "klass": contact.klass,
                "waited_s": round(waited_s(contact, now), 1),
                "seat": contact.booking.seat if contact.booking else "",
                "transfer": contact.transfer.stage if contact.transfer else "",
                "to": contact.transfer.target if contact.transfer else "",
            }
            for contact in brain.book
        ],
        "messages": len(brain.rooms.voicemails),
        "relayed": dict(zip(("now", "total", "refused"), reporter.relaying, strict=True)),
        "seats": len(brain.board),
        "agents": [
            {
                "seat": seat.seat,
                "state": seat.state,
                "for_s": round(now - seat.since, 1),
                "why": seat.why,
                "transfer": seat.reservation.transfer if seat.reservation else "",
                "shows": _shown(seat.reservation.context) if seat.reservation else None,
                "work": [
                    {
                        "contact": work.contact,
                        "channel": work.channel,
                        "phase": work.phase,
                        "subject": work.context.data.get("subject", "") if work.context else "",
                    }
                    for work in seat.work.values()
                ],
            }
            for seat in brain.board
        ],
        "trunks": [
            {"name": trunk.name, "kind": trunk.kind, "up": trunk.up, "reason": trunk.reason}
            for trunk in trunks.values()
        ],
    }


def _shown(context: Any) -> dict[str, Any] | None:
    """Return what the agent sees of the contact."""
    if context is None:
        return None
    return {
        "caller": "anonymous" if context.private else context.caller,
        "queue": context.queue,
        "keys": [digit for _, digit in context.keys],
        "waited_s": round(context.waited_ms / 1000, 1),
        "data": context.data,
        "handled": [before.seat for before in context.handled],
        "notes": list(context.notes),
        "from": context.by,
    }
