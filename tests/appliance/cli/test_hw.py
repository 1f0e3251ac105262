"""`branchline hw list`: whatever is plugged in here, it answers."""

import json

from appliance.cli.hw import _profile_for
from tests.appliance.cli.runner import branchline


def test_list_as_json() -> None:
    done = branchline("hw", "list", "--json")
    assert done.returncode == 0, done.stderr
    for row in json.loads(done.stdout):
        assert set(row) == {"port", "device", "usb", "serial_number", "profile"}


def test_list_for_people() -> None:
    done = branchline("hw", "list")
    assert done.returncode == 0
    assert "port" in done.stdout


def test_profiles_are_found_by_usb_id() -> None:
    assert _profile_for("1e0e:9001") == "sim7600"
    assert _profile_for("ffff:ffff") == ""
    assert _profile_for("") == ""
