"""The hub is killed at full house and its state wiped: who waits keeps the place, talks go on.

All seats talk and callers wait in the queues; some of the talks end after the kill. A new hub
begins at once, as the supervisor has it, with nothing but the fleet's database. The appliances
propose nothing themselves meanwhile, as they would (`docs/federation.md`, Islands): what is timed
is the hub alone, from the kill to the first offer that comes to a contact's owner.
"""

import asyncio
import os
import time

import msgspec

from appliance.routing.model import Place
from tests.bench.books import Story
from tests.bench.hub import Centre, Load, centre
from tests.bench.hubrig import Size, until
from tests.bench.machine import cpu_s, load_apart
from tests.bench.report import Report

LONG_S = 3_600.0


class House(msgspec.Struct, frozen=True, kw_only=True):
    """What the house is like at the kill."""

    load: Load
    waiting: int = 2_000
    #: talks that end within this after it [s], and how many
    ending: int = 1_000
    ending_s: float = 20.0


FULL = House(load=Load(size=Size(boxes=80, seats=24_000), rate=200, wrap_up_s=0))
SMOKE = House(
    load=Load(size=Size(boxes=3, seats=60, queues=6, kinds=10), rate=50, ring_s=0.1, wrap_up_s=0),
    waiting=10,
    ending=10,
    ending_s=1.0,
)


def run(house: House = FULL) -> Report:
    """Kill once."""
    report = Report("hub-kill")
    with load_apart() as core:
        asyncio.run(_measure(report, house, core))
    return report


async def _measure(report: Report, house: House, core: int) -> None:
    async with centre(house.load) as made:
        books, seats = made.books, house.load.size.seats
        await made.fill(seats, (LONG_S, LONG_S))
        first = made.start_hub(core)
        await made.open()
        await made.calls(house.waiting / house.load.rate)
        await until(lambda: len(books.waiting) >= house.waiting / 2, "callers who wait")
        await asyncio.sleep(1.0)
        waiting = {name: books.stories[name].place for name in books.waiting}
        talks = dict(books.talks)
        books.forget_times()
        killed_s = time.monotonic()
        first.kill()
        (made.control.settings.state_path / "hub-incarnation").unlink()
        second = made.start_hub(core)
        ending = _end_talks(made, house)
        await until(lambda: bool(books.offers_s), "an offer")
        report.figure("hub_cpu_to_offer_s", cpu_s([second.pid]))
        report.figure("owners_cpu_s", cpu_s([os.getpid()]))
        await asyncio.sleep(house.ending_s)
        await until(lambda: len(books.offers_s) >= len(ending) * 0.5, "offers")
        await asyncio.sleep(2 * house.load.ring_s + 1)
        report.figure("waiting_at_the_kill", len(waiting))
        report.figure("talks_at_the_kill", len(talks))
        report.figure("offers_after_it", len(books.offers_s))
        for name, count in sorted(books.counts.items()):
            report.figure(name, count)
        _bars(report, made, waiting, talks, ending, killed_s)


def _bars(
    report: Report,
    made: Centre,
    waiting: dict[str, Place | None],
    talks: dict[str, str],
    ending: set[str],
    killed_s: float,
) -> None:
    books = made.books
    stories = {name: books.stories[name] for name in waiting}
    offered = {name for name, story in stories.items() if story.offers}
    lost = sum(
        story.outcome not in ("", "served") or (name not in books.waiting and not story.offers)
        for name, story in stories.items()
    )
    moved = sum(story.place != waiting[name] for name, story in stories.items())
    untouched = {contact for contact in talks.values() if contact not in ending}
    hurt = sum(not made.talks(contact) for contact in untouched)
    report.bar("offers again", books.offers_s[0] - killed_s, "<= 5", "s")
    report.bar("waiting lost", lost, "<= 0", "contacts")
    report.bar("places changed", moved + books.counts["places changed"], "<= 0", "contacts")
    report.bar("double offers", books.counts["double offers"], "<= 0", "contacts")
    report.bar("doubled", books.counts["doubled"], "<= 0", "contacts")
    report.figure("overtaken", _overtaken(stories, offered))
    report.bar("talks touched", hurt, "<= 0", "talks")


def _overtaken(stories: dict[str, Story], offered: set[str]) -> int:
    """Count who still waits although somebody later in the same queue was offered a seat.

    A number has one queue and one class: who waits in a queue is equal.
    """
    last: dict[str, Place] = {}
    for name in offered:
        story = stories[name]
        if story.place is not None and not story.missed:
            last[story.queue] = max(story.place, last.get(story.queue, story.place))
    return sum(
        story.place is not None and story.place < last.get(story.queue, story.place)
        for name, story in stories.items()
        if name not in offered
    )


def _end_talks(made: Centre, house: House) -> set[str]:
    """Have some talks end by and by; return their contacts."""
    loop = asyncio.get_running_loop()
    contacts = made.chance.sample(sorted(made.books.talks.values()), house.ending)
    for contact in contacts:
        owner = made.by_name[made.books.stories[contact].owner]
        row = owner.brain.book.get(contact)
        assert row is not None
        loop.call_later(made.chance.uniform(0, house.ending_s), owner.legs.hang_up, row.leg)
    return set(contacts)
