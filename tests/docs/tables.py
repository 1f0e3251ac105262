"""What the pages must say of the code: types, defaults, fields; and reading tables from pages."""

import re
from pathlib import Path
from typing import Any

import msgspec
from msgspec import inspect

DOCS = Path(__file__).parents[2] / "docs"
_SLUG_PATTERN = "a-z0-9"


def type_text(kind: inspect.Type) -> str:
    """Return a type as the pages write it."""
    match kind:
        case inspect.BoolType():
            return "true or false"
        case inspect.IntType():
            return f"whole number{_bounds(kind)}"
        case inspect.FloatType():
            return f"number{_bounds(kind)}"
        case inspect.StrType():
            return "slug" if kind.pattern and _SLUG_PATTERN in kind.pattern else "text"
        case inspect.BytesType():
            return "bytes"
        case inspect.LiteralType():
            return "one of " + " ".join(f"`{value}`" for value in kind.values)
        case inspect.VarTupleType() | inspect.ListType():
            return f"list of {type_text(kind.item_type)}"
        case inspect.DictType():
            return f"{type_text(kind.key_type)} → {type_text(kind.value_type)}"
        case inspect.StructType():
            return "section"
    raise NotImplementedError(kind)


def _bounds(kind: inspect.IntType | inspect.FloatType) -> str:
    if kind.ge is not None and kind.le is not None:
        return f" {kind.ge}–{kind.le}"
    if kind.ge is not None:
        return f" ≥ {kind.ge}"
    return f" > {kind.gt}" if kind.gt is not None else ""


def default_text(field: inspect.Field) -> str:
    """Return a field's default as TOML writes it; what has none must be given."""
    value: Any = field.default
    if value is msgspec.NODEFAULT and field.default_factory is not msgspec.NODEFAULT:
        value = field.default_factory()
    if value is msgspec.NODEFAULT:
        return "must be given"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, tuple):
        return "`[" + ", ".join(f'"{item}"' for item in value) + "]`"
    return f'`"{value}"`' if isinstance(value, str) else f"`{value}`"


def fields_of(kind: type[msgspec.Struct]) -> tuple[inspect.Field, ...]:
    """Return a record's fields with their types."""
    info = inspect.type_info(kind)
    assert isinstance(info, inspect.StructType)
    return info.fields


def rows(text: str) -> list[list[str]]:
    """Return the cells of all table rows in *text*."""
    found = []
    for line in text.splitlines():
        if line.startswith("|") and not re.match(r"\|[ :|-]+\|\Z", line):
            cells = re.split(r"(?<!\\)\|", line.strip().strip("|"))
            found.append([cell.strip() for cell in cells])
    return found


def section(page: str, heading: str) -> str:
    """Return the text below the heading that contains *heading*, up to the next one."""
    text = (DOCS / page).read_text(encoding="utf-8")
    parts = re.split(r"^(#+ .*)$", text, flags=re.MULTILINE)
    for title, body in zip(parts[1::2], parts[2::2], strict=True):
        if heading in title:
            return body
    raise AssertionError(f"docs/{page} has no heading with {heading!r}")
