"""The brain in virtual time: messages that callers leave, and what becomes of them."""

import os
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from appliance.call.contact import Contact
from appliance.plan.model import Flow, HangUp, Number, Overflow
from appliance.plan.voicemail import Voicemail
from appliance.wire.commands import Hang, Listen, Play, RecordLeg, StopRecord
from tests.appliance.brainkit import PLAN, Box, World

replace = msgspec.structs.replace

WORD = Voicemail(
    prompts=("hello",), mailbox="sales", longest_s=60, silence_s=5, thanks=(), otherwise="bye"
)
ASKS = replace(WORD, review=("review",), thanks=("thanks",))
DAY_S = 86_400


def box_with(world: World, folder: Path, step: Voicemail = WORD) -> Box:
    """Return a box where 500 leads to voicemail, and so does the overflow of the queue sales."""
    flow = Flow(name="word", start="word", steps={"word": step, "bye": HangUp(prompts=("bye",))})
    sales = replace(PLAN.queues[0], overflow=(Overflow(after_s=5, flow="word"),))
    plan = replace(
        PLAN,
        numbers=(*PLAN.numbers, Number(number="500", flow="word")),
        queues=(sales, *PLAN.queues[1:]),
        flows=(*PLAN.flows, flow),
    )
    return Box(world, folder, plan=plan)


def to_the_beep(world: World, box: Box, called: str = "500") -> int:
    """Return a caller's leg after the greeting; its message is being recorded."""
    leg = box.legs.call_in(called)
    world.run(0.1)
    box.legs.prompts_end(leg)
    world.settle()
    return leg


def says(world: World, box: Box, leg: int, seconds: float) -> None:
    box.legs.talks(leg, on=True)
    world.run(seconds)
    box.legs.talks(leg, on=False)
    world.settle()


def plays(box: Box) -> list[list[str]]:
    return [play.items for play in box.legs.of(Play)]


def facts(box: Box, kind: str) -> list[dict[str, object]]:
    return [e.as_dict() for e in box.journal.entries(limit=10_000) if e.kind == kind]


def test_a_message_ends_by_key(world: World, tmp_path: Path) -> None:
    box = box_with(world, tmp_path)
    leg = to_the_beep(world, box)
    assert plays(box) == [["hello", "beep"]]
    (record,) = box.legs.of(RecordLeg)
    assert (record.message, record.longest_ms) == (True, 60_000)
    assert box.legs.of(Listen)[-1] == Listen(leg, talk=True)
    says(world, box, leg, 4)
    box.legs.press(leg, "#")
    world.run(1)
    assert box.legs.of(StopRecord) == [StopRecord(record.recording)]
    assert box.legs.of(Hang) == [Hang(leg, "normal")]
    assert box.outcomes() == ["voicemail"]
    (left,) = facts(box, "message-left")
    assert (left["mailbox"], left["path"], left["duration_ms"]) == ("sales", record.path, 4000)
    (kept,) = box.brain.rooms.voicemails.listing()
    row = kept.row()
    assert (row["caller"], row["length_s"], row["path"]) == ("+33123", 4.0, record.path)
    assert box.brain.rooms.voicemails.listing("others") == []


def test_silence_ends_a_message_and_is_not_counted(world: World, tmp_path: Path) -> None:
    box = box_with(world, tmp_path)
    leg = to_the_beep(world, box)
    says(world, box, leg, 3)
    world.run(4)
    says(world, box, leg, 3)
    assert not box.legs.of(StopRecord)
    world.run(5.2)
    assert box.outcomes() == ["voicemail"]


def test_who_says_nothing_goes_otherwise(world: World, tmp_path: Path) -> None:
    box = box_with(world, tmp_path)
    leg = to_the_beep(world, box)
    file = tmp_path / "recordings" / box.legs.of(RecordLeg)[0].path
    file.parent.mkdir(parents=True)
    file.write_bytes(b"nothing")
    says(world, box, leg, 1.5)
    world.run(6)
    assert plays(box)[-1] == ["bye"]
    assert not file.exists()
    box.legs.prompts_end(leg)
    world.run(1)
    assert box.outcomes() == ["released"]
    assert not facts(box, "message-left")


def test_the_longest_message_is_kept(world: World, tmp_path: Path) -> None:
    box = box_with(world, tmp_path)
    leg = to_the_beep(world, box)
    box.legs.talks(leg, on=True)
    world.run(61)
    assert box.outcomes() == ["voicemail"]
    assert facts(box, "message-left")[0]["reason"] == "longest"


@pytest.mark.parametrize(("said_s", "outcome"), [(3, "voicemail"), (1, "released")])
def test_who_hangs_up_leaves_what_was_said(
    world: World, tmp_path: Path, said_s: float, outcome: str
) -> None:
    box = box_with(world, tmp_path)
    leg = to_the_beep(world, box)
    says(world, box, leg, said_s)
    box.legs.down(leg)
    world.run(1)
    assert box.outcomes() == [outcome]
    assert len(box.brain.rooms.voicemails) == (outcome == "voicemail")
    assert not len(box.brain.book)


def test_a_full_disk_keeps_what_was_said(world: World, tmp_path: Path) -> None:
    box = box_with(world, tmp_path)
    leg = to_the_beep(world, box)
    says(world, box, leg, 3)
    box.legs.recorded(box.legs.of(RecordLeg)[0].recording, "disk-full")
    world.run(1)
    assert box.outcomes() == ["voicemail"]
    assert facts(box, "message-left")[0]["reason"] == "disk-full"


def test_where_nothing_can_be_recorded_the_flow_goes_otherwise(
    world: World, tmp_path: Path
) -> None:
    box = box_with(world, tmp_path)
    leg = box.legs.call_in("500")
    world.run(0.1)
    # a file of that name is there: legs refuses
    contact = box.contact(leg)
    name = f"voicemail/{contact.contact}-1"
    box.legs.recordings[name] = (RecordLeg(leg, name, "x"), 0.0)
    box.legs.closed.add(name)
    box.legs.prompts_end(leg)
    world.settle()
    assert plays(box)[-1] == ["bye"]


def test_a_caller_hears_the_message_and_says_it_again(world: World, tmp_path: Path) -> None:
    box = box_with(world, tmp_path, ASKS)
    leg = to_the_beep(world, box)
    says(world, box, leg, 3)
    box.legs.press(leg, "#")
    world.run(0.2)
    first = box.legs.of(RecordLeg)[0]
    assert plays(box)[-1] == ["review"]
    box.legs.press(leg, "2")
    world.settle()
    assert plays(box)[-1] == [f"recording:{first.path}"]
    box.legs.prompts_end(leg)
    world.run(5.1)  # nothing is pressed: asked again
    assert plays(box)[-1] == ["review"]
    box.legs.press(leg, "3")
    world.settle()
    assert plays(box)[-1] == ["beep"]
    box.legs.prompts_end(leg)
    says(world, box, leg, 4)
    box.legs.press(leg, "#")
    world.run(0.2)
    second = box.legs.of(RecordLeg)[1]
    assert second.path != first.path
    box.legs.press(leg, "1")
    world.settle()
    assert plays(box)[-1] == ["thanks"]
    box.legs.prompts_end(leg)
    world.run(0.1)
    assert [left["path"] for left in facts(box, "message-left")] == [second.path]
    assert box.outcomes() == ["voicemail"]


def test_who_hangs_up_while_asked_leaves_the_message(world: World, tmp_path: Path) -> None:
    box = box_with(world, tmp_path, ASKS)
    leg = to_the_beep(world, box)
    says(world, box, leg, 3)
    box.legs.press(leg, "#")
    world.run(0.2)
    box.legs.down(leg)
    world.run(0.2)
    assert box.outcomes() == ["voicemail"]


def test_the_overflow_of_a_queue_leads_to_voicemail(world: World, tmp_path: Path) -> None:
    box = box_with(world, tmp_path)
    leg = box.legs.call_in("200")
    world.run(5.1)
    box.legs.prompts_end(leg)
    says(world, box, leg, 3)
    box.legs.press(leg, "#")
    world.run(1)
    assert box.outcomes() == ["voicemail"]
    assert box.brain.rooms.voicemails.listing()[0].queue == "sales"
    assert facts(box, "contact-ended")[0]["waited_ms"] == pytest.approx(8100, abs=200)


def written(box: Box) -> None:
    """Legs has written 3 s, and nothing yet of how long that is."""
    file = box.folder / "recordings" / box.legs.of(RecordLeg)[0].path
    file.parent.mkdir(parents=True)
    header = bytearray(44)
    header[:4], header[28:32] = b"RIFF", (16_000).to_bytes(4, "little")
    file.write_bytes(bytes(header) + bytes(16_000 * 3))


def running(world: World, box: Box, leg: int) -> None:
    """The caller speaks on while the brain is away."""
    world.run(3)


def stopped(world: World, box: Box, leg: int) -> None:
    """Legs reaches the longest message while the brain is away, and tells so again."""
    written(box)
    recording = box.legs.rows[leg].recording
    box.legs.recorded(recording, "longest")
    box.legs.closed.discard(recording)
    world.run(3)


def hung_up(world: World, box: Box, leg: int) -> None:
    """The caller goes while the brain is away; nobody tells of the recording."""
    written(box)
    world.run(3)
    box.legs.down(leg)
    world.run(1)


@pytest.mark.parametrize("meanwhile", [running, stopped, hung_up])
def test_a_killed_brain_finds_the_message_again(
    world: World, tmp_path: Path, meanwhile: Callable[[World, Box, int], None]
) -> None:
    box = box_with(world, tmp_path)
    leg = to_the_beep(world, box)
    box.legs.talks(leg, on=True)
    world.run(1)
    box.kill()
    meanwhile(world, box, leg)
    box.start()
    if meanwhile is running:
        box.legs.press(leg, "#")
    if meanwhile is stopped:
        box.legs.recorded(box.legs.of(RecordLeg)[0].recording, "longest")
    world.run(5)
    assert len({record.recording for record in box.legs.of(RecordLeg)}) == 1
    assert box.outcomes() == ["voicemail"]


def test_a_message_that_never_began_begins_now(world: World, tmp_path: Path) -> None:
    box = box_with(world, tmp_path)
    box.legs.records = False
    leg = to_the_beep(world, box)
    box.kill()
    box.legs.records = True
    box.start()
    world.run(4)
    assert box.legs.rows[leg].recording
    box.legs.press(leg, "#")
    world.run(1)
    assert box.outcomes() == ["voicemail"]


def test_messages_outlive_the_brain_and_go_after_their_time(world: World, tmp_path: Path) -> None:
    box = box_with(world, tmp_path)
    leg = to_the_beep(world, box)
    file = tmp_path / "recordings" / box.legs.of(RecordLeg)[0].path
    file.parent.mkdir(parents=True)
    file.write_bytes(b"word")
    says(world, box, leg, 3)
    box.legs.press(leg, "#")
    world.run(1)
    box.kill()
    box.start()
    (kept,) = box.brain.rooms.voicemails.listing()
    assert not box.brain.rooms.voicemails.delete("another")
    box.world.clock.advance(29 * DAY_S)
    world.run(3601)
    assert file.exists()
    box.world.clock.advance(DAY_S)
    world.run(3601)
    assert not file.exists()
    assert box.brain.rooms.voicemails.listing() == []
    assert facts(box, "message-deleted") == [
        {"mailbox": "sales", "path": kept.path, "by": "retention"}
    ]
    box.kill()
    box.start()
    assert len(box.brain.rooms.voicemails) == 0


def test_old_files_that_nobody_knows_are_deleted(world: World, tmp_path: Path) -> None:
    box = box_with(world, tmp_path)
    folder = tmp_path / "recordings/voicemail/sales"
    folder.mkdir(parents=True)
    leg = to_the_beep(world, box)
    now_s = world.clock.wall_us() / 1e6
    running = Path(box.legs.of(RecordLeg)[0].path).name
    for name, days in (("old.wav", 31), ("new.wav", 29), (running, 31)):
        (folder / name).write_bytes(b"word")
        os.utime(folder / name, (now_s - days * DAY_S, now_s - days * DAY_S))
    (folder / "old.wav.marks").write_bytes(b"{}")
    world.run(1)
    box.kill()
    box.start()
    message = box.contact(leg).message
    world.run(40)
    box.brain.rooms.voicemails._sweep()
    world.settle()
    assert message is not None
    assert sorted(file.name for file in folder.iterdir()) == sorted(["new.wav", running])
    assert box.legs.rows[leg].recording


def test_a_withheld_number_is_not_shown(world: World, tmp_path: Path) -> None:
    box = box_with(world, tmp_path)
    leg = box.legs.call_in("500", private=True)
    world.run(0.1)
    box.legs.prompts_end(leg)
    world.settle()
    says(world, box, leg, 3)
    box.legs.press(leg, "#")
    world.run(1)
    (kept,) = box.brain.rooms.voicemails.listing()
    assert kept.row()["caller"] == "anonymous"


# -- messages as tasks -------------------------------------------------------------------------


def tasks(world: World, folder: Path) -> Box:
    """Return a box whose messages wait as tasks in the queue sales, where ann has a slot."""
    agents = tuple(
        replace(agent, slots={"voice": 1, "task": 1} if agent.name == "ann" else agent.slots)
        for agent in PLAN.agents
    )
    box = box_with(world, folder, replace(WORD, queue="sales"))
    box.brain.take_plan(replace(box.brain.plans.plan, agents=agents))
    return box


def leave_word(world: World, box: Box) -> Contact:
    """Leave a message of 4 s; return its task."""
    leg = to_the_beep(world, box)
    says(world, box, leg, 4)
    box.legs.down(leg)
    world.run(1)
    (task,) = [contact for contact in box.brain.book if contact.channel == "task"]
    return task


def test_a_message_is_offered_to_an_agent_as_a_task(world: World, tmp_path: Path) -> None:
    box = tasks(world, tmp_path)
    task = leave_word(world, box)
    (kept,) = box.brain.rooms.voicemails.listing()
    (left,) = facts(box, "message-left")
    assert kept.task == left["task"] == task.contact
    assert (task.phase, task.queue, task.caller) == ("waiting", "sales", "+33123")
    assert task.subject.endswith(" s for sales")
    world.run(10)  # longer than callers wait there: a task is led into no flow
    box.legs.register("ann")
    world.run(1)
    (work,) = box.seat("ann").work.values()
    assert work.context is not None
    assert work.context.data["message"] == kept.message
    assert (work.context.data["box"], work.context.data["recording"]) == (box.name, kept.path)
    written, seat = box.brain.offers.written, box.seat("ann")
    written.accept(seat, work)
    world.run(1)
    assert task.phase == "talking"
    written.done(seat, work)
    world.run(1)
    assert box.outcomes() == ["voicemail", "served"]
    assert box.brain.rooms.voicemails.listing() == [kept]  # until somebody deletes it


def test_a_task_outlives_a_kill_and_ends_with_its_message(world: World, tmp_path: Path) -> None:
    box = tasks(world, tmp_path)
    name = leave_word(world, box).contact
    box.kill()
    box.start()
    world.run(1)
    found = box.brain.book.get(name)
    assert found is not None
    assert found.phase == "waiting"
    (kept,) = box.brain.rooms.voicemails.listing()
    box.brain.rooms.voicemails.delete(kept.message)
    world.run(1)
    assert box.brain.book.get(name) is None
    assert box.outcomes() == ["voicemail", "released"]


def test_without_that_queue_the_message_is_kept_all_the_same(world: World, tmp_path: Path) -> None:
    box = box_with(world, tmp_path, replace(WORD, queue="gone"))
    leg = to_the_beep(world, box)
    says(world, box, leg, 4)
    box.legs.down(leg)
    world.run(1)
    (kept,) = box.brain.rooms.voicemails.listing()
    assert kept.task == ""
    assert box.outcomes() == ["voicemail"]
