"""Leases of a majority: one at a time, through loss, restarts and clocks of different rates."""

from random import Random

import pytest

from appliance.link.lease import LEASE_S, LeaseSeeker, LeaseVoter, ranked, voters

NAMES = ["a", "b", "c"]


def voter(now_s: float = 0.0, hears: bool = False) -> LeaseVoter:
    return LeaseVoter(now_s - LEASE_S, lambda _name: hears)


def test_voters_are_odd_and_the_same_everywhere() -> None:
    assert voters("a", ["a"]) == {"a"}
    assert voters("a", ["a", "b"]) == {"a", "b", "hub"}
    assert voters("a", NAMES) == set(NAMES)
    assert voters("a", [*NAMES, "d"]) == {*NAMES, "d", "hub"}
    many = [f"box-{n}" for n in range(80)]
    chosen = voters("box-7", many)
    assert len(chosen) == 5
    assert "box-7" in chosen
    assert chosen == voters("box-7", reversed(many))
    assert ranked("a", NAMES) == ranked("a", reversed(NAMES))


def test_a_voter_grants_to_one_at_a_time() -> None:
    one = voter()
    assert one.ask("a", "a", ["x"], 0) == (True, [])
    assert one.ask("a", "b", [], LEASE_S - 0.1) == (False, ["x"])
    assert one.ask("a", "b", [], LEASE_S) == (True, ["x"])
    assert one.ask("a", "a", ["x"], LEASE_S + 1) == (False, [])
    assert one.ask("other", "other", [], LEASE_S + 1) == (True, [])


def test_a_voter_that_hears_the_owner_lets_nobody_stand_in() -> None:
    one = voter(hears=True)
    assert one.ask("a", "b", [], 100) == (False, [])
    assert one.ask("a", "a", [], 100) == (True, [])


def test_a_voter_that_has_just_started_grants_nothing_but_takes_note() -> None:
    one = LeaseVoter(0.0, lambda _name: False)
    assert one.ask("a", "a", ["x"], LEASE_S - 0.1) == (False, [])
    assert one.ask("a", "b", [], LEASE_S) == (True, ["x"])


def test_two_who_stand_in_may_have_it_together_and_the_owner_waits_for_both() -> None:
    one = voter()
    assert one.ask("a", "b", [], 0) == (True, [])
    assert one.ask("a", "c", [], 3) == (True, [])
    assert one.ask("a", "a", [], LEASE_S) == (False, [])
    assert one.ask("a", "a", [], LEASE_S + 3) == (True, [])
    assert one.ask("a", "c", [], LEASE_S + 4) == (False, [])


def test_claims_are_kept_once_each_and_outlive_a_restart() -> None:
    kept: list[tuple[str, list[str]]] = []
    one = LeaseVoter(-LEASE_S, lambda _name: False, lambda *said: kept.append(said))
    for claims in ([], ["x/b"], ["x/b"], []):
        one.ask("a", "a", claims, 0)
    assert kept == [("a", ["x/b"]), ("a", [])]
    again = LeaseVoter(0.0, lambda _name: False)
    again.recall("a", ["x/b"])
    assert again.ask("a", "b", [], LEASE_S) == (True, ["x/b"])


def test_a_seeker_knows_when_a_majority_has_its_claims_on_disk() -> None:
    seeker = LeaseSeeker("a", frozenset([*NAMES, "d", "hub"]))
    number = seeker.ask(0.0)
    for name in ("a", "b"):
        seeker.answered(name, number, [], granted=True, kept=True)
    seeker.answered("hub", number, [], granted=True)
    assert (seeker.done, seeker.kept) == (number, 0)
    seeker.answered("c", number, [], granted=False, kept=True)  # it may have granted to another
    assert seeker.kept == 0
    seeker.answered("d", number, [], granted=True, kept=True)
    assert seeker.kept == number


def test_a_seeker_counts_a_majority_of_its_voters_in_one_round() -> None:
    seeker = LeaseSeeker("a", frozenset(NAMES))
    first = seeker.ask(0.0)
    seeker.answered("a", first, [], granted=True)
    seeker.answered("a", first, [], granted=True)
    seeker.answered("stranger", first, [], granted=True)
    seeker.answered("b", first, ["x"], granted=False)
    second = seeker.ask(1.0)
    seeker.answered("c", second, [], granted=True)
    assert not seeker.valid(1.0)
    seeker.answered("b", second, [], granted=True)
    assert seeker.valid(1.0)
    assert seeker.valid(1.0 + LEASE_S * 0.97)
    assert not seeker.valid(1.0 + LEASE_S * 0.99)
    assert (seeker.done, seeker.claims) == (second, {"x"})


@pytest.mark.parametrize("seed", range(200))
def test_the_owner_never_has_it_with_another(seed: int) -> None:
    """Messages are lost and late, voters restart, clocks run at rates 1 % apart."""
    chance = Random(seed)
    rates = {name: chance.uniform(0.995, 1.005) for name in (*NAMES, "hub")}
    chosen = voters("a", NAMES[: chance.choice([2, 3])])
    tables = {name: LeaseVoter(-LEASE_S, lambda _name: False) for name in chosen}
    seekers = {name: LeaseSeeker("a", chosen) for name in NAMES}
    #: (due, to, from, round, answer or None)
    wires: list[tuple[float, str, str, int, bool | None]] = []
    had = dict.fromkeys(NAMES, 0)
    for tick in range(600):
        now_s = tick * 0.25
        for who, seeker in seekers.items():
            if seeker.due(now_s * rates[who]) and chance.random() < 0.5:
                number = seeker.ask(now_s * rates[who])
                wires += [
                    (now_s + chance.uniform(0, 3), name, who, number, None) for name in chosen
                ]
        due = [wire for wire in wires if wire[0] <= now_s]
        wires = [wire for wire in wires if wire[0] > now_s]
        for _, to, sender, number, answer in due:
            if chance.random() < 0.2:
                continue
            if answer is None:
                granted, _ = tables[to].ask("a", sender, [], now_s * rates[to])
                wires.append((now_s + chance.uniform(0, 3), sender, to, number, granted))
            else:
                seekers[to].answered(sender, number, [], granted=answer)
        if chance.random() < 0.02:
            name = chance.choice(sorted(chosen))
            tables[name] = LeaseVoter(now_s * rates[name], lambda _name: False)
        valid = [who for who, one in seekers.items() if one.valid(now_s * rates[who])]
        assert "a" not in valid or len(valid) == 1
        for who in valid:
            had[who] += 1
    assert sum(had.values())
