"""Who hears whom while a contact is handed on: caller, agent and target."""

from appliance.call.contact import Contact
from appliance.call.transfer.table import far_of
from appliance.call.turn import Turn
from appliance.call.waiting import WaitingRoom
from appliance.wire.commands import Bridge, Play, Unbridge

#: what an agent hears while the target is called
RINGING = "tone:ringback"


def consulting(contact: Contact) -> str:
    """Return the bridge in which agent and target talk."""
    return f"{contact.contact}/consult"


class TransferBridges:
    """Says the bridges of a transfer; each may be said again."""

    def __init__(self, turn: Turn, waiting: WaitingRoom) -> None:
        self._turn = turn
        self._waiting = waiting

    def aside(self, contact: Contact, *, playing: bool = False) -> None:
        """Let the caller hear music and nobody else."""
        self._turn.command(Unbridge(contact.contact))
        if not playing:
            self._waiting.music(contact)

    def ring(self, contact: Contact) -> None:
        """Let the agent hear that the target is called."""
        self.play(contact, [RINGING], loop=True)

    def play(self, contact: Contact, items: list[str], *, loop: bool = False) -> None:
        """Play to the agent, who hears nobody."""
        if contact.booking is not None:
            contact.play += 1
            self._turn.command(Play(contact.booking.leg, contact.play, items, loop))

    def two(self, contact: Contact) -> None:
        """Let agent and target hear each other; we decide what follows when one of them goes."""
        booking, far = contact.booking, far_of(contact)
        if booking is not None and far is not None:
            bridge = Bridge(consulting(contact), [booking.leg, far.leg], rest="stay")
            self._turn.command(bridge)

    def apart(self, contact: Contact) -> None:
        """Let agent and target hear nobody."""
        self._turn.command(Unbridge(consulting(contact)))

    def all_three(self, contact: Contact) -> None:
        """Let all three hear each other."""
        booking, far = contact.booking, far_of(contact)
        self.apart(contact)
        if booking is not None and far is not None:
            self.with_caller(contact, booking.leg, far.leg)

    def rejoin(self, contact: Contact) -> None:
        """Let caller and agent hear each other."""
        if contact.booking is not None:
            self.with_caller(contact, contact.booking.leg)

    def with_caller(self, contact: Contact, *legs: int) -> None:
        """Let the caller and these hear each other."""
        bridge = Bridge(contact.contact, [contact.leg, *legs], rest="stay-if-lost")
        self._turn.command(bridge)


def partners(contact: Contact, leg: int) -> list[int]:
    """Return the legs that hear an agent's *leg* now."""
    booking, far = contact.booking, far_of(contact)
    stage = contact.transfer.stage if contact.transfer else ""
    agent, target = booking.leg if booking else 0, far.leg if far else 0
    parties = {
        "": [contact.leg, agent],
        "talking": [agent, target],
        "conference": [contact.leg, agent, target],
    }.get(stage, [])
    return [one for one in parties if one and one != leg] if leg in parties else []
