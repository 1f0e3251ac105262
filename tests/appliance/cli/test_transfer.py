"""`branchline transfer`: what it asks the brain, and what it refuses by itself."""

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


@pytest.fixture
def asked(tmp_path: Path) -> Iterator[list[dict[str, Any]]]:
    """Answer as a brain does; return what it was asked."""
    (tmp_path / "appliance.toml").write_text(f'site = "berlin"\nstate_dir = "{tmp_path}"\n')
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    admin = AdminSocket(tmp_path / "brain.sock")
    requests: list[dict[str, Any]] = []

    def answer(request: dict[str, Any]) -> dict[str, Any]:
        requests.append(request)
        if request["contact"] == "gone":
            return {"error": "contact-gone", "message": "no caller here"}
        return {"contact": request["contact"], "phase": "talking"}

    admin.on("transfer", answer)
    asyncio.run_coroutine_threadsafe(admin.start(), loop).result(DEADLINE_S)
    yield requests
    loop.call_soon_threadsafe(admin.close)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


@pytest.mark.parametrize(
    ("words", "how", "target", "place"),
    [
        (["queue:sales"], "blind", "queue:sales", ""),
        (["+4930", "--consult"], "consult", "+4930", ""),
        (["queue:sales", "--place", "new"], "blind", "queue:sales", "new"),
        (["--complete"], "complete", "", ""),
        (["--back"], "back", "", ""),
        (["--conference"], "conference", "", ""),
    ],
)
def test_what_the_brain_is_asked(
    tmp_path: Path,
    asked: list[dict[str, Any]],
    words: list[str],
    how: str,
    target: str,
    place: str,
) -> None:
    config = str(tmp_path / "appliance.toml")
    done = branchline("transfer", "c1", *words, "--note", "hot", "--json", "--config", config)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"contact": "c1", "phase": "talking"}
    (request,) = asked
    assert request == {
        "do": "transfer", "contact": "c1", "how": how, "target": target, "place": place,
        "note": "hot",
    }  # fmt: skip


@pytest.mark.parametrize("words", [[], ["queue:sales", "--back"], ["--back", "--complete"]])
def test_one_thing_at_a_time(
    tmp_path: Path, asked: list[dict[str, Any]], words: list[str]
) -> None:
    done = branchline("transfer", "c1", *words, "--config", str(tmp_path / "appliance.toml"))
    assert done.returncode == 64
    assert asked == []


def test_what_cannot_be_is_told_with_its_word(tmp_path: Path, asked: list[dict[str, Any]]) -> None:
    done = branchline("transfer", "gone", "queue:x", "--config", str(tmp_path / "appliance.toml"))
    assert done.returncode == 69
    assert "contact-gone: no caller here" in done.stderr
    assert asked
