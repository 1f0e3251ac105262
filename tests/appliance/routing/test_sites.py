"""Shares hold over few contacts and many owners; the choice of the least wait keeps calm."""

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.routing.expected import WaitModel
from appliance.routing.sites import least_wait, share_site

SHARES = {"berlin": 60.0, "bonn": 30.0, "cork": 10.0}


@pytest.mark.parametrize("owners", [1, 3, 80])
@pytest.mark.parametrize("queue", ["sales", "service"])
def test_shares_hold_within_two_points_over_a_thousand_calls(owners: int, queue: str) -> None:
    """A14: 60/30/10 over 1,000 calls, wherever they come in."""
    pick = random.Random(owners)
    numbers: Counter[str] = Counter()
    given_to: Counter[str] = Counter()
    for _ in range(1000):
        owner = f"box-{pick.randrange(owners)}"
        numbers[owner] += 1
        given_to[share_site(SHARES, owner, queue, numbers[owner])] += 1
    for site, share in SHARES.items():
        assert abs(given_to[site] / 10 - share) <= 2


@given(
    st.dictionaries(st.text(max_size=3), st.floats(0, 100), max_size=6),
    st.text(max_size=3),
    st.integers(0, 2**40),
)
def test_a_site_without_a_share_is_given_nothing(
    shares: dict[str, float], owner: str, number: int
) -> None:
    site = share_site(shares, owner, "q", number)
    assert site == share_site(dict(reversed(shares.items())), owner, "q", number)
    if sum(shares.values()):
        assert shares[site] > 0
    else:
        assert site == ""


def test_the_least_wait_wins_by_more_than_the_margin() -> None:
    waits = [("berlin", 40.0), ("bonn", 30.0)]
    assert least_wait(waits, "", 15.0) == "bonn"
    assert least_wait(waits, "berlin", 15.0) == "berlin"
    assert least_wait(waits, "berlin", 9.0) == "bonn"
    assert least_wait(waits, "cork", 15.0) == "bonn"  # nobody serves there any more
    assert least_wait([("b", 1.0), ("a", 1.0)], "", 0.0) == "a"
    assert least_wait([], "berlin", 15.0) == ""


def _day(margin_s: float, seed: int) -> tuple[int, dict[str, float]]:
    """Let 2,000 contacts come to two sites; return how often the choice changed, and the waits."""
    pick = random.Random(seed)
    model = WaitModel(mean_handle_s=180.0, seen=100)
    agents = {"berlin": 20, "bonn": 10}
    lines: dict[str, list[float]] = {site: [] for site in agents}  # when each will be served
    free: dict[str, list[float]] = {site: [0.0] * count for site, count in agents.items()}
    before, changes, now = "", 0, 0.0
    waited: dict[str, list[float]] = {site: [] for site in agents}
    for _ in range(2000):
        now += pick.expovariate(30 / 180 * 1.02)
        waits = []
        for site, count in agents.items():
            ahead = sum(at > now for at in lines[site])
            ready = sum(at <= now for at in free[site])
            low, high = model.expect(ahead=ahead, serving=count, ready=ready) or (0.0, 0.0)
            waits.append((site, (low + high) / 2))
        site = least_wait(waits, before, margin_s)
        changes += bool(before) and site != before
        before = site
        agent = min(range(len(free[site])), key=lambda one: free[site][one])
        begins = max(now, free[site][agent])
        free[site][agent] = begins + pick.expovariate(1 / 180)
        lines[site].append(begins)
        waited[site].append(begins - now)
    return changes, {site: sum(times) / len(times) for site, times in waited.items()}


@pytest.mark.parametrize("seed", range(3))
def test_the_margin_keeps_the_choice_from_going_back_and_forth(seed: int) -> None:
    """A15: with a margin it changes several times less often, and the waits stay together."""
    restless, _ = _day(0.0, seed)
    calm, waits = _day(30.0, seed)
    assert calm * 2 < restless
    assert abs(waits["berlin"] - waits["bonn"]) <= 2 * 30.0
