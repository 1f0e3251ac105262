"""One turn of the brain: what was decided is committed first, and only then sent.

Handlers stage facts, states, commands and messages here. When the event loop comes round, the
turn delivers what we said to ourselves, lets the matchmaker look, commits everything in one
transaction and then sends. A kill at any moment leaves either nothing or a state from which the
same commands follow again; each of them is harmless when repeated.
"""

import logging
from collections import deque
from collections.abc import Callable
from typing import Protocol

import msgspec

from appliance.base.errors import BranchlineError
from appliance.ledger.records import Fact
from appliance.link.messages import LinkMessage
from appliance.wire.commands import BrainRecord

log = logging.getLogger(__name__)

#: rounds of talking to ourselves in one turn; more is a bug, and must not hang the loop
MAX_ROUNDS = 10_000


class Journal(Protocol):
    """What a turn needs of the ledger."""

    def add(self, kind: str, contact: str, facts: msgspec.Struct) -> None:
        """Stage one entry."""

    def keep(self, key: str, state: bytes) -> None:
        """Stage a state that survives a kill."""

    def forget(self, key: str) -> None:
        """Stage the end of a state."""

    def commit(self) -> int:
        """Write all that is staged in one transaction."""


class Turn:
    """The outbox of the brain."""

    def __init__(
        self,
        name: str,
        journal: Journal,
        *,
        command: Callable[[BrainRecord], None],
        message: Callable[[str, LinkMessage], bool],
        soon: Callable[[Callable[[], None]], object],
    ) -> None:
        self.name = name
        self._journal = journal
        self._send_command = command
        self._send_message = message
        self._soon = soon
        self._commands: list[BrainRecord] = []
        self._messages: list[tuple[str, LinkMessage]] = []
        self._mail: deque[LinkMessage] = deque()
        self._dirty: dict[str, msgspec.Struct] = {}
        self._encode = msgspec.msgpack.Encoder().encode
        self._scheduled = False
        #: takes what we say to ourselves
        self.deliver: Callable[[str, LinkMessage], None] = lambda _peer, _message: None
        #: asked before each commit for more to do; returns whether there was any
        self.before_commit: list[Callable[[], bool]] = []
        #: told after each commit
        self.after_commit: list[Callable[[], None]] = []
        #: told when the ledger could not be written, and when it could again
        self.on_ledger: Callable[[BranchlineError | None], None] = lambda _error: None
        self._ledger_ok = True

    def command(self, record: BrainRecord) -> None:
        """Send *record* to legs after the commit."""
        self._commands.append(record)
        self.wake()

    def message(self, peer: str, message: LinkMessage) -> None:
        """Send *message* to *peer* after the commit; to ourselves within this turn."""
        if peer == self.name:
            self._mail.append(message)
        else:
            self._messages.append((peer, message))
        self.wake()

    def note(self, contact: str, fact: Fact) -> None:
        """Journal a fact, of a contact or (empty) of the box."""
        self._journal.add(fact.kind(), contact, fact)
        self.wake()

    def keep(self, key: str, state: msgspec.Struct) -> None:
        """Keep *state* as it will be at the end of the turn."""
        self._dirty[key] = state
        self.wake()

    def forget(self, key: str) -> None:
        """Forget a kept state."""
        self._dirty.pop(key, None)
        self._journal.forget(key)
        self.wake()

    def wake(self) -> None:
        """Have the turn ended when the loop comes round."""
        if not self._scheduled:
            self._scheduled = True
            self._soon(self.end)

    def end(self) -> None:
        """End the turn: settle, commit, send."""
        self._settle()
        self._scheduled = False
        for key, state in self._dirty.items():
            self._journal.keep(key, self._encode(state))
        self._dirty.clear()
        self._commit()
        commands, self._commands = self._commands, []
        messages, self._messages = self._messages, []
        for record in commands:
            self._send_command(record)
        for peer, message in messages:
            self._send_message(peer, message)
        for told in self.after_commit:
            told()

    def _settle(self) -> None:
        """Deliver our own mail and ask for more work until there is none."""
        for _ in range(MAX_ROUNDS):
            if self._mail:
                self.deliver(self.name, self._mail.popleft())
            elif not self._asked():
                return
        log.error("a turn did not settle after %d rounds", MAX_ROUNDS)

    def _asked(self) -> bool:
        """Ask everyone for more to do; tell whether there was any."""
        return sum(ask() for ask in self.before_commit) > 0

    def _commit(self) -> None:
        """Commit; a full disk must not silence callers, so the staged entries wait in memory."""
        try:
            self._journal.commit()
        except BranchlineError as error:
            log.error("ledger: %s", error)  # noqa: TRY400 - an expected state, told once in full
            self._ledger_ok = False
            self.on_ledger(error)
        else:
            if not self._ledger_ok:
                self._ledger_ok = True
                self.on_ledger(None)
