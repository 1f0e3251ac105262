"""What testing.md says of tests themselves holds."""

import re

from tests.docs.tables import DOCS

TESTS = DOCS.parent / "tests"
OF_A_TEST = re.compile(r"^\s*(?:from|import) (tests\.(?:\w+\.)*test_\w+)", re.MULTILINE)


def test_a_test_imports_kits_and_never_another_test() -> None:
    found = {
        str(path.relative_to(TESTS)): modules
        for path in TESTS.rglob("*.py")
        if (modules := OF_A_TEST.findall(path.read_text()))
    }
    assert found == {}
