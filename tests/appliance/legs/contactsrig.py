"""A table of registered phones on a held clock."""

from pathlib import Path

from appliance.base.clock import HeldClock
from appliance.legs.contacts import Contact, ContactTable
from appliance.legs.events import LegEvents
from appliance.wire.events import LegsRecord, Unregistered


class Told:
    """A table on a held clock, and what it told."""

    def __init__(self, path: Path) -> None:
        self.clock = HeldClock()
        events = LegEvents(self.clock)
        self.records: list[LegsRecord] = []
        events.send = self.records.append
        self.path = path
        self.table = ContactTable(events, self.clock, path)

    def put(self, account: str = "1001", *, port: int = 5060, expires_s: float = 60) -> Contact:
        """Let a phone register."""
        until = self.clock.monotonic_s() + expires_s
        uri = f"sip:{account}@10.0.0.9"
        contact = Contact(account, uri, "10.0.0.9", port, "Phone", until)
        assert self.table.put(contact)
        return contact

    def unregistered(self) -> list[tuple[str, str]]:
        """Return whose registrations were told to be over, and why."""
        return [(r.account, r.reason) for r in self.records if isinstance(r, Unregistered)]
