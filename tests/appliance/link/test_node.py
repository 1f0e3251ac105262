"""Sessions by peer name over a simulated network: Hello, heartbeats, crossing, coming back."""

import msgspec
import pytest

from appliance.link.codec import encode
from appliance.link.dialler import ATTEMPT_S, SHORT_ATTEMPT_S
from appliance.link.messages import DEAD_S, PROTO, Beat, Goodbye, LedgerBatch, Release, Resnapshot
from appliance.link.node import PARTS_PER_TICK, TICK_S
from tests.appliance.link.rig import World, hello


def test_both_ends_learn_of_each_other_and_talk() -> None:
    world = World()
    world.pair()
    world.nodes["a"].dial("b")
    world.run(0.5)
    assert [name for name, _ in world.handlers["a"].ups] == ["b"]
    assert [name for name, _ in world.handlers["b"].ups] == ["a"]
    assert world.nodes["b"].send("a", Resnapshot(7))
    world.settle()
    assert world.handlers["a"].messages == [("b", Resnapshot(7))]


def test_records_of_one_turn_arrive_in_order() -> None:
    world = World()
    world.pair()
    world.nodes["a"].dial("b")
    world.run(0.5)
    for number in range(1200):
        world.nodes["a"].send("b", Resnapshot(number))
    world.settle()
    assert [m.expected for _, m in world.handlers["b"].messages if isinstance(m, Resnapshot)] == [
        *range(1200)
    ]


def test_the_ledger_goes_behind_everything_else() -> None:
    world = World()
    world.add("a", knows=["hub"]).dial("hub")
    world.add("hub", knows=["a"])
    world.run(0.5)
    for serial in range(6):
        world.nodes["a"].send("hub", LedgerBatch(serial, "a", "c", 1, b"h" * 32, b"x"))
    world.nodes["a"].send("hub", Resnapshot(7))
    world.settle()
    assert [type(message) for _, message in world.handlers["hub"].messages] == [Resnapshot]
    # and a few at each tick
    world.run(TICK_S)
    assert len(world.handlers["hub"].messages) == 1 + PARTS_PER_TICK
    world.run(1)
    serials = [m.serial for _, m in world.handlers["hub"].messages if isinstance(m, LedgerBatch)]
    assert serials == list(range(6))


def test_nothing_is_sent_to_who_is_not_up() -> None:
    world = World()
    world.pair()
    assert not world.nodes["a"].send("b", Resnapshot(7))


@pytest.mark.parametrize("proto", [PROTO + 2, -1, 0 if PROTO > 1 else PROTO + 5])
def test_another_version_is_refused_in_words(proto: int) -> None:
    world = World()
    world.add("a", knows=["b"], says=hello("a", proto=proto))
    world.add("b", knows=["a"])
    world.nodes["a"].dial("b")
    world.run(0.3)
    assert world.handlers["b"].ups == []
    reason, detail = world.nodes["a"].trouble["b"]
    assert reason == "old-version"
    assert f"speaks version {proto}" in detail


@pytest.mark.parametrize("proto", [PROTO, PROTO + 1])
def test_a_neighbouring_version_is_welcome(proto: int) -> None:
    world = World()
    world.add("a", knows=["b"], says=hello("a", proto=proto))
    world.add("b", knows=["a"])
    world.nodes["a"].dial("b")
    world.run(0.3)
    assert world.nodes["b"].peers() == {"a"}


@pytest.mark.parametrize(
    "says", [hello("c"), hello("hub", role="hub"), hello("a", role="hub")], ids=str
)
def test_who_says_another_name_or_role_is_refused(says: object) -> None:
    world = World()
    world.add("a", knows=["b"], says=says)  # type: ignore[arg-type]
    world.add("b", knows=["a", "c"])
    world.nodes["a"].dial("b")
    world.run(2)
    assert world.handlers["b"].ups == []
    assert world.nodes["b"].trouble["a"][0] == "not-enrolled"


def test_silence_is_noticed_and_the_peer_comes_back() -> None:
    world = World()
    world.pair()
    world.nodes["a"].dial("b")
    world.run(1)
    world.network.cut("key-a", "key-b")
    world.run(DEAD_S + 0.3)
    assert world.handlers["a"].downs == [("b", "unreachable")]
    assert world.handlers["b"].downs == [("a", "unreachable")]
    world.run(30)
    world.network.heal()
    world.run(8)
    assert world.nodes["a"].peers() == {"b"}
    assert world.nodes["b"].peers() == {"a"}


@pytest.mark.parametrize("cut_s", [0.35 + 0.3 * step for step in range(20)])
def test_a_node_begun_in_a_cut_is_back_soon_after_the_heal(cut_s: float) -> None:
    world = World()
    world.pair()
    world.network.delay_s = 0.02
    world.network.cut("key-a", "key-b")
    world.nodes["a"].dial("b")
    world.run(cut_s)
    world.network.heal()
    world.run(SHORT_ATTEMPT_S + 0.3)
    assert world.nodes["a"].peers() == {"b"}
    assert world.nodes["b"].peers() == {"a"}
    world.run(ATTEMPT_S)
    assert [len(world.handlers[name].ups) for name in "ab"] == [1, 1]
    assert [len(world.nodes[name]._sessions) for name in "ab"] == [1, 1]


def test_who_is_far_away_is_reached_too() -> None:
    world = World()
    world.pair()
    world.network.delay_s = 0.6
    world.nodes["a"].dial("b")
    world.run(20)  # attempts that met are over: now it is known how far away the other is
    assert world.nodes["a"].peers() == {"b"}
    assert world.nodes["b"].peers() == {"a"}
    ups = len(world.handlers["a"].ups)
    world.run(8)
    assert len(world.handlers["a"].ups) == ups


def test_a_stall_of_our_own_is_not_the_peers_silence() -> None:
    world = World()
    world.pair()
    world.nodes["a"].dial("b")
    world.run(1)
    world.clock.advance(5)
    world.nodes["a"].tick()
    assert world.handlers["a"].downs == []


def test_a_loop_that_is_always_late_forgives_as_much_silence() -> None:
    world = World()
    world.pair()
    world.nodes["a"].dial("b")
    world.run(1)
    for _ in range(8):  # ticks that come 0.4 s late; what the peer sent meanwhile is unread
        world.clock.advance(TICK_S + 0.4)
        world.nodes["a"].tick()
    assert world.handlers["a"].downs == []
    world.clock.advance(DEAD_S)
    for _ in range(20):
        world.clock.advance(TICK_S)
        world.nodes["a"].tick()
    assert world.handlers["a"].downs == [("b", "unreachable")]


def test_both_dialling_leaves_one_session() -> None:
    world = World()
    world.pair()
    world.nodes["a"].dial("b")
    world.nodes["b"].dial("a")
    world.run(10)
    for name, other in (("a", "b"), ("b", "a")):
        assert [peer for peer, _ in world.handlers[name].ups] == [other]
        assert world.handlers[name].downs == []
        assert len(world.nodes[name]._sessions) == 1


def test_crossed_sessions_end_as_one() -> None:
    world = World()
    world.pair()
    world.nodes["b"].dial("a")
    world.network.delay_s = 1.0
    world.run(1.6)
    world.nodes["a"].dial("b")
    world.run(20)
    world.network.delay_s = 0.0
    world.run(5)
    assert world.nodes["a"].peers() == {"b"}
    assert world.nodes["b"].peers() == {"a"}
    assert len(world.nodes["a"]._sessions) == len(world.nodes["b"]._sessions) == 1
    assert world.nodes["a"].send("b", Resnapshot(1))
    world.settle()
    assert ("a", Resnapshot(1)) in world.handlers["b"].messages


def test_sessions_that_cross_in_flight_end_as_the_one_the_lesser_name_dialled() -> None:
    world = World()
    world.pair()
    world.network.delay_s = 0.3
    world.nodes["a"].dial("b")
    world.nodes["b"].dial("a")
    ours, theirs = (world.nodes[name]._outreach._redials for name in ("b", "a"))
    ours["a"].due_s = theirs["b"].due_s
    world.run(10)
    for name, leads in (("a", True), ("b", False)):
        [session] = world.nodes[name]._sessions.values()
        assert (session.state, session.dialled) == ("up", leads)
        assert len(world.handlers[name].downs) <= 1


def test_who_says_another_site_is_refused() -> None:
    world = World()
    world.add("a", knows=["b"]).dial("b")
    world.add("b").allow([msgspec.structs.replace(world.peer("a"), site="elsewhere")])
    world.run(0.5)
    assert world.nodes["b"].trouble["a"][0] == "not-enrolled"
    assert world.handlers["b"].ups == []


def test_an_earlier_life_of_a_peer_does_not_replace_it() -> None:
    world = World()
    world.add("b", knows=["a"])
    world.add("a", knows=["b"], says=hello("a", incarnation=5)).dial("b")
    world.run(0.5)
    new = world.nodes.pop("a")
    world.add("a", knows=["b"], says=hello("a", incarnation=4)).dial("b")
    world.run(0.3)
    assert [said.incarnation for _, said in world.handlers["b"].ups] == [5]
    assert world.nodes["a"].trouble["b"][0] == "stale-incarnation"
    new.close()


def test_a_new_life_of_a_peer_replaces_it_at_once() -> None:
    world = World()
    world.add("b", knows=["a"])
    world.add("a", knows=["b"], says=hello("a", incarnation=5)).dial("b")
    world.run(0.5)
    del world.nodes["a"]
    world.add("a", knows=["b"], says=hello("a", incarnation=6)).dial("b")
    world.run(0.5)
    assert [said.incarnation for _, said in world.handlers["b"].ups] == [5, 6]
    assert world.handlers["b"].downs == [("a", "duplicate")]


def test_who_is_no_longer_allowed_is_cut() -> None:
    world = World()
    world.pair()
    world.nodes["a"].dial("b")
    world.run(1)
    world.nodes["b"].allow([])
    assert world.handlers["b"].downs == [("a", "not-enrolled")]
    world.run(5)
    assert world.handlers["a"].downs[0][0] == "b"
    assert world.nodes["a"].peers() == set()


def test_a_changed_key_cuts_the_old_one() -> None:
    world = World()
    world.pair()
    world.nodes["a"].dial("b")
    world.run(1)
    other = world.peer("a")
    world.nodes["b"].allow([type(other)(name="a", key="key-of-another-box")])
    assert world.handlers["b"].downs == [("a", "not-enrolled")]


def test_records_before_hello_end_the_session() -> None:
    world = World()
    world.pair()
    stray = world.nodes["a"]._transport
    session = stray.dial("b", "b", 1, "key-b")
    stray.send(session, encode(1, [Release("r", 1, "normal")]))
    world.run(0.3)
    assert world.handlers["b"].messages == []
    assert world.nodes["b"].trouble["a"][0] == "wrong-state"


@pytest.mark.parametrize(
    "frame",
    [b"", b"\xc1", b"\x00" * 100, b"\x91" * 5000, b"\xdd\xff\xff\xff\xff", b"\x81\xa1a\x01"],
    ids=repr,
)
def test_garbage_is_counted_and_harmless(frame: bytes) -> None:
    world = World()
    world.pair()
    world.nodes["a"].dial("b")
    world.run(0.5)
    session = next(iter(world.nodes["a"]._sessions))
    world.nodes["a"]._transport.send(session, frame)
    world.nodes["a"].send("b", Resnapshot(3))
    world.settle()
    assert sum(world.nodes["b"].ignored.values()) >= 1
    assert world.handlers["b"].messages == [("a", Resnapshot(3))]


def test_one_bad_record_does_not_spoil_its_frame() -> None:
    world = World()
    world.pair()
    world.nodes["a"].dial("b")
    world.run(0.5)
    session = next(iter(world.nodes["a"]._sessions))
    known = world.nodes["a"]._sessions[session]
    known.sent += 1
    good = encode(known.sent, [Resnapshot(1), Resnapshot(2)])
    spoilt = good.replace(b"\x92\x92\x05", b"\x93\x92\x05") + b"\x92\x63\x01"
    assert len(spoilt) == len(good) + 3
    world.nodes["a"]._transport.send(session, spoilt)
    world.settle()
    assert [m for _, m in world.handlers["b"].messages] == [Resnapshot(1), Resnapshot(2)]
    assert world.nodes["b"].ignored["unknown-record"] == 1


def test_a_lost_frame_ends_the_session_and_a_new_one_begins() -> None:
    world = World()
    world.pair()
    world.nodes["a"].dial("b")
    world.run(0.5)
    world.network.loss = 1.0
    world.nodes["a"].send("b", Resnapshot(1))
    world.settle()
    world.network.loss = 0.0
    world.run(0.7)
    assert world.handlers["b"].downs == [("a", "unreachable")]
    world.run(3)
    assert world.nodes["b"].peers() == {"a"}


def test_goodbye_ends_the_session_at_both_ends() -> None:
    world = World()
    world.pair()
    world.nodes["a"].dial("b")
    world.run(0.5)
    world.nodes.pop("a").close()
    world.settle()
    assert world.handlers["b"].downs == [("a", "shutdown")]


def test_beats_tell_the_delay() -> None:
    world = World()
    world.pair()
    world.network.delay_s = 0.1
    world.nodes["a"].dial("b")
    world.run(4)
    # frames are delivered at ticks of 100 ms
    assert 200 <= world.nodes["a"].delay_ms("b") <= 400
    assert not any(isinstance(m, Beat | Goodbye) for _, m in world.handlers["a"].messages)


def test_who_answers_a_beat_is_reached_and_both_are_told_at_once() -> None:
    world = World()
    world.pair()
    told: list[str] = []
    for node in world.nodes.values():
        node.on_reached = told.append
    world.nodes["a"].dial("b")
    world.run(0.3)
    assert sorted(told) == ["a", "b"]
    assert world.nodes["a"].reached() == {"b"}
    world.network.cut("key-a", "key-b")
    world.run(DEAD_S + 0.3)
    assert world.nodes["a"].reached() == set()
