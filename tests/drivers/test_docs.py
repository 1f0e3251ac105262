"""The pages about drivers say what the code does."""

import re
from pathlib import Path
from typing import Any

from drivers.line import Answered, Ended, Incoming, LineUp
from drivers.profiles import PROFILES
from drivers.sim.faults import FAULTS
from drivers.sim.modem import OUTCOMES

_DOCS = Path(__file__).parents[2] / "docs"


async def test_worked_example_works(tmp_path: Path) -> None:
    page = (_DOCS / "writing-a-driver.md").read_text()
    code = "\n".join(re.findall(r"```python\n(.*?)```", page, re.DOTALL))
    names: dict[str, Any] = {}
    exec(compile(code, "writing-a-driver.md", "exec"), names)  # noqa: S102 - our own page
    events = await names["one_call"](tmp_path)
    assert events == [
        LineUp("Loopback Mobile", -71),
        Incoming("+33612345678"),
        Answered(),
        Ended("normal", 16, by_far=False),
    ]


def test_page_lists_every_make_fault_and_outcome() -> None:
    page = (_DOCS / "drivers.md").read_text()
    for name in [*PROFILES, *FAULTS, *OUTCOMES]:
        assert re.search(rf"\b{name}\b", page), name
    for profile in PROFILES.values():
        for usb in profile.usb_ids:
            assert f"`{usb.vendor}:{usb.product}`" in page
