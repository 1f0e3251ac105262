"""Sound plans for the tests of this room."""

from appliance.plan.hours import Calendar, Opening
from appliance.plan.model import (
    Agent,
    Enqueue,
    Flow,
    HangUp,
    Hours,
    Menu,
    Number,
    Plan,
    Queue,
    Say,
    TakeFax,
)

SMALL = Plan(
    serial=1,
    numbers=(Number(number="100", queue="all"),),
    queues=(Queue(name="all"),),
    agents=(Agent(name="ann", site="a", account="p1"),),
)

#: two menus deep, with a way back by key, extra skills and classes
FULL = Plan(
    serial=2,
    numbers=(
        Number(number="+4930100", title="Main number", flow="main"),
        Number(number="+4930101", queue="sales", klass="gold"),
        Number(number="200", flow="service", hours="shop", closed="closed"),
        Number(number="300", flow="fax"),
    ),
    queues=(
        Queue(name="sales", skills={"sales": 2}),
        Queue(name="service", skills={"service": 1}),
    ),
    flows=(
        Flow(
            name="main",
            start="hello",
            steps={
                "hello": Say(prompts=("welcome",), next="menu"),
                "menu": Menu(
                    prompts=("choose",),
                    choices={"1": "sales", "2": "more", "*": "hello"},
                    otherwise="sales",
                ),
                "more": Menu(
                    prompts=("choose-more",),
                    choices={"1": "german", "*": "menu", "#": "more"},
                    otherwise="bye",
                ),
                "sales": Enqueue(queue="sales"),
                "german": Enqueue(queue="service", skills={"german": 3}, klass="platinum"),
                "bye": HangUp(prompts=("goodbye",)),
            },
        ),
        Flow(
            name="service",
            start="queue",
            steps={"queue": Enqueue(queue="service")},
        ),
        Flow(
            name="closed",
            start="late",
            steps={
                "late": Hours(calendar="shop", open="queue", closed="bye"),
                "queue": Enqueue(queue="sales"),
                "bye": HangUp(prompts=("closed",)),
            },
        ),
        Flow(name="fax", start="fax", steps={"fax": TakeFax()}),
    ),
    agents=(
        Agent(name="ann", site="a", account="p1", skills={"sales": 2}),
        Agent(name="ben", site="b", account="p2", skills={"service": 5, "german": 3}),
    ),
    calendars=(
        Calendar(
            name="shop",
            time_zone="Europe/Berlin",
            week=(Opening(days=("mon", "tue", "wed", "thu", "fri"), start="08:00", end="18:00"),),
        ),
    ),
    emergency_numbers=("112", "110"),
)

SOUND = (SMALL, FULL)
