"""What goes into a fax of the media engine and comes out of it: plain values."""

from dataclasses import dataclass
from typing import Literal

#: how a fax ended: a reason word; `normal` is all pages
FaxReason = Literal[
    "normal",
    "no-fax",
    "training-failed",
    "incompatible",
    "carrier-lost",
    "no-answer",
    "protocol-error",
    "far-end-ended",
    "call-dropped",
    "bad-file",
    "write-failed",
    "disk-full",
    "too-many-pages",
    "too-large",
    "too-long",
]


@dataclass(frozen=True, slots=True)
class FaxHow:
    """What a fax may do; the limits hold for what is received too."""

    #: our number (CSI or TSI of T.30), up to 20 characters
    station: str = ""
    #: what stands above each page that is sent, up to 50 characters
    header: str = ""
    #: error correction mode (T.30 annex A)
    ecm: bool = True
    #: up to 14,400 bit/s; without it 9,600
    v17: bool = True
    max_pages: int = 200
    max_seconds: int = 3600
    max_bytes: int = 100_000_000


PLAIN_FAX = FaxHow()


@dataclass(frozen=True, slots=True)
class FaxProgress:
    """What a fax has come to so far."""

    #: that are complete
    pages: int
    #: what the far end calls itself
    station: str
    #: [pixels] of the last page
    width: int
    rows: int
    bad_rows: int
    bit_rate: int
    ecm: bool
    t38: bool
    #: [bytes] of the file
    size_bytes: int


@dataclass(frozen=True, slots=True)
class FaxPage:
    """One more page of a fax is complete."""

    fax: int
    leg: int
    progress: FaxProgress


@dataclass(frozen=True, slots=True)
class FaxEnded:
    """A fax is over; its id is free again, its leg hears and speaks as before."""

    fax: int
    leg: int
    reason: FaxReason
    #: libspandsp's own number for it
    t30_code: int
    progress: FaxProgress


FaxEvent = FaxPage | FaxEnded
