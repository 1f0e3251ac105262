"""The ledger's own error."""

import sqlite3

from appliance.base.errors import BranchlineError, Verdict


class LedgerError(BranchlineError):
    """Raised when the ledger cannot be opened or written: `ledger-unwritable`, `disk-full`."""

    verdict = Verdict.HARDWARE


def from_sqlite(error: sqlite3.Error, what: str) -> LedgerError:
    """Return what *error* means to the person who has to act."""
    code = getattr(error, "sqlite_errorcode", None)
    if code == sqlite3.SQLITE_FULL:
        return LedgerError("disk-full", f"{what}: the disk is full")
    return LedgerError("ledger-unwritable", f"{what}: {error}")


def is_damage(error: sqlite3.Error) -> bool:
    """Tell whether *error* says that the file itself is broken, not that it is busy or full."""
    code = getattr(error, "sqlite_errorcode", 0) or 0
    return code & 0xFF in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
