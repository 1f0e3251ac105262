"""The pages in a real browser: no errors, no overflow, and a change that appears by itself.

The server is the one people run: `branchline control web` in a process of its own.
"""

import os
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from playwright.sync_api import Browser, ConsoleMessage, sync_playwright

from appliance.base.clock import SystemClock
from appliance.ledger.records import ContactEnded, RecordingKept
from control.fleet.keys import plan_key
from control.hub.rows import LiveAppliance, LiveContact, LiveSeat
from control.ledger.store import LedgerStore
from control.parts import ControlParts
from control.settings import ControlSettings
from tests.control.fake_hub import FakeHub, floor
from tests.control.ledger.rig import Books, Desk, story
from tests.control.visitor import NAME, PASSWORD
from tests.ports import free_port

ROOT = Path(__file__).parents[3]
CHROMIUM = Path("/usr/bin/chromium")
FLAGS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PAGES = (
    "/",
    "/live/",
    "/numbers/",
    "/flows/",
    "/flows/main",
    "/queues/",
    "/queues/edit/sales",
    "/agents/",
    "/agents/edit/anna",
    "/publish/",
    "/fleet/",
    "/contacts/?day=",
    "/contacts/contact/c1",
    "/contacts/ledgers",
    "/audit/",
)
#: generous: the machine may be busy [ms]
PATIENCE_MS = 30_000
pytestmark = [
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"{CHROMIUM} is not there: no browser"),
    pytest.mark.skipif(
        not (ROOT / "control/web/static/vendor/htmx.min.js").exists(),
        reason="control/web/static/vendor is empty: run npm ci and npm run vendor in control/",
    ),
]

BOX = LiveAppliance(name="berlin-1", site="berlin", up=True, since="2026-11-22T04:00:00.000000Z")
SEAT = LiveSeat(
    seat="anna", owner="berlin-1", site="berlin", state="ready", for_ms=4000, contact=""
)
WAITING = LiveContact(
    contact="c1",
    owner="berlin-1",
    queue="sales",
    klass="gold",
    state="waiting",
    age_ms=9000,
    seat="",
)


@pytest.fixture(scope="module")
def served(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlSettings]:
    """Run the web server until the module's tests are over."""
    folder = tmp_path_factory.mktemp("web")
    shutil.copytree(template, folder / "c")
    settings = ControlSettings(state_dir=str(folder / "c"), web_port=free_port())
    _tell_contacts(settings, folder)
    config = folder / "control.toml"
    config.write_text(f'state_dir = "{settings.state_dir}"\nweb_port = {settings.web_port}\n')
    command = [sys.executable, "-c", "from control.cli import app; app()", "web"]
    log = folder / "web.log"
    with log.open("wb") as output:
        server = subprocess.Popen(
            [*command, "--config", str(config)],
            cwd=ROOT,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
    try:
        _await_answer(settings, server, log)
        yield settings
    finally:
        server.terminate()
        server.wait(20)


def _tell_contacts(settings: ControlSettings, folder: Path) -> None:
    """Hand in what two boxes journalled, one contact of which was at both."""
    parts = ControlParts(settings, SystemClock())
    desk = Desk(
        parts.database, LedgerStore(parts.database, plan_key(settings.state_path), parts.clock)
    )
    with Books(folder, "berlin-1") as here, Books(folder, "lisbon-1") as there:
        here.calls(12)
        here.tell("c1", story("sales", "served", "anna", "lisbon-1")[:-1])
        ended = ContactEnded(outcome="served", waited_ms=5000, talked_ms=60_000)
        there.tell("c1", [RecordingKept(path="2026/11/22/c1.ogg", duration_ms=60_000), ended])
        told = here.entries()
        desk.hand_in("berlin-1", told)
        desk.hand_in("lisbon-1", there.entries())
        # and a batch that is not the sender's own
        desk.hand_in("lisbon-1", told[:1])
    parts.close()


def _await_answer(settings: ControlSettings, server: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until the server answers; fail with its log."""
    end_s = time.monotonic() + PATIENCE_MS / 1000
    while time.monotonic() < end_s and server.poll() is None:
        try:
            with urllib.request.urlopen(f"{settings.url}/api/v1/health", timeout=5):  # noqa: S310
                return
        except OSError:
            time.sleep(0.1)
    pytest.fail(f"the web server does not answer: {log.read_text()}")


class Window:
    """One browser window that collects what goes wrong in it."""

    def __init__(self, browser: Browser, url: str, width: int, height: int) -> None:
        self.context = browser.new_context(viewport={"width": width, "height": height})
        self.context.set_default_timeout(PATIENCE_MS)
        self.page = self.context.new_page()
        self.url = url
        self.wrong: list[str] = []
        self.page.on("pageerror", lambda error: self.wrong.append(f"{self.page.url}: {error}"))
        self.page.on("console", self._console)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.wrong.append(f"{self.page.url}: {message.text}")

    def log_in(self) -> None:
        """Go through the log-in page."""
        self.page.goto(f"{self.url}/login")
        self.page.fill("#name", NAME)
        self.page.fill("#password", PASSWORD)
        self.page.click("text=Log in")
        self.page.wait_for_selector("text=What to do next")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield started
        started.close()


@pytest.mark.parametrize(("width", "height"), [(1440, 900), (390, 844)])
def test_all_pages_work_at_this_width(
    browser: Browser, served: ControlSettings, width: int, height: int
) -> None:
    with FakeHub(served, floor(appliances=[BOX], seats=[SEAT], contacts=[WAITING])):
        window = Window(browser, served.url, width, height)
        window.log_in()
        for path in PAGES:
            window.page.goto(served.url + path)
            window.page.wait_for_selector("h1")
            room = window.page.evaluate(
                "document.documentElement.scrollWidth - document.documentElement.clientWidth"
            )
            assert room <= 0, f"{path} is {room} pixels too wide"
        window.context.close()
    assert window.wrong == []


def test_a_change_appears_by_itself(browser: Browser, served: ControlSettings) -> None:
    with FakeHub(served, floor(appliances=[BOX], seats=[SEAT])) as hub:
        window = Window(browser, served.url, 1440, 900)
        window.log_in()
        window.page.goto(f"{served.url}/live/")
        window.page.wait_for_selector('#feed[data-state="live"]')
        window.page.wait_for_selector('.seat[data-key="anna"][data-state="ready"]')
        assert window.page.inner_text("#t-waiting") == "0"
        hub.floor = floor(number=2, appliances=[BOX], seats=[SEAT], contacts=[WAITING])
        hub.change(2, "2026-11-22T04:00:01.000000Z", contacts=[WAITING])
        window.page.wait_for_selector('.contact[data-key="c1"]')
        assert window.page.inner_text("#t-waiting") == "1"
        _offer(hub)
        window.page.wait_for_selector('.seat[data-key="anna"][data-state="ringing"]')
        window.page.wait_for_selector("#lines path", state="attached")
        assert "Anna Keller" in window.page.inner_text('.contact[data-key="c1"]')
        window.context.close()
    assert window.wrong == []


def _offer(hub: FakeHub) -> None:
    """Offer the waiting contact to the seat."""
    contact = msgspec.structs.replace(WAITING, state="reserved", seat="anna")
    seat = msgspec.structs.replace(SEAT, state="ringing", contact="c1")
    rows: dict[str, Any] = {"contacts": [contact], "seats": [seat]}
    hub.floor = floor(number=3, appliances=[BOX], **rows)
    hub.change(3, "2026-11-22T04:00:02.000000Z", **rows)


def test_the_page_says_that_the_hub_is_away_and_recovers(
    browser: Browser, served: ControlSettings
) -> None:
    window = Window(browser, served.url, 1440, 900)
    window.log_in()
    window.page.goto(f"{served.url}/live/")
    window.page.wait_for_selector('#feed[data-state="away"]')
    assert "hub is away" in window.page.inner_text("#feed")
    with FakeHub(served, floor(appliances=[BOX], seats=[SEAT])):
        window.page.wait_for_selector('#feed[data-state="live"]')
    window.context.close()
    assert window.wrong == []


def test_a_person_publishes_by_keyboard(browser: Browser, served: ControlSettings) -> None:
    window = Window(browser, served.url, 1440, 900)
    window.log_in()
    page = window.page
    page.goto(f"{served.url}/publish/")
    page.focus("main button.primary")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=Plan 1 is published")
    page.goto(f"{served.url}/fleet/")
    page.fill("#f-name", "berlin-1")
    page.fill("#f-site", "berlin")
    page.press("#f-site", "Enter")
    assert page.inner_text("#once").startswith("bl1.")
    window.context.close()
    assert window.wrong == []
