"""What a part of the plan says that its table has no column for."""

from typing import Any

import msgspec
from sqlalchemy import inspect

from appliance.plan.parts import Part
from control.models import Base


def rules_of(part: Part, table: type[Base]) -> dict[str, Any]:
    """Return the fields that *table* has no column for and that differ from their defaults.

    They are kept as the plan writes them, so a new field of the plan needs no new column.
    """
    own = set(inspect(table).attrs.keys())
    written = msgspec.to_builtins(part)
    return {
        field.name: written[field.encode_name]
        for field in msgspec.structs.fields(part)
        if field.name not in own and getattr(part, field.name) != _default(field)
    }


def _default(field: msgspec.structs.FieldInfo) -> object:
    if field.default_factory is not msgspec.NODEFAULT:
        return field.default_factory()
    return field.default
