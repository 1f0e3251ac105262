"""What the admin socket does with written contacts, until the desk does: new, accept, end."""

from typing import Any, Literal

import msgspec

from appliance.base.errors import ConfigError
from appliance.daemon.brain import Brain
from appliance.plan.model import Channel
from appliance.plan.parts import Level, Slug, Title


class NewContact(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, tag="new"):
    """Let a contact wait in a queue."""

    channel: Channel
    queue: Slug
    subject: Title = ""
    sender: Title = ""
    klass: Title = ""
    skills: dict[Slug, Level] = {}
    agent: Title = ""


class Act(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, tag="act"):
    """What an agent, or who wrote it, does with a contact."""

    what: Literal["accept", "decline", "end"]
    contact: str


class ContactDesk:
    """Answers `{"do": "contact", "type": "new" or "act", …}`."""

    def __init__(self, brain: Brain) -> None:
        self._brain = brain

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Do what is asked; raise ConfigError with the reason word against it."""
        asked = {name: value for name, value in request.items() if name != "do"}
        try:
            what = msgspec.convert(asked, NewContact | Act)
        except msgspec.ValidationError as error:
            raise ConfigError("bad-request", str(error)) from error
        if isinstance(what, NewContact):
            return {"contact": self._new(what)}
        self._act(what)
        return {"contact": what.contact}

    def _new(self, asked: NewContact) -> str:
        if asked.channel == "voice":
            raise ConfigError("bad-request", "a call comes by a leg, not by command")
        contact = self._brain.rooms.written.new(
            asked.channel,
            asked.queue,
            asked.subject,
            sender=asked.sender,
            klass=asked.klass,
            skills=asked.skills,
            agent=asked.agent,
        )
        return contact.contact

    def _act(self, asked: Act) -> None:
        offers = self._brain.offers.written
        found = offers.find(asked.contact)
        contact = self._brain.book.get(asked.contact)
        if found is not None:
            acts = {"accept": offers.accept, "decline": offers.decline, "end": offers.done}
            against = acts[asked.what](*found)
            if against:
                message = f"{asked.contact} is {found[1].phase}; it cannot {asked.what} now"
                raise ConfigError(against, message)
        elif asked.what == "end" and contact is not None and contact.channel != "voice":
            self._brain.rooms.written.close(contact)
        else:
            raise ConfigError("not-found", f"no agent here is shown {asked.contact}")
