"""How a call ended, in three languages: SIP status, Q.850 cause, and our reason word.

The tables between SIP and Q.850 are those of RFC 3398 sections 7.2.4.1 and 8.2.6.1; the words
are those of `appliance.base.reasons`.
"""

from dataclasses import dataclass
from types import MappingProxyType

#: Q.850 causes used by name
NORMAL_CLEARING = 16
TEMPORARY_FAILURE = 41
#: the status that our stack gives a call whose far end has another certificate than it should
UNTRUSTED = 701
#: and one whose far end keeps no connection to us, where there is no other way
AWAY = 702


@dataclass(frozen=True, slots=True)
class Refusal:
    """What the far end is told for a reason word."""

    status: int
    #: Q.850
    cause: int
    #: seconds until it is worth trying again, 0 for no such advice
    retry_after_s: int = 0


#: reason word -> what we answer an INVITE with; the cause also stands in our BYE
_REFUSALS: MappingProxyType[str, Refusal] = MappingProxyType(
    {
        "normal": Refusal(480, 16),
        "bridge-ended": Refusal(480, 16),
        "transferred": Refusal(480, 16),
        "cancelled": Refusal(487, 16),
        "caller-gone": Refusal(487, 16),
        "contact-gone": Refusal(487, 16),
        "busy": Refusal(486, 17),
        "seat-busy": Refusal(486, 17),
        "no-answer": Refusal(480, 19),
        "unavailable": Refusal(480, 20),
        "seat-gone": Refusal(480, 20),
        "seat-paused": Refusal(480, 20),
        "declined": Refusal(603, 21),
        "refused": Refusal(403, 21),
        "stale-fence": Refusal(403, 21),
        "stale-incarnation": Refusal(403, 21),
        "reservation-expired": Refusal(403, 21),
        "not-enrolled": Refusal(403, 21),
        "not-approved": Refusal(403, 21),
        "not-found": Refusal(404, 1),
        "unknown-number": Refusal(404, 1),
        "unknown-account": Refusal(404, 1),
        "unknown-trunk": Refusal(502, 27),
        "unknown-peer": Refusal(502, 27),
        "peer-unreachable": Refusal(502, 27),
        "unreachable": Refusal(502, 27),
        "line-lost": Refusal(502, 27),
        "line-silent": Refusal(502, 27),
        "no-signal": Refusal(502, 27),
        "sim-locked": Refusal(502, 27),
        "carrier-failure": Refusal(503, 38),
        "congestion": Refusal(503, 42, 5),
        "relay-full": Refusal(503, 42, 5),
        "overload": Refusal(503, 42, 5),
        "orphaned": Refusal(503, 41, 10),
        "legs-restart": Refusal(503, 41, 5),
        "owner-restart": Refusal(503, 41, 5),
        "shutdown": Refusal(503, 41, 10),
        "media-timeout": Refusal(503, 41),
        "timeout": Refusal(408, 102),
        "no-codec": Refusal(488, 65),
        "no-encryption": Refusal(488, 58),
        "wrong-fingerprint": Refusal(488, 58),
        "wrong-certificate": Refusal(502, 27),
        "bad-request": Refusal(400, 95),
    }
)
_OTHER = Refusal(500, TEMPORARY_FAILURE)

#: RFC 3398 section 8.2.6.1; 487, 488 and 606 have no cause there: ours are 16 and 65
_CAUSE_OF_STATUS: MappingProxyType[int, int] = MappingProxyType(
    {
        400: 41, 401: 21, 402: 21, 403: 21, 404: 1, 405: 63, 406: 79, 407: 21, 408: 102,
        410: 22, 413: 127, 414: 127, 415: 79, 416: 127, 420: 127, 421: 127, 423: 127,
        480: 18, 481: 41, 482: 25, 483: 25, 484: 28, 485: 1, 486: 17, 487: 16, 488: 65,
        500: 41, 501: 79, 502: 38, 503: 41, 504: 102, 505: 127, 513: 127,
        600: 17, 603: 21, 604: 1, 606: 65,
    }
)  # fmt: skip

#: RFC 3398 section 7.2.4.1
_STATUS_OF_CAUSE: MappingProxyType[int, int] = MappingProxyType(
    {
        1: 404, 2: 404, 3: 404, 16: 480, 17: 486, 18: 408, 19: 480, 20: 480, 21: 403,
        22: 410, 23: 410, 26: 404, 27: 502, 28: 484, 29: 501, 31: 480, 34: 503, 38: 503,
        41: 503, 42: 503, 47: 503, 55: 403, 57: 403, 58: 503, 65: 488, 70: 488, 79: 501,
        87: 403, 88: 503, 102: 504, 111: 500, 127: 500,
    }
)  # fmt: skip

_REASON_OF_CAUSE: MappingProxyType[int, str] = MappingProxyType(
    {
        **dict.fromkeys((1, 2, 3, 22, 26, 28), "not-found"),
        **dict.fromkeys((16, 31), "normal"),
        17: "busy",
        **dict.fromkeys((18, 19), "no-answer"),
        20: "unavailable",
        21: "declined",
        27: "unreachable",
        **dict.fromkeys((34, 42, 44, 47), "congestion"),
        **dict.fromkeys((38, 41), "carrier-failure"),
        **dict.fromkeys((55, 57, 87), "refused"),
        **dict.fromkeys((58, 65, 70, 88), "no-codec"),
        **dict.fromkeys((95, 96, 97, 98, 99, 100, 101, 111), "bad-request"),
        102: "timeout",
    }
)

_REASON_OF_STATUS: MappingProxyType[int, str] = MappingProxyType(
    {
        **dict.fromkeys((401, 402, 403, 407), "refused"),
        **dict.fromkeys((404, 410, 416, 484, 485, 604), "not-found"),
        **dict.fromkeys((408, 504), "timeout"),
        **dict.fromkeys((415, 488, 606), "no-codec"),
        480: "unavailable",
        **dict.fromkeys((486, 600), "busy"),
        487: "cancelled",
        **dict.fromkeys((481, 482, 483), "carrier-failure"),
        503: "congestion",
        UNTRUSTED: "wrong-certificate",
        AWAY: "peer-unreachable",
        603: "declined",
    }
)


def refusal(reason: str) -> Refusal:
    """Return what the far end is told for *reason*; 500 for a word no far end should meet."""
    return _REFUSALS.get(reason, _OTHER)


def reason_header(reason: str) -> tuple[str, str]:
    """Return the Reason header (RFC 3326) of a BYE, CANCEL or refusal for *reason*."""
    return "Reason", f'Q.850;cause={refusal(reason).cause};text="{reason}"'


def refusal_headers(reason: str) -> list[tuple[str, str]]:
    """Return the headers of a refusal: Reason, and Retry-After where another try is worth it."""
    headers = [reason_header(reason)]
    if wait_s := refusal(reason).retry_after_s:
        headers.append(("Retry-After", str(wait_s)))
    return headers


def cause_of_status(status: int) -> int:
    """Return the Q.850 cause of a SIP final response; 16 for success, 31 for the unheard-of."""
    if status < 300:
        return NORMAL_CLEARING
    if status in _CAUSE_OF_STATUS:
        return _CAUSE_OF_STATUS[status]
    # RFC 3261 section 8.1.3.2: an unknown code counts as the x00 of its class
    return _CAUSE_OF_STATUS.get(status // 100 * 100, 31)


def status_of_cause(cause: int) -> int:
    """Return the SIP status of a Q.850 cause; 500 for those RFC 3398 leaves open."""
    return _STATUS_OF_CAUSE.get(cause, 500)


def reason_of(status: int, cause: int = 0) -> str:
    """Return our word for how a call ended; a cause from the network knows better than a status.

    *status* 0 stands for BYE. A cause of normal clearing does not outweigh a refusal.
    """
    if cause in _REASON_OF_CAUSE and (_REASON_OF_CAUSE[cause] != "normal" or status < 300):
        return _REASON_OF_CAUSE[cause]
    if status < 300:
        return "normal" if not cause else "carrier-failure"
    if status in _REASON_OF_STATUS:
        return _REASON_OF_STATUS[status]
    return _REASON_OF_CLASS.get(status // 100, "carrier-failure")


#: a status we have no word for, by its class: redirections are not followed
_REASON_OF_CLASS = {3: "unavailable", 4: "bad-request", 5: "carrier-failure", 6: "declined"}
