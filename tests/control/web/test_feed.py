"""The live feed: no change is lost, a hub that went away is told, and comes back."""

import threading
from collections.abc import Iterator
from typing import Any

import msgspec

from control.fleet.hubclient import HubClient
from control.fleet.hubs import HubEntry, add_hub, settings_of
from control.hub.rows import LiveContact
from control.parts import ControlParts
from control.settings import ControlSettings
from control.web import context as web
from control.web.feed import LiveFeed
from tests.control.fake_hub import FakeHub, floor
from tests.control.visitor import Visitor

CONTACT = LiveContact(
    contact="c1", owner="berlin-1", queue="sales", klass="gold", state="waiting", age_ms=5, seat=""
)


def feed(settings: ControlSettings, stop: threading.Event) -> Iterator[str]:
    return LiveFeed(settings.hub_live, HubClient(settings), stop.is_set).events({"queues": []})


def read(text: str) -> tuple[str, Any]:
    """Return name and data of one event."""
    lines = [line for line in text.splitlines() if line and not line.startswith(":")]
    return lines[0].removeprefix("event: "), msgspec.json.decode(lines[1].removeprefix("data: "))


def wait_for(events: Iterator[str], name: str) -> Any:
    """Return the data of the next event of that name."""
    for text in events:
        found, data = read(text)
        if found == name:
            return data
    raise AssertionError(f"the feed ended without {name}")


def test_it_begins_with_names_and_floor(settings: ControlSettings) -> None:
    stop = threading.Event()
    with FakeHub(settings, floor(contacts=[CONTACT])):
        events = feed(settings, stop)
        assert read(next(events)) == ("names", {"queues": []})
        name, data = read(next(events))
        assert (name, data["contacts"][0]["contact"]) == ("floor", "c1")
        stop.set()
        assert list(events) == []


def until_change(hub: FakeHub, events: Iterator[str], number: int, at: str) -> Any:
    """Publish until it arrives: a subscription takes its time to reach the publisher."""
    arrived = threading.Event()

    def repeat() -> None:
        while not arrived.wait(0.05):
            hub.change(number, at, contacts=[CONTACT])

    thread = threading.Thread(target=repeat)
    thread.start()
    try:
        return read(next(events))
    finally:
        arrived.set()
        thread.join()


def test_the_next_change_is_passed_on_and_the_same_one_not_twice(
    settings: ControlSettings,
) -> None:
    stop = threading.Event()
    with FakeHub(settings, floor(number=1)) as hub:
        events = feed(settings, stop)
        assert wait_for(events, "floor")["number"] == 1
        name, data = until_change(hub, events, 2, "2026-11-22T04:00:00.000000Z")
        assert (name, data["number"]) == ("change", 2)
        hub.floor = floor(number=9)
        hub.change(3, "2026-11-22T04:00:01.000000Z")
        name, data = read(next(events))
        assert (name, data["number"]) == ("change", 3)
        stop.set()
        events.close()  # type: ignore[attr-defined]


def test_a_gap_brings_the_whole_floor(settings: ControlSettings) -> None:
    stop = threading.Event()
    with FakeHub(settings, floor(number=1)) as hub:
        events = feed(settings, stop)
        wait_for(events, "floor")
        hub.floor = floor(number=7, contacts=[CONTACT])
        name, data = until_change(hub, events, 7, "2026-11-22T04:00:05.000000Z")
        assert (name, data["number"], len(data["contacts"])) == ("floor", 7, 1)
        stop.set()
        events.close()  # type: ignore[attr-defined]


def test_a_hub_that_began_anew_is_followed(settings: ControlSettings) -> None:
    stop = threading.Event()
    with FakeHub(settings, floor(number=50)) as hub:
        events = feed(settings, stop)
        wait_for(events, "floor")
        hub.floor = floor(number=1, at="2026-11-22T05:00:00.000000Z")
        name, data = until_change(hub, events, 1, "2026-11-22T05:00:00.000000Z")
        assert (name, data["number"]) == ("floor", 1)
        stop.set()
        events.close()  # type: ignore[attr-defined]


def test_a_hub_that_is_away_is_told_once_and_awaited(settings: ControlSettings) -> None:
    stop = threading.Event()
    events = feed(settings, stop)
    assert read(next(events))[0] == "names"
    assert read(next(events)) == ("away", {"reason": "unreachable"})
    assert read(next(events)) == ("beat", None)
    with FakeHub(settings, floor(number=4)):
        assert wait_for(events, "floor")["number"] == 4
        stop.set()
        events.close()  # type: ignore[attr-defined]


def test_the_page_gets_the_feed(admin: Visitor, parts: ControlParts) -> None:
    with FakeHub(parts.settings, floor()):
        answer = admin.client.get("/live/feed", buffered=False)
        assert answer.mimetype == "text/event-stream"
        chunks = iter(answer.response)
        first = next(chunks)
        name, data = read(first.decode() if isinstance(first, bytes) else str(first))
        answer.close()
    assert name == "names"
    assert {queue["name"] for queue in data["queues"]} == {"sales", "billing"}
    assert {agent["name"] for agent in data["agents"]} == {"anna", "dev"}


def test_feeds_leave_room_for_other_pages(admin: Visitor, parts: ControlParts) -> None:
    application = admin.client.application
    context: web.WebContext = application.extensions["branchline"]
    room = max(1, parts.settings.web_threads // 2)
    answers = [admin.client.get("/live/feed", buffered=False) for _ in range(room + 1)]
    assert [answer.status_code for answer in answers] == [200] * room + [503]
    assert answers[-1].headers["Retry-After"] == "10"
    for answer in answers:
        answer.close()
    assert admin.client.get("/live/feed", buffered=False).status_code == 200
    assert context.parts is parts


def test_the_floor_of_several_hubs_is_shown_as_one(settings: ControlSettings) -> None:
    entry = HubEntry(
        name="hub-2",
        address="127.0.0.1",
        link_port=7500,
        telemetry_in_port=7501,
        telemetry_out_port=7502,
    )
    add_hub(settings, entry)
    other = LiveContact(
        contact="c2", owner="bonn-1", queue="r", klass="gold", state="waiting", age_ms=5, seat=""
    )
    stop = threading.Event()
    with (
        FakeHub(settings, floor(contacts=[CONTACT])),
        FakeHub(settings_of(settings, "hub-2"), floor(contacts=[other])) as second,
    ):
        events = feed(settings, stop)
        whole = wait_for(events, "floor")
        assert [row["contact"] for row in whole["contacts"]] == ["c1", "c2"]
        second.refuses = "gone"
        whole = wait_for(events, "floor")  # the next look, since its number differs
        assert [row["contact"] for row in whole["contacts"]] == ["c1"]
        stop.set()
