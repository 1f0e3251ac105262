"""Flows as drawings: every step once, every arrow from and to a box, also in circles."""

from hypothesis import given
from hypothesis import strategies as st

from appliance.plan.lookup import Lookup
from appliance.plan.model import (
    Collect,
    Enqueue,
    Flow,
    HangUp,
    Hours,
    Menu,
    Outside,
    Say,
    Step,
    TakeFax,
)
from appliance.plan.voicemail import Voicemail
from control.web.drawing import HEIGHT, WIDTH, draw
from tests.control.conftest import PLAN

NAMES = ["a", "b", "c", "d", "e"]
TARGET = st.sampled_from([*NAMES, "lost"])
STEP: st.SearchStrategy[Step] = st.one_of(
    st.builds(Say, prompts=st.just(("x",)), next=TARGET),
    st.builds(
        Menu,
        prompts=st.just(("x",)),
        choices=st.dictionaries(st.sampled_from("123"), TARGET),
        otherwise=TARGET,
    ),
    st.just(Enqueue(queue="sales")),
    st.just(HangUp()),
    st.just(TakeFax()),
    st.builds(lambda o, c: Hours(calendar="shop", open=o, closed=c), TARGET, TARGET),
    st.builds(lambda o: Outside(number="0", trunk="t", otherwise=o), TARGET),
    st.builds(lambda o: Voicemail(otherwise=o), TARGET),
    st.builds(
        lambda a, b, c: Lookup(url="http://db/", found=a, missing=b, failed=c),
        TARGET,
        TARGET,
        TARGET,
    ),
    st.builds(
        lambda n, o: Collect(prompts=(), name="customer", next=n, otherwise=o), TARGET, TARGET
    ),
)
FLOWS = st.builds(
    Flow,
    name=st.just("f"),
    start=TARGET,
    steps=st.dictionaries(st.sampled_from(NAMES), STEP),
)


def test_the_start_is_on_the_left() -> None:
    drawing = draw(PLAN.flows[0])
    columns = {node.name: node.x for node in drawing.nodes}
    assert columns["hello"] < columns["menu"] < columns["sales"] == columns["bye"]
    back = [edge for edge in drawing.edges if edge.back]
    assert [edge.label for edge in back] == ["9"]


def test_keys_that_lead_to_one_step_share_an_arrow() -> None:
    menu = Menu(prompts=("x",), choices={"1": "q", "2": "q"}, otherwise="q")
    drawing = draw(Flow(name="f", start="m", steps={"m": menu, "q": Enqueue(queue="sales")}))
    assert [edge.label for edge in drawing.edges] == ["1 2 else"]


@given(FLOWS)
def test_any_flow_can_be_drawn(flow: Flow) -> None:
    drawing = draw(flow)
    assert sorted(node.name for node in drawing.nodes) == sorted(flow.steps)
    assert len({(node.x, node.y) for node in drawing.nodes}) == len(flow.steps)
    for node in drawing.nodes:
        assert node.x + WIDTH <= drawing.width
        assert node.y + HEIGHT <= drawing.height
