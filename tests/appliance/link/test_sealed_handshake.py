"""Proving keys from end to end: who gets through, and nobody else, whatever they send."""

import functools
from collections.abc import Callable

import pytest
import zmq
from hypothesis import given
from hypothesis import strategies as st
from nacl.public import PrivateKey

from appliance.base.errors import ConfigError, PeerError
from appliance.link import sealed_handshake
from appliance.link.sealed_handshake import (
    COOKIE_S,
    KEY_BYTES,
    Dialling,
    Kind,
    Reception,
    Seal,
    key_bytes,
    key_text,
    parse,
)

NOW_S = 1000.0
#: points of small order: a shared key with them is known to everyone (RFC 7748 §6.1)
SMALL = (bytes(32), b"\x01" + bytes(31), b"\xec" + b"\xff" * 30 + b"\x7f")


class Ends:
    """A listener, a dialler that it lets in, and what they have said to each other."""

    def __init__(self) -> None:
        self.box, self.hub = PrivateKey.generate(), PrivateKey.generate()
        self.reception = Reception(self.hub)
        self.reception.allow([bytes(self.box.public_key)])
        self.dialling = Dialling(self.box, bytes(self.hub.public_key))
        self.hello = self.dialling.hello()
        self.welcome = self.answer(self.hello)
        self.initiate, self.ours = self.dialling.welcome(parse(self.welcome).body)

    def answer(self, hello: bytes, now_s: float = NOW_S) -> bytes:
        packet = parse(hello)
        far = self.reception.check(packet.session, packet.body)
        return self.reception.welcome(packet.session, far, now_s)

    def begin(self, initiate: bytes, now_s: float = NOW_S) -> tuple[bytes, Seal]:
        packet = parse(initiate)
        return self.reception.initiate(packet.session, packet.body, now_s)


@functools.cache
def recorded() -> Ends:
    """Return ends whose packets are only read."""
    return Ends()


def refused(reason: str, call: Callable[[], object]) -> None:
    with pytest.raises(PeerError) as caught:
        call()
    assert caught.value.reason == reason


def body(packet: bytes) -> bytes:
    return parse(packet).body


def test_both_ends_prove_their_keys_and_talk() -> None:
    ends = Ends()
    far, theirs = ends.begin(ends.initiate)
    assert far == bytes(ends.box.public_key)
    for number in range(3):
        content = b"to the hub %d" % number
        assert theirs.open(body(ends.ours.close(content))) == content
        content = b"to the box %d" % number
        assert ends.ours.open(body(theirs.close(content))) == content


def test_the_keys_are_the_links_own() -> None:
    public, secret = zmq.curve_keypair()
    raw = key_bytes(secret.decode())
    assert bytes(PrivateKey(raw).public_key) == key_bytes(public.decode())
    assert key_text(key_bytes(public.decode())) == public.decode()


@pytest.mark.parametrize("key", ["", "key-a", "~" * 40, "#" * 40, "ä" * 40, "0" * 41, "0" * 45])
def test_what_is_no_key_is_an_error_in_words(key: str) -> None:
    with pytest.raises(ConfigError, match="no key in Z85"):
        key_bytes(key)


def test_a_stranger_is_told_and_only_the_stranger_can_read_it() -> None:
    ends = Ends()
    stranger = PrivateKey.generate()
    dialling = Dialling(stranger, bytes(ends.hub.public_key))
    packet = parse(dialling.hello())
    refused("not-enrolled", lambda: ends.reception.check(packet.session, packet.body))
    far, answer = ends.reception.refuse(packet.session, packet.body, "not-enrolled")
    assert far == bytes(stranger.public_key)
    assert dialling.refused(body(answer)) == "not-enrolled"
    another = Dialling(stranger, bytes(ends.hub.public_key))
    refused("duplicate", lambda: another.refused(body(answer)))
    refused("bad-signature", lambda: ends.dialling.refused(body(answer)))


def test_who_only_names_a_key_gets_no_answer() -> None:
    ends = Ends()
    packet = parse(Dialling(PrivateKey.generate(), bytes(ends.hub.public_key)).hello())
    forged = bytes(ends.box.public_key) + packet.body[KEY_BYTES:]
    refused("bad-signature", lambda: ends.reception.check(packet.session, forged))
    refused("bad-signature", lambda: ends.reception.refuse(packet.session, forged, "old-version"))


def test_a_hello_that_is_sent_again_opens_nothing() -> None:
    ends = Ends()
    again = ends.answer(ends.hello)
    other = Dialling(ends.box, bytes(ends.hub.public_key))
    refused("bad-signature", lambda: other.welcome(body(again)))


def test_a_session_begins_once() -> None:
    ends = Ends()
    ends.begin(ends.initiate)
    refused("duplicate", lambda: ends.begin(ends.initiate))
    refused("duplicate", lambda: ends.begin(ends.initiate, NOW_S + COOKIE_S))
    # and when the listener has forgotten it, it has forgotten the cookie's key too
    refused("bad-signature", lambda: ends.begin(ends.initiate, NOW_S + 2 * COOKIE_S))


def test_a_cookie_outlives_one_change_of_keys() -> None:
    ends = Ends()
    ends.answer(ends.hello, NOW_S + COOKIE_S)
    assert ends.begin(ends.initiate, NOW_S + COOKIE_S + 1)[0] == bytes(ends.box.public_key)


def test_a_key_that_was_revoked_meanwhile_begins_nothing() -> None:
    ends = Ends()
    ends.reception.allow([])
    refused("not-enrolled", lambda: ends.begin(ends.initiate))


def test_a_stolen_listener_key_does_not_let_pose_as_its_peers() -> None:
    ends = Ends()
    # whoever has s can make a HELLO of anyone, and reads the WELCOME; the vouch needs c
    thief = Dialling(ends.hub, bytes(ends.hub.public_key))
    thief._long = sealed_handshake._box(ends.hub, bytes(ends.box.public_key))
    hello = parse(thief.hello())
    hello_body = bytes(ends.box.public_key) + hello.body[KEY_BYTES:]
    far = ends.reception.check(hello.session, hello_body)
    welcome = ends.reception.welcome(hello.session, far, NOW_S)
    initiate, _ = thief.welcome(body(welcome))
    refused("bad-signature", lambda: ends.begin(initiate))


def initiate(ends: Ends, short: PrivateKey, vouch: bytes) -> bytes:
    """Return an INITIATE for the session of *short*, with the cookie of the one that ends have."""
    dialling = ends.dialling
    far = bytes(ends.hub.public_key)
    opened = sealed_handshake._box(dialling._short, far)
    content = sealed_handshake._unsalted(opened, b"bl-wlcme", body(ends.welcome))
    theirs, cookie = content[:KEY_BYTES], content[KEY_BYTES:]
    sealed = sealed_handshake._salted(sealed_handshake._box(ends.box, theirs), b"bl-vouch", vouch)
    box = sealed_handshake._box(short, theirs)
    closed = box.encrypt(sealed, b"bl-link-initiate" + bytes(8)).ciphertext
    return bytes((Kind.INITIATE,)) + bytes(short.public_key) + cookie + closed


def test_a_vouch_is_for_both_keys() -> None:
    ends = Ends()
    hub, other = bytes(ends.hub.public_key), bytes(PrivateKey.generate().public_key)
    short = ends.dialling._short
    for vouch in (other + hub, ends.dialling.session + other, b""):
        refused("bad-signature", lambda v=vouch: ends.begin(initiate(ends, short, v)))  # type: ignore[misc]
    assert ends.begin(initiate(ends, short, ends.dialling.session + hub))


def test_a_cookie_serves_its_own_session_only() -> None:
    ends = Ends()
    other = PrivateKey.generate()
    vouch = bytes(other.public_key) + bytes(ends.hub.public_key)
    refused("bad-signature", lambda: ends.begin(initiate(ends, other, vouch)))


def test_what_was_here_before_is_refused() -> None:
    ends = Ends()
    _, theirs = ends.begin(ends.initiate)
    first, second = ends.ours.close(b"one"), ends.ours.close(b"two")
    theirs.open(body(first))
    refused("duplicate", lambda: theirs.open(body(first)))
    theirs.open(body(second))
    refused("duplicate", lambda: theirs.open(body(first)))


def test_what_was_lost_is_noticed_and_a_forged_gap_is_not_believed() -> None:
    ends = Ends()
    _, theirs = ends.begin(ends.initiate)
    ends.ours.close(b"lost")
    late = body(ends.ours.close(b"late"))
    refused("unreachable", lambda: theirs.open(late))
    forged = (99).to_bytes(8, "big") + late[8:]
    refused("bad-signature", lambda: theirs.open(forged))


def test_a_message_does_not_serve_the_other_way_or_another_session() -> None:
    ends, others = Ends(), Ends()
    _, theirs = ends.begin(ends.initiate)
    packet = ends.ours.close(b"there")
    refused("bad-signature", lambda: ends.ours.open(body(packet)))
    refused("bad-signature", lambda: others.ours.open(body(packet)))
    assert theirs.open(body(packet)) == b"there"


def test_another_version_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    ends = Ends()
    monkeypatch.setattr(sealed_handshake, "VERSION", 9)
    hello = parse(Dialling(ends.box, bytes(ends.hub.public_key)).hello())
    monkeypatch.undo()
    refused("old-version", lambda: ends.reception.check(hello.session, hello.body))


@pytest.mark.parametrize("point", SMALL, ids=bytes.hex)
def test_keys_of_small_order_are_refused(point: bytes) -> None:
    ends = Ends()
    refused("bad-signature", lambda: Dialling(ends.box, point))
    hello = parse(ends.hello)
    named = point + hello.body[KEY_BYTES:]
    refused("bad-signature", lambda: ends.reception.refuse(hello.session, named, "not-enrolled"))
    refused(
        "bad-signature",
        lambda: ends.reception.welcome(point, bytes(ends.box.public_key), NOW_S),
    )


def take(ends: Ends, data: bytes) -> None:
    """Take a packet as both a listener and a dialler would."""
    packet = parse(data)
    if packet.kind is Kind.HELLO:
        ends.reception.check(packet.session, packet.body)
    elif packet.kind is Kind.INITIATE:
        ends.reception.initiate(packet.session, packet.body, NOW_S)
    elif packet.kind is Kind.WELCOME:
        ends.dialling.welcome(packet.body)
    elif packet.kind is Kind.REFUSED:
        ends.dialling.refused(packet.body)
    else:
        ends.ours.open(packet.body)


@given(st.binary(max_size=400))
def test_bytes_of_any_kind_are_refused_in_words(data: bytes) -> None:
    with pytest.raises(PeerError):
        take(recorded(), data)


@given(st.sampled_from(list(Kind)), st.binary(max_size=400))
def test_packets_of_any_content_are_refused_in_words(kind: Kind, content: bytes) -> None:
    with pytest.raises(PeerError):
        take(recorded(), bytes((kind,)) + content)


@given(st.sampled_from(["hello", "welcome", "initiate", "message"]), st.data())
def test_an_altered_packet_is_refused_wherever_it_was_altered(
    which: str, data: st.DataObject
) -> None:
    ends = Ends()
    packets = {"hello": ends.hello, "welcome": ends.welcome, "initiate": ends.initiate}
    if which == "message":
        packets[which] = ends.begin(ends.initiate)[1].close(b"a message")
    good = packets[which]
    start = 1 if which in ("hello", "initiate") else 1 + KEY_BYTES
    place = data.draw(st.integers(start, len(good) - 1))
    bit = data.draw(st.integers(0, 7))
    bad = bytearray(good)
    bad[place] ^= 1 << bit
    cut = data.draw(st.integers(0, len(good)))
    for altered in (bytes(bad), good[:place], bytes(bad)[:cut]):
        with pytest.raises(PeerError):
            take(ends, altered)
