"""`branchline callbacks`: what the running brain says of those who wait to be called."""

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from appliance.daemon.admin import AdminSocket
from appliance.daemon.callbacks import CallBackDesk
from tests.appliance.brainkit import Box, World
from tests.appliance.cli.runner import branchline
from tests.appliance.daemon.callbackkit import OFFERING, OWN, leave

DEADLINE_S = 10


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    """Run a brain in held time, its admin socket in a thread."""
    world = World()
    made = Box(world, tmp_path, plan=OFFERING)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    admin = AdminSocket(tmp_path / "brain.sock")
    desk = CallBackDesk(made.brain.rooms.callbacks, made.brain.escrow, made.clock)
    admin.on("callbacks", desk.list)
    admin.on("cancel-callback", desk.cancel)
    admin.on("held-callbacks", desk.held)
    admin.on("release-callback", desk.release)
    asyncio.run_coroutine_threadsafe(admin.start(), loop).result(DEADLINE_S)
    yield made
    loop.call_soon_threadsafe(admin.close)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()
    world.close()


def run(box: Box, *words: str) -> Any:
    config = box.folder / "appliance.toml"
    config.write_text(f'site = "berlin"\nstate_dir = "{box.folder}"\n')
    return branchline("callbacks", *words, "--config", str(config))


def test_list_and_cancel(box: Box) -> None:
    assert "nobody waits" in run(box, "list").stdout
    contact = leave(box)
    box.world.run(70)
    listed = run(box, "list")
    assert listed.returncode == 0, listed.stderr
    for text in (contact.contact, OWN, "sales", "waiting", "1:10", "in 8:"):
        assert text in listed.stdout
    done = run(box, "cancel", contact.contact)
    assert done.returncode == 0, done.stderr
    box.world.run(1)
    assert box.outcomes() == ["released"]
    again = run(box, "cancel", contact.contact)
    assert again.returncode == 69
    assert "contact-gone" in again.stderr


def test_held_and_release(box: Box) -> None:
    assert "nobody is held" in run(box, "held").stdout
    contact = leave(box)
    back = contact.callback
    assert back is not None
    # as after a restart that its peer did not outlive
    back.holder, back.doubt, back.held, back.held_us = (
        "lisbon-1",
        True,
        True,
        1_800_000_000_000_000,
    )
    box.brain.book.changed(contact)
    listed = run(box, "held")
    assert listed.returncode == 0, listed.stderr
    for text in (contact.contact, OWN, "ours", "lisbon-1", "gone", "2027-01-15T08:00:00"):
        assert text in listed.stdout
    assert "held" in run(box, "list").stdout
    refused = run(box, "release", contact.contact)
    assert refused.returncode == 78
    assert "--not-called" in refused.stderr
    assert back.held
    done = run(box, "release", contact.contact, "--not-called", "--by", "eva")
    assert done.returncode == 0, done.stderr
    assert not back.held
    box.world.run(1)
    (entry,) = [
        one
        for one in box.journal.entries(contact=contact.contact)
        if one.kind == "escrow-released"
    ]
    assert entry.as_dict() == {"holder": "lisbon-1", "by": "eva"}
    again = run(box, "release", contact.contact, "--not-called")
    assert "contact-gone" in again.stderr
