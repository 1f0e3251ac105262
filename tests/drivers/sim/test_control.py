"""The control socket and its client, over a real socket, with a real line answering."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from drivers.errors import DriverError
from drivers.line import Answered, Incoming, LineUp
from drivers.sim.client import ask, place_call
from tests.drivers.rig import Rig, rigged, wav_samples


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with rigged(tmp_path) as rig:
        await rig.line.start()
        await rig.wait_for(LineUp)
        yield rig


async def asked(folder: Path, request: dict[str, Any]) -> dict[str, Any]:
    return await asyncio.to_thread(ask, folder, request)


async def raw(folder: Path, line: bytes) -> dict[str, Any]:
    reader, writer = await asyncio.open_unix_connection(str(folder / "control"))
    writer.write(line)
    answer = await reader.readline()
    writer.close()
    await writer.wait_closed()
    return dict(json.loads(answer)) if answer else {}


async def test_call_is_placed_and_its_events_followed(rig: Rig, tmp_path: Path) -> None:
    recording = tmp_path / "heard.wav"
    placed = asyncio.create_task(
        asyncio.to_thread(
            lambda: list(
                place_call(
                    tmp_path, "+33612345678", say="tone:440", talk_s=15, record=str(recording)
                )
            )
        )
    )
    assert await rig.wait_for(Incoming) == Incoming("+33612345678")
    await rig.line.answer()
    await rig.wait_for(Answered)
    events = await placed
    kinds = [event["event"] for event in events]
    assert kinds[:2] == ["ringing", "answered"]
    assert kinds.count("heard") >= 5
    assert events[-1] == {"event": "ended", "by": "far", "answered": True}
    assert len(wav_samples(recording)) == 15 * 8000


async def test_withheld_call_and_hang_up_by_the_socket(rig: Rig, tmp_path: Path) -> None:
    assert await asked(tmp_path, {"do": "call", "from": None}) == {"ok": True}
    assert await rig.wait_for(Incoming) == Incoming(None)
    status = await asked(tmp_path, {"do": "status"})
    assert status["call"] == {"number": None, "outgoing": False, "answered": False}
    assert await asked(tmp_path, {"do": "hangup"}) == {"ok": True}
    assert (await asked(tmp_path, {"do": "status"}))["call"] is None


async def test_watcher_who_goes_away_has_hung_up(rig: Rig, tmp_path: Path) -> None:
    def watch_a_little() -> None:
        for event in place_call(tmp_path, "0612"):
            assert event == {"event": "ringing"}
            return

    await asyncio.to_thread(watch_a_little)
    await rig.until(lambda: rig.sim.modem.call is None)


async def test_keys_and_outcomes_by_the_socket(rig: Rig, tmp_path: Path) -> None:
    with pytest.raises(DriverError, match="wrong-state"):
        await asked(tmp_path, {"do": "press", "digits": "1"})
    await asked(tmp_path, {"do": "outcome", "number": "117", "outcome": "busy"})
    assert rig.sim.modem.outcomes == {"117": "busy"}
    await asked(tmp_path, {"do": "call", "from": "0612"})
    await rig.wait_for(Incoming)
    await asked(tmp_path, {"do": "press", "digits": "12"})
    with pytest.raises(DriverError, match="busy"):
        await asked(tmp_path, {"do": "call", "from": "0613"})


async def test_fault_by_the_socket(rig: Rig, tmp_path: Path) -> None:
    await asked(tmp_path, {"do": "fault", "name": "slow"})
    assert (await asked(tmp_path, {"do": "status"}))["faults"] == ["slow"]
    await asked(tmp_path, {"do": "fault", "name": "clear"})
    with pytest.raises(DriverError, match="no fault 'flood'; there are: clear, silent"):
        await asked(tmp_path, {"do": "fault", "name": "flood"})


@pytest.mark.parametrize(
    "line",
    [
        b"\n",
        b"nonsense\n",
        b"[]\n",
        b'{"do": 5}\n',
        b'{"do": "__class__"}\n',
        b'{"do": "call", "from": "sip:bob"}\n',
        b'{"do": "call", "from": 12}\n',
        b'{"do": "call", "from": "0612", "say": "/nowhere.wav"}\n',
        b'{"do": "call", "from": "0612", "talk_s": "long"}\n',
        b'{"do": "call", "from": "0612", "talk_s": NaN}\n',
        b'{"do": "call", "from": "0612", "talk_s": 1e400}\n',
        b'{"do": "outcome", "number": "117", "outcome": "magic"}\n',
        b'{"do": "fault", "name": ["silent"]}\n',
        b"\xff\xfe\n",
        b"[" * 5000 + b"\n",
    ],
)
async def test_nonsense_is_refused_by_word(rig: Rig, tmp_path: Path, line: bytes) -> None:
    answer = await raw(tmp_path, line)
    assert answer["ok"] is False
    assert answer["reason"] in {"bad-request", "missing-file"}
    assert (await asked(tmp_path, {"do": "status"}))["ok"]


async def test_endless_line_is_cut_off(rig: Rig, tmp_path: Path) -> None:
    assert await raw(tmp_path, b"x" * 200_000 + b"\n") == {}
    assert (await asked(tmp_path, {"do": "status"}))["ok"]


def test_client_says_when_no_modem_is_there(tmp_path: Path) -> None:
    with pytest.raises(DriverError, match="line-lost: no pretend modem at"):
        ask(tmp_path, {"do": "status"})
