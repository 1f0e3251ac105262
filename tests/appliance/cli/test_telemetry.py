"""`branchline telemetry tail` against a real publisher."""

import json

from appliance.cli.telemetry import line_of
from appliance.telemetry.records import Alarm, SeatChanged
from tests.appliance.cli.publishing import Publishing, box_state
from tests.appliance.cli.runner import branchline

ALARM = Alarm(
    alarm="trunk-down",
    about="sip\x1b[2J",
    raised=True,
    reason="timeout",
    verdict="carrier",
    message="[/red] no answer",
)


def test_tail_shows_what_is_published() -> None:
    with Publishing(
        [box_state(), SeatChanged(seat="anna", epoch=1, state="ready"), ALARM]
    ) as told:
        done = branchline("telemetry", "tail", "--address", told.address, "--count", "3")
    assert done.returncode == 0, done.stderr
    box, seat, alarm = done.stdout.splitlines()
    assert box.startswith("08:00:00.000  berlin/box-a  box-state")
    assert "legs_up yes" in box
    assert "peers box-b" in box
    assert "seat anna" in seat
    assert "state ready" in seat
    assert "[/red] no answer" in alarm
    assert "\x1b" not in alarm


def test_tail_as_json_filtered_by_topic() -> None:
    with Publishing([box_state(), ALARM]) as told:
        done = branchline(
            "telemetry", "tail", "--address", told.address,
            "--topic", "bl1/main/berlin/alarm", "--json", "--count", "1",
        )  # fmt: skip
    topic, _, body = done.stdout.partition(" ")
    assert topic == "bl1/main/berlin/alarm"
    assert json.loads(body)["reason"] == "timeout"


def test_tail_ends_after_its_time() -> None:
    done = branchline("telemetry", "tail", "--address", "tcp://127.0.0.1:1", "--for", "0.1")
    assert (done.returncode, done.stdout) == (0, "")


def test_an_impossible_address_is_a_config_error() -> None:
    done = branchline("telemetry", "tail", "--address", "nonsense")
    assert done.returncode == 78
    assert "nonsense" in done.stderr


def test_schema_is_json() -> None:
    assert "$defs" in json.loads(branchline("telemetry", "schema").stdout)


def test_foreign_records_are_shown_all_the_same() -> None:
    line = line_of("odd", {"kind": "of-the-future", "x": [1, None], "ts": 5}).plain
    assert "of-the-future" in line
    assert "x 1,None" in line
