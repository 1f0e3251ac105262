"""The hub as a process of its own: killed, stopped, started again."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import msgspec
import pytest

from appliance.link.messages import DEAD_S
from control.fleet.hubclient import HubClient
from tests.appliance.link.rig import contact, seat, until
from tests.control.hub.rig import Box, Control

_PROGRAM = """
import sys, msgspec
from control.hub.daemon import run
from control.settings import ControlSettings
run(msgspec.json.decode(sys.argv[1], type=ControlSettings))
"""


class Process:
    """A hub's process."""

    def __init__(self, control: Control) -> None:
        settings = msgspec.json.encode(control.settings).decode()
        self._running = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM, settings],
            cwd=Path(__file__).parents[3],
            stderr=subprocess.PIPE,
        )

    def send(self, number: signal.Signals) -> None:
        os.kill(self._running.pid, number)

    def wait(self) -> tuple[int, str]:
        """Return exit code and what it said last."""
        _, said = self._running.communicate(timeout=15)
        return self._running.returncode, said.decode()

    def kill(self) -> None:
        """End it; what it said is shown where the test fails."""
        self._running.kill()
        _, said = self._running.communicate()
        sys.stderr.write(f"hub ended with {self._running.returncode}: {said.decode()}")


@pytest.fixture
def control(tmp_path: Path) -> Iterator[Control]:
    made = Control(tmp_path)
    made.publish()
    yield made
    made.parts.close()


@pytest.fixture
async def box(control: Control, tmp_path: Path) -> AsyncIterator[Box]:
    made = Box("a", control, tmp_path)
    control.approve(made)
    made.start()
    made.publisher.set_contact(contact("c1", "a"))
    yield made
    await made.stop()


async def test_a_killed_hub_is_noticed_and_its_successor_proposes(
    control: Control, box: Box
) -> None:
    first = Process(control)
    try:
        await until(lambda: box.up, 30)
        first.send(signal.SIGKILL)
        await until(lambda: box.downs, DEAD_S + 10)
    finally:
        first.kill()
    second = Process(control)
    try:
        await until(lambda: box.up, 30)
        box.publisher.set_seat(seat("ann", "a"))
        await until(lambda: box.proposals)
    finally:
        second.kill()
    assert box.proposals[0].proposal.contact == "c1"


async def test_a_hub_that_hangs_is_noticed_and_found_again(control: Control, box: Box) -> None:
    process = Process(control)
    try:
        await until(lambda: box.up, 30)
        process.send(signal.SIGSTOP)
        await until(lambda: box.downs, DEAD_S + 10)
        assert box.downs == ["unreachable"]
        process.send(signal.SIGCONT)
        await until(lambda: box.up, 30)
    finally:
        process.kill()


async def test_a_hub_that_is_told_to_stop_says_goodbye(control: Control, box: Box) -> None:
    process = Process(control)
    try:
        await until(lambda: box.up, 30)
        process.send(signal.SIGTERM)
        code, said = await asyncio.to_thread(process.wait)
        await until(lambda: box.downs)
    finally:
        process.kill()
    assert (code, box.downs) == (0, ["shutdown"])
    assert "Traceback" not in said


async def test_a_second_hub_is_refused_and_the_first_goes_on(control: Control, box: Box) -> None:
    first = Process(control)
    try:
        await until(lambda: box.up, 30)
        second = Process(control)
        code, said = await asyncio.to_thread(second.wait)
        assert code != 0
        assert "port-busy" in said
        floor = await asyncio.to_thread(HubClient(control.settings).floor)
        assert floor["appliances"][0]["up"]
    finally:
        first.kill()
    assert box.ups == 1
