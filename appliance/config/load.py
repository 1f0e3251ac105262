"""Load a TOML file into typed settings; an error names file, field, value and what is allowed."""

import tomllib
from pathlib import Path
from typing import TypeVar

import msgspec

from appliance.base.errors import ConfigError
from appliance.config.model import ApplianceSettings

T = TypeVar("T")


def load_appliance(path: Path) -> ApplianceSettings:
    """Return the settings in *path*; raise ConfigError `missing-file` or `bad-config`."""
    return load_toml(path, ApplianceSettings)


def load_toml(path: Path, kind: type[T]) -> T:
    """Return the TOML document in *path* as *kind*; raise ConfigError as above."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError("missing-file", f"{path} is not there") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError("missing-file", f"{path} cannot be read: {error}") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError("bad-config", f"{path} is not TOML: {error}") from error
    except RecursionError:
        raise ConfigError("bad-config", f"{path} is not TOML: nested too deeply") from None
    try:
        return msgspec.convert(document, kind)
    except msgspec.ValidationError as error:
        raise ConfigError("bad-config", f"{path}: {_explain(error, document)}") from error


def _explain(error: msgspec.ValidationError, document: object) -> str:
    """Add the value that was found to msgspec's sentence, which names field and rule."""
    text = str(error)
    _, found, field = text.partition(" - at `$")
    if not found:
        return text
    value = _value_at(document, field.rstrip("`"))
    return text if value is _NOTHING else f"{text}: found {value!r}"


_NOTHING = object()


def _value_at(document: object, path: str) -> object:
    """Return what stands at a msgspec path such as `.sip.port`, or _NOTHING."""
    value = document
    for name in path.strip(".").split("."):
        if not isinstance(value, dict) or name not in value:
            return _NOTHING
        value = value[name]
    return value
