"""The brain in virtual time: what a data source says of a caller, and what fails."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from appliance.flow.lookups import Answer
from appliance.plan.lookup import (
    Lookup,
    Question,
    TakeAgent,
    TakeClass,
    TakeData,
    TakeName,
    TakeSkill,
)
from appliance.plan.model import Agent, Collect, Enqueue, Flow, HangUp, Number, Step
from appliance.wire.commands import Dial, Play, StopPlay
from tests.appliance.brainkit import PLAN, Box, World

replace = msgspec.structs.replace

ASK = Lookup(
    url="https://crm.example.org/customers?phone={caller}",
    take=(
        TakeName(field="/name"),
        TakeClass(field="/segment", values={"A": "platinum"}),
        TakeSkill(field="/language", values={"de": "german", "tlh": "klingon"}, level=3),
        TakeAgent(field="/agent"),
        TakeData(field="/orders", name="orders"),
        TakeData(field="/number", name="number", journal=True),
    ),
    found="sales",
    missing="bye",
    failed="service",
)
KNOWN = {"name": "Ada", "segment": "A", "language": "de", "orders": 3, "number": "K-7"}


class Sources:
    """Keeps what is asked, and answers when the test says so."""

    def __init__(self) -> None:
        self.asked: list[tuple[Question, Callable[[Answer], None]]] = []

    def ask(self, question: Question, told: Callable[[Answer], None]) -> None:
        self.asked.append((question, told))

    def says(self, answer: object = None, *, reason: str = "normal", which: int = -1) -> None:
        self.asked[which][1](Answer(reason, msgspec.json.encode(answer)))


def box_with(world: World, folder: Path, step: Lookup = ASK, **more: Step) -> tuple[Box, Sources]:
    """Return a box where 500 asks a data source."""
    steps: dict[str, Step] = {
        "ask": step,
        "sales": Enqueue(queue="sales"),
        "service": Enqueue(queue="service"),
        "bye": HangUp(prompts=("bye",)),
    }
    flow = Flow(name="who", start="first" if "first" in more else "ask", steps={**steps, **more})
    ann = Agent(
        name="ann", title="Ann", site="north", account="ann", skills={"sales": 5, "german": 3}
    )
    plan = replace(
        PLAN,
        numbers=(*PLAN.numbers, Number(number="500", flow="who")),
        flows=(*PLAN.flows, flow),
        agents=(ann, *PLAN.agents[1:]),
    )
    box = Box(world, folder, plan=plan)
    sources = Sources()
    box.ask = sources.ask
    return box, sources


def facts(box: Box, kind: str) -> list[dict[str, object]]:
    return [e.as_dict() for e in box.journal.entries(limit=10_000) if e.kind == kind]


def test_what_is_known_counts_and_goes_to_the_agent(world: World, tmp_path: Path) -> None:
    box, sources = box_with(world, tmp_path)
    leg = box.legs.call_in("500", caller="+49 30/1")
    world.run(0.1)
    ((question, _),) = sources.asked
    assert question.url == "https://crm.example.org/customers?phone=%2B49%2030%2F1"
    assert box.legs.of(Play) == [Play(leg, 1, ["moh"], True)]
    world.run(0.2)
    sources.says(KNOWN)
    world.settle()
    contact = box.contact(leg)
    assert (contact.phase, contact.queue, contact.klass) == ("waiting", "sales", "platinum")
    assert contact.skills == {"german": 3}
    assert box.legs.of(StopPlay) == [StopPlay(leg)]
    (fact,) = facts(box, "looked-up")
    assert fact == {
        "flow": "who",
        "step": "ask",
        "result": "found",
        "took_ms": 300,
        "taken": ["class", "skill", "name", "number", "orders"],
        "data": {"number": "K-7"},
    }
    box.legs.register("ann")
    world.run(0.5)
    held = box.seat("ann").reservation
    assert held is not None
    assert held.context is not None
    assert held.context.data == {"name": "Ada", "orders": "3", "number": "K-7"}
    (dial,) = box.legs.of(Dial)
    assert dial.caller_name.startswith("Ada, sales, ")


@pytest.mark.parametrize(
    ("answer", "reason", "queue", "fact"),
    [
        ({}, "normal", "", ("missing", "normal")),
        ([], "normal", "", ("missing", "normal")),
        (None, "normal", "", ("missing", "normal")),
        (None, "not-found", "", ("missing", "normal")),
        ("text", "normal", "service", ("failed", "lookup-garbled")),
        (None, "lookup-timeout", "service", ("failed", "lookup-timeout")),
        (None, "lookup-down", "service", ("failed", "lookup-down")),
        ({"segment": "Z", "name": 7.5}, "normal", "sales", ("found", "normal")),
    ],
)
def test_each_answer_has_its_way(
    world: World,
    tmp_path: Path,
    answer: object,
    reason: str,
    queue: str,
    fact: tuple[str, str],
) -> None:
    box, sources = box_with(world, tmp_path)
    leg = box.legs.call_in("500")
    world.run(0.1)
    sources.says(answer, reason=reason)
    world.settle()
    assert box.contact(leg).queue == queue
    assert box.contact(leg).klass in ("", "bronze")
    (found,) = facts(box, "looked-up")
    assert (found["result"], found.get("reason", "normal")) == fact


def test_skills_that_nobody_has_do_not_keep_a_caller_for_ever(
    world: World, tmp_path: Path
) -> None:
    box, sources = box_with(world, tmp_path)
    leg = box.legs.call_in("500")
    world.run(0.1)
    sources.says({"language": "tlh", "agent": "nobody"})
    world.settle()
    assert (box.contact(leg).skills, box.contact(leg).agent) == ({}, "")


def test_the_agent_that_a_source_names_is_asked_for(world: World, tmp_path: Path) -> None:
    box, sources = box_with(world, tmp_path)
    leg = box.legs.call_in("500")
    world.run(0.1)
    sources.says({"agent": "ann"})
    world.settle()
    assert box.contact(leg).agent == "ann"


def test_a_withheld_number_is_not_asked_about(world: World, tmp_path: Path) -> None:
    box, sources = box_with(world, tmp_path)
    box.legs.call_in("500", private=True)
    world.run(0.1)
    assert not sources.asked
    assert facts(box, "looked-up")[0]["result"] == "missing"


def test_collected_digits_are_asked_with(world: World, tmp_path: Path) -> None:
    step = replace(ASK, url="http://db/{digits.customer}/{contact}", method="POST")
    step = replace(step, body={"called": "{called}"}, secret="db")
    ask = Collect(prompts=("say",), name="customer", next="ask", otherwise="bye")
    box, sources = box_with(world, tmp_path, step, first=ask)
    leg = box.legs.call_in("500")
    world.run(0.1)
    for digit in "42#":
        box.legs.press(leg, digit)
    world.settle()
    ((question, _),) = sources.asked
    assert question.url == f"http://db/42/{box.contact(leg).contact}"
    assert (question.method, question.body) == ("POST", {"called": "500"})
    assert question.secret == "db"


def test_an_answer_to_a_caller_who_has_gone_is_nobodys(world: World, tmp_path: Path) -> None:
    box, sources = box_with(world, tmp_path)
    leg = box.legs.call_in("500")
    world.run(0.1)
    box.legs.down(leg)
    world.settle()
    sources.says(KNOWN)
    world.settle()
    assert box.outcomes() == ["released"]
    assert not facts(box, "looked-up")


@pytest.mark.parametrize(
    ("method", "asked", "queue"), [("GET", 2, "sales"), ("POST", 1, "service")]
)
def test_a_restarted_brain_asks_again_what_may_be_asked_twice(
    world: World, tmp_path: Path, method: str, asked: int, queue: str
) -> None:
    step = msgspec.convert(msgspec.to_builtins(ASK) | {"method": method}, Lookup)
    box, sources = box_with(world, tmp_path, step)
    leg = box.legs.call_in("500")
    world.run(0.1)
    box.kill()
    box.start()
    world.settle()
    assert len(sources.asked) == asked
    sources.says(KNOWN, which=0)  # the answer that the dead brain waited for
    world.settle()
    if method == "GET":
        assert box.contact(leg).phase == "flow"
        sources.says(KNOWN)
        world.settle()
    assert box.contact(leg).queue == queue


def test_what_was_said_survives_a_restart(world: World, tmp_path: Path) -> None:
    box, sources = box_with(world, tmp_path)
    leg = box.legs.call_in("500")
    world.run(0.1)
    sources.says(KNOWN)
    world.settle()
    box.kill()
    box.start()
    world.settle()
    contact = box.contact(leg)
    assert (contact.klass, contact.data["name"]) == ("platinum", "Ada")


def test_two_questions_in_a_row(world: World, tmp_path: Path) -> None:
    again = replace(ASK, url="http://other/{caller}", found="sales")
    box, sources = box_with(world, tmp_path, replace(ASK, found="again"), again=again)
    leg = box.legs.call_in("500")
    world.run(0.1)
    sources.says({"name": "Ada", "language": "de"})
    world.settle()
    assert len(sources.asked) == 2
    sources.says(KNOWN, which=0)
    world.settle()
    assert box.contact(leg).phase == "flow"
    sources.says({"orders": True})
    world.settle()
    assert box.contact(leg).data == {"name": "Ada", "orders": "true"}
    assert box.contact(leg).skills == {"german": 3}
