"""The Prometheus page: the same figures, in the text format's grammar."""

import re

import pytest

from appliance.telemetry import prometheus
from appliance.telemetry.prometheus import MetricsPage
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

#: one line of the text exposition format 0.0.4
SAMPLE = re.compile(
    r'[a-z_]+\{(?:[a-z_]+="(?:[^"\\\n]|\\["\\n])*",?)*\} -?[0-9.e+-]+\Z',
)


@pytest.fixture
def page() -> MetricsPage:
    return MetricsPage(site="berlin", appliance="box-a")


def value(page: MetricsPage, name: str, **labels: str) -> float:
    """Return the one value of a metric with these labels."""
    found = [
        float(line.rpartition(" ")[2])
        for line in page.render().splitlines()
        if line.startswith(f"branchline_{name}{{")
        and all(f'{label}="{text}"' in line for label, text in labels.items())
    ]
    assert len(found) == 1, page.render()
    return found[0]


def box_state(**changed: object) -> BoxState:
    fields: dict[str, object] = {
        "version": "1",
        "uptime_s": 12.5,
        "plan_serial": 3,
        "legs_up": True,
        "hub_up": False,
        "peers": ["box-b"],
        "contacts_open": 2,
        "seats": 4,
        "ledger_number": 12_345_678,
        "ledger_synced": 12_345_670,
        "disk_free_mib": 10,
        "messages": 3,
        "link_calls": 4,
        "link_calls_limit": 5,
        "link_kbit_s": 348,
        "link_kbit_s_limit": 480,
    }
    return BoxState(**{**fields, **changed})  # type: ignore[arg-type]


def test_the_box(page: MetricsPage) -> None:
    page.take(box_state())
    assert value(page, "uptime_seconds", site="berlin", appliance="box-a") == 12.5
    assert value(page, "ledger_number") == 12_345_678
    assert value(page, "ledger_unsynced") == 8
    assert value(page, "hub_up") == 0
    assert value(page, "messages") == 3
    assert (value(page, "link_calls"), value(page, "link_calls_limit")) == (4, 5)
    assert value(page, "link_kbits_per_second") == 348
    assert value(page, "link_kbits_per_second_limit") == 480
    assert value(page, "disk_free_bytes") == 10 * 1024 * 1024


def test_seats_are_counted_by_state(page: MetricsPage) -> None:
    for seat, state in (("a", "ready"), ("b", "ready"), ("a", "talking")):
        page.take(SeatChanged(seat=seat, epoch=1, state=state))
    assert value(page, "seats_in_state", state="ready") == 1
    assert value(page, "seats_in_state", state="talking") == 1


def test_contacts_are_counted_when_they_end(page: MetricsPage) -> None:
    page.take(ContactChanged(contact="c1", queue="sales", state="waiting"))
    for outcome, waited_ms in (("served", 1500), ("served", 500), ("abandoned", 4000)):
        page.take(
            ContactChanged(
                contact="c", queue="sales", state="ended", outcome=outcome, waited_ms=waited_ms
            )
        )
    assert value(page, "contacts_ended_total", queue="sales", outcome="served") == 2
    assert value(page, "contacts_ended_total", queue="sales", outcome="abandoned") == 1
    assert value(page, "contacts_waited_seconds_total", queue="sales") == 6
    assert page.render().count("branchline_contacts_ended_total{") == 2


def test_all_else(page: MetricsPage) -> None:
    records: list[AnyRecord] = [
        QueueGauge(queue="sales", waiting=3, oldest_ms=2500, seats_ready=1, seats_talking=2),
        TrunkState(trunk="sip", trunk_kind="trunk", up=False),
        EngineHealth(ticks=500, ticks_late=1, worst_late_us=30, legs=2, bridges=1),
        Alarm(alarm="trunk-down", about="sip", raised=True, reason="timeout", verdict="carrier"),
    ]
    quality = LegQuality(
        leg=1,
        leg_kind="trunk",
        via="sip",
        packets_in=100,
        packets_out=99,
        lost=2,
        late=1,
        jitter_ms=3.5,
    )
    for record in (*records, quality, quality):
        page.take(record)
    assert value(page, "queue_oldest_seconds", queue="sales") == 2.5
    assert value(page, "trunk_up", trunk="sip") == 0
    assert value(page, "engine_ticks_late_total") == 1
    assert value(page, "alarm", alarm="trunk-down") == 1
    assert value(page, "rtp_packets_total", direction="in") == 200
    assert value(page, "rtp_lost_total", kind="trunk") == 4


def test_grammar_and_escapes(page: MetricsPage) -> None:
    page.take(box_state())
    page.take(TrunkState(trunk='we"ird\\\nname', trunk_kind="line", up=True))
    lines = page.render().split("\n")
    assert lines.pop() == ""
    assert all(line.startswith("# ") or SAMPLE.match(line) for line in lines), lines
    assert any(r'trunk="we\"ird\\\nname"' in line for line in lines)
    helps = [line.split()[2] for line in lines if line.startswith("# HELP")]
    assert len(helps) == len(set(helps))


def test_a_flood_of_names_is_bounded(page: MetricsPage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prometheus, "LABEL_SETS_MOST", 10)
    for number in range(50):
        page.take(TrunkState(trunk=f"t{number}", trunk_kind="line", up=True))
        page.take(SeatChanged(seat=f"s{number}", epoch=1, state="ready"))
    page.take(TrunkState(trunk="t3", trunk_kind="line", up=False))
    assert page.render().count("branchline_trunk_up{") == 10
    assert value(page, "trunk_up", trunk="t3") == 0
    assert value(page, "seats_in_state", state="ready") == 10
