"""Supervisors: who listens is heard by nobody, who whispers by one, who barges in by all."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.wire.commands import Bridge, Unbridge
from appliance.wire.events import Bridged, LegDown, Refused
from appliance.wire.rows import Part
from tests.appliance.legs.soundrig import Far, SoundRig
from tests.audio import FRAME, frames, loudest_other_db

CALLER_HZ, AGENT_HZ, SUPERVISOR_HZ = 440.0, 620.0, 1000.0
ALL_HZ = (CALLER_HZ, AGENT_HZ, SUPERVISOR_HZ)


class Talk:
    """A caller, an agent and a supervisor in one bridge."""

    def __init__(self, rig: SoundRig) -> None:
        self.rig = rig
        self.caller, self.agent, self.boss = (rig.add(hz) for hz in ALL_HZ)
        self.legs = [self.caller.leg, self.agent.leg, self.boss.leg]

    def bridge(self, *parts: Part) -> None:
        """Bridge all three, and let half a second pass."""
        self.rig.put(Bridge("b", self.legs, parts))
        self.rig.run(500)

    def heard_by(self, far: Far) -> tuple[float, ...]:
        """Return the tones that a far end hears."""
        return tuple(hz for hz in ALL_HZ if far.hears(hz))

    @property
    def listens(self) -> Part:
        return Part(self.boss.leg, "listen")

    @property
    def whispers(self) -> Part:
        return Part(self.boss.leg, "whisper", self.agent.leg)


@pytest.fixture
def talk(tmp_path: Path) -> Iterator[Talk]:
    with SoundRig(tmp_path) as rig:
        yield Talk(rig)


async def test_a_listener_hears_both_and_is_heard_by_nobody(talk: Talk) -> None:
    talk.bridge(talk.listens)
    assert talk.heard_by(talk.boss) == (CALLER_HZ, AGENT_HZ)
    assert talk.heard_by(talk.caller) == (AGENT_HZ,)
    assert talk.heard_by(talk.agent) == (CALLER_HZ,)


async def test_a_whisper_is_heard_by_the_agent_alone(talk: Talk) -> None:
    talk.bridge(talk.whispers)
    assert talk.heard_by(talk.agent) == (CALLER_HZ, SUPERVISOR_HZ)
    assert talk.heard_by(talk.caller) == (AGENT_HZ,)
    assert talk.heard_by(talk.boss) == (CALLER_HZ, AGENT_HZ)


async def test_who_has_no_part_barges_in(talk: Talk) -> None:
    talk.bridge()
    assert talk.heard_by(talk.caller) == (AGENT_HZ, SUPERVISOR_HZ)
    assert talk.heard_by(talk.agent) == (CALLER_HZ, SUPERVISOR_HZ)


async def test_roles_change_in_a_talk_without_a_click(talk: Talk) -> None:
    talk.bridge(talk.listens)
    talk.caller.forget()
    for parts in ((talk.whispers,), (talk.whispers,), (talk.listens,), (talk.whispers,)):
        talk.bridge(*parts)
    assert len(talk.caller.heard) == 4 * 25 * FRAME
    assert max(clicks(talk.caller, AGENT_HZ)) < -35
    talk.bridge()
    talk.caller.forget()
    talk.bridge(talk.listens)
    # what was under way of the supervisor's tone ends softly
    assert max(clicks(talk.caller, AGENT_HZ)[1:]) < -35


def clicks(far: Far, hz: float) -> list[float]:
    """Return how loud all but its tone is in each 50 ms of what was heard, relative to that."""
    return [loudest_other_db(part, hz, beside_hz=60) for part in frames(far.heard, 400)]


async def test_the_table_shows_the_roles(talk: Talk) -> None:
    talk.bridge(talk.whispers)
    row = talk.rig.row(talk.boss)
    assert (row.bridge, row.role, row.whispers_to) == ("b", "whisper", talk.agent.leg)
    assert talk.rig.heard(Bridged)[-1].parts == (talk.whispers,)
    assert talk.rig.row(talk.agent).role == "talk"
    talk.rig.put(Unbridge("b"))
    assert (row.bridge, row.role, row.whispers_to) == ("", "talk", 0)


async def test_a_talk_survives_its_supervisor(talk: Talk) -> None:
    talk.bridge(talk.listens)
    talk.rig.exchange.ended(talk.boss.leg, "normal")
    talk.rig.run(500)
    assert talk.caller.hears(AGENT_HZ)
    assert len(talk.rig.heard(LegDown)) == 1


async def test_no_supervisor_is_left_alone_with_an_agent(talk: Talk) -> None:
    talk.bridge(talk.listens)
    talk.rig.exchange.ended(talk.caller.leg, "normal")
    ends = {event.leg: event.reason for event in talk.rig.heard(LegDown)}
    assert ends == {
        talk.caller.leg: "normal",
        talk.agent.leg: "bridge-ended",
        talk.boss.leg: "bridge-ended",
    }


async def test_who_whispered_to_one_that_is_gone_only_listens(talk: Talk) -> None:
    second = talk.rig.add()
    talk.legs.append(second.leg)
    talk.bridge(talk.whispers)
    talk.rig.exchange.ended(talk.agent.leg, "normal")
    talk.rig.run(500)
    row = talk.rig.row(talk.boss)
    assert (row.role, row.whispers_to) == ("listen", 0)
    assert talk.boss.hears(CALLER_HZ)
    assert not second.hears(SUPERVISOR_HZ)


async def test_a_whisperer_listens_where_its_agent_moved_away(talk: Talk) -> None:
    talk.bridge(talk.whispers)
    other = talk.rig.add()
    talk.rig.put(Bridge("c", [talk.agent.leg, other.leg]))
    talk.rig.run(500)
    assert talk.rig.row(talk.boss).role == "listen"
    assert talk.heard_by(talk.boss) == (CALLER_HZ,)
    assert not talk.caller.hears(SUPERVISOR_HZ)
    assert other.hears(AGENT_HZ)


@pytest.mark.parametrize(
    ("legs", "parts"),
    [
        ([1, 2], [Part(3, "listen")]),
        ([1, 2, 3], [Part(3, "listen"), Part(3, "listen")]),
        ([1, 2, 3], [Part(3, "whisper")]),
        ([1, 2, 3], [Part(3, "whisper", 3)]),
        ([1, 2], [Part(1, "whisper", 3)]),
        ([1, 2], [Part(1, "whisper", 2**63 - 1)]),
        ([1, 2, 3], [Part(3, "listen", 1)]),
        ([1, 2, 3], [Part(3, "talk", 1)]),
    ],
    ids=str,
)
async def test_a_part_that_is_none_changes_nothing(
    talk: Talk, legs: list[int], parts: list[Part]
) -> None:
    talk.bridge(talk.listens)
    talk.rig.put(Bridge("b", legs, tuple(parts)))
    assert [event.reason for event in talk.rig.heard(Refused)] == ["bad-request"]
    assert talk.rig.row(talk.boss).role == "listen"
    talk.rig.run(500)
    assert talk.heard_by(talk.caller) == (AGENT_HZ,)
