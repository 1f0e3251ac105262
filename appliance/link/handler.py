"""Whom a node of the link works for."""

from typing import Protocol

from appliance.link.messages import Hello, LinkMessage


class LinkHandler(Protocol):
    """Whoever the node works for; called in the event loop."""

    def on_up(self, peer: str, hello: Hello) -> None:
        """Tell that *peer* is there."""

    def on_message(self, peer: str, message: LinkMessage) -> None:
        """Hand on a record of *peer*; never Hello, Beat or Goodbye."""

    def on_down(self, peer: str, reason: str) -> None:
        """Tell that *peer* is gone; once for each `on_up`."""
