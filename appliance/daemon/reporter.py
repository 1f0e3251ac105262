"""What monitoring systems see of the brain: box, seats, contacts, queues, trunks, alarms."""

import shutil
from collections import Counter
from collections.abc import Callable
from copy import copy
from importlib.metadata import version
from pathlib import Path
from typing import get_args

from appliance.base.clock import Clock
from appliance.base.errors import BranchlineError
from appliance.base.reasons import verdict_of
from appliance.call.contact import Contact, waited_s
from appliance.daemon.brain import Brain
from appliance.ledger.journal import LedgerJournal
from appliance.ledger.records import Outcome
from appliance.routing.model import QueueView
from appliance.seat.state import Seat
from appliance.telemetry.publisher import TelemetryPublisher
from appliance.telemetry.records import (
    Alarm,
    BoxState,
    ContactChanged,
    LegQuality,
    QueueGauge,
    SeatChanged,
    TrunkState,
)
from appliance.wire import events as wire
from appliance.wire import rows

#: how often the box and its queues are reported [s]
REPORT_S = 5.0
#: how contacts end, each counted for its queue
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)
#: a queue in which nothing changes is reported this often [s]: a plan may have hundreds
SAME_GAUGE_S = 60.0


class Reporter:
    """Turns what happens in the brain into telemetry."""

    def __init__(
        self,
        brain: Brain,
        journal: LedgerJournal,
        publisher: TelemetryPublisher,
        state_dir: Path,
        clock: Clock,
    ) -> None:
        self._brain = brain
        self._journal = journal
        self._publish = publisher.publish
        self._state_dir = state_dir
        self._clock = clock
        self._started = clock.monotonic_s()
        self._version = version("branchline")
        #: (queue, outcome) -> contacts since the start
        self._ended: Counter[tuple[str, str]] = Counter()
        #: queue -> its last gauge, and when it was reported
        self._gauges: dict[str, tuple[QueueGauge, float]] = {}
        self._alarms: set[str] = set()
        self.legs_up = False
        self.hub_up = False
        self.peers: list[str] = []
        #: peers that are reached through a relay -> that relay
        self.relays: dict[str, str] = {}
        #: peers whose clock is off ours, and how far it is ahead [ms]
        self.clocks: dict[str, int] = {}
        #: of calls that legs relays: now, in all, refused
        self.relaying = (0, 0, 0)
        #: asked for the last entry of the ledger that control has
        self.acknowledged: Callable[[], int] = lambda: 0
        brain.board.on_change = self.seat
        brain.book.on_ended.append(self.contact)
        brain.budget.on_change = self.link
        brain.turn.on_ledger = self.ledger

    def seat(self, seat: Seat) -> None:
        """Report a seat that changed."""
        held = seat.reservation
        self._publish(
            SeatChanged(
                seat=seat.seat,
                epoch=seat.epoch,
                state=seat.state,
                contact=held.contact if held else "",
                reason=seat.why,
            )
        )

    def contact(self, contact: Contact, outcome: str, reason: str) -> None:
        """Report a contact that ended."""
        now = self._clock.monotonic_s()
        self._ended[contact.queue, outcome] += 1
        self._publish(
            ContactChanged(
                contact=contact.contact,
                queue=contact.queue,
                klass=contact.klass,
                state="ended",
                seat=contact.booking.seat if contact.booking else "",
                waited_ms=round(waited_s(contact, now) * 1000),
                talked_ms=round((now - contact.t_talk) * 1000) if contact.t_talk else 0,
                outcome=outcome,
                reason=reason,
            )
        )

    def event(self, record: wire.LegsRecord) -> None:
        """Report what legs tells that monitoring wants to know."""
        match record:
            case wire.TrunkChanged():
                self.trunk(record.trunk)
            case wire.Relaying():
                self.relaying = (record.calls, record.total, sum(record.refused.values()))
            case wire.LegQuality():
                self._publish(
                    LegQuality(
                        leg=record.leg,
                        leg_kind=record.kind,
                        via=record.via,
                        packets_in=record.packets_in,
                        packets_out=record.packets_out,
                        lost=record.lost,
                        late=record.late,
                        jitter_ms=record.jitter_ms,
                        refused=record.refused,
                        concealed=record.concealed,
                        far_lost=record.far_lost,
                        round_trip_ms=record.round_trip_ms,
                        mos_lq=record.mos_lq,
                        mos_cq=record.mos_cq,
                    )
                )

    def trunk(self, trunk: rows.TrunkState) -> None:
        """Report a trunk or line, and raise or clear its alarm."""
        self._publish(
            TrunkState(
                trunk=trunk.name,
                trunk_kind=trunk.kind,
                up=trunk.up,
                reason=trunk.reason,
                detail=trunk.detail,
            )
        )
        self.alarm("trunk-down", trunk.reason, about=trunk.name, raised=not trunk.up)

    def legs(self, *, up: bool, reason: str = "normal") -> None:
        """Report that the legs process is there, or gone."""
        self.legs_up = up
        self.alarm("legs-gone", reason, raised=not up)
        self.box()

    def hub(self, *, up: bool, reason: str = "normal") -> None:
        """Report that a hub is in reach, or gone: the box is an island."""
        self.hub_up = up
        self.alarm("island", reason, raised=not up)
        self.box()

    def clock(self, peer: str, ahead_ms: int) -> None:
        """Report that the clock of *peer* is off ours, or no longer."""
        if ahead_ms:
            self.clocks[peer] = ahead_ms
        else:
            self.clocks.pop(peer, None)
        way = "ahead of" if ahead_ms > 0 else "behind"
        self.alarm(
            "clock",
            "clock-off" if ahead_ms else "normal",
            about=peer,
            raised=bool(ahead_ms),
            message=f"{peer} is {abs(ahead_ms) / 1000:.1f} s {way} us" if ahead_ms else "",
        )

    def ledger(self, error: BranchlineError | None) -> None:
        """Report that the ledger cannot be written, or can again."""
        reason = error.reason if error else "normal"
        self.alarm("ledger", reason, raised=error is not None, message=str(error or ""))

    def alarm(
        self, name: str, reason: str, *, raised: bool, about: str = "", message: str = ""
    ) -> None:
        """Raise or clear an alarm, once each."""
        key = f"{name} {about}"
        if raised == (key in self._alarms):
            return
        (self._alarms.add if raised else self._alarms.discard)(key)
        self._publish(
            Alarm(
                alarm=name,
                about=about,
                raised=raised,
                reason=reason,
                verdict=verdict_of(reason),
                message=message,
            )
        )

    def box(self) -> None:
        """Report the box."""
        budget = self._brain.budget
        self.link()
        _, number, _ = self._journal.head()
        relayed, relayed_total, relay_refused = self.relaying
        self._publish(
            BoxState(
                version=self._version,
                uptime_s=round(self._clock.monotonic_s() - self._started, 1),
                plan_serial=self._brain.plans.plan.serial,
                legs_up=self.legs_up,
                hub_up=self.hub_up,
                peers=self.peers,
                relays=self.relays,
                contacts_open=len(self._brain.book),
                seats=len(self._brain.board),
                ledger_number=number,
                ledger_synced=self._journal.synced,
                disk_free_mib=shutil.disk_usage(self._state_dir).free >> 20,
                ledger_acknowledged=self.acknowledged(),
                messages=len(self._brain.rooms.voicemails),
                relayed=relayed,
                relayed_total=relayed_total,
                relay_refused=relay_refused,
                link_calls=budget.used,
                link_calls_limit=budget.limit,
                link_kbit_s=budget.used_kbit_s,
                link_kbit_s_limit=budget.limit_kbit_s,
            )
        )

    def link(self) -> None:
        """Report that calls with other branches nearly fill the access link, or no longer do."""
        budget = self._brain.budget
        full = budget.watch()
        message = f"{budget.used} of {budget.limit} calls with other branches" if full else ""
        reason = "link-full" if full else "normal"
        self.alarm("access-link", reason, raised=full, message=message)

    def queues(self, views: list[QueueView]) -> None:
        """Report each queue as this box sees it."""
        now = self._clock.monotonic_s()
        talking = Counter(c.queue for c in self._brain.book if c.phase == "talking")
        still_open = Counter(c.queue for c in self._brain.book)
        oldest: dict[str, float] = {}
        for contact in self._brain.book:
            if contact.phase == "waiting":
                age = waited_s(contact, now)
                oldest[contact.queue] = max(age, oldest.get(contact.queue, 0.0))
        for view in views:
            ended = {outcome: self._ended[view.queue, outcome] for outcome in OUTCOMES}
            gauge = QueueGauge(
                queue=view.queue,
                waiting=view.waiting,
                oldest_ms=round(oldest.get(view.queue, 0.0) * 1000),
                seats_ready=view.ready,
                seats_talking=talking[view.queue],
                offered=sum(ended.values()) + still_open[view.queue],
                served=ended["served"],
                abandoned=ended["abandoned"],
                released=ended["released"],
                failed=ended["failed"],
                voicemail=ended["voicemail"],
            )
            self._report_gauge(gauge, now)

    def _report_gauge(self, gauge: QueueGauge, now: float) -> None:
        """Report a queue that changed; one that did not, now and then."""
        last, at = self._gauges.get(gauge.queue, (None, 0.0))
        if gauge != last or now - at >= SAME_GAUGE_S:
            self._gauges[gauge.queue] = (copy(gauge), now)
            self._publish(gauge)
