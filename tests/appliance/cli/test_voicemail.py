"""`branchline voicemail`: what a running brain says of its messages, and what it refuses."""

import asyncio
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from appliance.daemon.admin import AdminSocket
from tests.appliance.cli.runner import branchline

DEADLINE_S = 10
ROW: dict[str, Any] = {
    "message": "c1-1",
    "mailbox": "sales",
    "left": "2026-11-22T10:00:00.000000Z",
    "length_s": 3.5,
    "caller": "+4930\x1b[2J",
    "caller_name": "",
    "queue": "sales",
    "path": "voicemail/sales/c1-1.wav",
}


@pytest.fixture
def config(tmp_path: Path) -> str:
    path = tmp_path / "appliance.toml"
    path.write_text(f'state_dir = "{tmp_path}"\n')
    return str(path)


@pytest.fixture
def asked(tmp_path: Path) -> Iterator[list[dict[str, Any]]]:
    """Run a brain's admin socket with one message; return what it was asked."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    admin = AdminSocket(tmp_path / "brain.sock")
    requests: list[dict[str, Any]] = []

    def show(request: dict[str, Any]) -> dict[str, Any]:
        requests.append(request)
        rows = [] if request.get("mailbox") == "empty" else [ROW]
        return {"folder": str(tmp_path / "recordings"), "messages": rows}

    def delete(request: dict[str, Any]) -> dict[str, Any]:
        requests.append(request)
        if request["message"] == "c1-1":
            return {"deleted": "c1-1"}
        return {"error": "not-found", "message": "there is no such message"}

    admin.on("voicemail", show)
    admin.on("voicemail-delete", delete)
    asyncio.run_coroutine_threadsafe(admin.start(), loop).result(DEADLINE_S)
    yield requests
    loop.call_soon_threadsafe(admin.close)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


def test_messages_are_listed(config: str, asked: list[dict[str, Any]]) -> None:
    done = branchline("voicemail", "list", "-c", config)
    assert done.returncode == 0, done.stderr
    assert "c1-1" in done.stdout
    assert "\x1b" not in done.stdout
    as_json = branchline("voicemail", "list", "--json", "--mailbox", "sales", "-c", config)
    assert json.loads(as_json.stdout) == [ROW]
    assert asked[1] == {"do": "voicemail", "mailbox": "sales"}
    none = branchline("voicemail", "list", "--mailbox", "empty", "-c", config)
    assert "no messages" in none.stdout


def test_where_a_file_is(config: str, asked: list[dict[str, Any]], tmp_path: Path) -> None:
    done = branchline("voicemail", "path", "c1-1", "-c", config)
    assert Path(done.stdout.strip()) == tmp_path / "recordings" / ROW["path"]
    missing = branchline("voicemail", "path", "c9-1", "-c", config)
    assert missing.returncode == 78
    assert "not-found" in missing.stderr
    assert len(asked) == 2


def test_a_message_is_deleted_once(config: str, asked: list[dict[str, Any]]) -> None:
    done = branchline("voicemail", "delete", "c1-1", "-c", config)
    assert done.returncode == 0
    assert asked == [{"do": "voicemail-delete", "message": "c1-1"}]
    missing = branchline("voicemail", "delete", "c9-1", "-c", config)
    assert missing.returncode == 69
    assert "not-found" in missing.stderr


def test_nobody_answers(config: str) -> None:
    for words in (["list"], ["path", "x"], ["delete", "x"]):
        done = branchline("voicemail", *words, "-c", config)
        assert done.returncode == 69
        assert "is it running?" in done.stderr
