"""The settings themselves: frozen, every field with a default or a reason to have none."""

import msgspec
import pytest

from appliance.config.model import ApplianceSettings, LineSettings, TrunkSettings


def test_settings_do_not_change_while_running() -> None:
    with pytest.raises(AttributeError):
        ApplianceSettings().sip.port = 1  # type: ignore[misc]


def test_only_what_nobody_can_guess_must_be_given() -> None:
    ApplianceSettings()
    TrunkSettings(host="sip.example")
    with pytest.raises(msgspec.ValidationError, match="host"):
        msgspec.convert({}, TrunkSettings)
    with pytest.raises(msgspec.ValidationError, match="profile"):
        msgspec.convert({}, LineSettings)


def test_default_ports_do_not_clash() -> None:
    settings = ApplianceSettings()
    media = range(settings.media.first_port, settings.media.last_port + 1)
    fixed = [settings.sip.port, settings.link.port, settings.telemetry.port]
    assert len(set(fixed)) == len(fixed)
    assert not set(fixed) & set(media)
