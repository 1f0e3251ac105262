"""Identifiers: UUIDv7 in lower case for things, slugs for names people chose."""

import re

import uuid_utils

_SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\Z")


def new_id() -> str:
    """Return a new UUIDv7 (RFC 9562 §5.7) in lower case; ids of one process sort by time."""
    return str(uuid_utils.uuid7())


def is_slug(text: str) -> bool:
    """Tell whether *text* is a slug: lower-case letters, digits and inner hyphens, at most 63."""
    return _SLUG.match(text) is not None
