"""The way to the hub: answers, refusals and silence."""

import threading

import pytest
import zmq

from appliance.base.errors import PeerError
from control.fleet.hubclient import HubClient
from control.settings import ControlSettings
from tests.control.fake_hub import FakeHub, floor


def test_a_hub_answers(settings: ControlSettings) -> None:
    client = HubClient(settings)
    with FakeHub(settings, floor(number=5)) as hub:
        assert client.floor()["number"] == 5
        assert client.reload()
        assert hub.asked == ["floor", "reload"]


def test_a_refusal_is_no_floor(settings: ControlSettings) -> None:
    client = HubClient(settings)
    with FakeHub(settings, floor()) as hub:
        hub.refuses = "internal"
        with pytest.raises(PeerError, match="internal: no"):
            client.floor()
        assert not client.reload()


def test_a_hub_that_never_ran_is_noticed_at_once(settings: ControlSettings) -> None:
    with pytest.raises(PeerError, match="not running"):
        HubClient(settings).floor()


def test_a_hub_that_hangs_is_given_up(settings: ControlSettings) -> None:
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    with context.socket(zmq.REP) as silent:
        silent.linger = 0
        silent.bind(settings.hub_commands)
        with pytest.raises(PeerError, match="does not answer"):
            HubClient(settings).ask({"do": "floor"}, timeout_ms=50)
    context.term()


def test_what_is_no_json_is_refused(settings: ControlSettings) -> None:
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    with context.socket(zmq.REP) as odd:
        odd.linger = 0
        odd.bind(settings.hub_commands)

        def answer() -> None:
            odd.recv()
            odd.send(b"\xff[")

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(PeerError, match="bad-request"):
            HubClient(settings).floor()
        thread.join()
    context.term()
