"""Identifiers: UUIDv7 in lower case; slugs are what file names, topics and URLs can bear."""

import re
import uuid

import pytest

from appliance.base.ids import is_slug, new_id


def test_ids_are_uuid7_and_sort_by_time() -> None:
    ids = [new_id() for _ in range(1000)]
    assert ids == sorted(set(ids))
    for text in ids[:10]:
        assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", text)
        assert uuid.UUID(text).version == 7


@pytest.mark.parametrize("text", ["a", "9", "main", "berlin-mitte", "a--b", "a" * 63])
def test_slugs(text: str) -> None:
    assert is_slug(text)


@pytest.mark.parametrize(
    "text",
    ["", "-", "-a", "a-", "A", "a b", "a/b", "a.b", "ä", "a\n", "a" * 64, "a_b", "٣", "../x"],
)
def test_no_slugs(text: str) -> None:
    assert not is_slug(text)
