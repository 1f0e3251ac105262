"""The newest telemetry as Prometheus reads it (text format 0.0.4). Pure: records in, text out."""

from collections.abc import Iterator
from typing import NamedTuple

from appliance.telemetry.records import (
    Alarm,
    AnyRecord,
    BoxState,
    ContactChanged,
    EngineHealth,
    LegQuality,
    QueueGauge,
    SeatChanged,
    TrunkState,
)

#: what the Content-Type of the page must be
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
#: sets of labels per metric; what comes on top is left out, so that no flood fills the memory
LABEL_SETS_MOST = 2000

_Labels = tuple[tuple[str, str], ...]


class Metric(NamedTuple):
    """Name, type and help of one metric."""

    name: str
    type: str
    help: str


def _gauge(name: str, text: str) -> Metric:
    return Metric(f"branchline_{name}", "gauge", text)


def _counter(name: str, text: str) -> Metric:
    return Metric(f"branchline_{name}_total", "counter", text)


UPTIME = _gauge("uptime_seconds", "How long the brain has run.")
PLAN = _gauge("plan_serial", "Serial of the plan that is obeyed.")
LEGS_UP = _gauge("legs_up", "1 while the legs process is attached.")
HUB_UP = _gauge("hub_up", "1 while a hub is in reach.")
PEERS = _gauge("peers", "Other appliances in reach.")
OPEN = _gauge("contacts_open", "Contacts that have not ended.")
SEATS = _gauge("seats", "Agents logged in.")
LEDGER = _gauge("ledger_number", "Last entry of the ledger.")
UNSYNCED = _gauge("ledger_unsynced", "Entries that a power cut would lose.")
ACKNOWLEDGED = _gauge("ledger_acknowledged", "Last entry of the ledger that control has.")
MESSAGES = _gauge("messages", "Messages that callers left and nobody has deleted.")
RELAYED = _gauge("relayed_calls", "Calls between other appliances that are relayed now.")
RELAYED_TOTAL = _counter("relayed_calls_begun", "Calls that were relayed.")
RELAY_REFUSED = _counter("relayed_calls_refused", "Calls that were not relayed.")
LINK_CALLS = _gauge("link_calls", "Calls with other branches.")
LINK_CALLS_LIMIT = _gauge("link_calls_limit", "Calls that the access link carries; 0: any number.")
LINK_KBIT_S = _gauge("link_kbits_per_second", "What these calls take of the link at most.")
LINK_KBIT_S_LIMIT = _gauge("link_kbits_per_second_limit", "What they may take; 0: all of it.")
DISK = _gauge("disk_free_bytes", "Room left for ledger and recordings.")
SEAT_STATE = _gauge("seats_in_state", "Seats in each state.")
ENDED = _counter("contacts_ended", "Contacts that ended, by queue and outcome.")
WAITED = _counter("contacts_waited_seconds", "Sum of the waits of contacts that ended.")
TALKED = _counter("contacts_talked_seconds", "Sum of the talks of contacts that ended.")
TRUNK_UP = _gauge("trunk_up", "1 while a trunk or line can be used.")
WAITING = _gauge("queue_waiting", "Contacts that wait.")
OLDEST = _gauge("queue_oldest_seconds", "Age of the contact that waits longest.")
READY = _gauge("queue_seats_ready", "Seats that could take a contact of the queue.")
PACKETS = _counter("rtp_packets", "RTP packets of legs that ended.")
LOST = _counter("rtp_lost", "RTP packets that never came.")
LATE = _counter("rtp_late", "RTP packets that came too late to be played.")
TICKS = _counter("engine_ticks", "Ticks of the media engine.")
TICKS_LATE = _counter("engine_ticks_late", "Ticks that began more than one period late.")
ALARM = _gauge("alarm", "1 while an alarm is raised.")


class MetricsPage:
    """Holds the newest values; `take` each record, `render` when asked."""

    def __init__(self, *, site: str, appliance: str) -> None:
        self._always: _Labels = (("site", site), ("appliance", appliance))
        self._values: dict[Metric, dict[_Labels, float]] = {}
        self._seats: dict[str, str] = {}

    def take(self, record: AnyRecord) -> None:
        """Take note of *record*."""
        match record:
            case BoxState():
                self._box(record)
            case SeatChanged():
                self._seat(record)
            case ContactChanged():
                self._contact(record)
            case QueueGauge():
                self._queue(record)
            case LegQuality():
                self._leg(record)
            case TrunkState():
                self._set(TRUNK_UP, record.up, trunk=record.trunk, kind=record.trunk_kind)
            case EngineHealth():
                self._set(TICKS, record.ticks)
                self._set(TICKS_LATE, record.ticks_late)
            case Alarm():
                labels = {"alarm": record.alarm, "about": record.about}
                self._set(ALARM, record.raised, **labels)

    def render(self) -> str:
        """Return the page."""
        return "".join(f"{line}\n" for line in self._lines())

    def _box(self, record: BoxState) -> None:
        for metric, value in (
            (UPTIME, record.uptime_s),
            (PLAN, record.plan_serial),
            (LEGS_UP, record.legs_up),
            (HUB_UP, record.hub_up),
            (PEERS, len(record.peers)),
            (OPEN, record.contacts_open),
            (SEATS, record.seats),
            (LEDGER, record.ledger_number),
            (UNSYNCED, record.ledger_number - record.ledger_synced),
            (ACKNOWLEDGED, record.ledger_acknowledged),
            (MESSAGES, record.messages),
            (RELAYED, record.relayed),
            (RELAYED_TOTAL, record.relayed_total),
            (RELAY_REFUSED, record.relay_refused),
            (LINK_CALLS, record.link_calls),
            (LINK_CALLS_LIMIT, record.link_calls_limit),
            (LINK_KBIT_S, record.link_kbit_s),
            (LINK_KBIT_S_LIMIT, record.link_kbit_s_limit),
            (DISK, record.disk_free_mib * 1024 * 1024),
        ):
            self._set(metric, value)

    def _seat(self, record: SeatChanged) -> None:
        before = self._seats.get(record.seat)
        if before is None and len(self._seats) >= LABEL_SETS_MOST:
            return
        if before is not None:
            self._add(SEAT_STATE, -1, state=before)
        self._seats[record.seat] = record.state
        self._add(SEAT_STATE, 1, state=record.state)

    def _contact(self, record: ContactChanged) -> None:
        if record.state == "ended":
            self._add(ENDED, 1, queue=record.queue, outcome=record.outcome)
            self._add(WAITED, record.waited_ms / 1000, queue=record.queue)
            self._add(TALKED, record.talked_ms / 1000, queue=record.queue)

    def _queue(self, record: QueueGauge) -> None:
        self._set(WAITING, record.waiting, queue=record.queue)
        self._set(OLDEST, record.oldest_ms / 1000, queue=record.queue)
        self._set(READY, record.seats_ready, queue=record.queue)

    def _leg(self, record: LegQuality) -> None:
        self._add(PACKETS, record.packets_in, kind=record.leg_kind, direction="in")
        self._add(PACKETS, record.packets_out, kind=record.leg_kind, direction="out")
        self._add(LOST, record.lost, kind=record.leg_kind)
        self._add(LATE, record.late, kind=record.leg_kind)

    def _set(self, metric: Metric, value: float, **labels: str) -> None:
        values = self._values.setdefault(metric, {})
        key = tuple(labels.items())
        if key in values or len(values) < LABEL_SETS_MOST:
            values[key] = value

    def _add(self, metric: Metric, value: float, **labels: str) -> None:
        before = self._values.get(metric, {}).get(tuple(labels.items()), 0.0)
        self._set(metric, before + value, **labels)

    def _lines(self) -> Iterator[str]:
        for metric, values in sorted(self._values.items()):
            yield f"# HELP {metric.name} {metric.help}"
            yield f"# TYPE {metric.name} {metric.type}"
            for labels, value in sorted(values.items()):
                pairs = (f'{name}="{_escape(text)}"' for name, text in (*self._always, *labels))
                yield f"{metric.name}{{{','.join(pairs)}}} {_number(value)}"


def _number(value: float) -> str:
    """Write whole numbers as such, all others with every digit they have."""
    return str(int(value)) if value == int(value) else repr(value)


def _escape(text: str) -> str:
    """Escape a label's value as the text format asks."""
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
