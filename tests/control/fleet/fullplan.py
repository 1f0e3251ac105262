"""A plan in which every field says something other than its default."""

from collections.abc import Iterator

import msgspec

from appliance.plan import model
from appliance.plan.hours import Calendar, Holiday, Opening, Span
from appliance.plan.parts import Part
from appliance.plan.transfers import Transfers

FULL = model.Plan(
    tenant="acme",
    serial=7,
    numbers=(
        model.Number(number="4930100", title="Hotline", flow="main", klass="gold"),
        model.Number(number="4930200", title="Orders", queue="sales", hours="shop", closed="main"),
    ),
    queues=(
        model.Queue(
            name="sales",
            title="Sales",
            skills={"sales": 3},
            prefer={"german": 2},
            relax=(model.Relax(after_s=30.0, skills={"sales": 1}),),
            order=("cost", "near", "level", "idle"),
            own_s=5.0,
            region_s=10.0,
            reserve_s=60.0,
            reserve_below=0.8,
            reserve_above=0.9,
            divide=model.Divide(by="shares", shares={"berlin": 100.0}, margin_s=5.0, for_s=20.0),
            named_s=45.0,
            overflow=(
                model.Overflow(after_s=90.0, flow="main"),
                model.Overflow(expected_s=300.0, flow="main"),
            ),
            target_s=15.0,
            ring_s=12.0,
            wrap_up_s=0.0,
            music=("slow", "fast"),
            announce_s=0.0,
        ),
    ),
    flows=(
        model.Flow(
            name="main",
            start="hello",
            steps={
                "hello": model.Say(prompts=("hello",), next="menu"),
                "menu": model.Menu(prompts=("press-1",), choices={"1": "in"}, otherwise="bye"),
                "in": model.Enqueue(
                    queue="sales", skills={"german": 1}, klass="gold", agent="anna"
                ),
                "bye": model.HangUp(prompts=("goodbye",)),
            },
        ),
    ),
    classes=(
        model.ServiceClass(
            name="gold",
            head_start_s=9.0,
            slope=1.5,
            longest_s=600.0,
            target_s=8.0,
            overflow=(model.Overflow(after_s=60.0, flow="main"),),
            music=("calm",),
        ),
    ),
    agents=(
        model.Agent(
            name="anna",
            title="Anna Keller",
            site="berlin",
            account="p101",
            skills={"sales": 5, "german": 4},
            cost=2.5,
            reserve=True,
            slots={"voice": 1, "chat": 3},
            exclusive=(("voice", "chat"),),
        ),
    ),
    sites=(
        model.Site(
            name="berlin",
            title="Berlin",
            region="east",
            escrow="bonn-1",
            link_calls=8,
            link_kbit_s=1000,
            codecs=("OPUS", "PCMA"),
        ),
    ),
    calendars=(
        Calendar(
            name="shop",
            title="Shop",
            time_zone="Europe/Berlin",
            week=(Opening(days=("mon", "fri"), start="08:00", end="18:30"),),
            holidays=(
                Holiday(date="2026-12-24", title="Eve", open=(Span(start="09:00", end="12:00"),)),
                Holiday(date="12-25", title="Christmas"),
            ),
        ),
    ),
    default_class="gold",
    emergency_numbers=("110", "112"),
    transfers=Transfers(
        place="new",
        blind="*71",
        consult="*81",
        back="*91",
        conference="*61",
        targets={"21": "agent:anna"},
        outside={"gold": ("+49",)},
        trunk="city",
        ring_s=20.0,
    ),
)


def unsaid(plan: model.Plan) -> set[str]:
    """Return the fields of the plan's parts that are at their default in every part."""
    said: set[str] = set()
    known: set[str] = set()
    for part in _parts(plan):
        for field in msgspec.structs.fields(part):
            name = f"{type(part).__name__}.{field.name}"
            known.add(name)
            default = field.default
            if field.default_factory is not msgspec.NODEFAULT:
                default = field.default_factory()
            if getattr(part, field.name) != default:
                said.add(name)
    return known - said


def _parts(plan: model.Plan) -> Iterator[Part]:
    yield plan
    yield plan.transfers
    for kept in ("numbers", "queues", "flows", "classes", "agents", "sites", "calendars"):
        yield from getattr(plan, kept)
