"""`branchline contact` against a brain that answers on its admin socket."""

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import pytest

from appliance.daemon.admin import AdminSocket
from appliance.daemon.desk import ContactDesk
from tests.appliance.brainkit import PLAN, Box, World
from tests.appliance.cli.runner import branchline

DEADLINE_S = 10
R = TypeVar("R")


class Served:
    """A brain on an admin socket, in a thread of its own: it alone may touch the ledger."""

    def __init__(self, folder: Path) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self._folder = folder
        self.box = self.there(self._start)

    def there(self, action: Callable[[], R]) -> R:
        """Return what *action* returns in the brain's thread."""

        async def act() -> R:
            return action()

        return asyncio.run_coroutine_threadsafe(act(), self._loop).result(DEADLINE_S)

    def _start(self) -> Box:
        """Make a brain whose first agent takes tasks too."""
        world = World()
        ann = msgspec.structs.replace(PLAN.agents[0], slots={"voice": 1, "task": 1})
        plan = msgspec.structs.replace(PLAN, agents=(ann,))
        box = Box(world, self._folder, plan=plan)
        box.legs.register("ann")
        world.run(1)
        desk = ContactDesk(box.brain)

        def answer(request: dict[str, Any]) -> dict[str, Any]:
            said = desk.answer(request)
            world.run(0.1)
            return said

        self._admin = AdminSocket(self._folder / "brain.sock")
        self._admin.on("contact", answer)
        self._starting = self._loop.create_task(self._admin.start())
        return box

    def close(self) -> None:
        self.there(self._admin.close)
        self.there(self.box.world.close)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    made = Served(tmp_path)
    yield made
    made.close()


@pytest.fixture
def box(served: Served) -> Box:
    return served.box


@pytest.fixture
def config(served: Served, tmp_path: Path) -> str:
    path = tmp_path / "appliance.toml"
    path.write_text(f'site = "berlin"\nstate_dir = "{tmp_path}"\n')
    return str(path)


def run(config: str, *words: str) -> str:
    done = branchline("contact", *words, "--config", config)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def new(config: str, *words: str) -> str:
    return run(config, "new", "--channel", "task", "--queue", "sales", *words)


def test_a_task_from_new_to_end(config: str, served: Served) -> None:
    task = new(config, "--subject", "order 7", "--skill", "sales=2", "--klass", "gold")
    contact = served.box.brain.book.get(task)
    assert contact is not None
    assert (contact.subject, contact.skills, contact.klass) == ("order 7", {"sales": 2}, "gold")
    run(config, "accept", task)
    assert contact.phase == "talking"
    assert run(config, "end", task) == task
    assert served.there(served.box.outcomes) == ["served"]


def test_a_task_is_declined(config: str, box: Box) -> None:
    task = json.loads(new(config, "--json"))["contact"]
    run(config, "decline", task)
    contact = box.brain.book.get(task)
    assert contact is not None
    assert contact.phase == "waiting"
    assert contact.attempts == 1


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["new", "--channel", "fog", "--queue", "sales"], "bad-request"),
        (["new", "--channel", "task", "--queue", "none"], "not-found"),
        (["new", "--channel", "task", "--queue", "sales", "--skill", "a=b"], "bad-request"),
        (["accept", "nothing"], "not-found"),
    ],
)
def test_what_cannot_be_done_is_told(config: str, words: list[str], told: str) -> None:
    done = branchline("contact", *words, "--config", config)
    assert done.returncode != 0
    assert told in done.stderr
