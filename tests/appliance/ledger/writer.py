"""Writes a ledger until it is killed; tells each commit on standard output."""

import hashlib
import os
import sys
from pathlib import Path

from appliance.base.clock import SystemClock
from appliance.ledger import sync
from appliance.ledger.journal import LedgerJournal
from appliance.ledger.records import ContactArrived, FlowStepped

CONTACTS = 50


def contact_of(step: int) -> str:
    return f"contact-{step % CONTACTS}"


def state_of(step: int) -> bytes:
    return hashlib.sha512(str(step).encode()).digest() * 8


def main(path: Path) -> None:
    sync.CHECKPOINT_EVERY = 100  # so that kills meet the moving of the log as well
    journal = LedgerJournal(path, "box", clock=SystemClock())
    os.write(1, f"open {journal.incarnation} {journal.head()[1]}\n".encode())
    step = 0
    while True:
        contact = contact_of(step)
        journal.record(ContactArrived(arrival=step), contact)
        journal.record(FlowStepped(step=str(step)), contact)
        journal.keep(contact, state_of(step))
        number = journal.commit()
        os.write(1, f"commit {step} {number}\n".encode())
        step += 1


if __name__ == "__main__":
    main(Path(sys.argv[1]))
