"""What the plan's parts are made of: names, levels, times, and the base of all of them."""

from typing import Annotated

import msgspec

# `$` alone would let a line feed at the end pass
Slug = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$(?!\n)")]
Level = Annotated[int, msgspec.Meta(ge=1, le=10)]
Seconds = Annotated[float, msgspec.Meta(gt=0, le=86400)]
Title = Annotated[str, msgspec.Meta(max_length=120)]


class Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of the plan's parts: frozen, and an unknown field is an error."""
