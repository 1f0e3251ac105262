"""Messages that callers leave: recorded by legs, kept with their facts until they are deleted.

What was said is kept: when the caller hangs up, the disk is full, or a process is killed. A
message is known once its contact's state says so; a file that no state speaks of is nobody's.
"""

import logging
import math
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec

from appliance.base.clock import rfc3339
from appliance.base.errors import ConfigError
from appliance.call.contact import Contact, Message
from appliance.call.office import Office
from appliance.call.soundfile import length_ms
from appliance.call.written import WrittenContacts
from appliance.ledger.records import MessageDeleted, MessageLeft
from appliance.plan import voicemail
from appliance.plan.voicemail import Voicemail
from appliance.wire.commands import Listen, Play, RecordLeg, StopRecord
from appliance.wire.events import RecordingDone, Refused
from appliance.wire.rows import LegRow

log = logging.getLogger(__name__)

#: what a kept message is filed under
MESSAGE_KEY = "message/"
#: how ids of such recordings begin, and their folder among the recordings
_MARK = "voicemail/"
#: legs closes a file within this, or the file itself is measured [s]
CLOSE_S = 3.0
#: how often messages are looked at that may be too old [s]
SWEEP_S = 3600.0
_DAY_US = 86_400_000_000


class KeptMessage(msgspec.Struct, frozen=True, kw_only=True):
    """A message as people see it."""

    message: str
    contact: str
    mailbox: str
    #: in the recordings' folder
    path: str
    #: when it was left [µs since 1970]
    left_us: int
    length_ms: int
    caller: str = ""
    caller_name: str = ""
    private: bool = False
    called: str = ""
    queue: str = ""
    reason: str = "normal"
    #: contact by which an agent is offered it
    task: str = ""

    def row(self) -> dict[str, object]:
        """Return it as the field commands show it."""
        return {
            "message": self.message,
            "mailbox": self.mailbox,
            "left": rfc3339(self.left_us),
            "length_s": round(self.length_ms / 1000, 1),
            "caller": "anonymous" if self.private else self.caller,
            "caller_name": "" if self.private else self.caller_name,
            "called": self.called,
            "queue": self.queue,
            "contact": self.contact,
            "task": self.task,
            "path": self.path,
            "reason": self.reason,
        }


class Voicemails:
    """Takes messages, and holds those that are kept."""

    def __init__(
        self, office: Office, written: WrittenContacts, folder: Path, keep_days: int
    ) -> None:
        self._turn, self._book, self._plans = office.turn, office.book, office.plans
        self._timers, self._clock = office.timers, office.clock
        self._written = written
        self._folder = folder
        self._keep_us = keep_days * _DAY_US
        self._kept: dict[str, KeptMessage] = {}
        #: files to be deleted once it is committed that nobody wants them
        self._doomed: list[str] = []
        #: told of a message that is closed and its length, of a caller who has gone meanwhile
        self.on_recorded: Callable[[Contact, int], None] = lambda _contact, _ms: None
        self.on_gone: Callable[[Contact, str], None] = lambda _contact, _reason: None
        office.turn.after_commit.append(self._unlink)

    # -- one contact's message -----------------------------------------------------------------

    def start(self, contact: Contact, mailbox: str, longest_s: float) -> None:
        """Record what the caller says, and listen for when it is silent."""
        contact.takes += 1
        name = f"{contact.contact}-{contact.takes}"
        path = f"{_MARK}{mailbox}/{name}.wav"
        step = self._step(contact)
        contact.message = Message(
            recording=_MARK + name,
            path=path,
            mailbox=mailbox,
            longest_s=longest_s,
            queue=step.queue if step else "",
        )
        self._record(contact, contact.message)

    def stop(self, contact: Contact) -> None:
        """Close the recording."""
        if contact.message is not None:
            self._turn.command(StopRecord(contact.message.recording))
            self._guard(contact, CLOSE_S)

    def play(self, contact: Contact) -> None:
        """Let the caller hear the message."""
        if contact.message is not None:
            contact.play += 1
            items = [f"recording:{contact.message.path}"]
            self._turn.command(Play(contact.leg, contact.play, items))

    def keep(self, contact: Contact) -> None:
        """The message is left."""
        message = contact.message
        if message is None:
            return
        contact.message = None
        contact.messages += 1
        kept = KeptMessage(
            message=message.recording.removeprefix(_MARK),
            contact=contact.contact,
            mailbox=message.mailbox,
            path=message.path,
            left_us=self._clock.wall_us(),
            length_ms=message.length_ms,
            caller=contact.caller,
            caller_name=contact.caller_name,
            private=contact.private,
            called=contact.called,
            queue=contact.queue,
            reason=message.reason,
        )
        if message.queue:
            kept = msgspec.structs.replace(kept, task=self._offer(contact, kept, message.queue))
        self._kept[kept.message] = kept
        self._turn.keep(MESSAGE_KEY + kept.message, kept)
        fact = MessageLeft(
            mailbox=kept.mailbox,
            path=kept.path,
            duration_ms=kept.length_ms,
            reason=kept.reason,
            task=kept.task,
        )
        self._turn.note(contact.contact, fact)

    def _offer(self, contact: Contact, kept: KeptMessage, queue: str) -> str:
        """Let a task wait for the queue's agents; return its contact, nothing where none can."""
        length_s = round(kept.length_ms / 1000)
        try:
            task = self._written.new(
                "task",
                queue,
                f"message of {length_s} s for {kept.mailbox}",
                sender="" if contact.private else contact.caller,
                klass=contact.klass,
                data={"message": kept.message, "box": self._book.name, "recording": kept.path},
            )
        except ConfigError as error:  # the message is in its mailbox all the same
            log.warning("%s: nobody is offered the message: %s", contact.contact, error)
            return ""
        return task.contact

    def drop(self, contact: Contact) -> None:
        """Throw away what was recorded."""
        if contact.message is not None:
            self._doomed.append(contact.message.path)
            contact.message = None
            self._turn.wake()

    # -- what legs tells -----------------------------------------------------------------------

    def done(self, record: RecordingDone) -> bool:
        """Take the end of a message's recording; tell whether it is one."""
        if not record.recording.startswith(_MARK):
            return False
        name = record.recording.removeprefix(_MARK)
        contact = self._book.get(name.rpartition("-")[0])
        message = contact.message if contact else None
        if contact and message and message.open and message.recording == record.recording:
            self._closed(contact, message, record.duration_ms, record.reason)
        return True

    def refused(self, record: Refused) -> None:
        """A message cannot be recorded."""
        leg = int(record.about) if record.about.isdecimal() else 0
        contact = self._book.by_leg(leg)
        if contact is not None and contact.message is not None and contact.message.open:
            log.warning("%s: no message can be recorded: %s", contact.contact, record.reason)
            self._closed(contact, contact.message, 0, record.reason)

    def caller_gone(self, contact: Contact, reason: str) -> bool:
        """Keep what was said; tell whether the contact's end waits for its file to be closed."""
        message = contact.message
        if message is None:
            return False
        if message.open:
            message.gone = reason
            self._guard(contact, CLOSE_S)
            self._book.changed(contact)
            return True
        self._settle(contact, message)
        return False

    def adopt(self, contact: Contact, row: LegRow) -> bool:
        """Find an open recording again after a restart; tell whether the flow waits for its end.

        Where it was closed meanwhile, legs tells so again; where it never began, it begins now.
        """
        message = contact.message
        if message is None or not message.open:
            return False
        if row.recording != message.recording and (self._folder / message.path).exists():
            self._guard(contact, CLOSE_S)
            return True
        self._record(contact, message)  # the same command is the same recording
        if contact.flow is not None and contact.flow.phase != "message":
            self.stop(contact)
        return True

    def _record(self, contact: Contact, message: Message) -> None:
        longest_ms = round(message.longest_s * 1000)
        self._turn.command(Listen(contact.leg, talk=True))
        self._turn.command(
            RecordLeg(
                contact.leg, message.recording, message.path, message=True, longest_ms=longest_ms
            )
        )
        self._guard(contact, message.longest_s + CLOSE_S)

    def _closed(self, contact: Contact, message: Message, length: int, reason: str) -> None:
        message.open = False
        message.length_ms = length
        message.reason = reason
        self._timers.cancel(_timer(contact))
        if message.gone:
            self._settle(contact, message)
            self.on_gone(contact, message.gone)
            return
        self._turn.command(Listen(contact.leg))
        self.on_recorded(contact, length)
        self._book.changed(contact)

    def _settle(self, contact: Contact, message: Message) -> None:
        """Keep the message of a caller who has gone, unless there is next to nothing in it."""
        if self._spoken_ms(contact, message.length_ms) < voicemail.SHORTEST_MS:
            self.drop(contact)
        else:
            self.keep(contact)

    def _spoken_ms(self, contact: Contact, length: int) -> int:
        state, step = contact.flow, self._step(contact)
        if state is None or step is None:
            return length
        return voicemail.spoken_ms(state, step, length)

    def _step(self, contact: Contact) -> Voicemail | None:
        """Return the step of its flow that takes the message."""
        state = contact.flow
        flow = self._plans.flows.get(state.flow) if state else None
        step = flow.steps.get(state.step) if flow and state else None
        return step if isinstance(step, Voicemail) else None

    def _guard(self, contact: Contact, seconds: float) -> None:
        """Do not wait for ever for legs to tell."""
        name = contact.contact
        due = self._clock.monotonic_s() + seconds
        self._timers.arm(_timer(contact), due, lambda: self._overdue(name))

    def _overdue(self, name: str) -> None:
        contact = self._book.get(name)
        message = contact.message if contact else None
        if contact is not None and message is not None and message.open:
            self._turn.command(StopRecord(message.recording))
            found = length_ms(self._folder / message.path)
            self._closed(contact, message, found, "lost" if found else "recording-failed")

    # -- all that are kept ---------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self._kept)

    def remember(self, states: Iterable[tuple[str, bytes]]) -> None:
        """Take up what was kept; one that cannot be read is told and left out."""
        decoder = msgspec.msgpack.Decoder(KeptMessage)
        for key, state in states:
            if key.startswith(MESSAGE_KEY):
                try:
                    self._kept[key.removeprefix(MESSAGE_KEY)] = decoder.decode(state)
                except msgspec.MsgspecError as error:
                    log.error("%s cannot be read: %s", key, error)  # noqa: TRY400
        self._sweep_later()

    def listing(self, mailbox: str = "") -> list[KeptMessage]:
        """Return the messages of a mailbox, or all, the newest first."""
        found = [kept for kept in self._kept.values() if mailbox in ("", kept.mailbox)]
        return sorted(found, key=lambda kept: kept.left_us, reverse=True)

    def delete(self, message: str) -> bool:
        """Delete a message on somebody's behalf; tell whether there was one."""
        kept = self._kept.get(message)
        if kept is not None:
            self._forget(MessageDeleted(mailbox=kept.mailbox, path=kept.path, by="person"), kept)
        return kept is not None

    def _forget(self, fact: MessageDeleted, kept: KeptMessage) -> None:
        del self._kept[kept.message]
        self._written.withdraw(kept.task)
        self._doomed.append(kept.path)
        self._turn.forget(MESSAGE_KEY + kept.message)
        self._turn.note("", fact)

    def _sweep(self) -> None:
        """Delete what has been kept for as long as it may be."""
        oldest_us = self._clock.wall_us() - self._keep_us
        for kept in list(self._kept.values()) if self._keep_us else []:
            if kept.left_us < oldest_us:
                fact = MessageDeleted(mailbox=kept.mailbox, path=kept.path, by="retention")
                self._forget(fact, kept)
        if self._keep_us:
            self._sweep_files(oldest_us / 1e6)
        self._sweep_later()

    def _sweep_later(self) -> None:
        """Look again in a while; never at once: the contacts must have been adopted."""
        self._timers.arm("voicemail", self._clock.monotonic_s() + SWEEP_S, self._sweep)

    def _sweep_files(self, oldest_s: float) -> None:
        """Doom old files that no state speaks of: a kill came before they were deleted."""
        known = {kept.path for kept in self._kept.values()}
        known |= {contact.message.path for contact in self._book if contact.message}
        for file in (self._folder / _MARK).glob("*/*.wav"):
            path = str(file.relative_to(self._folder))
            if path not in known and _changed_s(file) < oldest_s:
                self._doomed.append(path)
                self._turn.wake()

    def _unlink(self) -> None:
        doomed, self._doomed = self._doomed, []
        for path in doomed:
            for file in (path, f"{path}.marks"):
                try:
                    (self._folder / file).unlink(missing_ok=True)
                except OSError as error:
                    log.error("%s cannot be deleted: %s", file, error)  # noqa: TRY400


def _changed_s(file: Path) -> float:
    """Return when a file was changed [s since 1970]; never, where it is gone."""
    try:
        return file.stat().st_mtime
    except OSError:
        return math.inf


def _timer(contact: Contact) -> str:
    return f"message/{contact.contact}"
