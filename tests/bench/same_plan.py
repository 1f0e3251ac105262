"""The same plan and rows give the same answers, byte for byte, however they came.

Two processes with other hash seeds decide over the same random floors. One takes each owner's rows
as a snapshot; the other as deltas, shuffled, over time, with states in between and decisions on
the way, so that its index has been through everything else before.
"""

import hashlib
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec

from appliance.routing.decide import decide
from appliance.routing.floor import Floor
from appliance.routing.model import ContactRow, Failure, SeatRow
from appliance.routing.planindex import PlanIndex
from tests.appliance.routing.rows import NOW_MS, OWNERS, PLAN, contact, floor_of, seat
from tests.bench.report import Report

FLOORS = 1_000_000
#: floors under one digest, so that a difference is found at its place
BLOCK = 10_000
#: over which the deltas come; no row is younger [ms]
_LIFE_MS = 1_000
_INDEX = PlanIndex(PLAN)
_AGENTS = [*(agent.name for agent in PLAN.agents), "zed"]
_QUEUES = [*(queue.name for queue in PLAN.queues), "unknown"]
_replace = msgspec.structs.replace

Row = ContactRow | SeatRow


def rows_of(number: int) -> tuple[list[Row], list[Failure], dict[str, list[str]] | None]:
    """Return the rows, failures and reachability of one random floor."""
    pick = random.Random(number)
    contacts = [
        contact(
            f"c{n}",
            owner=pick.choice(OWNERS),
            arrival=pick.randint(0, 5),
            queue=pick.choice(_QUEUES),
            klass=pick.choice(("gold", "bronze", "unknown")),
            skills=pick.choice(({}, {}, {"german": 2}, {"none": 1})),
            state=pick.choice(("waiting", "waiting", "waiting", "talking")),
            age_ms=pick.choice((1_000, 4_999, 5_000, 20_000, 45_000)),
            channel=pick.choice(("voice", "voice", "voice", "chat")),
            agent=pick.choice(("", "", "", "ann", "gil")),
            fence=3,
        )
        for n in range(pick.randint(0, 10))
    ]
    seats = [
        seat(
            name,
            owner=pick.choice(OWNERS),
            state=pick.choice(("ready", "ready", "ready", "talking", "paused")),
            idle_ms=pick.choice((1_000, 2_000, 50_000)),
            also=pick.choice(((), ("chat",))),
            busy=pick.randint(0, 1),
            fence=3,
        )
        for name in pick.sample(_AGENTS, pick.randint(0, len(_AGENTS)))
    ]
    failures = [
        Failure(
            owner=pick.choice(OWNERS),
            contact=pick.choice(("", "c0", "c1")),
            seat=pick.choice(("ann", "ben")),
            reason="no-answer",
            for_ms=60_000,
        )
        for _ in range(pick.randint(0, 2))
    ]
    reaches = None
    if pick.random() < 0.3:
        reaches = {owner: pick.sample(OWNERS, pick.randint(0, 3)) for owner in OWNERS}
    return [*contacts, *seats], failures, reaches


def from_snapshots(number: int) -> Floor:
    """Return the floor of owners who each sent a snapshot."""
    rows, failures, reaches = rows_of(number)
    return floor_of(*rows, *failures, reaches=reaches)


def from_deltas(number: int) -> Floor:
    """Return the floor of owners who sent one thing after the other."""
    rows, failures, reaches = rows_of(number)
    order = random.Random(-number - 1)
    floor = Floor()
    begun_ms = NOW_MS - _LIFE_MS
    for owner in order.sample(OWNERS, len(OWNERS)):
        floor.replace(owner, 1, (), (), now_ms=begun_ms)
    floor.index(_INDEX)
    steps = [(order.random(), row) for row in rows for row in _lives(row, order)]
    steps.sort(key=lambda step: step[0])
    for n, (_, row) in enumerate(_in_turn(steps)):
        now_ms = begun_ms + n * _LIFE_MS // len(steps)
        _publish(floor, row, now_ms)
        if order.random() < 0.2:
            decide(_INDEX, floor, now_ms)
    for failure in order.sample(failures, len(failures)):
        floor.change(failure.owner, 1, failures=[failure], now_ms=NOW_MS)
    for owner in {row.owner for row in (*rows, *failures)} if reaches is not None else ():
        floor.change(owner, 1, reaches=reaches[owner] if reaches else None, now_ms=NOW_MS)
    floor.tick(NOW_MS)
    return floor


def _lives(row: Row, order: random.Random) -> Iterator[Row]:
    """Yield a row as it was before, once or twice, and as it is."""
    for fence in range(order.randint(0, 2)):
        if isinstance(row, ContactRow):
            yield _replace(row, state=order.choice(("waiting", "reserved")), fence=fence)
        else:
            yield _replace(row, state=order.choice(("ready", "paused", "ringing")), fence=fence)
    yield row


def _in_turn(steps: list[tuple[float, Row]]) -> list[tuple[float, Row]]:
    """Put the versions of each row at their moments, the oldest first."""
    moments: dict[str, list[Row]] = {}
    for _, row in sorted(steps, key=lambda step: step[1].fence, reverse=True):
        moments.setdefault(_name(row), []).append(row)
    return [(moment, moments[_name(row)].pop()) for moment, row in steps]


def _name(row: Row) -> str:
    return row.contact if isinstance(row, ContactRow) else f"seat {row.seat}"


def _publish(floor: Floor, row: Row, now_ms: int) -> None:
    """Publish a row some time before NOW_MS: it is younger by so much."""
    younger_ms = NOW_MS - now_ms
    if isinstance(row, ContactRow):
        floor.change(row.owner, 1, [_replace(row, age_ms=row.age_ms - younger_ms)], now_ms=now_ms)
    else:
        floor.change(
            row.owner, 1, (), [_replace(row, idle_ms=row.idle_ms - younger_ms)], now_ms=now_ms
        )


def digests(how: str, first: int, count: int) -> Iterator[str]:
    """Yield a digest of the answers of each block of floors."""
    make = from_deltas if how == "deltas" else from_snapshots
    for begin in range(first, first + count, BLOCK):
        body = hashlib.sha256()
        for number in range(begin, min(begin + BLOCK, first + count)):
            proposals = decide(_INDEX, make(number), NOW_MS)
            body.update(msgspec.msgpack.encode(proposals))
        yield body.hexdigest()


def run(floors: int = FLOORS) -> Report:
    """Let two processes decide over the same floors."""
    report = Report("same-plan")
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.bench.same_plan", how, str(floors)],
            cwd=Path(__file__).parents[2],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            stdout=subprocess.PIPE,
            text=True,
        )
        for how, hash_seed in (("snapshots", "1"), ("deltas", "2"))
    ]
    answers = [process.communicate()[0].split() for process in running]
    blocks = -(-floors // BLOCK)
    whole = all(len(answer) == blocks for answer in answers)
    different = sum(a != b for a, b in zip(*answers, strict=False)) if whole else blocks
    report.figure("floors", floors)
    report.figure("blocks", blocks)
    report.bar("blocks that differ", different, "<= 0", f"of {blocks}")
    return report


if __name__ == "__main__":
    for line in digests(sys.argv[1], 0, int(sys.argv[2])):
        print(line, flush=True)
