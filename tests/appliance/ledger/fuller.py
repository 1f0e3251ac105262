"""Writes a ledger until its file may not grow any more, then goes on; prints what happened."""

import resource
import sys
from pathlib import Path

from appliance.base.clock import SystemClock
from appliance.ledger.errors import LedgerError
from appliance.ledger.journal import LedgerJournal
from appliance.ledger.records import FlowStepped


def main(path: Path, limit: int) -> None:
    journal = LedgerJournal(path, "box", clock=SystemClock())
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    reasons: set[str] = set()
    added = 0
    while not reasons:
        journal.record(FlowStepped(step="x" * 2000), "c1")
        added += 1
        try:
            journal.commit()
        except LedgerError as error:
            reasons.add(error.reason)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    journal.commit()
    found = len(journal.entries(contact="c1", limit=100_000))
    print(*reasons, found == added, journal.verify().ok)
    journal.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
