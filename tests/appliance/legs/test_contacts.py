"""Contacts: told on every change, expired by time, kept over a restart."""

from pathlib import Path

import pytest

from appliance.base.clock import HeldClock
from appliance.legs import contacts as contacts_module
from appliance.legs.contacts import Contact, ContactTable
from appliance.legs.events import LegEvents
from appliance.wire.events import Registered
from tests.appliance.legs.contactsrig import Told


@pytest.fixture
def told(tmp_path: Path) -> Told:
    return Told(tmp_path / "contacts")


def test_a_contact_runs_out(told: Told) -> None:
    told.put(expires_s=60)
    told.put("1002", expires_s=90)
    told.clock.advance(60)
    told.table.expire()
    assert told.unregistered() == [("1001", "timeout")]
    assert [contact.account for contact in told.table] == ["1002"]


def test_the_newest_contact_counts(told: Told) -> None:
    told.put(port=5060)
    told.put(port=6060)
    assert told.table.is_at("1001", "10.0.0.9", 6060)
    assert not told.table.is_at("1001", "10.0.0.9", 5060)
    assert not told.table.is_at("1002", "10.0.0.9", 6060)
    assert sum(isinstance(record, Registered) for record in told.records) == 2


def test_an_address_is_known_as_long_as_a_phone_is_there(told: Told) -> None:
    told.put()
    told.put("1002")
    told.table.drop("1001", "normal")
    assert told.table.any_at("10.0.0.9")
    told.table.drop("1002", "normal")
    assert not told.table.any_at("10.0.0.9")
    assert len(told.table) == 0


def test_a_phone_that_does_not_answer_is_told_once_and_may_come_back(told: Told) -> None:
    contact = told.put()
    told.table.answers(contact, here=False)
    told.table.answers(contact, here=False)
    told.table.answers(contact, here=True)
    told.table.answers(contact, here=False)
    told.table.drop("1001", "normal")
    assert told.unregistered() == [("1001", "unreachable")] * 2


def test_an_answer_of_an_older_contact_counts_for_nothing(told: Told) -> None:
    old = told.put(port=5060)
    told.put(port=6060)
    told.table.answers(old, here=False)
    assert told.unregistered() == []


def test_contacts_are_bounded(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contacts_module, "MAX_CONTACTS", 1)
    told.put("1001")
    assert not told.table.put(Contact("1002", "sip:1002@a", "10.0.0.9", 1, "", 1e9))
    told.put("1001", port=6060)


def test_what_was_written_down_is_taken_up_less_what_has_run_out(told: Told) -> None:
    told.put("1001", expires_s=60)
    told.put("1002", expires_s=600)
    told.table.save()
    later = Told(told.path)
    later.clock = HeldClock(monotonic_s=5.0)  # a new boot
    later.clock.advance(100)
    later.table = ContactTable(LegEvents(later.clock), later.clock, told.path)
    later.table.load()
    (contact,) = later.table
    assert contact.account == "1002"
    assert contact.t_expires - later.clock.monotonic_s() == pytest.approx(500)


@pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b'[{"account": 1}]', b"\xff\xfe"])
def test_a_file_that_is_broken_is_left_out(told: Told, content: bytes) -> None:
    told.path.write_bytes(content)
    told.table.load()
    assert len(told.table) == 0


def test_a_folder_that_is_gone_is_borne(tmp_path: Path) -> None:
    told = Told(tmp_path / "nowhere" / "contacts")
    told.put()
    told.table.save()
    assert len(told.table) == 1
