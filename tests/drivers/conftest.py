"""What several tests of drivers start with."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from drivers.line import LineUp
from tests.drivers.rig import Rig, rigged


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    """A pretend modem and its line, which is up."""
    async with rigged(tmp_path) as rig:
        await rig.line.start()
        await rig.wait_for(LineUp)
        yield rig
