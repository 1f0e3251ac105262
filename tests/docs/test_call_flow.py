"""Every function that the pages with sequences name on an arrow is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [
    (ROOT / "docs" / name).read_text(encoding="utf-8") for name in ("call-flow.md", "transfers.md")
]
NAMED = sorted(set(re.findall(r"\b([A-Z][A-Za-z]+)\.(_?[a-z][a-z_]+)\b", "".join(PAGES))))
SOURCES = [
    path.read_text(encoding="utf-8")
    for room in ("appliance", "control", "drivers")
    for path in (ROOT / room).rglob("*.py")
]


def test_the_page_names_functions() -> None:
    assert len(NAMED) > 20


@pytest.mark.parametrize(("owner", "function"), NAMED)
def test_named_function_is_there(owner: str, function: str) -> None:
    home = [text for text in SOURCES if re.search(rf"^class {owner}\b", text, re.MULTILINE)]
    assert home, f"no class {owner}"
    assert any(re.search(rf"\b(def {function}\(|self\.{function}\b)", text) for text in home), (
        f"{owner} has no {function}"
    )
