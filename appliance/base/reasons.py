"""The reason words: one short word for each way a leg, contact or command can end or fail.

The same word stands in the log, the ledger, telemetry and the pages; `docs/errors.md` explains
each and is checked against this table.
"""

from types import MappingProxyType

from appliance.base.errors import Verdict

_O, _C, _T = Verdict.OURS, Verdict.CALLER, Verdict.CARRIER
_F, _H, _P = Verdict.CONFIG, Verdict.HARDWARE, Verdict.PEER

#: reason word -> whose fault it counts as
REASONS: MappingProxyType[str, Verdict] = MappingProxyType(
    {
        # how a call ends
        "normal": _C,
        "cancelled": _C,
        "busy": _C,
        "no-answer": _C,
        "declined": _C,
        "not-found": _C,
        "unavailable": _C,
        "no-codec": _C,
        "no-encryption": _C,
        "wrong-fingerprint": _C,
        "wrong-certificate": _P,
        "bad-request": _C,
        "refused": _C,
        "congestion": _T,
        "carrier-failure": _T,
        "timeout": _T,
        "unreachable": _T,
        "media-timeout": _T,
        "legs-restart": _O,
        "owner-restart": _O,
        "overload": _O,
        "internal": _O,
        "orphaned": _O,
        "bridge-ended": _C,
        "caller-gone": _C,
        "transferred": _C,
        "shutdown": _O,
        # commands between brain and legs
        "gone": _O,
        "duplicate": _O,
        "wrong-state": _O,
        "unknown-record": _O,
        "unknown-prompt": _F,
        "unknown-account": _F,
        "unknown-trunk": _F,
        "unknown-peer": _F,
        "relay-full": _O,
        "old-version": _P,
        # hardware lines
        "line-lost": _H,
        "line-silent": _H,
        "no-signal": _H,
        "sim-locked": _H,
        # how a play ends
        "end": _C,
        "stopped": _C,
        "replaced": _C,
        "bridged": _C,
        "removed": _C,
        "digit": _C,
        "speech": _C,
        # recording, taps and files
        "disk-full": _H,
        "recording-failed": _O,
        "longest": _F,
        "paused": _C,
        "lost": _H,
        "reader-gone": _O,
        "tap-failed": _O,
        # how a fax ends
        "no-fax": _C,
        "training-failed": _T,
        "incompatible": _C,
        "carrier-lost": _T,
        "protocol-error": _C,
        "far-end-ended": _C,
        "call-dropped": _C,
        "bad-file": _O,
        "write-failed": _O,
        "too-many-pages": _F,
        "too-large": _F,
        "too-long": _F,
        "pdf-failed": _O,
        # questions to data sources
        "lookup-refused": _F,
        "lookup-timeout": _P,
        "lookup-unreachable": _P,
        "lookup-broken": _P,
        "lookup-down": _P,
        "lookup-garbled": _P,
        # reservations and the link
        "stale-fence": _P,
        "stale-incarnation": _P,
        "seat-busy": _P,
        "seat-gone": _P,
        "seat-paused": _P,
        "preempted": _P,
        "contact-gone": _P,
        "reservation-expired": _P,
        "peer-unreachable": _P,
        "other-matchmaker": _P,
        "link-full": _F,
        "clock-off": _P,
        "lease-lost": _P,
        "merged": _C,
        "not-enrolled": _P,
        "not-approved": _P,
        "bad-signature": _P,
        "bad-token": _F,
        "used-token": _F,
        "expired-token": _F,
        "control-unreachable": _P,
        # the ledger's way to control
        "foreign": _P,
        "gap": _P,
        "bad-chain": _P,
        "fork": _P,
        # configuration and start
        "bad-config": _F,
        "missing-file": _F,
        "port-busy": _F,
        "missing-library": _F,
        "bad-plan": _F,
        "unknown-number": _F,
        "ledger-unwritable": _H,
    }
)

#: a call that ends for one of these was not hung up: it was lost on the way, or a box died
LOST = frozenset(
    {"media-timeout", "unreachable", "timeout", "carrier-failure", "line-lost", "legs-restart"}
)


def verdict_of(reason: str) -> Verdict:
    """Return whose fault *reason* counts as; an unknown word is ours."""
    return REASONS.get(reason, Verdict.OURS)
