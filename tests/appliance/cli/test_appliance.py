"""`branchline appliance`: what can be said without a brain, and of a running one."""

import asyncio
import json
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from appliance.base.errors import PeerError
from appliance.cli.admin import ask
from appliance.daemon.admin import AdminSocket
from tests.appliance.cli.runner import branchline

DEADLINE_S = 10


def settings(tmp_path: Path, port: int) -> str:
    path = tmp_path / "appliance.toml"
    path.write_text(
        f'site = "berlin"\nstate_dir = "{tmp_path}"\n'
        f'[telemetry]\nport = {port}\n[trunks.isp]\nhost = "x"\n'
    )
    return str(path)


def test_check_config(tmp_path: Path) -> None:
    path = settings(tmp_path, 7420)
    done = branchline("appliance", "check-config", path)
    assert done.returncode == 0
    assert "main/berlin/appliance" in done.stdout
    assert "trunks: isp; lines: none" in done.stdout


def test_check_config_names_what_is_wrong(tmp_path: Path) -> None:
    path = settings(tmp_path, 70000)
    done = branchline("appliance", "check-config", path)
    assert done.returncode == 78
    assert "$.telemetry.port" in done.stderr
    assert "70000" in done.stderr


def test_a_missing_file_is_78_everywhere(tmp_path: Path) -> None:
    for words in (
        ["run", "--config"],
        ["status", "--config"],
        ["join", "--control", "http://127.0.0.1:1", "--token", "x", "--config"],
        ["check-config"],
    ):
        done = branchline("appliance", *words, str(tmp_path / "none.toml"))
        assert done.returncode == 78, words
        assert "missing-file" in done.stderr


def test_a_token_that_is_none_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    config = settings(tmp_path, 7420)
    done = branchline(
        "appliance", "join", "--config", config, "--control", "http://127.0.0.1:1", "--token", "x"
    )
    assert done.returncode == 78
    assert "bad-token" in done.stderr


BOX: dict[str, Any] = {
    "name": "berlin-1",
    "site": "berlin",
    "plan_serial": 3,
    "legs_up": True,
    "hub_up": False,
    "peers": ["box-b", "box-c"],
    "relays": {"box-c": "box-r"},
    "contacts": [{"contact": "c1", "phase": "waiting", "queue": "sales", "waited_s": 2.5}],
    "seats": 2,
    "link": {"calls": 3, "calls_limit": 5, "kbit_s": 261, "kbit_s_limit": 0},
    "agents": [
        {
            "seat": "anna",
            "state": "ready",
            "why": "",
            "work": [{"contact": "c2", "channel": "task", "phase": "shown", "subject": "stamps"}],
        }
    ],
    "trunks": [{"name": "isp\x1b[2J", "kind": "trunk", "up": False, "reason": "timeout"}],
}


@pytest.fixture
def answering(tmp_path: Path) -> Iterator[Callable[[dict[str, Any]], None]]:
    """Run a brain's admin socket in the folder of the settings."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    admin = AdminSocket(tmp_path / "brain.sock")

    def answer(box: dict[str, Any]) -> None:
        admin.on("status", lambda _: box)
        asyncio.run_coroutine_threadsafe(admin.start(), loop).result(DEADLINE_S)

    yield answer
    loop.call_soon_threadsafe(admin.close)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


def test_status_of_a_running_brain(
    tmp_path: Path, answering: Callable[[dict[str, Any]], None]
) -> None:
    answering(BOX)
    config = settings(tmp_path, 7420)
    done = branchline("appliance", "status", "--config", config)
    assert done.returncode == 0, done.stderr
    for text in (
        "berlin/berlin-1",
        "serial 3",
        "down: timeout",
        "island",
        "box-b, box-c (through box-r)",
        "anna",
        "sales",
        "stamps",
        "3 of 5 calls, 261 kbit/s with other branches",
    ):
        assert text in done.stdout
    assert "\x1b" not in done.stdout
    as_json = branchline("appliance", "status", "--json", "--config", config)
    assert json.loads(as_json.stdout) == BOX


def test_status_without_legs_is_unavailable(
    tmp_path: Path, answering: Callable[[dict[str, Any]], None]
) -> None:
    answering({**BOX, "legs_up": False})
    done = branchline("appliance", "status", "--config", settings(tmp_path, 7420))
    assert done.returncode == 69
    assert "not attached" in done.stdout


def test_what_the_brain_refuses_is_told(
    tmp_path: Path, answering: Callable[[dict[str, Any]], None]
) -> None:
    answering({"error": "overload", "message": "later"})
    done = branchline("appliance", "status", "--config", settings(tmp_path, 7420))
    assert done.returncode == 69
    assert "overload: later" in done.stderr


def test_status_of_nobody(tmp_path: Path) -> None:
    done = branchline("appliance", "status", "--config", settings(tmp_path, 7420))
    assert done.returncode == 69
    assert "is it running?" in done.stderr


@pytest.mark.parametrize("said", [b"", b"\xff\n", b"[]\n", b"7\n"])
def test_what_answers_nonsense_is_no_brain(tmp_path: Path, said: bytes) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "brain.sock"))
        server.listen()

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(said)

        thread = threading.Thread(target=serve)
        thread.start()
        with pytest.raises(PeerError) as caught:
            ask(tmp_path, "status")
        thread.join()
    assert caught.value.reason == "unavailable"
