"""What is published under one name: the row that counts, of all who publish one.

Nearly always one appliance publishes a name, so that one look-up by name finds the row, whether a
proposal holds it, and what the index was shown of it.
"""

from typing import Generic, TypeVar

from appliance.routing.model import ContactRow, SeatRow

#: what grows with each change of a row
Stamp = tuple[int, ...]
RowT = TypeVar("RowT", ContactRow, SeatRow)
#: owner -> its row, and since when its age counts [ms]
Claims = dict[str, tuple[RowT, int]]


def stamp(row: ContactRow | SeatRow) -> Stamp:
    """Return what grows with each change of *row*; epoch before fence, for a new log-in."""
    if isinstance(row, SeatRow):
        return (row.incarnation, row.epoch, row.fence)
    return (row.incarnation, row.fence)


class Spot(Generic[RowT]):
    """The row that counts under one name."""

    __slots__ = ("claims", "hold", "name", "row", "shown", "since_ms")

    def __init__(self, name: str) -> None:
        self.name = name
        #: None: nobody publishes it any more
        self.row: RowT | None = None
        self.since_ms = 0
        #: all rows, where several publish it
        self.claims: Claims[RowT] | None = None
        #: the proposal that holds this row back
        self.hold: Hold | None = None
        #: it is in lines or pools
        self.shown = False

    def of(self, owner: str) -> RowT | None:
        """Return the row that *owner* published."""
        if self.claims is not None:
            claim = self.claims.get(owner)
            return None if claim is None else claim[0]
        row = self.row
        return row if row is not None and row.owner == owner else None

    def put(self, row: RowT, since_ms: int) -> None:
        """Take an owner's row."""
        counts = self.row
        if self.claims is None:
            if counts is None or counts.owner == row.owner:
                self.row, self.since_ms = row, since_ms
                return
            self.claims = {counts.owner: (counts, self.since_ms)}
        self.claims[row.owner] = (row, since_ms)
        self.row, self.since_ms = self._best(self.claims)

    def leave(self, owner: str) -> None:
        """Forget what *owner* published."""
        if self.claims is None:
            if self.of(owner) is not None:
                self.row = None
            return
        self.claims.pop(owner, None)
        self.row, self.since_ms = self._best(self.claims)
        if len(self.claims) == 1:
            self.claims = None

    def held(self) -> bool:
        """Tell whether a proposal holds the row; a hold made for an older row ends."""
        hold = self.hold
        if hold is None:
            return False
        if self.row is None or not hold.is_for(self.row):
            self.hold = None
            return False
        return True

    def _best(self, claims: Claims[RowT]) -> tuple[RowT, int]:
        raise NotImplementedError


class ContactSpot(Spot[ContactRow]):
    """A contact: of several claims, that of the appliance which minted the place counts first."""

    __slots__ = ()

    def _best(self, claims: Claims[ContactRow]) -> tuple[ContactRow, int]:
        return min(claims.values(), key=_contact_claim)


class SeatSpot(Spot[SeatRow]):
    """A seat: of several log-ins of one person, the one of the highest epoch counts."""

    __slots__ = ("present",)

    def __init__(self, name: str) -> None:
        super().__init__(name)
        #: the agent is logged in and not paused, as the index was told
        self.present = False

    def _best(self, claims: Claims[SeatRow]) -> tuple[SeatRow, int]:
        return max(claims.values(), key=_seat_claim)


class Hold:
    """A proposal on its way: keeps a contact and a seat back, each until its row changes."""

    __slots__ = ("contact", "contact_spot", "seat", "seat_spot", "until_ms")

    def __init__(
        self,
        contact: ContactRow,
        contact_spot: ContactSpot,
        seat: SeatRow,
        seat_spot: SeatSpot,
        until_ms: int,
    ) -> None:
        self.contact = contact
        self.contact_spot = contact_spot
        self.seat = seat
        self.seat_spot = seat_spot
        self.until_ms = until_ms

    @property
    def whole(self) -> bool:
        """Tell whether it holds both still."""
        return self.contact_spot.hold is self and self.seat_spot.hold is self

    def is_for(self, row: ContactRow | SeatRow) -> bool:
        """Tell whether it was made for *row* as it is."""
        own = self.seat if isinstance(row, SeatRow) else self.contact
        return own is row or stamp(own) == stamp(row)


def _contact_claim(claim: tuple[ContactRow, int]) -> tuple[bool, str]:
    row = claim[0]
    return (row.owner != row.place.appliance, row.owner)


def _seat_claim(claim: tuple[SeatRow, int]) -> tuple[int, str]:
    return (claim[0].epoch, claim[0].owner)
