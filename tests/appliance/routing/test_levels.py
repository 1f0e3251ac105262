"""Agents in reserve join when too few are answered in time, and leave when enough are again."""

import msgspec

from appliance.plan.model import Plan
from appliance.routing.levels import EVERY_MS, MAX_SEEN, MIN_SEEN, WINDOW_MS
from appliance.routing.matchmaker import Matchmaker
from appliance.routing.model import ContactRow, ContactState
from tests.appliance.routing.rows import PLAN, Published, contact, publish, seat

replace = msgspec.structs.replace
#: `rush`: joins below 80 %, leaves at 90 %, target 20 s
LATE_MS, SOON_MS = 20_001, 20_000


class Centre:
    """A matchmaker with gil, who is in reserve, and contacts of `rush`."""

    def __init__(self, plan: Plan = PLAN) -> None:
        self.matchmaker = Matchmaker(plan)
        self.now_ms = 1_000_000
        self.count = 0
        rows = [seat("gil")]
        self.matchmaker.on_snapshot("box-a", publish("box-a", rows), self.now_ms)

    def say(self, row: ContactRow) -> None:
        self.matchmaker.on_delta("box-a", Published(contacts=[row]), self.now_ms)

    def pass_(self, ms: int) -> None:
        self.now_ms += ms
        self.matchmaker.propose(self.now_ms)

    def talk(self, waited_ms: int, state: ContactState = "talking") -> None:
        """Let one more contact be answered."""
        self.count += 1
        name = f"t{self.count}"
        self.say(contact(name, queue="rush", state="waiting", age_ms=waited_ms))
        self.say(contact(name, queue="rush", state=state, age_ms=waited_ms, fence=1))

    def joined(self) -> dict[str, float]:
        self.pass_(EVERY_MS)
        return self.matchmaker.floor.joined


def test_they_join_below_the_one_and_leave_at_the_other() -> None:
    centre = Centre()
    for waited_ms in [SOON_MS] * 8 + [LATE_MS] * 2:
        centre.talk(waited_ms)
    assert centre.joined() == {}  # 80 % is not below it
    centre.talk(LATE_MS)
    assert centre.joined() == {"rush": 8 / 11}
    for _ in range(15):
        centre.talk(SOON_MS)
    assert centre.joined() == {"rush": 23 / 26}  # above 80 %, but not yet at 90 %
    for _ in range(5):
        centre.talk(SOON_MS)
    assert centre.joined() == {}


def test_a_contact_is_offered_to_them_then_and_says_why() -> None:
    centre = Centre()
    centre.say(contact("c", queue="rush"))
    assert centre.matchmaker.propose(centre.now_ms) == []
    for _ in range(MIN_SEEN):
        centre.talk(LATE_MS)
    centre.now_ms += EVERY_MS
    (proposal,) = centre.matchmaker.propose(centre.now_ms)
    assert (proposal.contact, proposal.seat, proposal.trace.joined) == ("c", "gil", 0.0)


def test_few_contacts_say_nothing() -> None:
    centre = Centre()
    for _ in range(MIN_SEEN - 1):
        centre.talk(LATE_MS)
    assert centre.joined() == {}


def test_who_waits_too_long_or_gave_up_counts_against_it() -> None:
    centre = Centre()
    for number in range(MIN_SEEN - 1):
        centre.say(contact(f"w{number}", queue="rush", age_ms=LATE_MS))
    assert centre.joined() == {}
    centre.talk(LATE_MS, state="ended")  # gave up
    assert centre.joined() == {"rush": 0.0}


def test_who_gave_up_soon_does_not_count() -> None:
    centre = Centre()
    for _ in range(2 * MIN_SEEN):
        centre.talk(SOON_MS, state="ended")
    assert centre.joined() == {}


def test_what_is_long_ago_is_forgotten() -> None:
    centre = Centre()
    for _ in range(MIN_SEEN):
        centre.talk(LATE_MS)
    assert centre.joined() == {"rush": 0.0}
    centre.pass_(WINDOW_MS - 3 * EVERY_MS)
    assert centre.joined() == {"rush": 0.0}
    assert centre.joined() == {}


def test_one_contact_counts_once_whatever_is_said_of_it() -> None:
    centre = Centre()
    for _ in range(MIN_SEEN):
        centre.say(contact("same", queue="rush", state="talking", age_ms=LATE_MS))
    assert centre.joined() == {}


def test_what_is_remembered_is_bounded() -> None:
    centre = Centre()
    for _ in range(MIN_SEEN):
        centre.talk(LATE_MS)
    for _ in range(MAX_SEEN):
        centre.talk(SOON_MS)
    assert centre.joined() == {}
    lately = centre.matchmaker._levels._lately["rush"]
    assert len(lately._ends) == len(lately._known) == MAX_SEEN
    assert lately.part(centre.now_ms, 0) == 1.0


def test_a_class_has_its_own_target() -> None:
    classes = tuple(replace(klass, target_s=60.0) for klass in PLAN.classes)
    centre = Centre(replace(PLAN, classes=classes))
    for _ in range(MIN_SEEN):
        centre.talk(LATE_MS)
    assert centre.joined() == {}


def test_a_plan_that_asks_no_more_sends_them_away() -> None:
    centre = Centre()
    for _ in range(MIN_SEEN):
        centre.talk(LATE_MS)
    assert centre.joined() == {"rush": 0.0}
    centre.matchmaker.set_plan(replace(PLAN, serial=8))
    assert centre.joined() == {"rush": 0.0}
    quiet = tuple(replace(queue, reserve_below=0.0) for queue in PLAN.queues)
    centre.matchmaker.set_plan(replace(PLAN, serial=9, queues=quiet))
    assert centre.joined() == {}
    assert centre.matchmaker.floor.hear is None
