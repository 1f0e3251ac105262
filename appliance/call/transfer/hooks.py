"""What the contact's owner tells transfers of a talk's beginning and end."""

from typing import Protocol

from appliance.call.contact import Contact


class TransferHooks(Protocol):
    """What transfers make of a talk's beginning and end."""

    def returned(self, contact: Contact, reason: str) -> bool:
        """An offer came to nothing; return whether it was a transfer's."""

    def connected(self, contact: Contact) -> None:
        """The contact talks with an agent."""

    def agent_down(self, contact: Contact, reason: str) -> bool:
        """Its agent has gone; return whether a transfer goes on without them."""

    def lost(self, contact: Contact, reason: str) -> None:
        """Its agent was lost in mid-talk."""

    def caller_down(self, contact: Contact) -> None:
        """Its caller has gone."""
