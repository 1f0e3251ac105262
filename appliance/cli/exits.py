"""How a command ends: exit codes of sysexits.h, one line for a person, and what to do next."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from appliance.base.errors import BranchlineError, Verdict

EX_USAGE = 64
EX_NOINPUT = 66
EX_UNAVAILABLE = 69
EX_SOFTWARE = 70
EX_IOERR = 74
EX_CONFIG = 78

_BY_REASON = {
    "missing-file": EX_CONFIG,
    "port-busy": EX_UNAVAILABLE,
    "disk-full": EX_IOERR,
    "ledger-unwritable": EX_IOERR,
}
_BY_VERDICT = {
    Verdict.CONFIG: EX_CONFIG,
    Verdict.HARDWARE: EX_IOERR,
    Verdict.PEER: EX_UNAVAILABLE,
    Verdict.CARRIER: EX_UNAVAILABLE,
}


def exit_code(error: BranchlineError) -> int:
    """Return the exit code for *error*: by its reason, else by whose fault it is."""
    return _BY_REASON.get(error.reason, _BY_VERDICT.get(error.verdict, EX_SOFTWARE))


@contextmanager
def told(command: str) -> Iterator[None]:
    """Turn our errors into one line on standard error and an exit code."""
    try:
        yield
    except BranchlineError as error:
        print(f"branchline {command}: {printable(str(error))}", file=sys.stderr)
        raise typer.Exit(exit_code(error)) from None


def printable(text: str) -> str:
    """Return *text* without what could move the cursor of the terminal that shows it."""
    return "".join(char if char.isprintable() else "�" for char in text)
