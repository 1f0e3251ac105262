"""Classes of service: who goes first, and that no class starves, however great the load."""

from hypothesis import given
from hypothesis import strategies as st

from appliance.plan.model import Agent, Plan, Queue, ServiceClass
from appliance.routing.matchmaker import Matchmaker
from appliance.routing.model import ContactRow
from appliance.routing.planindex import OVERDUE, PlanIndex
from appliance.routing.scores import scores
from tests.appliance.routing.rows import Published, contact, seat

LONGEST_S = {"platinum": 90.0, "gold": 60.0, "bronze": 30.0}
CLASSES = (
    ServiceClass(name="platinum", head_start_s=60.0, slope=4.0, longest_s=90.0),
    ServiceClass(name="gold", head_start_s=20.0, slope=2.0, longest_s=60.0),
    ServiceClass(name="bronze", longest_s=30.0),
)
PLAN = Plan(
    serial=1,
    queues=(Queue(name="any"),),
    classes=CLASSES,
    agents=tuple(Agent(name=f"a{n}", site="a", account=f"p{n}") for n in range(2)),
)


class Rush:
    """Contacts come, two agents take one each when asked to; time is held."""

    def __init__(self, plan: Plan = PLAN) -> None:
        self.matchmaker = Matchmaker(plan)
        self.now_ms = 0
        self.waiting: dict[str, tuple[int, ContactRow]] = {}
        #: (contact served, those who were left waiting)
        self.served: list[tuple[ContactRow, dict[str, tuple[int, ContactRow]]]] = []
        self.count = 0
        rows = [seat(agent.name) for agent in plan.agents]
        self.matchmaker.on_snapshot("box-a", Published(seats=rows), 0)

    def arrive(self, klass: str) -> None:
        self.count += 1
        row = contact(f"c{self.count}", queue="any", klass=klass, arrival=self.count)
        self.waiting[row.contact] = (self.now_ms, row)
        self.matchmaker.on_delta("box-a", Published(contacts=[row]), self.now_ms)

    def serve(self) -> None:
        """Let each free agent take who is proposed, and be free again at once."""
        for proposal in self.matchmaker.propose(self.now_ms):
            _, row = self.waiting.pop(proposal.contact)
            self.served.append((row, dict(self.waiting)))
            ended = contact(row.contact, queue="any", state="ended", fence=1)
            agent = seat(proposal.seat, fence=proposal.seat_fence + 1)
            self.matchmaker.on_delta(
                "box-a", Published(contacts=[ended], seats=[agent]), self.now_ms
            )


@given(
    st.lists(
        st.tuples(
            st.lists(st.sampled_from(["platinum", "platinum", "gold", "bronze"]), max_size=6),
            st.integers(1, 20),
        ),
        max_size=30,
    )
)
def test_nobody_is_overtaken_any_more_who_has_waited_the_longest(
    steps: list[tuple[list[str], int]],
) -> None:
    """Whatever comes, at whatever rate: so who waits that long waits for those before it alone."""
    rush = Rush()
    for classes, seconds in steps:
        for klass in classes:
            rush.arrive(klass)
        rush.now_ms += seconds * 1000
        rush.serve()
        for row, left in rush.served:
            for since_ms, other in left.values():
                overdue = rush.now_ms - since_ms >= LONGEST_S[other.klass] * 1000
                assert not (overdue and other.place < row.place)
        rush.served.clear()


def _waits_s(longest_s: float) -> float:
    """Return how long a bronze contact waits while three platinum ones come for each served."""
    bronze = ServiceClass(name="bronze", longest_s=longest_s)
    plan = Plan(queues=PLAN.queues, agents=PLAN.agents[:1], classes=(*CLASSES[:1], bronze))
    rush = Rush(plan)
    rush.arrive("bronze")
    bronze_name = next(iter(rush.waiting))
    while bronze_name in rush.waiting and rush.now_ms < 600_000:
        for _ in range(3):
            rush.arrive("platinum")
        rush.now_ms += 1000
        rush.serve()
    return rush.now_ms / 1000


def test_a_class_that_is_more_than_there_are_agents_starves_no_other() -> None:
    """The slopes alone would: platinum's first gains more in a second than bronze does."""
    assert _waits_s(86400) == 600
    assert _waits_s(30.0) == 30


def test_scores_below_the_longest_wait_are_lines_and_above_it_the_wait() -> None:
    index = PlanIndex(PLAN)
    assert index.score("platinum", 10_000) == 60 + 4 * 10
    assert index.score("bronze", 29_999) == 29.999
    assert index.score("bronze", 30_000) == OVERDUE + 30
    highest = 3600 + 10 * 7 * 86_400
    assert highest < OVERDUE


def test_a_class_is_scored_by_its_own_target() -> None:
    classes = (ServiceClass(name="gold", target_s=5.0), ServiceClass(name="bronze"))
    index = PlanIndex(Plan(queues=(Queue(name="any", target_s=20.0),), classes=classes))
    assert index.target_ms("any", "gold") == 5_000
    assert index.target_ms("any", "bronze") == 20_000
    assert index.target_ms("none", "bronze") == 0
    assert scores(index.plan, [], []) == {}
