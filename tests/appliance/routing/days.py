"""Days of callers and agents for the tests of replays."""

import msgspec

from appliance.plan.model import Agent, Plan, Queue
from appliance.routing.day import Fate, Presence, Stay, Visit
from appliance.routing.model import Place
from appliance.routing.replay import Replay

PLAN = Plan(
    queues=(Queue(name="sales", skills={"sales": 1}, wrap_up_s=10, target_s=20),),
    agents=(
        Agent(name="ann", site="a", account="p1", skills={"sales": 5}),
        Agent(name="ben", site="a", account="p2", skills={"sales": 3}),
    ),
)


S = 1_000_000
SALES = Stay(queue="sales")


def visit(number: int, joined_s: float, **more: object) -> Visit:
    """Return a caller of a minute's talk."""
    joined_us = round(joined_s * S)
    plain = Visit(
        contact=f"c{number}",
        owner="box-a",
        place=Place(joined_us, "box-a", f"c{number}"),
        joined_us=joined_us,
        stay=SALES,
        talk_us=60 * S,
        setup_us=2 * S,
    )
    return msgspec.structs.replace(plain, **more)


def there(seat: str, at_s: float, *, there: bool = True) -> Presence:
    """Return an agent who comes, or goes."""
    return Presence(at_us=round(at_s * S), seat=seat, owner="box-a", site="a", there=there)


def served(number: int, seat: str, waited_s: float) -> Fate:
    """Return what becomes of a caller who is served."""
    return Fate(f"c{number}", "served", seat, round(waited_s * S))


def fates(visits: list[Visit], *presences: Presence, plan: Plan = PLAN) -> list[Fate]:
    """Return what becomes of each caller of a day."""
    return Replay(plan, visits, presences).run()
